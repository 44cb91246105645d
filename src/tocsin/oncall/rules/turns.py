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
from datetime import datetime, timedelta
from itertools import cycle, islice
from zoneinfo import ZoneInfo

from tocsin.kernel.hours import Window, window_seconds
from tocsin.kernel.spans import Span, left_out, united
from tocsin.kernel.zones import instant, moment, ruler, seconds, wall_clock, wall_seconds, zone
from tocsin.oncall.rules.values import NO_CALENDARS, Calendars, Layer, Shift, Unit

# People on call together, and for each what put them there.
Crew = tuple[tuple[str, ...], tuple[str, ...]]
# A crew between two instants in seconds since 1970, see `zones`: shifts are made of them at the very end.
Piece = tuple[int, int, Crew]

NEVER = 1 << 62
_HOUR, _DAY = 3_600, 86_400
_LENGTHS = {Unit.HOURLY: _HOUR, Unit.DAILY: _DAY, Unit.WEEKLY: 7 * _DAY}
_ALMOST_A_SECOND = timedelta(microseconds=999_999)


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
    pieces = layer_pieces(layer, timezone, seconds(start), ceiling(end), calendars, source)
    return merged(
        Shift(max(moment(begins), start), min(moment(ends), end), *crew) for begins, ends, crew in pieces
    )


def ceiling(at: datetime) -> int:
    """`at` in seconds since 1970, the next whole one when there is a fraction."""
    return seconds(at + _ALMOST_A_SECOND)


def merged(shifts: Iterable[Shift]) -> tuple[Shift, ...]:
    """Sorted `shifts` with those that meet and are alike made one."""
    out: list[Shift] = []
    for each in shifts:
        if out and out[-1].end == each.start and out[-1][2:] == each[2:]:
            out[-1] = out[-1]._replace(end=each.end)
        else:
            out.append(each)
    return tuple(out)


def layer_pieces(
    layer: Layer, timezone: str, start: int, end: int, calendars: Calendars, source: str
) -> list[Piece]:
    """The turns of `layer` in [start, end), in its hours."""
    here = zone(layer.timezone or timezone)
    pieces = _turns(layer, here, start, end, source)
    return _in_hours(pieces, _open_hours(layer, here, start, end, calendars)) if layer.restrict else pieces


def _open_hours(
    layer: Layer, zone: ZoneInfo, start: int, end: int, calendars: Calendars
) -> Sequence[tuple[int, int]]:
    """When in [start, end) the restrictions of `layer` let it be on call.

    A calendar that there is no more restricts nothing: rather somebody too often than nobody.
    """
    windows = [each for each in layer.restrict if isinstance(each, Window)]
    hours = window_seconds(windows, zone, start, end)
    if len(windows) == len(layer.restrict):
        return hours
    whole = Span(moment(start), moment(end))
    spans = [Span(moment(opens), moment(closes)) for opens, closes in hours]
    for each in layer.restrict:
        if not isinstance(each, Window):
            calendar = calendars.get(each.calendar)
            working = calendar.open_spans(*whole) if calendar else (whole,)
            spans += left_out(whole, working) if calendar and each.outside else working
    return [(seconds(span.start), seconds(span.end)) for span in united(spans)]


def _in_hours(pieces: Iterable[Piece], hours: Sequence[tuple[int, int]]) -> list[Piece]:
    """`pieces` cut to `hours`; both are sorted."""
    found: list[Piece] = []
    first, count = 0, len(hours)
    for start, end, crew in pieces:
        while first < count and hours[first][1] <= start:
            first += 1
        at = first
        while at < count and hours[at][0] < end:
            opens, closes = hours[at]
            found.append((opens if opens > start else start, closes if closes < end else end, crew))
            at += 1
    return found


class HandOffs:
    """The hand-offs of a layer, numbered from 0; turn n lasts from hand-off n to n + 1, and may have no length where
    the clocks skip it. Of a fixed rotation there is only number 0. In seconds since 1970."""

    def __init__(self, layer: Layer, zone: ZoneInfo) -> None:
        self.zone = zone
        self._start, self._rotation = layer.start, layer.rotation
        self._wall = wall_seconds(layer.start)
        # Of a turn by the wall clock; 0 when it is counted in months or never ends.
        self._length = _LENGTHS.get(layer.rotation.unit, 0) * layer.rotation.every

    def at(self, number: int) -> int:
        """The instant of hand-off `number`; NEVER when there is none."""
        if self._length:
            wall = self._wall + number * self._length
            year = moment(wall).year
            return ruler(self.zone, year, year).instant(wall)
        if self._rotation.unit is Unit.MONTHLY:
            return seconds(instant(months_later(self._start, number * self._rotation.every), self.zone))
        return seconds(instant(self._start, self.zone)) if number == 0 else NEVER

    def between(self, first: int, end: int) -> list[int]:
        """The hand-offs from number `first` on that come before `end`."""
        if self._length:
            walls = range(
                self._wall + first * self._length, end + _DAY, self._length
            )  # no clock is further ahead
            found = ruler(self.zone, moment(walls.start).year, moment(walls.stop).year).instants(walls)
            while found and found[-1] >= end:
                found.pop()
            return found
        found = []
        while (at := self.at(first + len(found))) < end:
            found.append(at)
        return found

    def under_way(self, at: int) -> int:
        """The number of the turn at the instant `at`: the last of those that have begun; -1 before the first."""
        if at < self.at(0):
            return -1
        number = self._estimate(at)
        # Clocks that were set back show again what they have shown; what was handed over then stays so.
        while self.at(number + 1) <= at:
            number += 1
        while self.at(number) > at:
            number -= 1
        return number

    def _estimate(self, at: int) -> int:
        """How many turns the wall clock has gone through, give or take one."""
        wall = wall_clock(moment(at), self.zone)
        if self._length:
            return max(0, (wall_seconds(wall) - self._wall) // self._length)
        if self._rotation.unit is Unit.MONTHLY:
            months = (wall.year - self._start.year) * 12 + wall.month - self._start.month
            return max(0, months // self._rotation.every)
        return 0


def months_later(wall: datetime, months: int) -> datetime:
    """The same day and time `months` later, or the last day of a month that is too short: the 31st, 28th, 31st."""
    year, month = divmod(wall.year * 12 + wall.month - 1 + months, 12)
    return wall.replace(year=year, month=month + 1, day=min(wall.day, monthrange(year, month + 1)[1]))


@dataclass(frozen=True)
class _Era:
    """A time in which nobody joins or leaves: from turn `first` on, `order` has its turns over and over."""

    start: int
    first: int
    order: tuple[int, ...]  # slots
    users: dict[int, tuple[str, ...]]  # who sits in each of them

    def slot(self, turn: int) -> int:
        return self.order[(turn - self.first) % len(self.order)]

    def crews(self, turn: int, source: str) -> Iterator[Crew]:
        """Who has the turns from `turn` on, without end."""
        crews = [(self.users[slot], (source,) * len(self.users[slot])) for slot in self.order]
        return islice(cycle(crews), (turn - self.first) % len(crews), None)


def _turns(layer: Layer, zone: ZoneInfo, start: int, end: int, source: str) -> list[Piece]:
    """The turns in [start, end), without regard to restrictions."""
    hand_offs = HandOffs(layer, zone)
    if layer.end:
        end = min(end, seconds(instant(layer.end, zone)))
    eras = _eras(layer, hand_offs)
    ends = [era.start for era in eras[1:]] + [end]
    pieces: list[Piece] = []
    for era, era_end in zip(eras, ends, strict=True):
        first, last = max(era.start, start), min(era_end, end)
        if first < last and era.order:
            turn = hand_offs.under_way(first)
            cuts = [first, *hand_offs.between(turn + 1, last), last]
            turns = zip(cuts, cuts[1:], era.crews(turn, source), strict=False)
            pieces += [piece for piece in turns if piece[0] < piece[1]]
    return pieces


def _eras(layer: Layer, hand_offs: HandOffs) -> list[_Era]:
    """The times between joins and leaves, in order; there is always one."""
    begin, here = hand_offs.at(0), hand_offs.zone
    # Each seat with the instants between which it is taken, and the slots in which something changes at an instant.
    slots = [
        [
            (
                seat.user,
                seconds(instant(seat.start, here)) if seat.start else begin,
                seconds(instant(seat.until, here)) if seat.until else NEVER,
            )
            for seat in slot
        ]
        for slot in layer.slots
    ]
    numbers = range(len(slots))
    changes: dict[int, set[int]] = {begin: set(numbers)}
    for number, slot in enumerate(slots):
        for _, *both in slot:
            for at in both:
                if begin < at < NEVER:
                    changes.setdefault(at, set()).add(number)
    users: dict[int, tuple[str, ...]] = {}
    eras: list[_Era] = []
    holder = -1  # the slot whose turn it was last
    for at, changed in sorted(changes.items()):
        users = users | {
            number: tuple(user for user, since, until in slots[number] if since <= at < until)
            for number in changed
        }
        there = [number for number in numbers if users[number] or not slots[number]]
        first = 0
        if eras:
            first, running = _next_turn(hand_offs, at)
            if eras[-1].order:
                holder = eras[-1].slot(first - 1)
            if running and there and holder not in there:
                holder = _after(holder, there)[0]
        eras.append(_Era(at, first, _after(holder, there), users))
    return eras


def _next_turn(hand_offs: HandOffs, at: int) -> tuple[int, bool]:
    """The first turn that begins at `at` or later, and whether the one before it is still under way then."""
    number = hand_offs.under_way(at)
    if hand_offs.at(number) < at:
        return number + 1, True
    while hand_offs.at(number - 1) == at:  # turns without length begin with it
        number -= 1
    return number, False


def _after(holder: int, slots: Iterable[int]) -> tuple[int, ...]:
    """`slots` in the order of their turns, when the last was that of `holder`."""
    slots = tuple(slots)
    return tuple(slot for slot in slots if slot > holder) + tuple(slot for slot in slots if slot <= holder)
