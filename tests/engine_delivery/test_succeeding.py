"""A program on SQLite begins where one died a moment ago, and waits for none of its leases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.engine.succeeding import succeed
from tocsin.incident import actions as incidents
from tocsin.journal.actions import take_lease
from tocsin.kernel.acting import by_user
from tocsin.notification.cards import lend_cards
from tocsin.notification.claiming import claim
from tocsin.notification.models import Delivery
from tocsin.notification.rules import DeliveryState, Limits


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    outbox.limits = Limits(updates=True)
    return Road(world, clock)


def test_a_page_that_was_under_way_goes_at_once(road: Road, outbox: Outbox) -> None:
    road.event("db")
    while road.decide():
        pass
    assert len(claim(road.now)) == 1  # and here it died
    road.sleep(seconds=1)
    assert claim(road.now) == []
    succeed(road.now)
    road.send()
    assert outbox.people == ["bo"]
    row = Delivery.objects.get()
    assert (row.state, row.attempts, row.perhaps) == (DeliveryState.SENT, 2, True)


def test_a_page_that_was_answered_meanwhile_does_not_go(road: Road, outbox: Outbox) -> None:
    road.event("db")
    while road.decide():
        pass
    claim(road.now)
    incidents.acknowledge(road.incident().pk, by_user("cy", "web"), road.now)
    succeed(road.now)
    road.look()
    assert outbox.sent == []


def test_a_card_that_was_being_changed_shows_what_is_so(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.live(seconds=10)
    incidents.acknowledge(road.incident().pk, by_user("cy", "web"), road.now)
    road.sleep(seconds=2)
    assert len(lend_cards(road.now)) == 1
    succeed(road.now)
    road.look()
    assert [message.state for message in outbox.to("bo") if message.replaces] == ["acknowledged"]


def test_what_a_dead_node_did_alone_is_another_nodes_at_once(road: Road) -> None:
    assert take_lease("hook pager", "dead", road.now, timedelta(seconds=25)) == 1
    assert take_lease("hook pager", "new", road.now, timedelta(seconds=25)) is None
    succeed(road.now)
    assert take_lease("hook pager", "new", road.now, timedelta(seconds=25)) == 2


def test_what_only_waits_for_its_time_goes_on_waiting(road: Road, outbox: Outbox) -> None:
    outbox.fail("bo", "busy")
    road.event("db")
    road.look()
    succeed(road.now)
    road.send()
    assert outbox.sent == []
