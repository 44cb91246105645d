"""Who was told that it began is told that it is over: once, quietly, and nobody else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.catalog import actions as configuration
from tocsin.incident import actions as incidents
from tocsin.kernel.acting import by_user
from tocsin.notification import channels
from tocsin.notification.claiming import claim
from tocsin.notification.models import Delivery, Page, Rule
from tocsin.notification.receipts import refute
from tocsin.notification.recording import record
from tocsin.notification.rules import Failed, Kind, Limits, Sent
from tocsin.people.models import Contact, User

BO, CY = by_user("bo", "link"), by_user("cy", "web")


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    return Road(world, clock)


def _ends(outbox: Outbox) -> list[str]:
    return [who for who, message in outbox.sent if message.kind == Kind.OVER]


def test_who_was_told_is_told_quietly_and_who_resolved_it_is_not(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.live(minutes=6)
    incidents.resolve(road.incident().pk, CY, road.now)
    road.look()
    assert _ends(outbox) == ["bo"]
    (end,) = [message for message in outbox.to("bo") if message.kind == Kind.OVER]
    assert (end.urgent, end.acts, end.code) == (False, (), "")
    assert end.subject.startswith("Resolved: [P1] Checkout fails")
    assert end.lines[0] == "It is over: resolved by Cy Tran, 6 min after it began."


def test_an_end_that_comes_by_itself_is_told_to_everybody_who_was_told(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.live(minutes=6)
    road.event("db", "resolve")
    road.live(minutes=10)
    assert sorted(_ends(outbox)) == ["bo", "cy"]
    road.live(hours=1)
    assert len(_ends(outbox)) == 2


def test_who_was_never_reached_is_told_nothing(road: Road, outbox: Outbox) -> None:
    outbox.fail("bo", times=100)
    road.event("db")
    road.live(seconds=10)
    road.event("db", "resolve")
    road.live(minutes=10)
    assert _ends(outbox) == []


def test_the_way_that_rings_is_not_taken(road: Road, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Outbox(name="call", schemes=("call",), limits=Limits(loud=True))
    monkeypatch.setitem(channels._by_scheme, "call", calls)
    Contact.objects.filter(user="bo").update(address="call:bo")
    configuration.refresh()
    road.event("db")
    road.look()
    road.event("db", "resolve")
    road.live(minutes=10)
    assert [message.kind for _, message in calls.sent] == [Kind.PAGE]


def test_a_message_that_changes_says_it_itself(road: Road, outbox: Outbox) -> None:
    outbox.limits = Limits(updates=True)
    road.event("db")
    road.live(seconds=10)
    incidents.resolve(road.incident().pk, CY, road.now)
    road.live(seconds=10)
    assert _ends(outbox) == []
    assert [message.state for message in outbox.to("bo") if message.replaces] == ["resolved"]


def test_a_message_that_changes_and_may_never_have_arrived_is_not_relied_on(
    road: Road, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.limits = Limits(updates=True, receipt_within=timedelta(seconds=30))
    mail = Outbox(name="letters", schemes=("letters",))
    monkeypatch.setitem(channels._by_scheme, "letters", mail)
    user = User.objects.get(pk="bo")
    Contact.objects.create(user=user, name="letters", address="letters:bo", vouched_by="bo")
    Rule.objects.create(user=user, urgency="high", position=9, contact="letters", delay=timedelta(0))
    road.event("db")
    road.live(seconds=10)
    incidents.resolve(road.incident().pk, CY, road.now)
    first = Delivery.objects.get(page__user="bo", page__kind=Kind.PAGE, address__startswith="fake:")
    assert refute(first.pk, "did not arrive", road.now)
    road.look()
    assert [message.kind for _, message in mail.sent] == [Kind.PAGE, Kind.OVER]


def test_the_word_outlives_the_program(road: Road, outbox: Outbox) -> None:
    """It is stored with the end: whoever looks next sends it, and an acknowledgement that comes late keeps it."""
    road.event("db")
    road.look()
    number = road.incident().pk
    incidents.resolve(number, CY, road.now)
    assert Delivery.objects.filter(page__kind=Kind.OVER, state="due").exists()
    incidents.acknowledge(number, BO, road.now)
    incidents.close(number, CY, road.now)
    road.sleep(minutes=10)
    road.look()
    assert _ends(outbox) == ["bo"]


def test_the_word_does_not_overtake_the_page(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.decide()
    (page,) = claim(road.now)  # and it hangs
    incidents.resolve(road.incident().pk, CY, road.now)
    over = Delivery.objects.get(page__kind=Kind.OVER)
    assert over.due_at == page.lease_until
    record(page, Sent(), timedelta(seconds=9), road.now + timedelta(seconds=9), 0.5)
    road.live(seconds=20)
    assert _ends(outbox) == ["bo"]


def test_who_may_have_been_told_is_told(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.decide()
    (page,) = claim(road.now)
    lost = Failed("the connection was cut", perhaps=True)
    record(page, lost, timedelta(seconds=1), road.now, 0.5)
    incidents.resolve(road.incident().pk, CY, road.now)
    road.live(minutes=1)
    assert _ends(outbox) == ["bo"]


def test_an_end_that_was_none_is_taken_back(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.look()
    number = road.incident().pk
    incidents.resolve(number, CY, road.now)
    incidents.reopen(number, CY, road.now)
    road.look()
    assert _ends(outbox) == []
    assert [row.error for row in Delivery.objects.filter(page__kind=Kind.OVER)] == [
        "it is not over after all"
    ]


def test_word_that_does_not_arrive_wakes_nobody_else(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.look()
    outbox.fail("bo", "gone", again=False)
    incidents.resolve(road.incident().pk, CY, road.now)
    road.live(minutes=10)
    assert not Page.objects.filter(undeliverable_at__isnull=False).exists()
    assert "cy" not in outbox.people
