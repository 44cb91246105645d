"""What a change does to people and coverage, seen before it is saved."""

from __future__ import annotations

from dataclasses import replace

from tests.oncall_rules.world import DAY, HOUR, WEEK, at, daily, schedule, span, weekly
from tocsin.oncall.rules import Gap, ShiftChange, Why, impact

NOW = at("2026-01-07T12:00")
END = at("2026-02-02T09:00")
WEB = schedule(weekly("ada", "bo"))


def test_nothing_changed_is_nothing_to_tell() -> None:
    nothing = impact([WEB], [WEB], NOW, END)
    assert nothing.shifts == nothing.people == nothing.opened == nothing.closed == ()


def test_shifts_that_move_are_told_from_shifts_lost_and_gained() -> None:
    later = schedule(weekly("ada", "bo", start="2026-01-05T10:00"))
    change = impact([WEB], [later], NOW, END)
    assert len(change.moved) == len(change.shifts) == 4
    bo = ShiftChange(
        "web",
        "bo",
        span("2026-01-12T09:00", "2026-01-19T09:00"),
        span("2026-01-12T10:00", "2026-01-19T10:00"),
    )
    assert bo in change.moved
    other = impact([WEB], [schedule(weekly("ada", "cy"))], NOW, END)
    assert not other.moved
    assert {(each.user, each.before is None) for each in other.shifts} == {("bo", False), ("cy", True)}


def test_hours_gained_and_lost_are_counted_per_person() -> None:
    change = impact([WEB], [schedule(weekly("ada", "cy"))], NOW, END)
    gained = {person.user: person.gained for person in change.people}
    assert gained == {"bo": -2 * WEEK, "cy": 2 * WEEK}


def test_an_override_costs_only_those_it_names() -> None:
    help_out = {"start": "2026-01-13T00:00", "end": "2026-01-14T00:00", "users": ["cy"], "replaces": ["bo"]}
    change = impact([WEB], [schedule(weekly("ada", "bo"), overrides=[help_out])], NOW, END)
    assert {(each.user, each.gained) for each in change.people} == {("bo", -DAY), ("cy", DAY)}


def test_gaps_that_open_and_close_are_shown_and_those_of_the_past_are_not() -> None:
    gone = schedule(weekly("ada", None))
    opened = impact([WEB], [gone], NOW, END)
    assert opened.opened == tuple(
        Gap("web", span(start, end))
        for start, end in (("2026-01-12T09:00", "2026-01-19T09:00"), ("2026-01-26T09:00", "2026-02-02T09:00"))
    )
    closed = impact([gone], [WEB], NOW, END)
    assert closed.closed == opened.opened and closed.opened == ()


def test_a_gap_that_only_grows_opens_by_what_it_grows() -> None:
    short = schedule(daily("ada", restrict=[{"from": "09:00", "to": "17:00"}]))
    shorter = schedule(daily("ada", restrict=[{"from": "09:00", "to": "16:00"}]))
    change = impact([short], [shorter], NOW, NOW + DAY)
    assert change.opened == (Gap("web", span("2026-01-07T16:00", "2026-01-07T17:00")),)
    assert change.closed == ()


def test_a_new_schedule_opens_the_gaps_it_has_and_one_that_is_gone_opens_none() -> None:
    nights = schedule(daily("cy", restrict=[{"from": "22:00", "to": "06:00"}]))
    new = impact([WEB], [WEB, replace(nights, id="nights")], NOW, NOW + DAY)
    assert [gap.schedule for gap in new.opened] == ["nights", "nights"]
    gone = impact([WEB], [], NOW, END)
    assert gone.opened == gone.closed == ()
    assert {person.user for person in gone.people} == {"ada", "bo"}


def test_goalert_1973_a_person_whose_next_shift_moved_is_told_however_far_off_it_is() -> None:
    people = [f"p{number}" for number in range(40)]
    moved = [*people[:-2], people[-1], people[-2]]
    change = impact([schedule(weekly(*people))], [schedule(weekly(*moved))], NOW, NOW + WEEK)
    assert [person.user for person in change.people] == ["p38", "p39"]
    p38, p39 = change.people
    assert p38.why is p39.why is Why.NEXT_SHIFT
    assert p38.gained == p39.gained == 0 * HOUR  # within the week that was looked at
    assert p38.next_before and p38.next_before[1].start == at("2026-09-28T09:00")
    assert p38.next_after and p38.next_after[1].start == at("2026-10-05T09:00")


def test_who_is_on_call_this_moment_and_will_not_be_is_told_so() -> None:
    change = impact([WEB], [schedule(weekly("cy", "bo"))], NOW, END)
    why = {person.user: person.why for person in change.people}
    assert why == {"ada": Why.ON_CALL_NOW, "cy": Why.ON_CALL_NOW}


def test_who_keeps_the_next_shift_but_not_a_later_one_is_told_of_that() -> None:
    later = {"start": "2026-01-26T09:00", "end": "2026-02-02T09:00", "users": ["cy"], "replaces": ["bo"]}
    change = impact([WEB], [schedule(weekly("ada", "bo"), overrides=[later])], NOW, END)
    assert {person.user: person.why for person in change.people} == {
        "bo": Why.LATER_SHIFTS,
        "cy": Why.NEXT_SHIFT,
    }


def test_somebody_on_two_schedules_keeps_the_nearer_shift_as_the_next() -> None:
    nights = replace(schedule(daily("ada", "bo", start="2026-01-07T22:00")), id="nights")
    other = replace(schedule(daily("ada", "bo", start="2026-01-08T22:00")), id="nights")
    change = impact([WEB, nights], [WEB, other], NOW, END)
    bo = next(person for person in change.people if person.user == "bo")
    assert bo.next_before == ("nights", span("2026-01-08T22:00", "2026-01-09T22:00"))
    assert bo.next_after == ("nights", span("2026-01-09T22:00", "2026-01-10T22:00"))
