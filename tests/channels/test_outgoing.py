"""The guarded HTTP client against servers that lie, stall and never end."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.channels.faults import FaultServer, fault_server, make_certificate
from tests.patience import PATIENCE
from tests.ports import own_port
from tocsin.channels.connecting import Unreachable
from tocsin.channels.outgoing import ANSWER_BYTES_MAX, EXCERPT_LENGTH_MAX, Outgoing
from tocsin.channels.reach import Address, Target, read_target
from tocsin.notification.deadline import within

Client = Callable[..., Outgoing]


class Names:
    """A resolver that answers each question with the next of its answers, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int, seconds: float) -> Sequence[Address]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return tuple(ip_address(text) for text in answer)


def post(outgoing: Outgoing, url: str, body: bytes = b"{}") -> int:
    return outgoing.post(read_target(url), body, {}).status


def test_a_post_arrives_with_its_body_and_a_host_header(outgoing: Outgoing, faults: FaultServer) -> None:
    answer = outgoing.post(read_target(faults.url("/ok?a=b")), b'{"x":1}', {"Tocsin-Delivery": "d1"})

    assert (answer.status, answer.excerpt) == (200, "ok")
    (request,) = faults.received
    assert request.line == "POST /ok?a=b HTTP/1.1"
    assert request.body == b'{"x":1}'
    assert request.headers["host"] == f"127.0.0.1:{faults.port}"
    assert request.headers["tocsin-delivery"] == "d1"
    assert request.headers["accept-encoding"] == "identity"


def test_connections_are_kept_warm(
    client: Client, faults: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.channels.outgoing.KEEP_WARM", PATIENCE)  # however slow this machine is
    outgoing = client("127.0.0.0/8")
    for _ in range(20):
        post(outgoing, faults.url())

    assert {request.connection for request in faults.received} == {1}


def test_inner_addresses_are_not_connected_to(client: Client, faults: FaultServer) -> None:
    outgoing = client()

    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(Unreachable, match="not a public address") as refused:
            post(outgoing, faults.url(host=host))
        assert refused.value.forbidden
    assert faults.received == []


def test_one_inner_address_among_public_ones_is_enough_to_refuse(client: Client, faults: FaultServer) -> None:
    outgoing = client(resolver=Names(["8.8.8.8", "2606:4700::1111", "127.0.0.1"]))

    with pytest.raises(Unreachable, match="may not be called"):
        post(outgoing, faults.url(host="hook.example"))
    assert faults.received == []


def test_a_name_that_changes_its_address_after_the_check_gains_nothing(
    client: Client, faults: FaultServer
) -> None:
    """DNS rebinding: the address that was checked is the one that is called, whatever the name says next."""
    names = Names(["127.0.0.2"], ["127.0.0.1"])
    outgoing = client("127.0.0.2/32", resolver=names)

    # The first answer may be reached, and the server does not listen there; the second answer is never used.
    with pytest.raises(Unreachable):
        post(outgoing, faults.url(host="hook.example"))
    assert names.asked == 1
    # Asked anew, the name points to an address that may not be reached.
    with pytest.raises(Unreachable, match="may not be called"):
        post(outgoing, faults.url(host="hook.example"))
    assert faults.received == []


def test_a_thousand_rebinding_tries_never_connect(client: Client, faults: FaultServer) -> None:
    names = Names(*[["8.8.8.8", "127.0.0.1"] if n % 2 else ["::ffff:127.0.0.1"] for n in range(1000)])
    outgoing = client(resolver=names)
    target = Target("http", "hook.example", faults.port, "/ok")

    for _ in range(1000):
        with pytest.raises(Unreachable):
            outgoing.post(target, b"", {})
    assert faults.received == []


def test_the_next_address_is_tried_when_one_does_not_answer(client: Client, faults: FaultServer) -> None:
    outgoing = client("127.0.0.0/8", resolver=Names(["127.0.0.3", "127.0.0.1"]))

    assert post(outgoing, faults.url(host="hook.example")) == 200


def test_tls_speaks_to_the_name_while_the_connection_goes_to_the_checked_address(
    client: Client, tmp_path: Path
) -> None:
    serving, trusting = make_certificate(tmp_path, "hook.example")
    asked_for: list[str | None] = []

    def remember(_socket: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        asked_for.append(name)

    serving.sni_callback = remember
    with fault_server(serving) as server:
        outgoing = client("127.0.0.0/8", resolver=Names(["127.0.0.1"]), tls=trusting)
        assert post(outgoing, server.url(host="hook.example")) == 200
        assert server.received[0].headers["host"] == f"hook.example:{server.port}"
    assert asked_for == ["hook.example"]


def test_a_certificate_that_nobody_vouches_for_ends_it(client: Client, tmp_path: Path) -> None:
    serving, _ = make_certificate(tmp_path, "hook.example")
    with fault_server(serving) as server:
        outgoing = client("127.0.0.0/8", resolver=Names(["127.0.0.1"]))
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            post(outgoing, server.url(host="hook.example"))
        assert server.received == []


@pytest.mark.parametrize("path", ["/hang", "/trickle", "/informed"])
def test_who_stalls_or_trickles_is_left_at_the_deadline(
    hasty: Outgoing, faults: FaultServer, path: str
) -> None:
    with pytest.raises(Unreachable, match=r"no answer within 0\.5 s"):
        post(hasty, faults.url(path))


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/drop", "the connection ended without one"),
        ("/garbage", "not HTTP"),
        ("/heads", "the answer is too long|failed|not HTTP"),
    ],
)
def test_what_is_no_answer_says_why(outgoing: Outgoing, faults: FaultServer, path: str, why: str) -> None:
    with pytest.raises(Unreachable, match=why) as unreachable:
        post(outgoing, faults.url(path))
    assert not unreachable.value.forbidden


def test_nobody_listening_is_said(outgoing: Outgoing) -> None:
    with own_port() as port, pytest.raises(Unreachable, match="refused"):
        post(outgoing, f"http://127.0.0.1:{port}/")


def test_a_name_that_does_not_exist_is_said(hasty: Outgoing) -> None:
    with pytest.raises(Unreachable, match=r"nowhere\.invalid"):  # or that nobody could be asked in time
        post(hasty, "http://nowhere.invalid/")


@pytest.mark.parametrize("path", ["/endless?code=400", "/endless", "/stalled", "/bomb"])
def test_a_body_without_end_is_cut_off_and_its_status_counts(
    client: Client, faults: FaultServer, path: str
) -> None:
    # Time enough for the status on any machine; what follows it is cut off long before.
    outgoing = client("127.0.0.0/8")
    answer = outgoing.post(read_target(faults.url(path)), b"", {})

    assert answer.status in (200, 400)
    assert len(answer.excerpt) <= EXCERPT_LENGTH_MAX < ANSWER_BYTES_MAX
    # The broken connection is not used again.
    assert post(outgoing, faults.url("/ok")) == 200


def test_redirects_are_reported_and_not_followed(outgoing: Outgoing, faults: FaultServer) -> None:
    with fault_server() as elsewhere:
        assert post(outgoing, faults.url(f"/status?code=307&to={elsewhere.url()}")) == 307
        assert elsewhere.received == []


def test_proxies_from_the_environment_are_ignored(
    outgoing: Outgoing, faults: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fault_server() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.url(""))
        assert post(outgoing, faults.url()) == 200
        assert proxy.received == []


@pytest.mark.parametrize("value", ["a\r\nX-Remote-User: admin", "a\nb", "a\x00b"])
def test_a_header_cannot_smuggle_another(outgoing: Outgoing, faults: FaultServer, value: str) -> None:
    with pytest.raises(Unreachable):
        outgoing.post(read_target(faults.url()), b"", {"Tocsin-Delivery": value})
    assert faults.received == []


def test_senders_in_many_threads_do_not_disturb_one_another(client: Client, faults: FaultServer) -> None:
    outgoing = client("127.0.0.0/8")
    seen: list[str] = []

    def send(path: str) -> None:
        try:
            with within(0.5 if path == "/hang" else PATIENCE):
                seen.append(f"{path} {post(outgoing, faults.url(path))}")
        except Unreachable:
            seen.append(f"{path} left")

    threads = [threading.Thread(target=send, args=(path,)) for path in ["/hang"] * 20 + ["/ok"] * 20]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == ["/hang left"] * 20 + ["/ok 200"] * 20


# -- whether it may have arrived, and for how long it is waited ------------------------------------------------------


def test_a_request_that_left_may_have_arrived_and_one_that_did_not_has_not(
    client: Client, outgoing: Outgoing, faults: FaultServer
) -> None:
    with pytest.raises(Unreachable) as hung:
        client("127.0.0.0/8", deadline=1.0).post(read_target(faults.url("/hang")), b"{}", {})
    assert hung.value.perhaps
    with own_port() as port, pytest.raises(Unreachable) as refused:
        post(outgoing, f"http://127.0.0.1:{port}/")
    assert not refused.value.perhaps
    with pytest.raises(Unreachable) as forbidden:
        post(client(), faults.url())
    assert not forbidden.value.perhaps


def test_a_request_keeps_to_the_time_that_its_message_has(outgoing: Outgoing, faults: FaultServer) -> None:
    with within(0.2), pytest.raises(Unreachable, match=r"no answer within 0\.2 s"):
        post(outgoing, faults.url("/hang"))
    with within(0.0), pytest.raises(Unreachable, match="no answer within 0 s") as late:
        post(outgoing, faults.url())
    assert not late.value.perhaps
    assert post(outgoing, faults.url()) == 200
