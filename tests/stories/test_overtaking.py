"""Small requests overtake large ones in the inbox; what they say of an alert is never lost by it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from tests.patience import PATIENCE
from tests.stories.road import READERS, Road
from tests.world import Clock, Outbox, World
from tocsin.catalog.models import Integration
from tocsin.catalog.rules import IntegrationType
from tocsin.incident.models import Incident
from tocsin.incident.rules import State
from tocsin.intake.actions import digest
from tocsin.intake.models import Alert, Inbox
from tocsin.journal import crashing

BULK = 1

Act = Callable[[], object]
HoldUp = Callable[[Act], Act]


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    return Road(world, clock)


def large(road: Road, key: str, severity: str = "critical") -> None:
    """A trigger that came in a body so large that it waits in the bulk lane."""
    road.events(
        [{"key": key, "action": "trigger", "title": "Checkout fails", "severity": severity}], lane=BULK
    )


@pytest.fixture
def other(world: World, clock: Clock) -> Integration:
    return Integration.objects.create(
        id="other", service=world.shop, type=IntegrationType.EVENTS, key_digest="other", created_at=clock.now
    )


def test_an_acknowledge_that_overtakes_its_trigger_is_kept_for_it(road: Road, outbox: Outbox) -> None:
    large(road, "db")
    road.event("db", "acknowledge", note="on it")
    road.look()
    assert road.incident().state == State.ACKNOWLEDGED
    assert "incident.noted" in road.told(road.incident())
    assert not Inbox.objects.exists()
    road.live(minutes=10)
    assert "cy" not in outbox.people, "nobody is looked for any more"


def test_a_note_that_overtakes_a_new_trigger_of_its_key_does_not_swallow_it(
    road: Road, outbox: Outbox
) -> None:
    road.event("db")
    road.event("db", "resolve")
    road.look()
    outbox.sent.clear()
    large(road, "db")
    road.event("db", "note", note="again?")
    road.look()
    assert [one.state for one in Incident.objects.order_by("id")] == [State.RESOLVED, State.TRIGGERED]
    assert outbox.people == ["bo"]
    assert "incident.noted" in road.told(Incident.objects.latest("id"))


def test_an_acknowledge_of_what_fires_acts_at_once_and_hides_no_worse_trigger(
    road: Road, outbox: Outbox
) -> None:
    road.event("db", severity="warning")
    road.look()
    large(road, "db", "critical")
    road.event("db", "acknowledge")
    digest(READERS, road.now)
    assert road.incident().state == State.ACKNOWLEDGED
    road.look()
    assert road.incident().urgency == "high"
    assert Alert.objects.get().count == 2
    assert len(outbox.to("bo")) == 2


def test_nothing_waits_behind_another_senders_bulk(road: Road, other: Integration) -> None:
    large(road, "db")
    Inbox.objects.update(integration_id=other.pk)
    road.event("db", "acknowledge")
    digest(READERS, road.now)
    assert [row.integration_id for row in Inbox.objects.all()] == [other.pk]


def test_a_trigger_never_waits_for_what_came_beside_it(road: Road) -> None:
    large(road, "db")
    road.events(
        [
            {"key": "db", "action": "acknowledge"},
            {"key": "web", "action": "trigger", "title": "The shop is gone"},
        ]
    )
    digest(READERS, road.now)
    assert road.incident().title == "The shop is gone"


def test_an_acknowledge_of_nothing_is_done_with_when_nothing_older_waits(road: Road) -> None:
    road.event("db", "acknowledge")
    large(road, "db")
    road.look()
    assert road.incident().state == State.TRIGGERED
    assert not Inbox.objects.exists()


@pytest.fixture
def held_up() -> Iterator[HoldUp]:
    """Runs something in a thread up to its commit, as another node would; what it returns lets that commit."""
    begun, go_on, threads = threading.Event(), threading.Event(), list[threading.Thread]()

    def at_point(name: str) -> None:
        if name == "digest: before commit" and threading.current_thread() in threads:
            begun.set()
            assert go_on.wait(PATIENCE)

    def commit() -> None:
        go_on.set()
        for thread in threads:
            thread.join(PATIENCE)

    def hold_up(act: Act) -> Act:
        def run() -> None:
            try:
                act()
            finally:
                connection.close()

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        assert begun.wait(PATIENCE)
        return commit

    before, crashing.handler = crashing.handler, at_point
    yield hold_up
    commit()
    crashing.handler = before


def test_what_another_node_is_digesting_is_waited_for_too(
    transactional_db: None, road: Road, held_up: HoldUp
) -> None:
    road.event("db")
    road.event("db", "acknowledge")
    commit = held_up(lambda: digest(READERS, road.now, limit=1))
    if connection.vendor == "sqlite":  # one writer at a time: nobody else gets that far
        commit()
    digest(READERS, road.now)
    commit()
    road.look()
    assert road.incident().state == State.ACKNOWLEDGED
