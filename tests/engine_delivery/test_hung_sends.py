"""An hour of providers that take connections and never answer, fifty at a time: nothing of it stays (TRUST A9).

What an hour is made of is kept, the number of sends; the deadline is shorter.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.counted import times
from tests.intake_hot.serving import memory
from tests.patience import eventually
from tests.world import Clock, World
from tocsin.channels.outgoing import Outgoing, Unreachable
from tocsin.channels.reach import Reach, read_target
from tocsin.engine.delivery import Sender
from tocsin.journal.waking import wake
from tocsin.notification import channels
from tocsin.notification.models import Delivery, Page
from tocsin.notification.rules import DeliveryState, Failed, Limits, Message, Sent

AT_A_TIME = 50
SENDS = times(
    usual=500, whole=18_000
)  # fifty at a time, each for the ten seconds of its deadline, for an hour
DEADLINE = 0.3  # seconds instead of ten
WARM = 3  # rounds after which everything that is kept for the next is there
GROWTH_MAX = (
    24 * 2**20
)  # bytes; what 18 000 sends may leave behind is not measured more finely than the heap breathes
LONG = 600.0  # seconds against hanging, when the proof runs whole


class Silent:
    """Takes every connection, reads what comes and says nothing; lets go when the other side does."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port: int = self._listening.getsockname()[1]
        self.taken = self.open = self.most = 0
        self._ends, self._end = socket.socketpair()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as ready:
            for one in (self._listening, self._ends):
                ready.register(one, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    one = key.fileobj
                    assert isinstance(one, socket.socket)
                    if one is self._ends:
                        return
                    if one is self._listening:
                        ready.register(one.accept()[0], selectors.EVENT_READ)
                        self.taken, self.open = self.taken + 1, self.open + 1
                        self.most = max(self.most, self.open)
                    elif not _heard(one):
                        ready.unregister(one)
                        one.close()
                        self.open -= 1

    def stop(self) -> None:
        self._end.send(b"x")
        self._thread.join(LONG)
        for one in (self._listening, self._ends, self._end):
            one.close()


def _heard(one: socket.socket) -> bool:
    try:
        return bool(one.recv(65_536))
    except ConnectionError:
        return False


class Hanging:
    """A channel for "hanging://any-host/": each send is a real request to the silent server."""

    name = "hanging"
    schemes = ("hanging",)
    limits = Limits()

    def __init__(self, port: int, outgoing: Outgoing) -> None:
        self._target, self._outgoing = read_target(f"http://127.0.0.1:{port}/"), outgoing

    def check(self, address: str) -> str:
        return address

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Sent | Failed:
        try:
            self._outgoing.post(self._target, b"{}", {})
        except Unreachable as why:
            return Failed(str(why), again=False)
        return Sent()


@pytest.fixture
def silent() -> Iterator[Silent]:
    server = Silent()
    yield server
    server.stop()


@pytest.fixture
def sender(
    transactional_db: None, world: World, clock: Clock, silent: Silent, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sender]:
    outgoing = Outgoing(Reach.of(("127.0.0.0/8",)), deadline=DEADLINE)
    monkeypatch.setitem(channels._by_scheme, "hanging", Hanging(silent.port, outgoing))
    sender = Sender(lambda: clock.now, lambda: 0.5)
    sender.start()
    yield sender
    assert sender.stop()
    outgoing.close()


def fifty_hang(world: World, clock: Clock, number: int) -> None:
    """Fifty messages to fifty hosts, until each was given up at its deadline; they are forgotten then."""
    page = Page.objects.create(
        user=world.bo, urgency="high", reason="a test", subject="Look", created_at=clock.now, kind="notice"
    )
    Delivery.objects.bulk_create(
        Delivery(
            page=page, contact="c", address=f"hanging://host-{number}-{n}/", urgent=True, due_at=clock.now,
            next_at=clock.now,
        )
        for n in range(AT_A_TIME)
    )  # fmt: skip
    wake("deliveries")
    over = Delivery.objects.filter(state=DeliveryState.UNDELIVERABLE)
    eventually(lambda: over.count() == AT_A_TIME, LONG, rest=0.02)
    Page.objects.all().delete()


def level(silent: Silent) -> tuple[int, int]:
    """Threads and open files of this process, once the server has noticed who hung up."""
    eventually(lambda: not silent.open, LONG, rest=0.01)
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.counted
def test_a9_an_hour_of_sends_that_hang_leaves_no_thread_no_socket_and_no_memory(
    sender: Sender, silent: Silent, world: World, clock: Clock
) -> None:
    for number in range(WARM):
        fifty_hang(world, clock, number)
    before, held = level(silent), memory()
    for number in range(SENDS // AT_A_TIME):
        fifty_hang(world, clock, number)
    after = level(silent)
    assert after[0] <= max(before[0], AT_A_TIME + 10), (before, after)
    assert after[1] <= before[1] + 5, (before, after)
    assert memory() - held < GROWTH_MAX, (held, memory())
    assert silent.most >= AT_A_TIME // 2, "they hang at the same time"
    assert silent.taken >= SENDS * 0.9, "each has reached the provider"
