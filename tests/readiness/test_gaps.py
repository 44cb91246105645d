"""Stories of what is found to be missing, and what is left alone because somebody meant it so."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from tests.oncall_rules.world import MADRID, at, daily, weekly
from tests.readiness.arranging import arrangement, person
from tocsin.kernel.calendars import calendar_from
from tocsin.kernel.urgency import Urgency
from tocsin.notification.rules import Step
from tocsin.readiness.rules import Arrangement, Gap, GapKind, gaps_ahead

MONDAY, TUESDAY = at("2026-01-05"), at("2026-01-06")
OFFICE = [{"days": ["mon-fri"], "from": "09:00", "to": "17:00"}]


def found(there: Arrangement, kind: GapKind, start: datetime = MONDAY, end: datetime = TUESDAY) -> list[Gap]:
    return [gap for gap in gaps_ahead(there, start, end) if gap.kind is kind]


def hours(gaps: list[Gap]) -> list[tuple[datetime, datetime]]:
    return [(gap.span.start, gap.span.end) for gap in gaps]


def office_hours(*more: dict[str, object]) -> dict[str, object]:
    return {"id": "web", "layers": [*more, daily("ada", restrict=OFFICE)]}


def test_an_organisation_in_which_somebody_always_comes_has_no_gap() -> None:
    there = arrangement("schedule:web", "user:bo", schedules=({"id": "web", "layers": [weekly("ada")]},))
    assert gaps_ahead(there, at("2026-01-05T09:00"), at("2026-04-05T09:00")) == ()


def test_a_gap_is_told_of_the_schedule_the_level_and_the_service_that_have_it() -> None:
    there = arrangement("schedule:web", schedules=(office_hours(),))
    nights = [(MONDAY, at("2026-01-05T09:00")), (at("2026-01-05T17:00"), TUESDAY)]
    for kind, about in ((GapKind.SERVICE, "shop"), (GapKind.LEVEL, "web"), (GapKind.SCHEDULE, "web")):
        gaps = found(there, kind)
        assert hours(gaps) == nights, kind
        assert {gap.about for gap in gaps} == {about}
        assert {gap.services for gap in gaps} == {("shop",)}
        assert {gap.urgencies for gap in gaps} == {tuple(Urgency)}
        assert all("schedule web" in gap.why and gap.mend.endswith(".") for gap in gaps)
        assert gaps[0].length == timedelta(hours=9)
    assert [gap.kind for gap in gaps_ahead(there, MONDAY, TUESDAY)][:3] == [GapKind.SERVICE] * 2 + [
        GapKind.LEVEL
    ]


def test_a_level_that_others_stand_behind_leaves_no_service_without_anybody() -> None:
    there = arrangement("schedule:web", "user:bo", schedules=(office_hours(),))
    assert not found(there, GapKind.SERVICE)
    assert len(found(there, GapKind.LEVEL)) == 2


def test_a_turn_without_people_says_that_nobody_is_meant_to_be_there() -> None:
    """The level that names this schedule alone is then empty on purpose too; the service still reaches nobody."""
    there = arrangement("schedule:web", schedules=(office_hours(weekly(None)),))
    start = at("2026-01-05T09:00")
    assert not found(there, GapKind.SCHEDULE, start)
    assert not found(there, GapKind.LEVEL, start)
    assert hours(found(there, GapKind.SERVICE, start)) == [(at("2026-01-05T17:00"), TUESDAY)]


def test_hours_that_an_override_empties_are_a_gap_unless_an_empty_turn_lies_below() -> None:
    emptied = {"start": "2026-01-05T10:00", "end": "2026-01-05T11:00", "users": ["ada"], "mode": "remove"}
    hour = (at("2026-01-05T10:00"), at("2026-01-05T11:00"))
    for layers, is_gap in (([], True), ([weekly(None)], False)):
        schedule = office_hours(*layers) | {"overrides": [emptied]}
        there = arrangement("schedule:web", schedules=(schedule,))
        assert (hour in hours(found(there, GapKind.SCHEDULE, at("2026-01-05T09:00")))) is is_gap


def test_a_temporary_schedule_may_be_empty_on_purpose() -> None:
    layers = [daily("ada")]
    closed = {"start": "2026-01-07", "end": "2026-01-09", "layers": [daily(None, start="2026-01-08T00:00")]}
    there = arrangement("schedule:web", schedules=({"id": "web", "layers": layers, "overrides": [closed]},))
    gaps = found(there, GapKind.SCHEDULE, at("2026-01-06"), at("2026-01-12"))
    assert hours(gaps) == [(at("2026-01-07"), at("2026-01-08"))]


def test_a_level_outside_its_hours_is_no_gap() -> None:
    office = calendar_from({"id": "office", "timezone": MADRID, "hours": OFFICE})
    level = {"notify": ["user:ada"], "timeout": "10m", "when": {"calendar": "office"}}
    there = arrangement(level, "user:bo", calendars=(office,))
    assert gaps_ahead(there, MONDAY, TUESDAY) == ()
    alone = arrangement(level, calendars=(office,))
    assert {gap.kind for gap in gaps_ahead(alone, MONDAY, TUESDAY)} == {GapKind.SERVICE}


def test_whoever_is_on_call_and_cannot_be_reached_is_told_for_these_hours() -> None:
    there = arrangement(
        "schedule:web",
        "user:cy",
        people=(person("bo", contacts={}),),
        schedules=({"id": "web", "layers": [daily("ada", "bo")]},),
    )
    (gap,) = found(there, GapKind.PERSON, end=at("2026-01-07T12:00"))
    assert (gap.about, gap.span) == ("bo", (at("2026-01-06T09:00"), at("2026-01-07T09:00")))
    assert gap.why == "Bo Lind has no contact; to be paged by schedule web."
    assert "Give Bo Lind a contact that works" in gap.mend
    assert hours(found(there, GapKind.LEVEL, at("2026-01-05T09:00"), at("2026-01-07"))) == [
        (at("2026-01-06T09:00"), at("2026-01-07"))
    ]


def test_an_urgency_at_which_somebody_cannot_be_reached_is_named() -> None:
    contacts = {"mail": "mailto:bo@example.com", "call": "tel:1"}
    steps = {Urgency.HIGH: (Step("mail"),), Urgency.LOW: (Step("call"),)}
    bo = replace(person("bo"), contacts=contacts, steps=steps, broken={"call": "fails"})
    there = arrangement("user:bo", people=(bo,))
    (gap,) = found(there, GapKind.PERSON)
    assert gap.urgencies == (Urgency.LOW,)
    assert gap.why == "Bo Lind cannot be reached (call fails); to be paged by policy web (user:bo)."


def test_people_of_teams_the_fallback_and_those_who_are_switched_off_are_looked_at() -> None:
    there = arrangement(
        "user:ada",
        "team:web",
        teams={"web": ("bo", "cy")},
        people=(person("bo", active=False), person("cy", contacts={}), person("dan", contacts={})),
        fallback=("dan",),
        is_named=True,
    )
    assert [(gap.about, gap.why, gap.services) for gap in found(there, GapKind.PERSON)] == [
        ("bo", "Bo Lind is switched off; to be paged by policy web (team:web).", ("shop",)),
        ("cy", "Cy Tran has no contact; to be paged by policy web (team:web).", ("shop",)),
        ("dan", "Dan Roy has no contact; to be paged by the organisation, as its fallback.", ()),
    ]


def test_contacts_that_nobody_ever_tried_are_a_kind_of_their_own() -> None:
    there = arrangement("user:ada", people=(person("ada", untried=frozenset({"way-0"})),))
    (gap,) = gaps_ahead(there, MONDAY, TUESDAY)
    assert (gap.kind, gap.about) == (GapKind.UNTRIED, "ada")
    assert (
        gap.why
        == "No message has ever been sent to Ada Ortiz by way-0; to be paged by policy web (user:ada)."
    )
    tried = arrangement("user:ada", people=(person("ada", "0s", "5m", untried=frozenset({"way-0"})),))
    assert gaps_ahead(tried, MONDAY, TUESDAY) == ()


def test_a_policy_that_no_service_climbs_has_no_gaps() -> None:
    there = arrangement("schedule:gone")
    unused = Arrangement(policies=there.policies, people=there.people)
    assert gaps_ahead(unused, MONDAY, TUESDAY) == ()


def test_administrators_who_stand_in_for_a_fallback_that_nobody_named_are_no_gap() -> None:
    there = arrangement("user:ada", people=(person("dan", contacts={}),), fallback=("dan",))
    assert gaps_ahead(there, MONDAY, TUESDAY) == ()
