"""The engine's looks at calendars elsewhere: each in a thread of its own, and one node at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.oncall.conftest import BY, written
from tests.patience import PATIENCE
from tests.world import Clock, World
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.reach import Reach
from tocsin.engine import calendars
from tocsin.engine.calendars import Calendars
from tocsin.engine.duties import duties
from tocsin.engine.waits import waits_of
from tocsin.oncall.actions import save_schedule
from tocsin.oncall.following import LEASE
from tocsin.oncall.imports import import_address
from tocsin.oncall.models import Import


@pytest.fixture
def outgoing() -> Iterator[Outgoing]:
    client = Outgoing(Reach.of([]))
    yield client
    client.close()


def test_a_look_is_begun_when_it_is_due_and_does_not_hold_up_the_engine(
    world: World, clock: Clock, outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch, transactional_db: None
) -> None:
    looked, threads = threading.Event(), list[int]()

    def look_at(row: Import, client: Outgoing, at: object) -> None:
        threads.append(threading.get_ident())
        looked.set()

    monkeypatch.setattr(calendars, "look_at", look_at)
    looks = Calendars(outgoing, lambda: clock.now)
    work = duties({}, b"key", "node", look_at_calendars=looks.look)
    save_schedule(written(), "web", BY, clock.now)
    import_address("https://example.com/x", "example.com", BY, clock.now, schedule_id="web-primary")
    assert waits_of(work)()["look at calendars"] == clock.now
    assert looks.look(clock.now) == 1
    assert looked.wait(PATIENCE)
    assert threads != [threading.get_ident()]
    assert looks.look(clock.now) == 0  # it is leased
    assert waits_of(work)()["look at calendars"] == clock.now + LEASE
