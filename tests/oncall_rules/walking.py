"""Who is on call, found by walking: step by step through time with one clock on the wall, as a person would.

It shares nothing with `tocsin.oncall.rules` but the values. No hand-off is computed: the walker looks at the clock,
keeps the latest time it has ever shown, and passes the turn when that reaches the time on the rota.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from tocsin.kernel.hours import Window
from tocsin.oncall.rules import Layer, Mode, Override, Schedule, Seat, Temporary, Unit

DAY = timedelta(days=1)


@dataclass
class Wall:
    """A clock that is looked at now and then. What it has shown once has been, even if it is set back."""

    zone: ZoneInfo
    latest: datetime = datetime.min  # noqa: DTZ901

    def look(self, at: datetime) -> None:
        self.latest = max(self.latest, at.astimezone(self.zone).replace(tzinfo=None))


@dataclass
class Walker:
    """One layer, from before its start on."""

    layer: Layer
    schedule: Schedule
    wall: Wall
    walls: dict[str, Wall]  # of the working calendars, each in its own zone
    turns: Iterator[datetime] = field(init=False)
    next_turn: datetime = field(init=False)
    holder: int = -1

    def __post_init__(self) -> None:
        self.turns = hand_offs(self.layer)
        self.next_turn = next(self.turns)

    def look(self, at: datetime) -> list[str]:
        """Who of this layer is on call at `at`, not before the last look."""
        for wall in (self.wall, *self.walls.values()):
            wall.look(at)
        passed = False
        while self.next_turn <= self.wall.latest:
            self.pass_on()
            self.next_turn, passed = next(self.turns, datetime.max), True  # noqa: DTZ901
        if not passed and self.wall.latest >= self.layer.start and not self.is_there(self.holder):
            self.pass_on()
        ended = self.layer.end is not None and self.layer.end <= self.wall.latest
        if self.wall.latest < self.layer.start or ended or self.holder < 0 or not self.is_allowed():
            return []
        return [seat.user for seat in self.layer.slots[self.holder] if self.is_taken(seat)]

    def pass_on(self) -> None:
        """The turn goes to the next slot on the list that has somebody, or nobody on purpose."""
        count = len(self.layer.slots)
        for step in range(1, count + 1):
            if self.is_there((self.holder + step) % count):
                self.holder = (self.holder + step) % count
                return

    def is_there(self, slot: int) -> bool:
        if slot < 0:
            return False
        seats = self.layer.slots[slot]
        return not seats or any(self.is_taken(seat) for seat in seats)

    def is_taken(self, seat: Seat) -> bool:
        joined = seat.start is None or seat.start <= self.wall.latest
        return joined and (seat.until is None or self.wall.latest < seat.until)

    def is_allowed(self) -> bool:
        """Whether the clock shows a time within the restrictions."""
        if not self.layer.restrict:
            return True
        for each in self.layer.restrict:
            if isinstance(each, Window):
                if in_window(each, self.wall.latest):
                    return True
                continue
            calendar = self.schedule.calendars[each.calendar]
            there = self.walls[each.calendar].latest
            closed = there.date() in {holiday.on for holiday in calendar.holidays}
            working = not closed and any(in_window(window, there) for window in calendar.hours)
            if working != each.outside:
                return True
        return False


def hand_offs(layer: Layer) -> Iterator[datetime]:
    """The times on the wall at which the turn is passed, one after the other."""
    at, day = layer.start, layer.start.day
    while True:
        yield at
        unit = layer.rotation.unit
        if unit is Unit.FIXED:
            return
        for _ in range(layer.rotation.every):
            if unit is Unit.HOURLY:
                at += timedelta(hours=1)
            elif unit is Unit.MONTHLY:
                first = (at.replace(day=1) + 31 * DAY).replace(day=1)
                at = first.replace(day=min(day, monthrange(first.year, first.month)[1]))
            else:
                at += DAY * (7 if unit is Unit.WEEKLY else 1)


def in_window(window: Window, wall: datetime) -> bool:
    """Whether a window that began on one of the last eight days is still open, counted in minutes of the week."""
    for ago in range(9):
        began: date = wall.date() - ago * DAY
        if began.weekday() not in window.days:
            continue
        opened = datetime.combine(began, window.opens)
        closed = datetime.combine(began, window.closes)
        if window.closes_on is None:
            closed += DAY if window.closes <= window.opens else 0 * DAY
        else:
            while closed <= opened or closed.weekday() != window.closes_on:
                closed += DAY
        if opened <= wall < closed:
            return True
    return False


class Walk:
    """A whole schedule, looked at again and again at later and later instants."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.base = self._walkers(schedule.layers)
        self.temporary = {
            number: self._walkers(override.layers)
            for number, override in enumerate(schedule.overrides)
            if isinstance(override, Temporary)
        }

    def _walkers(self, layers: tuple[Layer, ...]) -> list[Walker]:
        def wall(name: str) -> Wall:
            return Wall(ZoneInfo(name))

        calendars = self.schedule.calendars
        return [
            Walker(
                layer,
                self.schedule,
                wall(layer.timezone or self.schedule.timezone),
                {key: wall(calendar.timezone) for key, calendar in calendars.items()},
            )
            for layer in layers
        ]

    def look(self, at: datetime) -> set[str]:
        """Who is on call at `at`."""
        people = top(self.base, at)
        for number, override in enumerate(self.schedule.overrides):
            if isinstance(override, Temporary):
                instead = top(self.temporary[number], at)
                people = instead if override.start <= at < override.end else people
            elif override.start <= at < override.end:
                people = changed(override, people)
        return people


def top(walkers: list[Walker], at: datetime) -> set[str]:
    """Those of the last layer that has anybody; every walker looks, so that none misses a hand-off."""
    found = [people for walker in walkers if (people := walker.look(at))]
    return set(found[-1]) if found else set()


def changed(override: Override, people: set[str]) -> set[str]:
    users = set(override.users)
    match override.mode:
        case Mode.ADD:
            return people | users
        case Mode.REMOVE:
            return people - users
        case Mode.REPLACE if override.replaces:
            replaced = people.intersection(override.replaces)
            return people - replaced | users if replaced else people
        case _:
            return users


def first_showing(wall: datetime, zone: ZoneInfo, step: timedelta = timedelta(minutes=1)) -> datetime:
    """The first instant at which the clocks of `zone` show `wall` or later, by looking at them every `step`."""
    at = wall.replace(tzinfo=UTC) - timedelta(hours=15)  # no clock is further ahead
    while at.astimezone(zone).replace(tzinfo=None) < wall:
        at += step
    return at
