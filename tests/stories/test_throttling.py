"""One person, one address, and more to tell than anybody reads."""

from __future__ import annotations

from collections import deque
from datetime import timedelta

import pytest

from tests.stories.road import Road
from tests.world import T0, Clock, Outbox, World
from tocsin.incident import actions as incidents
from tocsin.incident import describing
from tocsin.incident.models import Incident
from tocsin.kernel.acting import by_user
from tocsin.notification.claiming import claim, release
from tocsin.notification.models import Delivery, Page
from tocsin.notification.receipts import refute
from tocsin.notification.rules import LEASE, DeliveryState, Failed, Limits, Rate
from tocsin.notification.rules.throttling import STORM, TEXT_RATES


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    outbox.limits = Limits(rates=TEXT_RATES, storm=STORM)
    return Road(world, clock)


def _burst(road: Road, count: int, **more: object) -> None:
    road.events(
        [{"key": f"k{n}", "action": "trigger", "title": f"Check {n} fails", **more} for n in range(count)]
    )


@pytest.fixture
def apart(world: World) -> None:
    """Every alert is an incident of its own."""
    from tocsin.catalog import actions as configuration

    world.shop.group_by = None
    world.shop.tier = 3
    world.shop.save()
    configuration.refresh()


def _told(who: str) -> list[int]:
    """The numbers of all incidents that were told in messages to `who`, in the order of the messages."""
    rows = Delivery.objects.filter(page__user=who)
    return sorted(rows.exclude(state=DeliveryState.DUE).values_list("incident_id", flat=True))


@pytest.mark.usefixtures("apart")
def test_a_storm_is_few_messages_and_every_incident_is_in_one(road: Road, outbox: Outbox) -> None:
    for _ in range(3):
        _burst(road, 30)
        road.live(seconds=20)
    road.live(minutes=4)
    first = outbox.to("bo")
    assert len(first) <= 5
    numbers = set(
        Page.objects.filter(user="bo", created_at__lt=road.now).values_list("incident_id", flat=True)
    )
    assert set(_told("bo")) == numbers
    assert not Delivery.objects.filter(state=DeliveryState.SUPPRESSED, error="").exists()
    assert any("more incidents" in message.subject for message in first)


@pytest.mark.usefixtures("apart")
def test_what_waits_says_why_and_goes_with_the_next_message(road: Road, outbox: Outbox) -> None:
    for key in "abcd":
        road.event(key)
        road.live(seconds=5)
    assert len(outbox.to("bo")) == 2
    held = Delivery.objects.filter(page__user="bo", held_at__isnull=False, state=DeliveryState.DUE)
    assert {row.error for row in held} == {"waits: this address gets at most 2 messages in 1m"}
    road.live(minutes=1)
    *_, last = outbox.to("bo")
    assert last.subject.endswith("and 1 more incident")
    told = Delivery.objects.get(told_with__isnull=False)
    assert (told.state, str(told.told_with)) == (DeliveryState.SUPPRESSED, last.id)
    assert told.error == f"told together with #{last.details['incident']}"
    assert not Page.objects.filter(undeliverable_at__isnull=False).exists()


@pytest.mark.usefixtures("apart")
def test_what_was_told_in_a_message_that_did_not_arrive_was_not_told(road: Road, outbox: Outbox) -> None:
    for key in "abcd":
        road.event(key)
    road.look()
    together = Delivery.objects.filter(page__user="bo", told_with__isnull=False)
    lead = together.values_list("told_with", flat=True)[0]
    count = together.count()
    assert refute(lead, "the mailbox is full", road.now)
    assert Delivery.objects.filter(page__user="bo", state=DeliveryState.UNDELIVERABLE).count() == count + 1
    assert Page.objects.filter(user="bo", undeliverable_at=road.now).count() == count + 1
    road.look()
    assert "cy" in outbox.people


@pytest.mark.usefixtures("apart")
def test_a_message_that_fails_gives_back_what_it_would_have_told(road: Road, outbox: Outbox) -> None:
    outbox.fail("bo", times=2)
    for key in "abcd":
        road.event(key)
    road.live(seconds=10)
    assert len(outbox.to("bo")) >= 1
    road.live(minutes=2)
    assert not Delivery.objects.filter(page__user="bo", state=DeliveryState.SENDING).exists()
    waiting = Delivery.objects.filter(page__user="bo", state=DeliveryState.DUE)
    assert not waiting.exists()


@pytest.mark.usefixtures("apart")
def test_a_message_counts_from_its_last_attempt(road: Road, outbox: Outbox) -> None:
    outbox.limits = Limits(storm=(Rate(2, timedelta(minutes=1)),))  # the second place is kept for P1
    outbox.fail("bo", times=3)
    road.event("a")
    road.live(seconds=30)
    came = Delivery.objects.get(page__user="bo").sent_at
    assert came is not None and len(outbox.to("bo")) == 1
    road.live(seconds=31)
    road.event("b")
    road.live(seconds=30)
    second = Delivery.objects.filter(page__user="bo").latest("due_at").sent_at
    assert second == came + timedelta(minutes=1)


@pytest.mark.usefixtures("apart")
def test_what_is_given_back_before_its_second_attempt_still_counts(road: Road, outbox: Outbox) -> None:
    outbox.fail("bo", "the answer got lost")
    road.event("a")
    road.look()
    road.sleep(seconds=3)
    release(claim(road.now), road.now)
    assert Delivery.objects.get(page__user="bo").counted_at is not None


@pytest.mark.usefixtures("apart")
def test_what_was_answered_while_it_waited_is_not_told(road: Road, outbox: Outbox) -> None:
    for key in "abc":
        road.event(key)
        road.live(seconds=1)
    held = Delivery.objects.get(page__user="bo", state=DeliveryState.DUE)
    assert held.incident_id is not None
    incidents.acknowledge(held.incident_id, by_user("cy", "web"), road.now)
    road.live(minutes=2)
    assert len(outbox.to("bo")) == 2


def test_the_first_page_of_an_incident_passes_what_a_channel_bears(
    road: Road, outbox: Outbox, world: World
) -> None:
    outbox.limits = Limits(rates=TEXT_RATES)
    road.event("db")
    road.live(seconds=1)
    incidents.open_incident("shop", "Another", by=by_user("mo", "web"), now=road.now)
    road.look()
    assert len(outbox.to("bo")) == 2
    describing.assign(road.world.shop.incidents.order_by("pk")[0].pk, "bo", by_user("mo", "web"), road.now)
    road.look()
    assert len(outbox.to("bo")) == 2
    road.live(seconds=61)
    assert len(outbox.to("bo")) == 3
    assert timedelta(0) <= road.now - Page.objects.latest("created_at").created_at <= timedelta(seconds=62)


@pytest.fixture
def worst(world: World) -> None:
    """Every alert is an incident of its own, of priority P1; who cannot be reached is not paged again."""
    from tocsin.catalog import actions as configuration

    world.policy.levels = [{"notify": ["user:bo"], "timeout": "5m"}, {"notify": ["user:cy"], "timeout": "1h"}]
    world.policy.save()
    world.shop.group_by = None
    world.shop.save()
    configuration.refresh()


@pytest.mark.usefixtures("worst")
def test_what_was_refused_takes_no_place_from_what_follows(road: Road, outbox: Outbox) -> None:
    outbox.fail("bo", "no such number", times=3, again=False)
    for key in "abcd":
        road.event(key)
        road.look()
    assert {page.details["priority"] for page in Page.objects.filter(user="bo")} == {"P1"}
    newest = Incident.objects.latest("pk").pk
    assert [message.details["incident"] for message in outbox.to("bo")] == [newest]


@pytest.mark.usefixtures("worst")
def test_what_waits_for_a_place_goes_when_one_is_given_back(road: Road, outbox: Outbox) -> None:
    outbox.fail("bo", "busy", times=5 * 3)  # three are tried for as long as it helps, and given up
    for key in "abcd":
        road.event(key)
        road.look()
    fourth = Delivery.objects.get(page__user="bo", held_at__isnull=False)
    assert (fourth.held_at, fourth.attempts) == (road.now, 0)
    road.live(seconds=45)
    fourth.refresh_from_db()
    assert fourth.sent_at is not None and fourth.sent_at < T0 + timedelta(seconds=45)


@pytest.mark.usefixtures("worst")
@pytest.mark.parametrize("unknown", ["the answer got lost", "the node died"])
def test_what_may_have_arrived_keeps_its_place(road: Road, outbox: Outbox, unknown: str) -> None:
    for key in "abc":
        road.event(key)
        if unknown == "the node died":
            road.decide()
            claim(road.now)
            road.sleep(seconds=LEASE.total_seconds())
        else:
            outbox.failures.setdefault("bo", deque()).append(Failed(unknown, perhaps=True))
            road.look()
            road.sleep(seconds=3)
        outbox.fail("bo", "no such number", again=False)
        road.send()
    assert Delivery.objects.filter(page__user="bo", state=DeliveryState.UNDELIVERABLE).count() == 3
    road.event("d")
    road.look()
    assert outbox.to("bo") == []
    assert Delivery.objects.get(page__user="bo", state=DeliveryState.DUE).held_at == road.now
