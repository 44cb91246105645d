"""Schedules of all shapes, placed where clocks change. All times are whole quarters of an hour."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

from hypothesis import strategies as st

from tocsin.kernel.calendars import Calendar, Holiday
from tocsin.kernel.hours import EVERY_DAY, Window
from tocsin.kernel.zones import zone
from tocsin.oncall.rules import (
    CalendarHours,
    Layer,
    Mode,
    Override,
    Rotation,
    Schedule,
    Seat,
    Shadow,
    Temporary,
    Unit,
)

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Pacific/Apia",
    "Asia/Tehran",
)
PEOPLE = ("ada", "bo", "cy", "dan", "eve")
YEARS = (2010, 2030)
QUARTER, HOUR, DAY = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)


@lru_cache
def changes(name: str) -> tuple[datetime, ...]:
    """The hours of `YEARS` in which the clocks of a zone change."""
    at, end = datetime(YEARS[0], 1, 1, tzinfo=UTC), datetime(YEARS[1], 1, 1, tzinfo=UTC)
    found, here = [], zone(name)
    while at < end:
        if at.astimezone(here).utcoffset() != (at + DAY).astimezone(here).utcoffset():
            hour = at
            while hour.astimezone(here).utcoffset() == at.astimezone(here).utcoffset():
                hour += HOUR
            found.append(hour)
        at += DAY
    return tuple(found)


# Strategies are made once, because making them takes longer than drawing from them.
_late = st.builds(time, st.sampled_from([0, 1, 2, 3, 23]), st.sampled_from([0, 30, 45]))
TIMES = _late | st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
_some_days = st.sets(st.integers(0, 6), min_size=1).map(lambda found: tuple(sorted(found)))
WINDOWS = st.builds(Window, TIMES, TIMES, st.just(EVERY_DAY) | _some_days, st.none() | st.integers(0, 6))
_office = st.builds(CalendarHours, st.just("office"), st.booleans())
_restrictions = st.lists(WINDOWS | WINDOWS | _office, min_size=1, max_size=2).map(tuple)
RESTRICTIONS = st.just(()) | _restrictions
_people = st.lists(st.sampled_from(PEOPLE), unique=True, max_size=2)
_somebody = st.lists(st.sampled_from(PEOPLE), unique=True, min_size=1, max_size=2).map(tuple)
_nobody_or_some = st.just(()) | _somebody
_few, _some, _odds = st.integers(0, 3), st.integers(1, 4), st.integers(0, 4)
_modes, _units, _zones = st.sampled_from(Mode), st.sampled_from(Unit), st.sampled_from(ZONES)
_every = {unit: st.integers(1, {Unit.HOURLY: 30, Unit.DAILY: 3}.get(unit, 2)) for unit in Unit}
_day, _quarters, _later = st.integers(-3, 2), st.integers(-300, 300), st.integers(1, 600)
_hours = st.lists(WINDOWS, max_size=3).map(tuple)
_holidays = st.sets(st.integers(-3, 6), max_size=3).map(sorted)
_of = st.sampled_from(["", "ada"])


def _seat(draw: st.DrawFn, user: str, near: datetime) -> Seat:
    """Mostly there for good; else from or until some days around `near`."""
    shape = draw(_odds)
    one, other = near + draw(_quarters) * QUARTER, draw(_later) * QUARTER
    return {
        0: Seat(user, start=one),
        1: Seat(user, until=one),
        2: Seat(user, start=one, until=one + other),
    }.get(shape, Seat(user))


def _slot(draw: st.DrawFn, near: datetime) -> tuple[Seat, ...]:
    return tuple(_seat(draw, user, near) for user in draw(_people))


def _layer(draw: st.DrawFn, near: datetime) -> Layer:
    """A layer that starts within a few days of the wall clock `near`."""
    unit = draw(_units)
    start = datetime.combine(near.date() + draw(_day) * DAY, draw(TIMES))
    if unit is Unit.FIXED:
        slots: tuple[tuple[Seat, ...], ...] = (tuple(_seat(draw, user, near) for user in draw(_somebody)),)
    else:
        slots = tuple(_slot(draw, near) for _ in range(draw(_some)))
    return Layer(
        rotation=Rotation(unit, 1 if unit is Unit.FIXED else draw(_every[unit])),
        start=start,
        slots=slots,
        end=start + draw(_later) * QUARTER if draw(_few) == 0 else None,
        timezone=draw(_zones) if draw(_few) == 0 else "",
        restrict=draw(RESTRICTIONS),
        name="Nights" if draw(_few) == 0 else "",
    )


def _override(draw: st.DrawFn, at: datetime, number: int) -> Override | Temporary:
    start = at + draw(_quarters) * QUARTER
    end = start + draw(_later) * QUARTER
    if draw(_odds) == 0:
        layers = tuple(_layer(draw, at.replace(tzinfo=None)) for _ in range(draw(_few) // 2))
        return Temporary(f"t{number}", start, end, layers)
    mode = draw(_modes)
    replaces = draw(_nobody_or_some) if mode is Mode.REPLACE else ()
    return Override(f"o{number}" if draw(_few) else "", start, end, draw(_somebody), replaces, mode)


def _calendar(draw: st.DrawFn, near: datetime) -> Calendar:
    holidays = tuple(Holiday(near.date() + day * DAY) for day in draw(_holidays))
    return Calendar("office", "Office", draw(_zones), draw(_hours), holidays)


_anchors = {
    name: st.sampled_from(
        [*changes(name), datetime(2026, 2, 27, tzinfo=UTC), datetime(2020, 12, 31, tzinfo=UTC)]
    )
    for name in ZONES
}


@st.composite
def placed(draw: st.DrawFn) -> tuple[Schedule, datetime]:
    """A schedule, and the instant around which things happen in it: a change of the clocks, where there are any."""
    name = draw(_zones)
    at = draw(_anchors[name])
    near = at.astimezone(zone(name)).replace(tzinfo=None, minute=0, fold=0)
    shadow = Shadow("dan", at, at + DAY, draw(_of))
    schedule = Schedule(
        id="web",
        timezone=name,
        layers=tuple(_layer(draw, near) for _ in range(draw(_few))),
        overrides=tuple(_override(draw, at, number) for number in range(draw(_odds))),
        shadows=(shadow,) * (draw(_few) == 0),
        calendars={"office": _calendar(draw, near)},
    )
    return schedule, at
