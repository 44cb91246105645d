"""Weekly hours as people write them, and working calendars made of them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oncall_rules.strategies import DAY, QUARTER, WINDOWS, ZONES, changes
from tests.oncall_rules.walking import in_window
from tests.oncall_rules.world import HOUR, at, span
from tocsin.kernel.calendars import (
    LOOK_AHEAD,
    Calendar,
    Holiday,
    calendar_as_data,
    calendar_from,
)
from tocsin.kernel.errors import Refused
from tocsin.kernel.hours import Window, window_as_data, window_from, window_spans, windows_from
from tocsin.kernel.spans import Span, common, left_out, total, united
from tocsin.kernel.zones import zone

OFFICE = calendar_from(
    {
        "id": "office",
        "timezone": "Europe/Madrid",
        "hours": [
            {"days": ["mon-thu"], "from": "09:00", "to": "18:00"},
            {"days": ["fri"], "from": "08:00", "to": "15:00"},
        ],
        "holidays": [{"day": "2026-01-06", "name": "Reyes"}],
    }
)


def test_it_is_open_in_its_hours_but_not_on_holidays() -> None:
    assert OFFICE.open_spans(*span("2026-01-05T12:00", "2026-01-10")) == (
        span("2026-01-05T12:00", "2026-01-05T18:00"),
        span("2026-01-07T09:00", "2026-01-07T18:00"),
        span("2026-01-08T09:00", "2026-01-08T18:00"),
        span("2026-01-09T08:00", "2026-01-09T15:00"),
    )
    assert OFFICE.is_open(at("2026-01-05T09:00")) and not OFFICE.is_open(at("2026-01-05T18:00"))
    assert OFFICE.holiday_at(at("2026-01-06T23:59")) == "Reyes"
    assert OFFICE.holiday_at(at("2026-01-07T00:00")) is None


def test_silence_until_the_next_working_hours_ends_when_they_begin() -> None:
    assert OFFICE.next_open(at("2026-01-09T16:00")) == at("2026-01-12T09:00")
    assert OFFICE.next_open(at("2026-01-12T10:00")) == at("2026-01-12T10:00")


def test_a_clock_that_stands_still_while_it_is_closed() -> None:
    start = at("2026-01-05T17:00")
    assert OFFICE.worked(start, at("2026-01-07T10:00")) == 2 * HOUR
    assert OFFICE.after_working(start, 2 * HOUR) == at("2026-01-07T10:00")
    assert OFFICE.after_working(start, HOUR) == at("2026-01-05T18:00")  # not the next morning
    assert OFFICE.after_working(start, 0 * HOUR) == start


def test_a_calendar_that_never_opens_says_so() -> None:
    never = Calendar("never", "Never", "UTC", ())
    assert not never.is_open(at("2026-01-05")) and never.next_open(at("2026-01-05")) is None
    assert never.after_working(at("2026-01-05"), HOUR) is None
    assert OFFICE.after_working(at("2026-01-05"), LOOK_AHEAD) is None


def test_hours_over_midnight_into_a_holiday_end_at_midnight() -> None:
    holidays = (Holiday(date(2026, 1, 6)), Holiday(date(2026, 1, 7)))
    nights = Calendar("nights", "", "Europe/Madrid", (Window(time(22), time(6)),), holidays)
    assert nights.open_spans(*span("2026-01-05T12:00", "2026-01-08T12:00")) == (
        span("2026-01-05T22:00", "2026-01-06"),
        span("2026-01-08", "2026-01-08T06:00"),
    )
    assert nights.holiday_spans(*span("2026-01-01", "2026-02-01")) == (span("2026-01-06", "2026-01-08"),)


def test_a_day_without_midnight_is_a_holiday_from_its_first_instant() -> None:
    chile = Calendar(
        "chile", "", "America/Santiago", (Window(time(0), time(0)),), (Holiday(date(2026, 9, 6)),)
    )
    begins = datetime.fromisoformat("2026-09-06T04:00Z")
    closed = [
        *left_out(Span(begins - DAY, begins + 2 * DAY), chile.open_spans(begins - DAY, begins + 2 * DAY))
    ]
    assert closed == [Span(begins, begins + 23 * HOUR)]


def test_hours_that_meet_or_overlap_are_one() -> None:
    hours = windows_from(
        [{"from": "12:00", "to": "17:00"}, {"from": "09:00", "to": "12:00"}, {"from": "11:00", "to": "13:00"}]
    )
    assert window_spans(hours, zone("Europe/Madrid"), *span("2026-01-05", "2026-01-06")) == (
        span("2026-01-05T09:00", "2026-01-05T17:00"),
    )


def test_a_clock_that_is_set_back_over_midnight_has_opened_the_next_day_already() -> None:
    """In St John's it was a minute past midnight when it became a minute past eleven in the evening."""
    here = zone("America/St_Johns")
    midnight = datetime.fromisoformat("2010-11-07T02:30Z")
    spans = window_spans([Window(time(0), time(0, 30), (6,))], here, midnight - HOUR, midnight + HOUR / 2)
    assert spans == (Span(midnight, midnight + HOUR / 2),)


stops = st.integers(-200, 200)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ZONES), st.lists(WINDOWS, max_size=3), st.integers(0, 30), stops)
def test_hours_are_open_when_a_clock_on_the_wall_says_so(
    name: str, windows: list[Window], which: int, late: int
) -> None:
    here = zone(name)
    near = changes(name) or (datetime.fromisoformat("2026-02-27T00:00Z"),)
    start = near[which % len(near)] - 2 * DAY + late * QUARTER
    spans = window_spans(windows, here, start, start + 4 * DAY)
    latest = datetime(1970, 1, 1)
    now = start - DAY
    while now < start + 4 * DAY:
        latest = max(latest, now.astimezone(here).replace(tzinfo=None))
        if now >= start:
            assert any(one.start <= now < one.end for one in spans) == any(
                in_window(each, latest) for each in windows
            )
        now += QUARTER


@given(st.lists(WINDOWS, max_size=3), stops, st.integers(0, 100))
def test_what_was_worked_is_what_passes_until_a_clock_is_due(
    windows: list[Window], late: int, quarters: int
) -> None:
    calendar = Calendar("c", "", "Europe/Berlin", tuple(windows))
    start, work = at("2026-03-28") + late * QUARTER, quarters * QUARTER
    due = calendar.after_working(start, work)
    if due is None:
        assert not windows
        return
    assert calendar.worked(start, due) == work
    assert due == start or calendar.worked(start, due - timedelta(seconds=1)) < work  # and not any earlier


@given(WINDOWS)
def test_a_window_is_read_as_it_is_written(window: Window) -> None:
    assert window_from(window_as_data(window)) == window


def test_a_calendar_is_read_as_it_is_written() -> None:
    assert calendar_from(calendar_as_data(OFFICE)) == OFFICE


@pytest.mark.parametrize(
    ("written", "days"),
    [
        (["mon-fri"], (0, 1, 2, 3, 4)),
        (["fri-mon"], (0, 4, 5, 6)),
        (["sun", "mon-wed", "tue"], (0, 1, 2, 6)),
        (["mon-sun"], (0, 1, 2, 3, 4, 5, 6)),
    ],
)
def test_days_are_names_and_ranges_also_over_the_weekend(written: list[str], days: tuple[int, ...]) -> None:
    assert window_from({"days": written, "from": "09:00", "to": "17:00"}).days == days


@pytest.mark.parametrize(
    ("window", "hours"),
    [
        ({"from": "09:00", "to": "17:00"}, 8),
        ({"from": "22:00", "to": "06:00"}, 8),
        ({"from": "09:00", "to": "09:00"}, 24),
        ({"from": "00:00", "to": "24:00"}, 24),
        ({"from": "17:00", "to": "mon 09:00", "days": ["fri"]}, 64),
        ({"from": "09:00", "to": "mon 09:00", "days": ["mon"]}, 168),
        ({"from": "09:00", "to": "mon 10:00", "days": ["mon"]}, 1),
        ({"from": "09:00", "to": "mon 08:00", "days": ["mon"]}, 167),
    ],
)
def test_how_long_a_window_is(window: dict[str, Any], hours: int) -> None:
    once_a_week = window_from({"days": ["mon"], **window})
    week = Span(at("2026-01-07"), at("2026-01-14"))
    assert total(window_spans([once_a_week], zone("UTC"), *week)) == hours * HOUR


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("9-17", "is not a window"),
        ({"from": "09:00"}, "has no to"),
        ({"to": "09:00"}, "has no from"),
        ({"from": "9:0", "to": "17:00"}, "not a time of day"),
        ({"from": "09:00", "to": "24:01"}, "not a time of day"),
        ({"from": "24:00", "to": "01:00"}, "not a time of day"),
        ({"from": 540, "to": "17:00"}, "not a time of day"),
        ({"from": "09:00", "to": "monday 17:00"}, "not a weekday"),
        ({"from": "09:00", "to": "mon 24:00"}, "not a time of day"),
        ({"days": [], "from": "09:00", "to": "17:00"}, "are no days"),
        ({"days": "mon", "from": "09:00", "to": "17:00"}, "are no days"),
        ({"days": ["Mon"], "from": "09:00", "to": "17:00"}, "not a weekday"),
        ({"days": ["mon-"], "from": "09:00", "to": "17:00"}, "not a weekday"),
        ({"days": [1], "from": "09:00", "to": "17:00"}, "not a weekday"),
        ({"day": ["mon"], "from": "09:00", "to": "17:00"}, "Unknown key 'day'"),
    ],
)
def test_what_is_no_window_is_refused_at_its_place(data: object, words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        windows_from([data], "hours")
    assert refused.value.where.startswith("hours.0")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": "Office"}, "id: 'Office' cannot be an id"),
        ({"timezone": "Europe"}, "timezone: 'Europe' is not a time zone"),
        ({"timezone": None}, "timezone"),
        ({"hours": "always"}, "hours: .* stands where hours belong"),
        ({"hours": [{"from": "09:00", "to": "10:00"}] * 51}, "hours: 51 windows"),
        ({"holidays": [{"day": "2026-02-30"}]}, "holidays.0.day: '2026-02-30' is not a day"),
        ({"holidays": [{"day": "20260106"}]}, "is not a day"),
        ({"holidays": ["2026-01-06"]}, "is not a holiday"),
        ({"holidays": [{"day": "2026-01-06", "name": "a\nb"}]}, "cannot be a name"),
        ({"holidays": [{"day": "2026-01-06"}] * 2_001}, "at most 2000"),
        ({"name": "x" * 101}, "name"),
        ({"colour": "red"}, "Unknown key 'colour'"),
    ],
)
def test_a_calendar_that_makes_no_sense_is_refused_at_its_place(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        calendar_from({**calendar_as_data(OFFICE), **change})


# --- spans ---

numbers = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=8)
Pairs = list[tuple[int, int]]
ORIGIN = at("2026-01-01")


def as_spans(pairs: Pairs) -> list[Span]:
    return [Span(ORIGIN + start * HOUR, ORIGIN + (start + length) * HOUR) for start, length in pairs]


def hours_of(spans: Any) -> set[int]:
    return {
        number for one in spans for number in range((one.start - ORIGIN) // HOUR, (one.end - ORIGIN) // HOUR)
    }


@given(numbers, numbers)
def test_spans_are_united_cut_and_left_out_like_sets_of_hours(
    ones: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    mine, theirs = united(as_spans(ones)), united(as_spans(others))
    assert hours_of(mine) == hours_of(as_spans(ones))
    assert hours_of(common(mine, theirs)) == hours_of(mine) & hours_of(theirs)
    whole = Span(ORIGIN, ORIGIN + 50 * HOUR)
    assert hours_of(left_out(whole, mine)) == set(range(50)) - hours_of(mine)
    assert total(mine) == len(hours_of(mine)) * HOUR
    assert all(one.end < other.start for one, other in pairwise(mine))
