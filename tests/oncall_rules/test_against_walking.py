"""The computed schedule is the one that somebody finds who walks through time with a clock, and all answers agree."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oncall_rules.strategies import DAY, QUARTER, ZONES, changes, placed
from tests.oncall_rules.walking import Walk
from tocsin.kernel.hours import Window
from tocsin.kernel.spans import Span, left_out
from tocsin.kernel.zones import wall_clock, zone
from tocsin.oncall.rules import (
    Layer,
    Rotation,
    Schedule,
    Seat,
    Unit,
    final,
    gaps,
    layer_shifts,
    next_shift,
    on_call,
    previous_shift,
    schedule_as_data,
    schedule_from,
    shifts_of,
    timeline,
)

BEFORE, AFTER = 6 * DAY, 8 * DAY
Placed = tuple[Schedule, datetime]


@settings(max_examples=100, deadline=None)
@given(placed())
def test_it_is_what_a_walk_through_time_finds(drawn: Placed) -> None:
    schedule, at = drawn
    walk = Walk(schedule)
    computed = timeline(schedule, at - BEFORE, at + AFTER)
    now = at - BEFORE
    while now < at + AFTER:
        assert set(computed.on_call(now)) == walk.look(now), now
        now += QUARTER


@pytest.mark.parametrize("name", ZONES)
def test_minute_by_minute_over_a_change_of_the_clocks_it_is_what_a_walk_finds(name: str) -> None:
    """Hand-offs, restrictions and joins at the very hours that are skipped, repeated or have odd minutes."""
    at = changes(name)[-1] if changes(name) else datetime.fromisoformat("2026-03-29T01:00Z")
    near = wall_clock(at, zone(name)).replace(minute=7)
    layers = (
        Layer(Rotation(Unit.HOURLY, 5), near - 2 * DAY, ((Seat("ada"),), (Seat("bo"), Seat("cy")), ())),
        Layer(
            Rotation(Unit.DAILY),
            near - 3 * DAY,
            ((Seat("dan", until=near),), (Seat("eve", start=near - DAY),), (Seat("ada"),)),
            restrict=(Window(time(22, 59), time(2, 31)), Window(time(0), time(0, 1))),
        ),
    )
    schedule = Schedule("web", name, layers)
    walk, computed, now = Walk(schedule), timeline(schedule, at - 2 * DAY, at + 2 * DAY), at - 2 * DAY
    while now < at + 2 * DAY:
        assert set(computed.on_call(now)) == walk.look(now), now
        now += timedelta(minutes=1)


@settings(max_examples=100, deadline=None)
@given(placed(), st.lists(st.integers(-12, 12) | st.integers(-2_000, 2_000), min_size=1, max_size=20))
def test_asking_for_an_instant_and_asking_for_a_span_agree(drawn: Placed, quarters: list[int]) -> None:
    schedule, at = drawn
    whole = timeline(schedule, at - 30 * DAY, at + 30 * DAY)
    for number in quarters:
        instant = at + number * QUARTER
        assert on_call(schedule, instant) == whole.on_call(instant)
        shorter = timeline(schedule, instant - DAY, instant + DAY)
        assert shorter.stretch(instant).sources == whole.stretch(instant).sources


@settings(max_examples=100, deadline=None)
@given(placed())
def test_shifts_and_gaps_fill_the_span_exactly_and_no_two_shifts_overlap(drawn: Placed) -> None:
    schedule, at = drawn
    whole = Span(at - BEFORE, at + AFTER)
    shifts = final(schedule, *whole)
    assert all(one.end <= other.start for one, other in pairwise(shifts))
    assert all(one.end < other.start or one[2:] != other[2:] for one, other in pairwise(shifts))  # merged
    assert all(shift.start < shift.end and shift.users for shift in shifts)
    assert all(len(set(shift.users)) == len(shift.users) == len(shift.sources) for shift in shifts)
    held = sorted(shift.span for shift in shifts)
    open_spans = gaps(schedule, *whole)
    covered = list(left_out(whole, open_spans))
    assert covered == list(left_out(whole, left_out(whole, held)))
    for layer in schedule.layers:
        own = layer_shifts(layer, schedule.timezone, *whole, schedule.calendars)
        assert all(one.end <= other.start for one, other in pairwise(own))


@settings(max_examples=100, deadline=None)
@given(placed())
def test_a_schedule_is_read_as_it_is_written(drawn: Placed) -> None:
    schedule, at = drawn
    again = schedule_from(schedule_as_data(schedule), calendars=schedule.calendars)
    assert again == schedule
    assert final(again, at - DAY, at + DAY) == final(schedule, at - DAY, at + DAY)


@settings(max_examples=60, deadline=None)
@given(placed())
def test_the_next_shift_is_the_first_of_others_that_a_look_at_the_whole_finds(drawn: Placed) -> None:
    schedule, at = drawn
    line = timeline(schedule, at - 90 * DAY, at + 90 * DAY)
    others = [shift for shift in line.shifts if set(shift.users) != set(line.on_call(at))]
    following = [shift for shift in others if shift.start > at and shift.end < line.end]
    before = [shift for shift in others if shift.end <= at and shift.start > line.start]
    assert not following or next_shift(schedule, at) == following[0]
    assert not before or previous_shift(schedule, at) == before[-1]


@settings(max_examples=60, deadline=None)
@given(placed())
def test_the_shifts_of_a_person_are_the_hours_in_which_they_are_on_call(drawn: Placed) -> None:
    schedule, at = drawn
    shifts = final(schedule, at - BEFORE, at + AFTER)
    for user in {user for shift in shifts for user in shift.users}:
        mine = shifts_of(shifts, user)
        assert all(one.end < other.start for one, other in pairwise(mine))
        hours = sum((shift.length for shift in shifts if user in shift.users), timedelta(0))
        assert sum((shift.length for shift in mine), timedelta(0)) == hours
