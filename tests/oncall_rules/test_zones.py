"""Wall clocks become instants: the first time the clock shows it, or would have shown it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oncall_rules.strategies import DAY, YEARS, ZONES, changes
from tests.oncall_rules.walking import first_showing
from tocsin.kernel.errors import Refused
from tocsin.kernel.moments import format_instant, format_wall, parse_instant, parse_wall
from tocsin.kernel.zones import instant, ruler, seconds, wall_clock, wall_seconds, zone
from tocsin.oncall.rules import Layer, Rotation, Seat, Shift, Unit, layer_shifts, merged


@pytest.mark.parametrize(
    ("name", "wall", "expected"),
    [
        (
            "Europe/Berlin",
            "2026-03-29T02:30",
            "2026-03-29T01:00",
        ),  # skipped: the instant at which it is 03:00
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30"),  # shown twice: the earlier
        ("Europe/Berlin", "2026-10-25T03:00", "2026-10-25T02:00"),  # three hours after 01:00, not two
        ("Australia/Lord_Howe", "2026-10-04T02:10", "2026-10-03T15:30"),  # half an hour is skipped
        ("Australia/Lord_Howe", "2026-04-05T01:40", "2026-04-04T14:40"),
        ("America/Santiago", "2026-09-06T00:00", "2026-09-06T04:00"),  # a day without a midnight
        ("Pacific/Apia", "2011-12-30T09:00", "2011-12-30T10:00"),  # a day that never was
        ("Pacific/Apia", "2011-12-30T00:00", "2011-12-30T10:00"),
        ("Pacific/Apia", "2011-12-31T00:00", "2011-12-30T10:00"),
        ("Asia/Kathmandu", "2026-01-05T09:00", "2026-01-05T03:15"),
        ("Africa/Casablanca", "2026-02-15T02:30", "2026-02-15T01:30"),  # Ramadan: back to UTC, so shown twice
        ("Africa/Casablanca", "2026-03-22T02:30", "2026-03-22T02:00"),  # and forward again: skipped
    ],
)
def test_a_wall_time_is_the_first_instant_that_shows_it_or_comes_after_it(
    name: str, wall: str, expected: str
) -> None:
    assert instant(datetime.fromisoformat(wall), zone(name)) == datetime.fromisoformat(expected + "Z")


@pytest.mark.parametrize("name", ZONES)
def test_around_every_change_it_is_what_somebody_sees_who_watches_the_clock(name: str) -> None:
    here = zone(name)
    for change in changes(name)[::4]:
        for minutes in (-90, -30, 0, 15, 30, 60):
            wall = wall_clock(change, here) + timedelta(minutes=minutes)
            assert instant(wall, here) == first_showing(wall, here), (change, wall)


walls = st.datetimes(datetime(1975, 1, 1), datetime(2090, 1, 1)).map(lambda wall: wall.replace(microsecond=0))


@given(st.sampled_from(ZONES), walls, walls)
def test_later_wall_times_never_become_earlier_instants(name: str, one: datetime, other: datetime) -> None:
    here = zone(name)
    assert (one <= other) <= (instant(one, here) <= instant(other, here))


@given(
    st.sampled_from(ZONES), walls, st.sampled_from([900, 5 * 3_600, 86_400, 7 * 86_400]), st.integers(0, 500)
)
def test_a_row_of_wall_times_becomes_what_each_of_them_becomes(
    name: str, wall: datetime, step: int, count: int
) -> None:
    here, start = zone(name), wall_seconds(wall)
    row = range(start, start + count * step, step)
    rod = ruler(here, wall.year, wall.year + 10)
    assert rod.instants(row) == [seconds(instant(wall + timedelta(seconds=at - start), here)) for at in row]


@given(st.sampled_from(ZONES), walls)
def test_a_moment_is_read_as_it_is_written(name: str, wall: datetime) -> None:
    here = zone(name)
    at = wall.replace(tzinfo=UTC)
    assert parse_instant(format_instant(at, here), here) == at
    assert parse_wall(format_wall(wall)) == wall


@pytest.mark.parametrize(
    "data",
    [
        "",
        "soon",
        "2026-02-30",
        "2026-13-01T00:00",
        "2026-01-05T24:00",
        "2026-W02-1",
        "20260105",
        "2026-01-05T09:00:61",
        "2026-01-05T9:0",
        "2026-01-05T09:00+1",
        "2026-01-05T09:00+01:0",
        "9999-12-31",
        5,
        None,
        [],
        time(9),
    ],
)
def test_what_is_no_moment_is_refused(data: object) -> None:
    with pytest.raises(Refused, match=r"point in time|out of reach"):
        parse_wall(data, "start")


def test_a_leap_second_is_the_one_before_it() -> None:
    assert parse_instant("2016-12-31T23:59:60Z", zone("UTC")) == datetime(
        2016, 12, 31, 23, 59, 59, tzinfo=UTC
    )


def test_a_wall_time_with_an_offset_is_refused_and_the_mend_is_said() -> None:
    with pytest.raises(Refused, match="name the zone as timezone"):
        parse_wall("2026-01-05T09:00+01:00")


def test_days_that_yaml_has_read_already_are_understood() -> None:
    assert parse_wall(date(2026, 1, 5)) == datetime(2026, 1, 5)
    assert parse_wall(datetime(2026, 1, 5, 9, 0)) == datetime(2026, 1, 5, 9)


@pytest.mark.parametrize(
    "name", ["", "Mars/Base", "europe/madrid", "localtime", "../etc/passwd", "Europe", None, 5, "x" * 99]
)
def test_unknown_zones_are_refused(name: object) -> None:
    with pytest.raises(Refused, match="is not a time zone"):
        zone(name, "schedules.0.timezone")


WICKED = {
    "America/Santiago": time(0, 15),
    "Africa/Casablanca": time(2, 30),
    "Australia/Lord_Howe": time(1, 45),
}


@pytest.mark.parametrize("name", ZONES)
def test_twenty_years_of_daily_hand_offs_have_no_gap_and_no_overlap(name: str) -> None:
    """Each begins where the last ended, and when the clock says so, at an hour that clocks skip and repeat there."""
    here, at = zone(name), WICKED.get(name, time(2, 30))
    end = datetime(YEARS[1], 1, 1, tzinfo=UTC)
    users = ((Seat("ada"),), (Seat("bo"),), (Seat("cy"),))
    layer = Layer(Rotation(Unit.DAILY), datetime.combine(date(YEARS[0], 1, 1), at), users)
    shifts: list[Shift] = []
    for year in range(YEARS[0] - 1, YEARS[1]):
        days = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
        shifts += layer_shifts(layer, name, *days)
    shifts = [*merged(shifts)]
    assert all(one.end == other.start for one, other in pairwise(shifts))
    assert [(shift.start, *shift.users) for shift in shifts] == [
        (began, ["ada", "bo", "cy"][number % 3])
        for number, began in watched(layer.start, here, name)
        if began < end
    ]


def watched(start: datetime, here: ZoneInfo, name: str) -> list[tuple[int, datetime]]:
    """The days from `start` by number, and when each begins; near changes of the clocks, by watching them."""
    near = {
        wall_clock(when, here).date() + step * DAY for when in changes(name) for step in (-2, -1, 0, 1, 2)
    }
    found: dict[datetime, int] = {}
    for number in range((YEARS[1] - YEARS[0]) * 366):
        wall = start + number * DAY
        if wall.date() in near:
            began = first_showing(wall, here)
        else:
            began = wall.replace(tzinfo=UTC) - (
                wall.replace(tzinfo=UTC).astimezone(here).utcoffset() or 0 * DAY
            )
        found[began] = number  # a day that the clocks skip ends when it begins, so the next one has the turn
    return [(number, began) for began, number in found.items()]
