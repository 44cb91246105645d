"""Rows C1-C16 of the catalogue, against a real server: refused in words, bounded, nothing half stored."""

from __future__ import annotations

import gzip
import json
import logging
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from tests.intake_hot.serving import KEY, OTHER_KEY, Serving, memory, pour, read, stored, written
from tocsin.intake.hot import REFUSALS_LOGGED_MAX
from tocsin.intake.rules import BODY_BYTES_MAX, key_digest
from tocsin.sources import READERS

HOOK = f"/hooks/{KEY}"
GENIE = {"authorization": f"GenieKey {KEY}"}
NOT_EXPECTED = [b"", b"{", b'{"summary": "x"', b"null", b"7", b'"x"', b"[1]", b"[null]", b"nonsense", b"{}{}"]
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize("body", NOT_EXPECTED)
def test_c1_what_is_not_the_json_that_was_expected_is_refused_with_its_place(
    serving: Serving, body: bytes
) -> None:
    for path in (HOOK, f"{HOOK}/alertmanager", f"{HOOK}/api/v2/alerts", "/v2/alerts", "/v2/enqueue"):
        answer = serving.ask(path, body, headers=GENIE)
        assert answer.status == 400 and answer.json, (path, answer)
    error = serving.post(body).json
    assert error["error"]["what"] and error["error"]["where"] and len(error["request_id"]) == 16
    assert stored() == []


def test_c2_deep_nesting_is_refused_and_the_server_lives(serving: Serving) -> None:
    forty = b"[" * 40 + b"]" * 40
    for deep in (
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 50_000,
        b'{"summary":"x","message":"x","d":%s}' % forty,
    ):
        assert serving.post(deep).status == 400
        assert serving.ask("/v2/alerts", deep, headers=GENIE).status == 400
    event = {"routing_key": KEY, "event_action": "resolve", "dedup_key": "a", "odd": json.loads(forty)}
    assert serving.ask("/v2/enqueue", event).status == 400
    assert serving.post({"summary": "x"}).status == 202


def test_c3_a_body_beyond_the_bound_is_refused_before_it_is_read(inside: Serving) -> None:
    exact = json.dumps({"summary": "x"}).encode().ljust(BODY_BYTES_MAX)
    assert inside.post(exact).status == 202
    before = memory()
    with inside.connect() as one:
        one.sendall(written(HOOK, headers={"content-length": "1000000000"}, length=False))
        sent = pour(one, b"x" * 65_536, 200 * 1024 * 1024)
        (answer,) = read(one, 1)
    assert answer.status == 413 and answer.headers["connection"] == "close"
    assert sent < 32 * 1024 * 1024  # what the machine's own buffers took, not what was announced
    assert memory() - before < 24 * 1024 * 1024


def test_c3_chunks_without_end_are_refused_too(inside: Serving) -> None:
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    with inside.connect() as one:
        one.sendall(written(HOOK, headers={"transfer-encoding": "chunked"}, length=False))
        pour(one, chunk, 200 * 1024 * 1024)
        (answer,) = read(one, 1)
    assert answer.status == 413 and answer.json["error"]["expected"] == "at most 512 KB"
    assert stored() == []


@pytest.mark.parametrize(
    "head", [b"x-long: " + b"a" * 200_000, b"".join(b"x-%d: y\r\n" % n for n in range(20_000))]
)
def test_c3_a_head_beyond_the_bound_is_refused(inside: Serving, head: bytes) -> None:
    with inside.connect() as one:
        one.sendall(b"POST /v2/enqueue HTTP/1.1\r\n")
        pour(one, head, len(head))
        (answer,) = read(one, 1)
    assert answer.status == 431


def test_c3_a_query_beyond_all_bounds_is_refused(serving: Serving) -> None:
    assert serving.ask(f"/v2/alerts?apiKey={'a' * 20_000}", {"message": "x"}).status == 414


def test_c4_gzip_is_read_and_what_unpacks_without_end_is_not(serving: Serving) -> None:
    packed = gzip.compress(json.dumps({"summary": "packed"}).encode())
    assert serving.post(packed, content_encoding="gzip").status == 202
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    small = bomb.compress(b" " * 200_000_000) + bomb.flush()
    before = memory()
    assert serving.post(small, content_encoding="gzip").status == 413
    assert memory() - before < 16 * 1024 * 1024
    for bad in (b"not gzip", packed[:-4], packed + packed):
        assert serving.post(bad, content_encoding="gzip").status == 400
    for encoding in ("deflate", "br", "gzip, gzip", "zstd"):
        assert serving.post(packed, content_encoding=encoding).status == 415
    assert [json.loads(body)["summary"] for body in stored()] == ["packed"]


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"9" * 100_000])
def test_c5_what_is_no_number_is_refused(serving: Serving, number: bytes) -> None:
    for body in (b'{"summary":"x","details":%s}', b'{"summary":"x","details":{"a":[%s]}}'):
        assert serving.post(body % number).status == 400


@pytest.mark.parametrize("number", [b"1e999", b"-0", b"1" * 400, b"1e-999"])
def test_c5_a_number_beyond_bounds_never_becomes_one_that_json_does_not_know(
    serving: Serving, number: bytes
) -> None:
    status = serving.post(b'{"summary":"x","odd":%s}' % number).status
    assert status in (202, 400)
    assert len(stored()) == (status == 202)  # taken whole, or refused and not there at all
    for body in stored():
        (event,) = READERS["generic"](body.encode(), "", NOW)
        json.dumps(event.raw, allow_nan=False)


def test_c6_half_characters_and_nuls_are_replaced_and_the_alert_still_comes(serving: Serving) -> None:
    assert serving.post(b'{"summary":"a\\u0000b\\ud800c","key":"\\udc00"}').status == 202
    assert serving.post(b'\xef\xbb\xbf{"summary":"with a mark"}').status == 202
    (first, second) = stored()
    assert (
        json.loads(first)["summary"] == "a\ufffdb\ufffdc" and json.loads(second)["summary"] == "with a mark"
    )
    for body in (
        b'{"summary":"\xff"}',
        '{"summary":"x"}'.encode("utf-16"),
        b'{"odd":"\xc3\x28","summary":"x"}',
    ):
        answer = serving.post(body)
        assert answer.status == 400 and "UTF-8" in answer.json["error"]["what"]


# C7 (names that stand twice), C9 (lengths), C10 (times) and C12 (order) are rules of reading and of intake: they are
# tested by name in tests/sources/test_reading.py, test_pagerduty.py and with intake's rules.


def test_c8_only_json_is_read_as_json(serving: Serving) -> None:
    body = {"summary": "x"}
    for kind in (
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/json; charset=utf-7",
    ):
        answer = serving.post(body, content_type=kind)
        assert answer.status == 415 and answer.json["error"]["where"] == "Content-Type"
    parts = b"".join(
        b"--x\r\nContent-Disposition: form-data; name=a%d\r\n\r\nb\r\n" % n for n in range(10_000)
    )
    assert serving.post(parts[:500_000], content_type="multipart/form-data; boundary=x").status == 415
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert serving.ask("/v2/alerts", {"message": "x"}, headers=GENIE | form).status == 415
    assert serving.post(body, content_type="application/x-www-form-urlencoded").status == 202
    assert serving.post(b"summary=x", content_type="application/x-www-form-urlencoded").status == 400
    assert serving.post(body, content_type="Application/JSON; Charset=UTF-8").status == 202
    assert serving.post(body, content_type="").status == 202
    assert len(stored()) == 3


def test_c13_a_key_of_one_integration_says_nothing_to_another(serving: Serving) -> None:
    for key in ("*", "%", "a' OR 1=1 --", "../x", "k" * 512):
        for hook in (KEY, OTHER_KEY):
            assert serving.post({"summary": "x", "key": key}, f"/hooks/{hook}").status == 202
        assert key_digest("shop-events", key) != key_digest("other-events", key)
    assert serving.post({"summary": "x", "key": "k" * 400_000}).status == 400


# C14 is in test_connections.py; C15 (signatures) comes with the first sender that signs.


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Every line that the program logs, however it does it."""
    lines: list[str] = []

    def keep(logger: Any, method: str, event: Any) -> Any:
        lines.append(repr(event))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[keep], cache_logger_on_first_use=False)
    with caplog.at_level(logging.DEBUG):
        yield lines
    structlog.configure(**before)


def test_c16_no_key_reaches_a_log_line_and_refusals_do_not_flood_it(
    db: None, logged: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    secret = "5ec3e7" * 6
    with Serving() as inside:
        for path, headers in (
            (f"/hooks/{secret}", {}),
            (f"/hooks/{KEY}/nowhere", {}),
            (f"/v2/alerts?apiKey={secret}", {}),
            ("/api/v2/alerts", {"authorization": f"Bearer {secret}"}),
        ):
            assert inside.ask(path, {"message": secret}, headers=headers).status >= 400
        with inside.connect() as one:
            one.sendall(f"POST /hooks/{secret} HTTP/1.1\r\nContent-Length: x\r\n\r\n".encode())
            read(one, 1)
        for _ in range(3 * REFUSALS_LOGGED_MAX):
            inside.post({})
    text = "\n".join(logged) + caplog.text
    assert "request refused" in text
    assert secret not in text and KEY not in text
