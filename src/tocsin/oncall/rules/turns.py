"""Whose turn it is: the hand-offs of a rotation, and the shifts of one layer.

1. Hand-off number n is at the wall clock `start` plus n times the length of a turn.
2. At each hand-off the turn passes to the next slot of the list that has somebody in it, or that is empty on purpose.
3. When the last person of a slot leaves in the middle of a turn, the turn passes at once, in the same way: the next
   slot takes what is left of it, and the order goes on from there. Who joins waits for the turn of their slot.
4. Outside the restrictions nobody of the layer is on call, but the turns go on.

So whatever is said about a later date changes nothing before it.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from tocsin.kernel.hours import Window, window_spans
from tocsin.kernel.spans import Span, left_out, united
from tocsin.kernel.zones import instant, wall_clock, zone
from tocsin.oncall.rules.values import NO_CALENDARS, Calendars, Layer, Shift, Unit

NEVER = datetime.max.replace(tzinfo=UTC)
_LENGTHS = {Unit.HOURLY: timedelta(hours=1), Unit.DAILY: timedelta(days=1), Unit.WEEKLY: timedelta(weeks=1)}


def layer_shifts(
    layer: Layer,
    timezone: str,
    start: datetime,
    end: datetime,
    calendars: Calendars = NO_CALENDARS,
    source: str = "layer",
) -> tuple[Shift, ...]:
    """The shifts of `layer` alone in [start, end), sorted, cut at both ends; `timezone` is that of the schedule.

    An empty slot is a shift without users; before the first shift, after the end and outside the restrictions there
    is none at all. Turns of the same people that meet are one shift.
    """
    there = zone(layer.timezone or timezone)
    turns: Iterator[Shift] = _turns(layer, there, start, end, source)
    if layer.restrict:
        turns = _within(turns, open_hours(layer, there, start, end, calendars))
    return merged(turns)


def open_hours(
    layer: Layer, zone: ZoneInfo, start: datetime, end: datetime, calendars: Calendars
) -> tuple[Span, ...]:
    """When in [start, end) the restrictions of `layer` let it be on call.

    A calendar that there is no more restricts nothing: rather somebody too often than nobody.
    """
    windows = [each for each in layer.restrict if isinstance(each, Window)]
    spans = [*window_spans(windows, zone, start, end)]
    for each in layer.restrict:
        if isinstance(each, Window):
            continue
        calendar, whole = calendars.get(each.calendar), Span(start, end)
        hours = calendar.open_spans(start, end) if calendar else (whole,)
        spans += left_out(whole, hours) if calendar and each.outside else hours
    return united(spans)


def merged(shifts: Iterable[Shift]) -> tuple[Shift, ...]:
    """Sorted `shifts` with those that meet and are alike made one."""
    out: list[Shift] = []
    for each in shifts:
        last = out[-1] if out else None
        if last and last.end == each.start and last.users == each.users and last.sources == each.sources:
            out[-1] = Shift(last.start, each.end, last.users, last.sources)
        else:
            out.append(each)
    return tuple(out)


def _within(turns: Iterator[Shift], hours: Sequence[Span]) -> Iterator[Shift]:
    """`turns` cut to `hours`; both are sorted."""
    first = 0
    for turn in turns:
        while first < len(hours) and hours[first].end <= turn.start:
            first += 1
        at = first
        while at < len(hours) and hours[at].start < turn.end:
            start, end = max(hours[at].start, turn.start), min(hours[at].end, turn.end)
            yield Shift(start, end, turn.users, turn.sources)
            at += 1


@dataclass(frozen=True)
class HandOffs:
    """The hand-offs of a layer, numbered from 0; turn n lasts from hand-off n to n + 1, and may have no length where
    the clocks skip it. Of a fixed rotation there is only number 0."""

    layer: Layer
    zone: ZoneInfo

    @cached_property
    def _length(self) -> timedelta | None:
        """Of a turn by the wall clock; None when it is counted in months or never ends."""
        length = _LENGTHS.get(self.layer.rotation.unit)
        return length and length * self.layer.rotation.every

    def at(self, number: int) -> datetime:
        """The instant of hand-off `number`; NEVER when there is none."""
        if self._length:
            return instant(self.layer.start + number * self._length, self.zone)
        if self.layer.rotation.unit is Unit.MONTHLY:
            return instant(months_later(self.layer.start, number * self.layer.rotation.every), self.zone)
        return instant(self.layer.start, self.zone) if number == 0 else NEVER

    def under_way(self, at: datetime) -> int:
        """The number of the turn at the instant `at`: the last of those that have begun; -1 before the first."""
        if at < self.at(0):
            return -1
        number = self._estimate(wall_clock(at, self.zone))
        # Clocks that were set back show again what they have shown; what was handed over then stays so.
        while self.at(number + 1) <= at:
            number += 1
        while self.at(number) > at:
            number -= 1
        return number

    def _estimate(self, wall: datetime) -> int:
        """How many turns the wall clock has gone through, give or take one."""
        start = self.layer.start
        if self._length:
            return max(0, (wall - start) // self._length)
        if self.layer.rotation.unit is Unit.MONTHLY:
            months = (wall.year - start.year) * 12 + wall.month - start.month
            return max(0, months // self.layer.rotation.every)
        return 0


def months_later(wall: datetime, months: int) -> datetime:
    """The same day and time `months` later, or the last day of a month that is too short: the 31st, 28th, 31st."""
    year, month = divmod(wall.year * 12 + wall.month - 1 + months, 12)
    return wall.replace(year=year, month=month + 1, day=min(wall.day, monthrange(year, month + 1)[1]))


@dataclass(frozen=True)
class _Era:
    """A time in which nobody joins or leaves: from turn `first` on, `order` has its turns over and over."""

    start: datetime
    first: int
    order: tuple[int, ...]  # slots
    crews: dict[int, tuple[str, ...]]  # who sits in each of them

    def slot(self, turn: int) -> int:
        return self.order[(turn - self.first) % len(self.order)]


def _turns(layer: Layer, zone: ZoneInfo, start: datetime, end: datetime, source: str) -> Iterator[Shift]:
    """The turns in [start, end), without regard to restrictions."""
    hand_offs = HandOffs(layer, zone)
    if layer.end:
        end = min(end, instant(layer.end, zone))
    eras = _eras(layer, hand_offs)
    ends = [era.start for era in eras[1:]] + [end]
    for era, era_end in zip(eras, ends, strict=True):
        at, last = max(era.start, start), min(era_end, end)
        if at >= last or not era.order:
            continue
        turn = hand_offs.under_way(at)
        while at < last:
            next_at = min(hand_offs.at(turn + 1), last)
            if at < next_at:
                users = era.crews[era.slot(turn)]
                yield Shift(at, next_at, users, (source,) * len(users))
            at, turn = next_at, turn + 1


def _eras(layer: Layer, hand_offs: HandOffs) -> list[_Era]:
    """The times between joins and leaves, in order; there is always one."""
    begin, here = hand_offs.at(0), hand_offs.zone
    # Each seat with the instants between which it is taken.
    seats = [
        [
            (
                seat.user,
                instant(seat.start, here) if seat.start else begin,
                instant(seat.until, here) if seat.until else NEVER,
            )
            for seat in slot
        ]
        for slot in layer.slots
    ]
    changes = {at for slot in seats for _, *both in slot for at in both if begin < at < NEVER}
    eras: list[_Era] = []
    holder = -1  # the slot whose turn it was last
    for at in [begin, *sorted(changes)]:
        crews = {
            number: tuple(user for user, since, until in slot if since <= at < until)
            for number, slot in enumerate(seats)
        }
        crews = {number: users for number, users in crews.items() if users or not seats[number]}
        first = 0
        if eras:
            first, running = _next_turn(hand_offs, at)
            if eras[-1].order:
                holder = eras[-1].slot(first - 1)
            if running and crews and holder not in crews:
                holder = _after(holder, crews)[0]
        eras.append(_Era(at, first, _after(holder, crews), crews))
    return eras


def _next_turn(hand_offs: HandOffs, at: datetime) -> tuple[int, bool]:
    """The first turn that begins at `at` or later, and whether the one before it is still under way then."""
    number = hand_offs.under_way(at)
    if hand_offs.at(number) < at:
        return number + 1, True
    while hand_offs.at(number - 1) == at:  # turns without length begin with it
        number -= 1
    return number, False


def _after(holder: int, crews: dict[int, tuple[str, ...]]) -> tuple[int, ...]:
    """The slots in the order of their turns, when the last was that of `holder`."""
    return tuple(slot for slot in crews if slot > holder) + tuple(slot for slot in crews if slot <= holder)
