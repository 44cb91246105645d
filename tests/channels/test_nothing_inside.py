"""Whatever address somebody writes down, nothing inside is called (TRUST C38-C42): by every way that takes one.

Each way goes through its own code down to the connection, which is where it is watched.
"""

from __future__ import annotations

import gzip
import socket
import ssl
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import pytest

from tests.channels.faults import FaultServer, fault_server
from tests.channels.hostile import message
from tests.channels.test_outgoing import Client, Names
from tests.channels.test_reach import INNER, UNFIT
from tocsin.channels.mattermost import Mattermost
from tocsin.channels.ntfy import Ntfy
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.slack import Slack
from tocsin.channels.teams import Teams
from tocsin.channels.telegram import Telegram
from tocsin.channels.twilio import Twilio
from tocsin.channels.webhook import Webhook
from tocsin.channels.webpush import WebPush, keys
from tocsin.engine import calendars
from tocsin.engine import hooks as event_webhooks
from tocsin.hooks.models import Hook
from tocsin.hooks.models import Message as EventMessage
from tocsin.kernel.errors import Refused
from tocsin.notification.rules import Channel, Failed, Sent
from tocsin.notification.vendors import Account
from tocsin.oncall import following, imports
from tocsin.oncall.models import Import, ImportKind
from tocsin.testing.fakes.push import FakeBrowser
from tocsin.testing.fakes.slack import SECRET, TOKEN
from tocsin.testing.fakes.twilio import SETTINGS

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
OURS = "https://tocsin.example/channels/main"
TRIES = 1_000
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody, and is made in no time
BOMB = gzip.compress(bytes(20_000_000))
SOME_MEGABYTES = 8_000_000

# What becomes of calling a web address: why it did not work, or "" when something took it.
Way = Callable[[Outgoing, str], str]


def told(outcome: Sent | Failed) -> str:
    return outcome.why if isinstance(outcome, Failed) else ""


def by_address(make: Callable[[Outgoing], Channel], prefix: str = "") -> Way:
    """A contact's own address; what was stored before a rule became stricter is sent to as well."""

    def call(outgoing: Outgoing, url: str) -> str:
        channel = make(outgoing)
        try:
            address = channel.check(prefix + url)
        except Refused:
            address = prefix + url
        return told(channel.send(address, "Bo", message(), NOW))

    return call


def by_account(vendor: Any, settings: Mapping[str, str], field: str, address: str) -> Way:
    """The server of an account, which administrators write."""

    def call(outgoing: Outgoing, url: str) -> str:
        try:
            channel = vendor(outgoing).open(Account("main", {**settings, field: url}, OURS))
        except Refused as refused:
            return str(refused)
        return told(channel.send(address, "Bo", message(), NOW))

    return call


def by_push(outgoing: Outgoing, url: str) -> str:
    browser = FakeBrowser(url, keys().public)
    return told(WebPush(outgoing, "https://tocsin.example").send(browser.address, "Bo", message(), NOW))


def by_event_webhook(outgoing: Outgoing, url: str) -> str:
    hook = Hook(id="h", address=url, nonce="n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_webhooks, "secrets_of", lambda *_: ["whsec"])
        sent = EventMessage(hook=hook, event="incident.opened", body="{}")
        return told(event_webhooks.post(Webhook(outgoing), sent, NOW))


def by_calendar(outgoing: Outgoing, url: str) -> str:
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imports, "address_of", lambda row: url)
        patch.setattr(following, "failed", lambda row, why, now: said.append(why))
        patch.setattr(following, "fetched", lambda *_: said.append(""))
        calendars.look_at(Import(kind=ImportKind.ADDRESS), outgoing, lambda: NOW)
    return said[0]


WAYS: Mapping[str, Way] = {
    "webhook": by_address(Webhook),
    "Teams": by_address(Teams, "teams:"),
    "ntfy": by_address(lambda outgoing: Ntfy(outgoing).open(Account("main", {}, OURS)), "ntfy:"),
    "web push": by_push,
    "event webhook": by_event_webhook,
    "calendar": by_calendar,
    "Slack's API": by_account(Slack, {"bot_token": TOKEN, "signing_secret": SECRET}, "api_url", "slack:C012AB3CD"),
    "Mattermost's server": by_account(Mattermost, {"bot_token": "t" * 26}, "url", f"mattermost:~{'a' * 26}"),
    "Telegram's API": by_account(
        Telegram, {"bot_token": f"123456:{'a' * 35}", "webhook_secret": "s" * 32}, "api_url", "telegram:4711"
    ),
    "Twilio's API": by_account(Twilio, SETTINGS, "api_url", "sms:+4915112345678"),
}  # fmt: skip
every_way = pytest.mark.parametrize("way", WAYS)


@dataclass
class Connections:
    """Every address that a connection was begun to; none of them comes about."""

    begun: list[str]


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connections]:
    seen = Connections([])
    connect = socket.socket.connect

    def watched(self: socket.socket, address: Any) -> None:
        if self.type != socket.SOCK_STREAM:
            return connect(self, address)  # asking for the way there sends nothing
        seen.begun.append(str(address[0] if isinstance(address, tuple) else address))
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", watched)
    yield seen


@every_way
def test_c38_no_way_of_writing_an_inner_address_is_called(
    way: str, client: Client, connections: Connections
) -> None:
    outgoing = client(tls=TLS)
    assert len(INNER) >= 60
    for url in INNER:
        for written in (f"{url}x", f"{url}x".replace("http:", "https:")):
            assert WAYS[way](outgoing, written), written
    assert connections.begun == []


@every_way
def test_c38_no_name_of_an_inner_address_is_called(
    way: str, client: Client, connections: Connections
) -> None:
    for address in (
        "127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "::1", "fd00::1", "::ffff:127.0.0.1", "fe80::1%lo",
        "64:ff9b::7f00:1", "2002:7f00:1::", "0.0.0.0", "fd00:ec2::254",
    ):  # fmt: skip
        outgoing = client(resolver=Names([address]), tls=TLS)
        for name in ("localhost", "inner.example", "127.0.0.1.nip.example"):
            assert "may not be called" in WAYS[way](outgoing, f"https://{name}/x"), address
    assert connections.begun == []


@every_way
def test_c39_a_thousand_names_that_change_their_address_are_never_followed_inside(
    way: str, client: Client, connections: Connections
) -> None:
    """Public when it is checked, inner when it is called; several at once; the other kind of address."""
    inner = ("127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "::ffff:127.0.0.1")
    answers = []
    for turn in range(TRIES):
        answers.append(
            [["8.8.8.8"], [inner[turn % 5]], ["8.8.8.8", inner[turn % 5]], ["2606:4700::1111", "::1"]][
                turn % 4
            ]
        )
    names = Names(*answers)
    outgoing = client(resolver=names, tls=TLS)
    for turn in range(TRIES // len(WAYS)):
        assert WAYS[way](outgoing, f"https://hook-{turn}.example/x")
    assert names.asked >= TRIES // len(WAYS)
    assert connections.begun, "public addresses are called"
    assert all(ip_address(address).is_global for address in connections.begun), connections.begun


@every_way
def test_c40_other_schemes_ports_and_credentials_are_never_called(
    way: str, client: Client, connections: Connections
) -> None:
    outgoing = client(resolver=Names(["8.8.8.8"]), tls=TLS)
    for url in UNFIT:
        assert WAYS[way](outgoing, url), url
        if url != url.strip():  # a line break behind an address may be left out
            connections.begun.clear()
    assert connections.begun == []


@every_way
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_c40_a_redirect_leads_nowhere(way: str, client: Client, code: int) -> None:
    outgoing = client("127.0.0.0/8", tls=TLS)
    with fault_server() as elsewhere, pointing(code, elsewhere.url()) as here:
        assert WAYS[way](outgoing, here.url("/x"))
        assert (len(here.received), elsewhere.received) == (1, [])


@every_way
@pytest.mark.parametrize(
    "behaviour", ["endless", "bomb", "trickle", "informed", "heads", "stalled", "garbage", "hang", "drop"]
)
def test_c41_whatever_answers_costs_little_time_and_memory_and_is_not_repeated_aloud(
    way: str, client: Client, behaviour: str
) -> None:
    outgoing = client("127.0.0.0/8", deadline=0.15, tls=TLS)
    packed = saying(200, BOMB, "Content-Encoding: gzip\r\n")
    with packed if behaviour == "bomb" else behaving(behaviour) as server:
        tracemalloc.start()
        try:
            why = WAYS[way](outgoing, server.url("/x"))
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert most < SOME_MEGABYTES
    assert "zzzz" not in why and "mail server" not in why and len(why) < 300


@pytest.mark.parametrize("way", ["webhook", "Teams", "ntfy", "web push", "event webhook", "calendar"])
@pytest.mark.parametrize("code", [200, 400, 401, 403, 404, 429, 500])
def test_c41_who_writes_an_address_does_not_hear_what_a_server_there_says(
    way: str, client: Client, code: int
) -> None:
    outgoing = client("127.0.0.0/8", tls=TLS)
    for body in (b"canary", b'{"error": "canary", "message": "canary", "code": 1, "canary": "canary"}'):
        with saying(code, body) as server:
            assert "canary" not in WAYS[way](outgoing, server.url("/x"))


@every_way
def test_c42_proxies_of_the_environment_are_not_asked(
    way: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    outgoing = client("127.0.0.0/8", tls=TLS)
    with fault_server() as proxy, saying(200, b"{}") as server:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(""))
        WAYS[way](outgoing, server.url("/x"))
        assert len(server.received) == 1 and proxy.received == []


@every_way
def test_c42_nobody_chooses_headers_of_a_request(way: str, client: Client) -> None:
    """There is no setting for them; what is sent is ours, each once, and nothing of it says who is signed in."""
    outgoing = client("127.0.0.0/8", tls=TLS)
    with saying(200, b"{}") as server:
        WAYS[way](outgoing, server.url("/x"))
        (request,) = server.received
    assert request.headers["host"] == f"127.0.0.1:{server.port}"
    assert not {"cookie", "x-remote-user", "x-forwarded-for", "proxy-authorization", "te", "upgrade"} & set(
        request.headers
    )
    if way in ("webhook", "Teams", "ntfy", "event webhook", "calendar"):
        assert "authorization" not in request.headers


def test_an_ordinary_server_is_called_by_every_way(client: Client) -> None:
    """So that none of the tests above is content because nothing is ever called."""
    outgoing = client("127.0.0.0/8", tls=TLS)
    for way, call in WAYS.items():
        with saying(200, b"{}") as server:
            call(outgoing, server.url("/x"))
            assert len(server.received) == 1, way


# -- servers that answer alike whatever is asked -----------------------------------------------------------------------


class Alike(FaultServer):
    """Answers everything by `answer`."""

    def __init__(self, answer: Callable[[Alike, socket.socket], None]) -> None:
        self._answer = answer
        super().__init__()

    def _behave(self, connection: socket.socket, request: object) -> None:
        self._answer(self, connection)


@contextmanager
def serving(answer: Callable[[Alike, socket.socket], None]) -> Iterator[Alike]:
    server = Alike(answer)
    try:
        yield server
    finally:
        server.stop()


def saying(code: int, body: bytes, more: str = "") -> AbstractContextManager[Alike]:
    head = f"HTTP/1.1 {code} So\r\n{more}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return serving(lambda server, connection: connection.sendall(head + body))


def pointing(code: int, to: str) -> AbstractContextManager[Alike]:
    head = f"HTTP/1.1 {code} So\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()
    return serving(lambda server, connection: connection.sendall(head))


def behaving(how: str) -> AbstractContextManager[Alike]:
    """As the server of faults does at the path of that name."""
    return serving(lambda server, connection: getattr(server, f"_{how}")(connection, {}))
