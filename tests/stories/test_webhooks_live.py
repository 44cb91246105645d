"""The real program and real receivers, their bad days and its own deaths: each event arrives, in order."""

from __future__ import annotations

import hmac
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from hashlib import sha256
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.patience import eventually
from tests.programs import ORGANISATION, Program, declare, incidents, running, tocsin, trigger

pytestmark = pytest.mark.sqlite  # the queue is the same on PostgreSQL, and tests/hooks runs there

EVENTS = ["incident.opened", "incident.acknowledged", "incident.resolved"]
BUSY_SECONDS = 3  # what the busy receiver asks for
KINDS = ("well", "sick", "busy", "slow", "gone")
WEBHOOKS = "webhooks:\n" + "".join(
    f'  - {{id: {kind}, address: "http://127.0.0.1:%(port)d/{kind}", events: [{", ".join(EVENTS)}]}}\n'
    for kind in KINDS
)


class Receiver:
    """Receivers of several kinds, by path. While `bad`, each behaves as it is called; then all are well."""

    def __init__(self, port: int = 0) -> None:
        self.bad = True
        self.ended = threading.Event()
        self.asked: list[tuple[str, float, dict[str, Any]]] = []  # every request, as it came in
        self.signed: list[tuple[str, str, bytes]] = []
        self.got: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}  # what was answered with 2xx
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                kind = self.path[1:]
                body = self.rfile.read(int(self.headers["Content-Length"]))
                document = json.loads(body)
                receiver.asked.append((kind, time.monotonic(), document))
                receiver.signed.append((kind, self.headers["Tocsin-Signature"], body))
                with suppress(OSError):
                    receiver.answer(self, kind, document)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port: int = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def answer(self, handler: BaseHTTPRequestHandler, kind: str, document: dict[str, Any]) -> None:
        if self.bad and kind == "slow":
            self.ended.wait(60)
            return
        status = {"sick": 500, "busy": 429, "gone": 503}.get(kind, 204) if self.bad else 204
        if status == 204:
            self.got[kind].append(document)
        handler.send_response(status)
        if status == 429:
            handler.send_header("Retry-After", str(BUSY_SECONDS))
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def times(self, kind: str) -> list[float]:
        return [at for each, at, _ in self.asked if each == kind]

    def told(self, kind: str) -> list[str]:
        """The events that it took, each once, in the order of their first arrival."""
        return [each["event"] for each in {each["id"]: each for each in self.got[kind]}.values()]

    def close(self) -> None:
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., AbstractContextManager[Program]]:
    def begin(name: str = "data", **more: str) -> AbstractContextManager[Program]:
        # With one name, the program that comes back need not wait until the dead one's lease runs out.
        return running(tmp_path / name, TOCSIN_ALLOWED_NETWORKS="127.0.0.0/8", TOCSIN_NODE="one", **more)

    return begin


def live(program: Program, key: str) -> None:
    """An incident is opened, acknowledged and resolved."""
    known = len(incidents(program))
    assert trigger(program, key) == 202
    eventually(lambda: len(incidents(program)) > known)
    number = incidents(program)[0]["number"]
    for verb in ("acknowledge", "resolve"):
        status, said = program.ask("POST", f"/api/v1/incidents/{number}/{verb}")
        assert status == 200, said


def log_of(program: Program, hook: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = program.ask("GET", f"/api/v1/webhooks/{hook}/messages")[1]["items"]
    return rows


def states(program: Program, hook: str) -> list[str]:
    """What its log says of each message. It is written after the receiver has answered: wait for it."""
    return [row["state"] for row in log_of(program, hook)]


def genuine(header: str, body: bytes, secret: str) -> bool:
    at, *macs = header.split(",")
    expected = hmac.new(secret.encode(), at[2:].encode() + b"." + body, sha256).hexdigest()
    return f"v1={expected}" in macs


def test_receivers_that_are_ill_busy_slow_or_away_hear_everything_in_order_over_a_death(
    receiver: Receiver, start: Callable[..., AbstractContextManager[Program]]
) -> None:
    with start() as program:
        declare(program, ORGANISATION + WEBHOOKS % {"port": receiver.port})
        live(program, "disk")
        eventually(lambda: receiver.told("well") == EVENTS)  # however ill the others are
        eventually(lambda: {kind for kind, *_ in receiver.asked} == set(KINDS))
        for kind in ("sick", "busy"):
            eventually(lambda kind=kind: log_of(program, kind)[-1]["tries"])
        disabled = tocsin(program.data, "webhook", "disable", "gone")
        assert disabled.returncode == 0, disabled.stderr
        program.kill()
    receiver.bad = False
    receiver.ended.set()  # those that hang let go
    asked_of_gone = len(receiver.times("gone"))
    with start() as program:
        live(program, "disk again")  # the ill ones have another incident to hear of
        for kind in ("well", "sick", "busy", "slow"):
            eventually(lambda kind=kind: sorted(receiver.told(kind)) == sorted(2 * EVENTS), 60)
            for number in (1, 2):
                of_one = [each for each in receiver.got[kind] if each["incident"]["id"] == number]
                first = list({each["id"]: each["event"] for each in of_one}.values())
                assert first == EVENTS, (kind, number)
        assert len(receiver.times("gone")) == asked_of_gone
        assert set(states(program, "gone")) == {"dropped"}
        eventually(lambda: states(program, "sick") == ["sent"] * 6)
        assert any(each["outcome"] == "HTTP 500" for each in log_of(program, "sick")[-1]["tries"])
        secrets = {
            kind: program.ask("GET", f"/api/v1/webhooks/{kind}/secrets")[1]["secret"] for kind in KINDS
        }
        assert program.end() == 0
    assert all(genuine(header, body, secrets[kind]) for kind, header, body in receiver.signed)
    asked, again = receiver.times("busy")[:2]
    assert again - asked >= BUSY_SECONDS
    same = {each["id"]: each for _, _, each in receiver.asked}
    assert all(same[each["id"]] == each for _, _, each in receiver.asked)  # the same document each time


@pytest.mark.parametrize(
    "at",
    ["webhooks: told:1", "webhook: handed over:1", "webhook: before the record commits:2"],
)
def test_a_death_at_any_step_loses_no_event(
    at: str,
    receiver: Receiver,
    start: Callable[..., AbstractContextManager[Program]],
    declared: Path,
    tmp_path: Path,
) -> None:
    receiver.bad = False
    shutil.copytree(declared, tmp_path / "data")
    with start(TOCSIN_CRASH_AT=at) as program:
        with suppress(OSError, HTTPException):  # it may die in between
            aim(program, receiver)
            live(program, "disk")
        assert program.process.wait(60) == -9, f"it never came to {at!r}"
    with start() as program:
        (incident,) = eventually(lambda: incidents(program))
        for verb in ("acknowledge", "resolve"):  # what its death has swallowed
            program.ask("POST", f"/api/v1/incidents/{incident['number']}/{verb}")
        eventually(lambda: receiver.told("well") == EVENTS)
        eventually(lambda: states(program, "well") == ["sent"] * 3)
        assert len(receiver.got["well"]) <= len(EVENTS) + 1, "at most one repeat for one death"
        assert program.end() == 0


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the organisation in it, and nobody using it."""
    folder = tmp_path_factory.mktemp("webhooks") / "data"
    with running(folder, TOCSIN_ALLOWED_NETWORKS="127.0.0.0/8") as program:
        declare(program)
        assert program.end() == 0
    return folder


def aim(program: Program, receiver: Receiver) -> None:
    """Make the one webhook that is well."""
    body = {"name": "Well", "address": f"http://127.0.0.1:{receiver.port}/well", "events": EVENTS}
    status, said = program.ask("PUT", "/api/v1/webhooks/well", body)
    assert status in (200, 201), said


def test_a_test_from_the_command_line_says_what_became_of_it(
    receiver: Receiver, start: Callable[..., AbstractContextManager[Program]], tmp_path: Path
) -> None:
    with start() as program:
        for kind in ("well", "sick"):
            made = tocsin(program.data, "webhook", "add", kind, f"http://127.0.0.1:{receiver.port}/{kind}")
            assert made.returncode == 0, made.stderr
        well = tocsin(program.data, "webhook", "test", "well")
        assert (well.returncode, well.stdout.startswith("It arrived after ")) == (0, True), well.stderr
        sick = tocsin(program.data, "webhook", "test", "sick")
        assert sick.returncode == 1 and "The test did not arrive: HTTP 500" in sick.stderr
        assert program.end() == 0


def test_after_a_restore_webhooks_are_told_nothing_old_without_a_yes(
    receiver: Receiver, start: Callable[..., AbstractContextManager[Program]], tmp_path: Path
) -> None:
    file = tmp_path / "x.backup"
    with start() as program:
        declare(program, ORGANISATION + WEBHOOKS % {"port": receiver.port})
        live(program, "disk")
        eventually(lambda: states(program, "well") == ["sent"] * 3)
        eventually(lambda: receiver.times("sick"))
        assert tocsin(program.data, "backup", str(file)).returncode == 0
        program.kill()
    receiver.bad = False
    receiver.ended.set()
    unsaid = tocsin(tmp_path / "unused", "restore", str(file), "--data", str(tmp_path / "asks"))
    assert unsaid.returncode == 1
    assert "events to be told to webhooks" in unsaid.stderr
    held = tocsin(
        tmp_path / "unused",
        "restore",
        str(file),
        "--data",
        str(tmp_path / "held"),
        "--hold-pending",
        "--json",
    )
    assert held.returncode == 0, held.stderr
    assert json.loads(held.stdout)["pending_events"] == 4 * len(EVENTS)
    asked = len(receiver.asked)  # what the dead one had begun to say has been read by now
    with start("held") as program:
        live(program, "disk again")
        eventually(lambda: receiver.told("sick") == EVENTS)
        eventually(lambda: sorted(states(program, "sick")) == ["held"] * 3 + ["sent"] * 3)
        assert program.end() == 0
    assert {each["incident"]["id"] for _, _, each in receiver.asked[asked:]} == {2}
    sent = tocsin(
        tmp_path / "unused", "restore", str(file), "--data", str(tmp_path / "sends"), "--send-pending"
    )
    assert sent.returncode == 0, sent.stderr
    with start("sends") as program:
        eventually(lambda: receiver.told("slow")[-3:] == EVENTS, 60)
        assert program.end() == 0
