"""Whoever is on call is paged: by the schedule as it is at that instant, whatever has been changed a moment before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.oncall.conftest import BY, WEEKLY, written
from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.catalog.actions import refresh
from tocsin.escalation.actions import escalate_now, next_steps
from tocsin.incident.describing import classify
from tocsin.incident.models import Incident
from tocsin.journal.models import Entry
from tocsin.kernel.acting import by_user
from tocsin.kernel.calendars import calendar_from
from tocsin.kernel.spans import Span
from tocsin.kernel.urgency import Urgency
from tocsin.oncall.actions import delete_schedule, save_calendar, save_schedule
from tocsin.oncall.swaps import accept_cover, ask_cover, take_shift
from tocsin.people.actions import deactivate_user
from tocsin.web.story import tell


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    """bo is on call until 9:07, then cy; level 1 pages whoever is, level 2 mo."""
    hourly = {"rotation": "hourly", "start": "2026-03-02T08:07", "users": ["bo", "cy"]}
    save_schedule(written("web-primary", hourly), "web", BY, clock.now)
    climb_by(world, {"notify": ["schedule:web-primary"], "timeout": "5m"})
    return Road(world, clock)


def climb_by(world: World, *levels: dict[str, object]) -> None:
    world.policy.levels = [*levels, {"notify": ["user:mo"], "timeout": "5m"}]
    world.policy.save()
    refresh()


def timeline(incident: Incident, kind: str) -> list[str]:
    """What the reader is told of the entries of a kind."""
    entries = Entry.objects.filter(chain=incident.chain, kind=kind).order_by("seq")
    return [tell(e.seq, e.kind, e.data, e.who, e.through, e.happened_at, {}).text for e in entries]


def test_each_round_pages_who_is_on_call_by_then_as_was_foretold(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.look()
    ahead = next_steps(road.incident(), road.now)
    assert [each.people for each in ahead] == [("mo",), ("cy",), ("mo",)]
    road.live(minutes=16)
    assert outbox.people[:4] == ["bo", "mo", "cy", "mo"]


def test_who_took_the_shift_a_second_ago_is_paged(road: Road, outbox: Outbox) -> None:
    hours = Span(road.now, road.now + timedelta(minutes=7))
    take_shift("web-primary", hours, "ada", by_user("ada", "web"), road.now)
    road.event("db")
    road.look()
    assert outbox.people == ["ada"]


def test_who_accepted_to_cover_is_paged(road: Road, outbox: Outbox) -> None:
    hours = Span(road.now, road.now + timedelta(minutes=7))
    asked = ask_cover("web-primary", "bo", hours, by_user("bo", "web"), road.now, asked=["cy"])
    accept_cover(asked.pk, "cy", by_user("cy", "web"), road.now)
    road.event("db")
    road.look()
    assert outbox.people == ["cy"]


def test_an_empty_schedule_moves_the_climb_on_at_once_and_says_so(road: Road, outbox: Outbox) -> None:
    save_schedule(written("web-primary", {**WEEKLY, "users": [None]}), "web", BY, road.now)
    road.event("db")
    road.look()
    assert outbox.people == ["mo"]
    assert timeline(road.incident(), "climb.paged") == [
        "Level 2 pages mo (nobody on level 1, nobody was on call for web-primary)."
    ]


def test_a_schedule_whose_person_was_switched_off_is_empty(road: Road, outbox: Outbox) -> None:
    deactivate_user("bo", BY, road.now)
    road.event("db")
    road.look()
    assert outbox.people == ["mo"]


def test_a_climb_outlives_the_schedule_it_began_with(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.look()
    delete_schedule("web-primary", BY, road.now, named_by=[])
    road.live(minutes=10)
    assert outbox.people == ["bo", "mo", "mo"]


def test_when_nobody_is_on_call_anywhere_the_fallback_is_told_with_the_reason(
    road: Road, outbox: Outbox, world: World
) -> None:
    world.policy.levels = [{"notify": ["schedule:web-primary/next"], "timeout": "5m"}]
    world.policy.save()
    save_schedule(written("web-primary", {**WEEKLY, "users": ["bo"]}), "web", BY, road.now)
    road.event("db")
    road.look()
    assert outbox.people == ["ada"]
    assert timeline(road.incident(), "climb.nobody") == [
        "The policy reaches nobody (nobody comes next on web-primary); ada told instead."
    ]


def test_a_level_for_the_working_hours_is_passed_over_at_night(
    road: Road, outbox: Outbox, world: World
) -> None:
    hours = [{"from": "09:00", "to": "17:00"}]
    save_calendar(calendar_from({"id": "office", "timezone": "UTC", "hours": hours}), BY, road.now)
    office = {"notify": ["schedule:web-primary"], "timeout": "5m", "when": {"calendar": "office"}}
    climb_by(world, office)
    road.sleep(hours=12)
    road.event("db")
    road.look()
    assert outbox.people == ["mo"]
    assert timeline(road.incident(), "climb.paged") == ["Level 2 pages mo (level 1 is for other hours)."]
    road.sleep(hours=12)
    road.event("cpu")
    road.look()
    assert outbox.people[-1] in ("bo", "cy")


def test_low_urgency_waits_for_the_morning_and_says_so(road: Road, outbox: Outbox, world: World) -> None:
    """At seven in the evening all is closed: nobody is woken, nobody told, and at nine the first level is paged."""
    hours = [{"from": "09:00", "to": "17:00"}]
    save_calendar(calendar_from({"id": "office", "timezone": "UTC", "hours": hours}), BY, road.now)
    world.policy.levels = [
        {"notify": ["user:bo"], "timeout": "5m", "when": {"calendar": "office"}},
        {"notify": ["user:cy"], "timeout": "5m", "when": {"calendar": "office"}},
    ]
    world.policy.save()
    refresh()
    road.sleep(hours=10)
    road.event("db", severity="info")
    road.live(hours=13)
    assert outbox.people == []
    morning = road.now + timedelta(hours=1)
    ahead = next_steps(road.incident(), road.now)
    assert [(each.at, each.people, each.opens) for each in ahead][:2] == [
        (morning, ("bo",), True),
        (morning + timedelta(minutes=5), ("cy",), False),
    ]
    (entry,) = Entry.objects.filter(chain=road.incident().chain, kind="climb.waits")
    told = tell(entry.seq, entry.kind, entry.data, entry.who, entry.through, entry.happened_at, {})
    assert told.text == "Every level is for other hours; it waits until level 1 opens."
    assert told.until == morning
    road.live(hours=1)
    assert outbox.people == ["bo"]


def test_what_gets_worse_while_it_waits_pages_at_once(road: Road, outbox: Outbox, world: World) -> None:
    hours = [{"from": "09:00", "to": "17:00"}]
    save_calendar(calendar_from({"id": "office", "timezone": "UTC", "hours": hours}), BY, road.now)
    world.policy.levels = [{"notify": ["user:bo"], "timeout": "5m", "when": {"calendar": "office"}}]
    world.policy.save()
    refresh()
    road.sleep(hours=10)
    road.event("db", severity="info")
    road.live(hours=1)
    assert outbox.people == []
    classify(road.incident().pk, urgency=Urgency.HIGH, by=BY, now=road.now)
    road.look()
    assert outbox.people == ["ada"], "the fallback, as high urgency waits for nothing"


def test_who_escalates_by_hand_at_night_waits_for_nobody(road: Road, outbox: Outbox, world: World) -> None:
    hours = [{"from": "09:00", "to": "17:00"}]
    save_calendar(calendar_from({"id": "office", "timezone": "UTC", "hours": hours}), BY, road.now)
    world.policy.levels = [{"notify": ["user:bo"], "timeout": "5m", "when": {"calendar": "office"}}]
    world.policy.save()
    refresh()
    road.sleep(hours=10)
    road.event("db", severity="info")
    road.look()
    escalate_now(road.incident().pk, by_user("cy", "web"), road.now)
    road.look()
    assert outbox.people == ["ada"]
