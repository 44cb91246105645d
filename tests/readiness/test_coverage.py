"""Stories of what the coverage proof finds: when too few people come, since when, until when, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.oncall_rules.world import MADRID, at, daily, weekly
from tests.readiness.arranging import MINUTE, arrangement, person
from tocsin.kernel.calendars import calendar_from
from tocsin.kernel.errors import Refused
from tocsin.kernel.moments import format_instant
from tocsin.kernel.urgency import Urgency
from tocsin.kernel.zones import zone
from tocsin.readiness.rules import Arrangement, Proof, coverage, prove

MONDAY, TUESDAY, NEXT_MONDAY = at("2026-01-05"), at("2026-01-06"), at("2026-01-12")
OFFICE = [{"days": ["mon-fri"], "from": "09:00", "to": "17:00"}]


def proof(there: Arrangement, people: int = 1, within: timedelta | None = None, **more: object) -> Proof:
    """That of the week from 5 January, at high urgency."""
    span = more.get("start", MONDAY), more.get("end", NEXT_MONDAY)
    (found,) = prove(there, *span, people, within, ["shop"], [Urgency.HIGH])  # type: ignore[arg-type]
    return found


def told(found: Proof) -> list[str]:
    """The counter-examples as a person would read them out."""
    here = zone(MADRID)
    return [
        f"{format_instant(weak.start, here)} {format_instant(weak.end, here)} "
        f"{'never' if weak.wait is None else weak.wait}: {weak.why}"
        for weak in found.weak
    ]


def test_somebody_who_is_always_on_call_is_paged_at_once() -> None:
    there = arrangement("schedule:web", schedules=({"id": "web", "layers": [weekly("ada", "bo")]},))
    found = proof(there, start=at("2026-01-05T09:00"))
    assert found.holds
    assert found.worst == timedelta(0)


def test_hours_without_anybody_are_told_with_the_schedule_that_is_empty() -> None:
    there = arrangement("schedule:web", schedules=({"id": "web", "layers": [daily("ada", restrict=OFFICE)]},))
    assert told(proof(there, end=at("2026-01-07"))) == [
        "2026-01-05T00:00 2026-01-05T09:00 never: Nobody is reached (level 1: nobody is on call in schedule web).",
        "2026-01-05T17:00 2026-01-06T09:00 never: Nobody is reached (level 1: nobody is on call in schedule web).",
        "2026-01-06T17:00 2026-01-07T00:00 never: Nobody is reached (level 1: nobody is on call in schedule web).",
    ]


def test_an_empty_level_is_passed_over_at_once_and_the_next_is_asked() -> None:
    there = arrangement(
        "30m schedule:web", "user:cy", schedules=({"id": "web", "layers": [daily("ada", restrict=OFFICE)]},)
    )
    assert proof(there).worst == timedelta(0)


def test_a_level_is_asked_who_is_on_call_when_it_is_reached_not_when_the_incident_began() -> None:
    """From 16:55 on the second level finds the shift after ada's, so cy is no longer alone there."""
    layers = [daily("ada", restrict=OFFICE), daily("bo", start="2026-01-05T17:00", end="2026-01-05T18:00")]
    there = arrangement(
        "5m schedule:web", "schedule:web user:cy", schedules=({"id": "web", "layers": layers},)
    )
    late = proof(there, 2, timedelta(0), start=at("2026-01-05T16:50"), end=at("2026-01-05T17:10"))
    assert told(late) == [
        f"2026-01-05T16:50 2026-01-05T16:55 0:05:00: {second('Cy Tran')}",
        f"2026-01-05T16:55 2026-01-05T17:00 0:05:00: {second('Bo Lind')}",
        f"2026-01-05T17:00 2026-01-05T17:10 0:05:00: {second('Cy Tran')}",
    ]


def second(name: str) -> str:
    return f"Person 2 of 2, {name}, is reached after 5 min at level 2, not at once."


def test_a_second_person_comes_from_the_shift_that_begins_meanwhile() -> None:
    """With one level of five minutes and one repeat, the second person is there only just before a hand-over."""
    there = arrangement(
        "5m schedule:web", repeat=1, schedules=({"id": "web", "layers": [daily("ada", "bo")]},)
    )
    found = proof(there, 2, start=at("2026-01-05T12:00"), end=at("2026-01-06T12:00"))
    assert told(found) == [
        "2026-01-05T12:00 2026-01-06T08:55 never: Only 1 of 2 people is reached: Ada Ortiz.",
        "2026-01-06T09:00 2026-01-06T12:00 never: Only 1 of 2 people is reached: Bo Lind.",
    ]


def test_whoever_has_no_contact_does_not_count_and_the_climb_goes_on_without_waiting() -> None:
    there = arrangement("30m user:bo", "user:cy", people=(person("bo", contacts={}),))
    assert proof(there).worst == timedelta(0)
    alone = arrangement("30m user:bo", people=(person("bo", contacts={}),))
    assert [weak.why for weak in proof(alone).weak] == [
        "Nobody is reached (level 1: Bo Lind has no contact)."
    ]


def test_whoever_has_only_contacts_that_fail_does_not_count_but_is_waited_for() -> None:
    broken = person("bo", broken={"way-0": "failed when it was last tried: no such user"})
    there = arrangement("30m user:bo", "user:cy", people=(broken,))
    assert proof(there).worst == timedelta(minutes=30)
    alone = arrangement("user:bo", people=(broken,))
    assert [weak.why for weak in proof(alone).weak] == [
        "Nobody is reached (level 1: Bo Lind cannot be reached "
        "(way-0 failed when it was last tried: no such user))."
    ]


def test_the_wait_of_a_persons_own_rule_is_part_of_the_time() -> None:
    there = arrangement("5m user:bo", "user:cy", people=(person("bo", "10m", low=("1m",)),))
    high, low = prove(there, MONDAY, TUESDAY)
    assert (high.worst, low.worst) == (
        5 * MINUTE,
        MINUTE,
    )  # cy, at the second level, is there before bo's message
    both, _ = prove(there, MONDAY, TUESDAY, 2)
    assert both.worst == 10 * MINUTE


def test_a_contact_that_fails_leaves_the_later_one_of_the_same_person() -> None:
    bo = person("bo", "0s", "7m", broken={"way-0": "fails"})
    assert proof(arrangement("user:bo", people=(bo,))).worst == 7 * MINUTE


def test_people_who_are_switched_off_are_not_paged_and_it_is_said_so() -> None:
    there = arrangement(
        "schedule:web",
        people=(person("ada", active=False),),
        schedules=({"id": "web", "layers": [weekly("ada")]},),
    )
    assert [weak.why for weak in proof(there, start=at("2026-01-05T09:00")).weak] == [
        "Nobody is reached (level 1: Ada Ortiz is switched off (on call in web))."
    ]


def test_everybody_of_a_team_counts_once() -> None:
    there = arrangement("team:web user:ada", teams={"web": ("ada", "bo")})
    assert proof(there, 2).worst == timedelta(0)
    assert proof(there, 3).worst is None
    assert proof(arrangement("team:web", teams={"web": ()})).weak[0].why == (
        "Nobody is reached (level 1: team web has no member)."
    )


def test_who_is_next_and_who_was_before_count_too() -> None:
    layers = [daily("ada", "bo", "cy")]
    there = arrangement(
        "schedule:web schedule:web/next schedule:web/previous", schedules=({"id": "web", "layers": layers},)
    )
    assert proof(there, 3, start=at("2026-01-08T09:00")).worst == timedelta(0)
    first = proof(there, 3, start=at("2026-01-05T09:00"))
    assert first.weak[0].end == at("2026-01-06T09:00")  # on the first day nobody was before ada


def test_whoever_comes_in_a_later_round_is_named_with_the_round() -> None:
    """Nobody is on call until nine; from 8:30 on, a later round of the policy still finds the shift that begins."""
    layers = [daily("ada", restrict=[{"from": "09:00", "to": "17:00"}])]
    there = arrangement(
        "5m user:bo",
        "5m schedule:web",
        repeat=3,
        people=(person("bo", broken={"way-0": "failed when it was last tried: no such user"}),),
        schedules=({"id": "web", "layers": layers},),
    )
    early = proof(there, within=timedelta(0), start=at("2026-01-06T08:50"), end=at("2026-01-06T09:00"))
    assert told(early) == [
        "2026-01-06T08:50 2026-01-06T08:55 0:10:00: The first person, Ada Ortiz, is reached after 10 min at level 2,"
        " round 2, not at once (level 1: Bo Lind cannot be reached (way-0 failed when it was last tried: no such user);"
        " level 2: nobody is on call in schedule web).",
        "2026-01-06T08:55 2026-01-06T09:00 0:05:00: The first person, Ada Ortiz, is reached after 5 min at level 2,"
        " not at once (level 1: Bo Lind cannot be reached (way-0 failed when it was last tried: no such user)).",
    ]


def test_who_answers_first_is_told_by_when_they_are_reached_not_by_when_they_are_paged() -> None:
    """Ada is paged first and reached after ten hours; bo comes in the second round, and cy never."""
    slow, never = person("ada", "10h"), person("cy", contacts={})
    layers = [daily("cy", "bo", start="2026-01-05T09:00")]
    there = arrangement(
        "5m user:ada",
        "1h schedule:web",
        repeat=1,
        people=(slow, never),
        schedules=({"id": "web", "layers": layers},),
    )
    found = proof(there, 2, timedelta(0), start=at("2026-01-06T08:50"), end=at("2026-01-06T08:56"))
    assert [weak.why for weak in found.weak] == [
        "Person 2 of 2, Ada Ortiz, is reached after 10 h at level 1, not at once"
        " (level 2: Cy Tran has no contact (on call in web)).",
        "Person 2 of 2, Ada Ortiz, is reached after 10 h at level 1, not at once.",
    ]


def test_an_override_and_a_future_leave_are_seen() -> None:
    layers = [weekly({"user": "ada", "until": "2026-01-09T00:00"})]
    overrides = [{"start": "2026-01-07T12:00", "end": "2026-01-07T13:00", "users": ["ada"], "mode": "remove"}]
    there = arrangement("schedule:web", schedules=({"id": "web", "layers": layers, "overrides": overrides},))
    found = proof(there, start=at("2026-01-05T09:00"))
    assert [(weak.start, weak.end) for weak in found.weak] == [
        (at("2026-01-07T12:00"), at("2026-01-07T13:00")),
        (at("2026-01-09"), NEXT_MONDAY),
    ]


def test_a_service_without_a_policy_reaches_nobody_and_the_fallback_does_not_count() -> None:
    there = arrangement("user:ada", fallback=("bo",))
    bare = replace(there, services={"shop": replace(there.services["shop"], policy=None)})
    found = proof(bare)
    assert found.worst is None
    assert [weak.why for weak in found.weak] == ["Service shop has no policy."]
    nobody = replace(there, people={**there.people, "ada": person("ada", active=False)})
    assert not proof(nobody).holds


def test_a_level_that_is_closed_is_passed_over_until_its_calendar_opens() -> None:
    office = calendar_from({"id": "office", "timezone": MADRID, "hours": OFFICE})
    level = {"notify": ["user:ada"], "timeout": "10m", "when": {"calendar": "office"}}
    there = arrangement(level, "user:bo", calendars=(office,))
    found = proof(there, 2, timedelta(minutes=5), end=at("2026-01-06"))
    assert told(found) == [
        "2026-01-05T00:00 2026-01-05T09:00 never: Only 1 of 2 people is reached: Bo Lind "
        "(level 1: user:ada is paged only in the hours of calendar office).",
        "2026-01-05T09:00 2026-01-05T17:00 0:10:00: Person 2 of 2, Bo Lind, is reached after 10 min at level 2, "
        "not within 5 min.",
        "2026-01-05T17:00 2026-01-06T00:00 never: Only 1 of 2 people is reached: Bo Lind "
        "(level 1: user:ada is paged only in the hours of calendar office).",
    ]


def low(there: Arrangement, people: int = 1, within: timedelta | None = None, **more: Any) -> Proof:
    """The proof of the week from 5 January at low urgency."""
    span = more.get("start", MONDAY), more.get("end", NEXT_MONDAY)
    (found,) = prove(there, *span, people, within, ["shop"], [Urgency.LOW])
    return found


def test_low_urgency_waits_until_a_level_opens_so_the_wait_gets_shorter_towards_that_hour() -> None:
    office = calendar_from({"id": "office", "timezone": MADRID, "hours": OFFICE})
    level = {"notify": ["user:ada"], "timeout": "10m", "when": {"calendar": "office"}}
    there = arrangement(level, calendars=(office,))
    week = low(there)
    assert (week.worst, week.worst_at) == (timedelta(hours=64), at("2026-01-09T17:00"))
    assert week.holds  # somebody comes, in the end
    assert told(low(there, within=timedelta(hours=1), end=TUESDAY)) == [
        "2026-01-05T00:00 2026-01-05T08:00 9:00:00: The first person, Ada Ortiz, is reached when level 1 opens,"
        " not within 1 h (level 1: user:ada is paged only in the hours of calendar office).",
        "2026-01-05T17:00 2026-01-06T00:00 16:00:00: The first person, Ada Ortiz, is reached when level 1 opens,"
        " not within 1 h (level 1: user:ada is paged only in the hours of calendar office).",
    ]
    high = proof(there, end=TUESDAY)
    assert high.worst is None  # that waits for nothing


def test_what_follows_a_level_that_was_waited_for_comes_that_long_after_it_opens() -> None:
    office = calendar_from({"id": "office", "timezone": MADRID, "hours": OFFICE})
    when = {"calendar": "office"}
    there = arrangement(
        {"notify": ["user:ada"], "timeout": "10m", "when": when},
        {"notify": ["user:bo"], "timeout": "10m", "when": when},
        calendars=(office,),
        people=(person("ada", low=("5m",)),),
    )
    early = low(there, 2, timedelta(minutes=30), end=at("2026-01-05T09:00"))
    assert told(early) == [
        "2026-01-05T00:00 2026-01-05T08:40 9:10:00: Person 2 of 2, Bo Lind, is reached 10 min after level 1 opens,"
        " at level 2, not within 30 min (level 1: user:ada is paged only in the hours of calendar office;"
        " level 2: user:bo is paged only in the hours of calendar office).",
    ]


def test_whoever_comes_at_an_hour_of_the_day_overtakes_whoever_comes_after_a_while() -> None:
    """Ada is reached ten hours after her page, which the climb makes at once; cy when the office opens at nine."""
    office = calendar_from({"id": "office", "timezone": MADRID, "hours": OFFICE})
    there = arrangement(
        "1h user:ada",
        {"notify": ["user:cy"], "timeout": "10m", "when": {"calendar": "office"}},
        calendars=(office,),
        people=(person("ada", low=("10h",)),),
    )
    night = low(there, 2, timedelta(hours=9), start=at("2026-01-05T17:00"), end=at("2026-01-06T08:00"))
    closed = "(level 2: user:cy is paged only in the hours of calendar office)."
    assert told(night) == [
        "2026-01-05T17:00 2026-01-05T23:00 16:00:00: Person 2 of 2, Cy Tran, is reached when level 2 opens,"
        f" not within 9 h {closed}",
        "2026-01-05T23:00 2026-01-06T08:00 10:00:00: Person 2 of 2, Ada Ortiz, is reached after 10 h at level 1,"
        f" not within 9 h {closed}",
    ]


def test_a_condition_by_each_persons_clock_opens_when_it_is_day_where_they_live() -> None:
    office = calendar_from({"id": "office", "timezone": MADRID, "hours": OFFICE})
    when = {"calendar": "office", "zone": "person"}
    there = arrangement(
        {"notify": ["user:ada", "user:bo"], "timeout": "10m", "when": when},
        people=(person("bo", timezone="America/New_York"),),
        calendars=(office,),
    )
    assert [weak.span for weak in proof(there, end=at("2026-01-06")).weak] == [
        (at("2026-01-05"), at("2026-01-05T09:00")),
        (at("2026-01-05T23:00"), at("2026-01-06")),
    ]


def test_a_schedule_that_is_gone_is_said_to_be_gone() -> None:
    assert proof(arrangement("schedule:web")).weak[0].why == (
        "Nobody is reached (level 1: there is no schedule web)."
    )


def test_a_climb_is_followed_for_a_week_and_no_longer() -> None:
    days = ["2d user:ada"] * 5
    assert proof(arrangement(*days[:3], "2d user:ada", "user:bo"), 2).worst is None
    assert proof(arrangement(*days[:3], "user:bo"), 2).worst == timedelta(days=6)


def test_what_cannot_be_asked_is_refused() -> None:
    there = arrangement("user:ada")
    for ask in (
        lambda: prove(there, MONDAY, MONDAY),
        lambda: prove(there, MONDAY, MONDAY + timedelta(weeks=27)),
        lambda: prove(there, MONDAY, TUESDAY, 0),
        lambda: prove(there, MONDAY, TUESDAY, 21),
        lambda: prove(there, MONDAY, TUESDAY, 1, timedelta(days=8)),
    ):
        with pytest.raises(Refused):
            ask()


def test_what_would_take_minutes_is_refused_with_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that pages every second for half an hour, below a schedule that changes hands every hour."""
    monkeypatch.setattr(coverage, "LOOKS_MAX", 20_000)
    layers = [{"rotation": "hourly", "start": "2026-01-05", "users": ["ada", "bo", "cy"]}]
    there = arrangement(*["1s schedule:web"] * 20, repeat=100, schedules=({"id": "web", "layers": layers},))
    with pytest.raises(Refused, match="That is too much to prove at once"):
        proof(there, 3)
    assert proof(there, 1, start=at("2026-01-05")).holds
