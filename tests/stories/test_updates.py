"""More joins an incident that somebody was paged for: it never pages again by that alone, and is told quietly."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.answering.writing import written
from tocsin.catalog import actions as configuration
from tocsin.escalation.actions import escalate_now
from tocsin.incident import actions as incidents
from tocsin.incident import describing
from tocsin.incident.rules import State
from tocsin.kernel.acting import by_user
from tocsin.kernel.urgency import Impact
from tocsin.notification.hearing import Tone, Written
from tocsin.notification.models import Card, Delivery, Page
from tocsin.notification.quiet import save_quiet
from tocsin.notification.rules import DeliveryState, Kind, Limits
from tocsin.notification.rules.quiet import quiet_from
from tocsin.notification.rules.throttling import STORM, TEXT_RATES
from tocsin.notification.rules.updates import UPDATE_EVERY
from tocsin.notification.totals import totals
from tocsin.web.story import SENTENCES

MORNING = quiet_from({"hours": [{"from": "09:00", "to": "12:00"}]})


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    """Everything of the shop is one incident, and nobody is paged further up for an hour."""
    outbox.limits = Limits(gathers=True)
    world.shop.group_by = []
    world.shop.save()
    world.policy.levels = [{"notify": ["user:bo"], "timeout": "1h"}, {"notify": ["user:cy"], "timeout": "1h"}]
    world.policy.save()
    configuration.refresh()
    return Road(world, clock)


def _fire(road: Road, first: int, count: int, **more: object) -> None:
    road.events(
        [
            {"key": f"k{n}", "action": "trigger", "title": f"Check {n} fails", **more}
            for n in range(first, first + count)
        ]
    )


def _kinds(outbox: Outbox, who: str = "bo") -> list[str]:
    return [message.kind for message in outbox.to(who)]


def test_fifty_related_alerts_are_one_page_and_an_update(road: Road, outbox: Outbox) -> None:
    for n in range(50):
        _fire(road, n, 1)
        road.live(seconds=1)
    road.live(minutes=30)
    page, update = outbox.to("bo")
    assert (page.kind, update.kind) == (Kind.PAGE, Kind.UPDATE)
    assert update.subject == f"Update: {page.subject}"
    assert update.lines[0] == "49 more alerts have joined since you were told."
    assert (page.urgent, update.urgent) == (True, False)
    assert (update.thread, update.details["alerts"]) == (page.thread, 50)
    assert [act.verb for act in update.acts] == [act.verb for act in page.acts]


def test_the_update_is_on_the_incident_with_its_reason_and_in_the_totals(road: Road) -> None:
    _fire(road, 0, 1)
    road.look()
    _fire(road, 1, 4)
    road.live(minutes=2)
    update = Page.objects.get(kind=Kind.UPDATE)
    assert update.reason == "told that it has grown, as by fake that it began"
    assert road.told(road.incident()).count("page.sent") == 2
    entry = {"user": "bo", "what": "update", "channel": "fake", "contact": "fake"}
    assert SENTENCES["page.sent"](entry, "Tocsin", {})[0].endswith("was sent an update by fake")
    sums = totals(road.now - timedelta(hours=1), road.now)
    assert sums.adds_up and sums.numbers["sent"] == 2


def test_while_more_keeps_joining_there_is_one_update_in_five_minutes(road: Road, outbox: Outbox) -> None:
    for n in range(60):
        _fire(road, n, 1)
        road.live(seconds=20)
    road.live(minutes=10)
    updates = list(
        Page.objects.filter(kind=Kind.UPDATE).order_by("created_at").values_list("created_at", flat=True)
    )
    assert len(updates) == 5
    assert all(after - before >= UPDATE_EVERY for before, after in pairwise(updates))
    assert outbox.to("bo")[-1].details["alerts"] == 60, "the last of them says what is so"


def test_alerts_that_come_and_go_are_told_once(road: Road, outbox: Outbox) -> None:
    _fire(road, 0, 1)
    road.look()
    for _ in range(10):
        _fire(road, 1, 1)
        road.live(minutes=3)
        road.event("k1", "resolve")
        road.live(minutes=3)
    assert _kinds(outbox) == [Kind.PAGE, Kind.UPDATE]


def test_nothing_is_told_to_who_has_answered(road: Road, outbox: Outbox) -> None:
    _fire(road, 0, 1)
    road.look()
    _fire(road, 1, 20)
    road.live(seconds=30)
    incidents.acknowledge(road.incident().pk, by_user("bo", "web"), road.now)
    _fire(road, 21, 20)
    road.live(minutes=20)
    assert _kinds(outbox) == [Kind.PAGE]


def test_an_update_that_waits_for_a_retry_is_spared_by_the_answer(road: Road, outbox: Outbox) -> None:
    _fire(road, 0, 1)
    road.look()
    _fire(road, 1, 20)
    outbox.fail("bo", times=5)
    road.live(seconds=61)
    incidents.acknowledge(road.incident().pk, by_user("cy", "web"), road.now)
    road.live(minutes=5)
    assert _kinds(outbox) == [Kind.PAGE]
    update = Delivery.objects.get(page__kind=Kind.UPDATE)
    assert (update.state, update.error) == (DeliveryState.SUPPRESSED, "acknowledged by user:cy")


def test_an_update_that_fails_wakes_nobody_else(road: Road, outbox: Outbox) -> None:
    _fire(road, 0, 1)
    road.look()
    _fire(road, 1, 20)
    outbox.fail("bo", "no such mailbox", again=False)
    road.live(minutes=20)
    assert set(outbox.people) == {"bo"}
    assert Page.objects.get(kind=Kind.UPDATE).undeliverable_at is None


def test_a_worse_alert_pages_and_is_no_update(road: Road, outbox: Outbox) -> None:
    _fire(road, 0, 1, severity="warning")
    road.live(seconds=5)
    _fire(road, 1, 1, severity="critical")
    road.live(minutes=20)
    assert _kinds(outbox) == [Kind.PAGE, Kind.PAGE]
    assert [message.urgent for message in outbox.to("bo")] == [False, True]


def test_a_higher_priority_at_the_same_urgency_is_told(road: Road, outbox: Outbox, world: World) -> None:
    world.shop.tier = 3
    world.shop.save()
    configuration.refresh()
    _fire(road, 0, 1)
    road.look()
    describing.classify(road.incident().pk, impact=Impact.MAJOR, by=by_user("mo", "web"), now=road.now)
    road.look()
    *_, update = outbox.to("bo")
    assert _kinds(outbox) == [Kind.PAGE, Kind.UPDATE]
    assert update.lines[0] == "It is P1 now, no longer P3."
    describing.classify(road.incident().pk, impact=Impact.MINOR, by=by_user("mo", "web"), now=road.now)
    road.live(minutes=20)
    assert len(outbox.to("bo")) == 2


def test_a_channel_where_each_message_disturbs_gets_none(road: Road, outbox: Outbox) -> None:
    outbox.limits = Limits()
    _fire(road, 0, 1)
    road.look()
    _fire(road, 1, 30)
    road.live(minutes=20)
    assert _kinds(outbox) == [Kind.PAGE]


def test_a_card_changes_instead(road: Road, outbox: Outbox) -> None:
    outbox.limits = Limits(updates=True, gathers=True)
    _fire(road, 0, 1)
    road.look()
    _fire(road, 1, 30)
    road.live(minutes=2)
    _, *changes = outbox.to("bo")
    assert changes and all(message.replaces for message in changes)
    assert "31 alerts are firing, 31 came in all." in changes[-1].lines
    assert not Page.objects.filter(kind=Kind.UPDATE).exists()
    assert Card.objects.get().face["alerts"] == 31


def test_who_is_paged_later_knows_what_their_page_said(road: Road, outbox: Outbox, world: World) -> None:
    world.policy.levels = [{"notify": ["user:bo"], "timeout": "2m"}, {"notify": ["user:cy"], "timeout": "1h"}]
    world.policy.save()
    configuration.refresh()
    _fire(road, 0, 10)
    road.live(minutes=3)
    assert _kinds(outbox, "cy") == [Kind.PAGE]
    _fire(road, 10, 5)
    road.live(minutes=10)
    for who in ("bo", "cy"):
        assert _kinds(outbox, who) == [Kind.PAGE, Kind.UPDATE]
        assert outbox.to(who)[-1].lines[0] == "5 more alerts have joined since you were told."


def test_a_later_update_takes_the_place_of_one_that_waits(road: Road, outbox: Outbox) -> None:
    """In a storm an update waits for its address; what is told in the end is the last state."""
    outbox.limits = Limits(rates=TEXT_RATES, storm=STORM, gathers=True)
    for key in range(4):  # the address is full for ten minutes
        incidents.open_incident("shop", f"Something else {key}", by=by_user("mo", "web"), now=road.now)
        road.live(seconds=70)
    _fire(road, 0, 1, severity="critical")
    road.live(seconds=5)
    _fire(road, 1, 9)
    road.live(seconds=100)
    _fire(road, 10, 10)
    road.live(minutes=6)
    _fire(road, 20, 10)
    road.live(minutes=30)
    updates = Delivery.objects.filter(page__kind=Kind.UPDATE).order_by("due_at")
    spared = [row.error for row in updates if row.state == DeliveryState.SUPPRESSED and row.told_with is None]
    assert set(spared) <= {"a later update says more"}
    told = [message.details["alerts"] for message in outbox.to("bo") if message.kind == Kind.UPDATE]
    assert told == sorted(told)


@pytest.mark.parametrize(("severity", "waits"), [("warning", True), ("critical", False)])
def test_what_can_wait_waits_for_the_end_of_the_quiet_hours(
    road: Road, outbox: Outbox, severity: str, waits: bool
) -> None:
    _fire(road, 0, 1, severity=severity)
    road.look()
    save_quiet("bo", MORNING, by_user("bo", "web"), road.now)
    _fire(road, 1, 1, severity=severity)
    road.live(minutes=20)
    assert _kinds(outbox) == ([Kind.PAGE] if waits else [Kind.PAGE, Kind.UPDATE])
    assert ("quiet hours" in Delivery.objects.get(page__kind=Kind.UPDATE).error) is waits


def test_a_page_that_says_more_spares_an_update_that_waits(road: Road, outbox: Outbox) -> None:
    _fire(road, 0, 1, severity="warning")
    road.look()
    save_quiet("bo", MORNING, by_user("bo", "web"), road.now)
    _fire(road, 1, 1, severity="warning")
    road.live(minutes=2)
    escalate_now(road.incident().pk, by_user("mo", "web"), road.now)
    road.look()
    assert Delivery.objects.get(page__kind=Kind.UPDATE).state == DeliveryState.DUE, "bo is not who is paged"
    road.live(hours=2)
    update = Delivery.objects.get(page__kind=Kind.UPDATE)
    assert (update.state, update.error) == (DeliveryState.SUPPRESSED, "a page says more")


def test_an_update_can_be_answered_as_its_page_can(road: Road, outbox: Outbox) -> None:
    _fire(road, 0, 1)
    road.look()
    _fire(road, 1, 1)
    road.live(minutes=2)
    update = outbox.to("bo")[-1]
    told = written(Written("fake:bo", update.code), "", road.now)
    assert (told.tone, road.incident().state) == (Tone.DONE, State.ACKNOWLEDGED)


def test_who_is_up_for_the_same_gets_their_page_without_a_ring(
    road: Road, outbox: Outbox, world: World
) -> None:
    world.shop.tier, world.shop.group_by = 3, None
    world.shop.save()
    configuration.refresh()
    _fire(road, 0, 1)
    road.look()
    incidents.acknowledge(road.incident().pk, by_user("bo", "web"), road.now)
    _fire(road, 1, 1)
    road.look()
    assert [message.urgent for message in outbox.to("bo")] == [True, False]
