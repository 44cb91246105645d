"""Who carries how much, and how even that is."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oncall_rules.world import DAY, HOUR, WEEK, at, daily, schedule, span, weekly
from tocsin.kernel.calendars import Calendar, Holiday
from tocsin.kernel.hours import windows_from
from tocsin.oncall.rules import Carrier, Counting, balance, final, loads, suggestions

SPAIN = Calendar("spain", "Spain", "Europe/Madrid", (), (Holiday(date(2026, 1, 6), "Reyes"),))
NOW = at("2026-01-01")


def people(*users: str, zone: str = "Europe/Madrid") -> list[Carrier]:
    return [Carrier(user, zone, SPAIN) for user in users]


def test_hours_nights_weekends_and_holidays_are_counted_apart() -> None:
    """From Monday nine to Monday nine: seven nights of eight hours, one weekend, one holiday."""
    shifts = final(schedule(weekly("ada", "bo")), *span("2026-01-05T09:00", "2026-01-12T09:00"))
    ada, bo = loads(shifts, people("ada", "bo"))
    assert (ada.shifts, ada.hours, ada.nights, ada.weekends, ada.holidays) == (
        1,
        WEEK,
        56 * HOUR,
        2 * DAY,
        DAY,
    )
    assert ada.weight == 168 * HOUR + 56 * HOUR + 48 * HOUR + 24 * HOUR
    assert bo.shifts == 0 and bo.weight == 0 * HOUR


def test_night_is_when_it_is_night_where_the_person_lives() -> None:
    office = schedule(daily("ada", restrict=[{"from": "09:00", "to": "17:00"}]))
    shifts = final(office, *span("2026-01-05T09:00", "2026-01-05T17:00"))
    (here,) = loads(shifts, people("ada"))
    (there,) = loads(shifts, people("ada", zone="America/Los_Angeles"))
    assert here.nights == 0 * HOUR
    assert there.nights == 6 * HOUR  # from midnight to six there


def test_what_counts_as_night_and_weekend_can_be_said() -> None:
    shifts = final(schedule(weekly("ada")), *span("2026-01-05T09:00", "2026-01-12T09:00"))
    cairo = Counting(
        nights=windows_from([{"from": "23:00", "to": "07:00"}, {"from": "13:00", "to": "14:00"}]),
        weekends=windows_from([{"days": ["fri", "sat"], "from": "00:00", "to": "24:00"}]),
    )
    (ada,) = loads(shifts, people("ada"), cairo)
    assert ada.nights == 7 * 9 * HOUR and ada.weekends == 2 * DAY


def test_a_night_in_which_the_clocks_change_has_the_hours_it_has() -> None:
    shifts = final(schedule(weekly("ada")), *span("2026-03-28T22:00", "2026-03-29T06:00"))
    assert loads(shifts, people("ada"))[0].nights == 7 * HOUR


amounts = st.lists(st.integers(0, 10_000).map(lambda hours: hours * HOUR), min_size=1, max_size=20)


@given(amounts)
def test_the_balance_lies_between_one_of_all_and_one(carried: list[timedelta]) -> None:
    assert 1 / len(carried) - 1e-9 <= balance(carried) <= 1 + 1e-9


@given(amounts, st.integers(2, 50))
def test_the_balance_does_not_depend_on_how_much_there_is_in_all(
    carried: list[timedelta], times: int
) -> None:
    assert balance([times * amount for amount in carried]) == pytest.approx(balance(carried))


def test_it_is_one_when_all_carry_the_same_and_falls_the_fewer_carry_it() -> None:
    assert balance([5 * HOUR] * 4) == balance([]) == balance([0 * HOUR] * 3) == 1
    assert balance([8 * HOUR, 0 * HOUR, 0 * HOUR, 0 * HOUR]) == 0.25
    assert balance([8 * HOUR, 8 * HOUR, 0 * HOUR, 0 * HOUR]) == 0.5


def test_what_is_suggested_evens_it_out_and_gives_nobody_two_shifts_at_once() -> None:
    uneven = schedule(
        daily("ada", "ada", "ada", "bo", "cy"),
        daily("cy", "dan", restrict=[{"from": "09:00", "to": "12:00"}]),
    )
    shifts = final(uneven, *span("2026-01-05T09:00", "2026-02-02T09:00"))
    team = people("ada", "bo", "cy", "dan")
    found = suggestions(shifts, team, NOW, most=3)
    assert len(found) == 3
    assert all(each.giver == "ada" and each.before < each.after for each in found)
    assert all(one.after == pytest.approx(other.before) for one, other in pairwise(found))
    for each in found:
        mine = [shift for shift in shifts if each.taker in shift.users and shift.span.common(each.shift)]
        assert not mine


def test_of_an_even_schedule_nothing_is_suggested_nor_of_what_has_begun() -> None:
    even = final(schedule(weekly("ada", "bo")), *span("2026-01-05T09:00", "2026-02-02T09:00"))
    assert not suggestions(even, people("ada", "bo"), NOW)
    uneven = final(schedule(daily("ada", "ada", "bo")), *span("2026-01-05T09:00", "2026-01-12T09:00"))
    assert not suggestions(uneven, people("ada", "bo"), at("2026-01-12T09:00"))
    assert not suggestions(uneven, [], NOW)
