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
    Restriction,
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


@st.composite
def anchors(draw: st.DrawFn, name: str) -> datetime:
    """An instant near which a schedule is looked at: a change of the clocks, where there are any."""
    at = datetime(2026, 2, 27, tzinfo=UTC)
    return draw(st.sampled_from([*changes(name), at, datetime(2020, 12, 31, tzinfo=UTC)]))


def times() -> st.SearchStrategy[time]:
    """Quarters of an hour, with a liking for the hours in which clocks change."""
    late = st.builds(time, st.sampled_from([0, 1, 2, 3, 23]), st.sampled_from([0, 30, 45]))
    return late | st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))


def days() -> st.SearchStrategy[tuple[int, ...]]:
    some = st.sets(st.integers(0, 6), min_size=1).map(lambda found: tuple(sorted(found)))
    return st.just(EVERY_DAY) | some


def windows() -> st.SearchStrategy[Window]:
    return st.builds(Window, times(), times(), days(), st.none() | st.integers(0, 6))


def restrictions() -> st.SearchStrategy[tuple[Restriction, ...]]:
    hours = st.builds(CalendarHours, st.just("office"), st.booleans())
    return st.just(()) | st.lists(windows() | windows() | hours, min_size=1, max_size=2).map(tuple)


@st.composite
def seats(draw: st.DrawFn, user: str, near: datetime) -> Seat:
    if draw(st.integers(0, 3)):
        return Seat(user)
    since = draw(st.none() | st.integers(-100, 400).map(lambda n: near + n * QUARTER))
    least = -50 if since is None else 1
    until = draw(st.none() | st.integers(least, 400).map(lambda n: (since or near) + n * QUARTER))
    return Seat(user, since, until)


@st.composite
def slots(draw: st.DrawFn, near: datetime) -> tuple[Seat, ...]:
    users = draw(st.lists(st.sampled_from(PEOPLE), unique=True, max_size=2))
    return tuple(draw(seats(user, near)) for user in users)


@st.composite
def layers(draw: st.DrawFn, near: datetime) -> Layer:
    """A layer that starts within a few days of the wall clock `near`."""
    unit = draw(st.sampled_from(Unit))
    most = {Unit.HOURLY: 30, Unit.DAILY: 3}.get(unit, 2)
    every = 1 if unit is Unit.FIXED else draw(st.integers(1, most))
    day = near.date() + draw(st.integers(-3, 2)) * DAY
    start = datetime.combine(day, draw(times()))
    filled = slots(near).filter(bool)
    rota = st.tuples(filled) if unit is Unit.FIXED else st.lists(slots(near), min_size=1, max_size=4).map(tuple)
    return Layer(
        rotation=Rotation(unit, every),
        start=start,
        slots=draw(rota),
        end=draw(st.none() | st.integers(1, 600).map(lambda n: start + n * QUARTER)),
        timezone=draw(st.just("") | st.sampled_from(ZONES)),
        restrict=draw(restrictions()),
        name=draw(st.sampled_from(["", "Nights"])),
    )


@st.composite
def overrides(draw: st.DrawFn, at: datetime, number: int) -> Override | Temporary:
    start = at + draw(st.integers(-300, 300)) * QUARTER
    end = start + draw(st.integers(1, 300)) * QUARTER
    if not draw(st.integers(0, 4)):
        near = at.replace(tzinfo=None)
        return Temporary(f"t{number}", start, end, draw(st.lists(layers(near), max_size=2).map(tuple)))
    mode = draw(st.sampled_from(Mode))
    people = st.lists(st.sampled_from(PEOPLE), unique=True, min_size=1, max_size=2).map(tuple)
    replaces = draw(st.just(()) | people) if mode is Mode.REPLACE else ()
    return Override(draw(st.sampled_from(["", f"o{number}"])), start, end, draw(people), replaces, mode)


@st.composite
def calendars(draw: st.DrawFn, near: datetime) -> Calendar:
    holidays = draw(st.sets(st.integers(-3, 6), max_size=3))
    return Calendar(
        id="office",
        name="Office",
        timezone=draw(st.sampled_from(ZONES)),
        hours=draw(st.lists(windows(), max_size=3).map(tuple)),
        holidays=tuple(Holiday(near.date() + day * DAY) for day in sorted(holidays)),
    )


@st.composite
def placed(draw: st.DrawFn) -> tuple[Schedule, datetime]:
    """A schedule, and the instant around which things happen in it."""
    name = draw(st.sampled_from(ZONES))
    at = draw(anchors(name))
    near = at.astimezone(zone(name)).replace(tzinfo=None, minute=0, second=0, microsecond=0, fold=0)
    at = at.replace(minute=0, second=0, microsecond=0)
    count = draw(st.integers(0, 4))
    trainees = st.builds(Shadow, st.just("dan"), st.just(at), st.just(at + DAY), st.sampled_from(["", "ada"]))
    schedule = Schedule(
        id="web",
        timezone=name,
        layers=draw(st.lists(layers(near), max_size=3).map(tuple)),
        overrides=tuple(draw(overrides(at, number)) for number in range(count)),
        shadows=draw(st.lists(trainees, max_size=1).map(tuple)),
        calendars={"office": draw(calendars(near))},
    )
    return schedule, at
