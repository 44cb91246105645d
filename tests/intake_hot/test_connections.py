"""Row C14 of the catalogue, and everything else that may happen on a connection, with bare sockets."""

from __future__ import annotations

import json
import socket

import pytest

from tests.intake_hot.serving import KEY, Serving, ended, read, stored, written
from tocsin.intake.rules import BODY_BYTES_MAX
from tocsin.site import protocol

HOOK = f"/hooks/{KEY}"
GENIE = {"authorization": f"GenieKey {KEY}"}


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 4\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: identity, chunked\r\nContent-Length: 3\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 0x4\r\n",
        b"Content-Length : 4\r\n",
    ],
)
def test_c14_a_request_that_says_two_things_about_its_length_is_refused(inside: Serving, head: bytes) -> None:
    with inside.connect() as one:
        one.sendall(b"POST " + HOOK.encode() + b" HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")
        one.sendall(b"0\r\n\r\nPOST /v2/enqueue HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        answers = read(one, 3)
    assert [answer.status for answer in answers] == [400]
    assert stored() == []


def test_c14_answers_keep_the_order_of_pipelined_requests_pages_among_them(inside: Serving) -> None:
    bulk = [{"labels": {"n": str(n)}} for n in range(400)]
    asked = [
        written(HOOK, {"summary": "1", "key": "1"}),
        written("/slow", method="GET"),
        written(f"{HOOK}/api/v2/alerts", bulk),
        written(HOOK, {"summary": "2", "key": "2"}),
        written("/page", method="GET"),
        written("/page2", method="GET"),
        written(HOOK, {"bad": 1}),
        written(HOOK, {"summary": "3", "key": "3"}),
    ]
    with inside.connect() as one:
        one.sendall(b"".join(asked))
        answers = read(one, 8)
        one.sendall(written(HOOK, {"summary": "4", "key": "4"}))
        answers += read(one, 1)
    assert [answer.status for answer in answers] == [202, 200, 200, 202, 200, 200, 400, 202, 202]
    assert [answers[n].body for n in (1, 2, 4, 5)] == [b"page /slow", b"", b"page /page", b"page /page2"]
    assert [answers[n].json["key"] for n in (0, 3, 7, 8)] == ["1", "2", "3", "4"]


def test_c14_hundreds_of_pipelined_requests_are_all_answered(inside: Serving) -> None:
    with inside.connect() as one:
        one.sendall(b"".join(written(HOOK, {"summary": "x", "key": str(n)}) for n in range(500)))
        assert [answer.json["key"] for answer in read(one, 500)] == [str(n) for n in range(500)]


def test_c14_a_request_may_come_byte_by_byte_and_in_chunks(inside: Serving) -> None:
    whole = written(HOOK, {"summary": "slow but sure"})
    with inside.connect() as one:
        for at in range(len(whole)):
            one.send(whole[at : at + 1])
        assert read(one, 1)[0].status == 202
        one.sendall(written(HOOK, headers={"transfer-encoding": "chunked"}, length=False))
        for part in (b'{"summary"', b': "chunks"}'):
            one.sendall(b"%x\r\n%s\r\n" % (len(part), part))
        one.sendall(b"0\r\n\r\n")
        assert read(one, 1)[0].status == 202
    assert len(stored()) == 2


def test_c14_who_is_slow_or_silent_is_ended_and_the_others_are_served(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DEADLINE_SECONDS", "KEEP_ALIVE_SECONDS", "LINGER_SECONDS"):
        monkeypatch.setattr(protocol, name, 1.0)
    monkeypatch.setattr(protocol, "SWEEP_SECONDS", 0.05)
    with Serving() as inside:
        silent, in_head, in_body, idle = (inside.connect() for _ in range(4))
        in_head.sendall(b"POST /v2/enqueue HTTP/1.1\r\nHo")
        in_body.sendall(written(HOOK, {"summary": "x"})[:-3])
        idle.sendall(written(HOOK, {"summary": "x"}))
        assert read(idle, 1)[0].status == 202
        assert inside.post({"summary": "in between"}).status == 202
        assert [read(one, 1)[0].status for one in (in_head, in_body)] == [408, 408]
        for one in (silent, in_head, in_body, idle):
            assert ended(one)
    assert len(stored()) == 2


def test_c14_one_address_holds_so_many_connections_and_the_one_that_waits_longest_goes(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "CONNECTIONS_PER_ADDRESS_MAX", 20)
    with Serving() as inside:
        held = [inside.connect() for _ in range(60)]
        assert inside.post({"summary": "still served"}).status == 202
        assert ended(held[0])
        held[-1].sendall(written(HOOK, {"summary": "x"}))
        assert read(held[-1], 1)[0].status == 202
        for one in held:
            one.close()


@pytest.mark.parametrize(
    ("version", "header", "stays"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"Connection: close\r\n", False),
        (b"1.0", b"", False),
        (b"1.0", b"Connection: keep-alive\r\n", False),
    ],
)
def test_c14_connections_end_when_the_client_says_so(
    inside: Serving, version: bytes, header: bytes, stays: bool
) -> None:
    with inside.connect() as one:
        request = b"POST %s HTTP/%s\r\nHost: x\r\n%sContent-Length: 15\r\n\r\n" % (
            HOOK.encode(),
            version,
            header,
        )
        one.sendall(request + b'{"summary":"x"}')
        (answer,) = read(one, 1)
        assert answer.status == 202 and (answer.headers.get("connection") != "close") is stays
        if stays:
            one.sendall(request + b'{"summary":"y"}')
            assert read(one, 1)[0].status == 202
        else:
            assert ended(one)


def test_c14_who_asks_first_whether_to_go_on_is_told(inside: Serving) -> None:
    with inside.connect() as one:
        body = json.dumps({"summary": "x"}).encode()
        one.sendall(
            written(HOOK, headers={"expect": "100-continue", "content-length": str(len(body))}, length=False)
        )
        assert read(one, 1)[0].status == 100
        one.sendall(body)
        assert read(one, 1)[0].status == 202
        large = {"expect": "100-continue", "content-length": str(BODY_BYTES_MAX + 1)}
        one.sendall(written(HOOK, headers=large, length=False))
        assert read(one, 1)[0].status == 413


def test_c14_who_goes_before_the_answer_does_no_harm(inside: Serving) -> None:
    for _ in range(20):
        one = inside.connect()
        one.sendall(written(HOOK, {"summary": "gone"}) * 3)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        one.close()
    assert inside.post({"summary": "here"}).status == 202


@pytest.mark.parametrize(
    "noise",
    [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"POST /v2/enqueue HTTP/9.9\r\n\r\n", b"hello\r\n\r\n"],
)
def test_c14_what_is_not_http_is_refused(inside: Serving, noise: bytes) -> None:
    with inside.connect() as one:
        one.sendall(noise)
        assert [answer.status for answer in read(one, 1)] == [400]


def test_other_methods_and_addresses_are_answered_in_words(serving: Serving) -> None:
    assert serving.ask("/v2/enqueue", method="GET").status == 400  # its key would stand in a body
    assert serving.ask(HOOK, method="GET").status == 405
    assert serving.ask(HOOK, {"summary": "x"}, method="PUT").status == 405
    assert serving.ask("/v2/alertsx", {"message": "x"}, headers=GENIE).status == 404
    assert serving.ask("/v2/enqueue/x", {"routing_key": KEY}).status == 404
    head = serving.ask(HOOK, method="HEAD")
    assert (head.status, head.body) == (405, b"")


def test_paths_that_are_not_intake_s_are_pages(serving: Serving) -> None:
    for path in ("/", "/v2/other", "/api/v1/incidents", "/hook/x"):
        assert serving.ask(path, method="GET").body == b"page " + path.encode()
