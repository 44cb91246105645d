"""Who is on call, at every instant of a span: the layers painted one over the other, then the overrides.

A `Timeline` is that picture, made once and asked often; everything else here asks one, so that all answers agree.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from tocsin.kernel.errors import Refused
from tocsin.kernel.spans import Span
from tocsin.kernel.zones import YEAR_MAX, YEAR_MIN, moment, seconds
from tocsin.oncall.rules.turns import Crew, Piece, ceiling, layer_pieces
from tocsin.oncall.rules.values import (
    SHIFTS_MAX,
    SPAN_MAX,
    Layer,
    Mode,
    Override,
    Schedule,
    Shift,
    Temporary,
)

LOOK_AROUND = timedelta(days=400)  # how far the next and the previous shift are looked for
_FIRST_LOOK = timedelta(days=8)
INSTANT = timedelta(microseconds=1)
_FEW = 8  # stretches; to look for those that are alike among them takes longer than to look at each


NOBODY: Crew = ((), ())


@dataclass(frozen=True)
class Timeline:
    """Who is on call in [start, end). `stretches` fill it without a hole; where nobody is on call, one has no users."""

    start: datetime
    end: datetime
    stretches: tuple[Shift, ...]

    @cached_property
    def _starts(self) -> list[datetime]:
        return [stretch.start for stretch in self.stretches]

    def stretch(self, at: datetime) -> Shift:
        """The stretch that `at` lies in, cut at the ends of the span. Raises Refused outside it."""
        if not self.start <= at < self.end:
            raise Refused(f"{at} is not part of the span that was computed", f"{self.start} to {self.end}")
        return self.stretches[bisect_right(self._starts, at) - 1]

    def on_call(self, at: datetime) -> tuple[str, ...]:
        """Who is on call at `at`, in the order of their slot. Raises Refused outside the span."""
        return self.stretch(at).users

    @property
    def shifts(self) -> tuple[Shift, ...]:
        """The stretches with somebody on call."""
        return tuple(stretch for stretch in self.stretches if stretch.users)

    @property
    def gaps(self) -> tuple[Span, ...]:
        """The stretches with nobody on call."""
        return tuple(stretch.span for stretch in self.stretches if not stretch.users)


class Canvas:
    """A span of a schedule being painted: sorted stretches, each with its crew. In seconds since 1970."""

    def __init__(self, schedule: Schedule, start: datetime, end: datetime) -> None:
        self.schedule = schedule
        self.span = Span(start, end)
        # Where stretches begin, and at last where the span ends; and who is on call from there on.
        self._cuts = [seconds(start), ceiling(end)]
        self._crews = [NOBODY, NOBODY]

    def paint_layers(self) -> None:
        """The schedule's layers, each over those before it, where it has somebody."""
        self._paint(self.schedule.layers, self._cuts[0], self._cuts[-1], "layer:{}")

    def paint_override(self, number: int, override: Override | Temporary) -> None:
        """What `override`, the schedule's `number`th from 1, changes of what is painted so far."""
        if override.end <= self.span.start or override.start >= self.span.end:
            return
        start, end = max(seconds(override.start), self._cuts[0]), min(seconds(override.end), self._cuts[-1])
        key = override.id or number
        if isinstance(override, Temporary):
            self._change(start, end, lambda _: NOBODY)
            self._paint(override.layers, start, end, f"temporary:{key}")
            return
        source = f"override:{key}"
        going = frozenset(override.users if override.mode is Mode.REMOVE else override.replaces)
        if override.mode is Mode.ADD:
            self._change(start, end, lambda crew: _joined(crew, override.users, source))
        elif going:
            coming = () if override.mode is Mode.REMOVE else override.users
            self._change(start, end, lambda crew: _exchanged(crew, going, coming, source))
        else:
            theirs = override.users, (source,) * len(override.users)
            self._change(start, end, lambda _: theirs)

    def shifts(self, span: Span | None = None) -> tuple[Shift, ...]:
        """What is painted, cut to `span`, which lies within; where nobody is on call, a shift has no users."""
        begins, end = span or self.span
        first = bisect_right(self._cuts, seconds(begins))
        last = bisect_left(self._cuts, ceiling(end))
        crew, found = self._crews[first - 1], []
        for at, other in zip(self._cuts[first:last], self._crews[first:last], strict=True):
            if other != crew:
                ends = moment(at)
                found.append(Shift(begins, ends, *crew))
                begins, crew = ends, other
        return (*found, Shift(begins, end, *crew))

    def _paint(self, layers: Iterable[Layer], start: int, end: int, source: str) -> None:
        zone, calendars = self.schedule.timezone, self.schedule.calendars
        for number, layer in enumerate(layers, 1):
            pieces = layer_pieces(layer, zone, start, end, calendars, source.format(number))
            self._cover([piece for piece in pieces if piece[2] != NOBODY])

    def _cover(self, pieces: Iterable[Piece]) -> None:
        """Give each of `pieces`, which are sorted, to its crew, whoever had it."""
        cuts, crews, place = self._cuts, self._crews, 0
        self._cuts, self._crews = new_cuts, new_crews = [], []
        for start, end, crew in pieces:
            first = bisect_left(cuts, start, place)
            new_cuts += cuts[place:first]
            new_crews += crews[place:first]
            if new_cuts and new_cuts[-1] == start:  # the last piece ended here
                new_crews[-1] = crew
            else:
                new_cuts.append(start)
                new_crews.append(crew)
            place = bisect_left(cuts, end, first)
            if cuts[place] != end:  # whoever had it goes on
                new_cuts.append(end)
                new_crews.append(crews[place - 1])
        new_cuts += cuts[place:]
        new_crews += crews[place:]

    def _change(self, start: int, end: int, change: Callable[[Crew], Crew]) -> None:
        """Give every stretch in [start, end) the crew that `change` makes of the one it had."""
        first, last = self._cut(start), self._cut(end)
        here = self._crews[first:last]
        if len(here) <= _FEW:
            self._crews[first:last] = map(change, here)
            return
        # The same crews take turns for years: each is looked at once.
        became = {crew: change(crew) for crew in set(here)}
        self._crews[first:last] = [became[crew] for crew in here]

    def _cut(self, at: int) -> int:
        """The place of the stretch that begins at `at`, which is cut off the one before when there is none."""
        place = bisect_left(self._cuts, at)
        if self._cuts[place] != at:
            self._cuts.insert(place, at)
            self._crews.insert(place, self._crews[place - 1])
        return place


def _joined(crew: Crew, users: Sequence[str], source: str) -> Crew:
    """`crew` and those of `users` who are not in it."""
    new = tuple(user for user in users if user not in crew[0])
    return crew[0] + new, crew[1] + (source,) * len(new)


def _exchanged(crew: Crew, going: frozenset[str], coming: Sequence[str], source: str) -> Crew:
    """`crew` with those who come where the first of those who go stood; nobody comes where nobody goes.

    Who is there already, and stays, is there once.
    """
    if going.isdisjoint(crew[0]):
        return crew
    staying = {user: why for user, why in zip(*crew, strict=True) if user not in going}
    arriving = {user: source for user in coming if user not in staying}
    out: dict[str, str] = {}
    for user in crew[0]:
        out |= {user: staying[user]} if user in staying else arriving
    return tuple(out), tuple(out.values())


def timeline(schedule: Schedule, start: datetime, end: datetime) -> Timeline:
    """The final schedule of [start, end): layers, later ones over earlier, then overrides in the order they were made.

    Raises Refused for a span longer than SPAN_MAX, years out of reach, or an answer of more than SHIFTS_MAX shifts.
    """
    check_span(start, end)
    canvas = Canvas(schedule, start, end)
    canvas.paint_layers()
    for number, override in enumerate(schedule.overrides, 1):
        canvas.paint_override(number, override)
    stretches = canvas.shifts()
    if len(stretches) > SHIFTS_MAX:
        raise Refused(f"{len(stretches)} shifts", f"at most {SHIFTS_MAX}", "Ask for a shorter span.")
    return Timeline(start, end, stretches)


def check_span(start: datetime, end: datetime) -> None:
    """Raises Refused for a span that cannot be computed at once."""
    if not timedelta(0) < end - start <= SPAN_MAX:
        raise Refused(
            f"From {start} to {end} cannot be computed at once",
            f"a span of at most {SPAN_MAX.days} days, not empty",
        )
    if start.year < YEAR_MIN or end.year > YEAR_MAX:
        raise Refused(f"{start} is out of reach", f"years from {YEAR_MIN} to {YEAR_MAX - 1}")


def final(schedule: Schedule, start: datetime, end: datetime) -> tuple[Shift, ...]:
    """The shifts of [start, end) with somebody on call, sorted, cut at both ends; they do not overlap."""
    return timeline(schedule, start, end).shifts


def gaps(schedule: Schedule, start: datetime, end: datetime) -> tuple[Span, ...]:
    """When in [start, end) nobody is on call, sorted."""
    return timeline(schedule, start, end).gaps


def on_call(schedule: Schedule, at: datetime) -> tuple[str, ...]:
    """Who is on call at the instant `at`, in the order of their slot; () when nobody is."""
    return timeline(schedule, at, at + INSTANT).stretches[0].users


def shifts_of(shifts: Iterable[Shift], user: str) -> tuple[Shift, ...]:
    """When `user` is on call in sorted `shifts`, whoever else is: those that meet are one shift, of `user` alone."""
    out: list[Shift] = []
    for shift in shifts:
        if user not in shift.users:
            continue
        source = (shift.sources[shift.users.index(user)],)
        if out and out[-1].end == shift.start:
            out[-1] = Shift(out[-1].start, shift.end, (user,), out[-1].sources)
        else:
            out.append(Shift(shift.start, shift.end, (user,), source))
    return tuple(out)


def by_person(shifts: Iterable[Shift]) -> dict[str, list[Span]]:
    """When each person is on call in sorted `shifts`, whoever else is; hours that meet are one span."""
    found: dict[str, list[Span]] = {}
    for shift in shifts:
        for user in shift.users:
            spans = found.setdefault(user, [])
            if spans and spans[-1].end == shift.start:
                spans[-1] = Span(spans[-1].start, shift.end)
            else:
                spans.append(shift.span)
    return found


def next_shift(schedule: Schedule, at: datetime) -> Shift | None:
    """The first shift after `at` of somebody, and not of just those who are on call then; None within LOOK_AROUND."""
    return first_of_others(_ahead(schedule, at))


def previous_shift(schedule: Schedule, at: datetime) -> Shift | None:
    """The last shift before `at` of somebody, and not of just those who are on call then; None within LOOK_AROUND."""
    return first_of_others(_back(schedule, at))


def first_of_others(stretches: Iterator[Shift]) -> Shift | None:
    """The first of `stretches`, as a whole, with people on call who are not just those of the very first; they come
    one after the other, in either direction. None when there is none."""
    current = next(stretches)
    found: Shift | None = None
    for each in stretches:
        if found is None:
            if each.users and set(each.users) != set(current.users):
                found = each
        elif (each.users, each.sources) == (found.users, found.sources):
            found = found._replace(start=min(found.start, each.start), end=max(found.end, each.end))
        else:
            break
    return found


def _ahead(schedule: Schedule, at: datetime) -> Iterator[Shift]:
    """The stretches from `at` on, in pieces."""
    for near, far in _looks():
        yield from timeline(schedule, at + near, at + far).stretches


def _back(schedule: Schedule, at: datetime) -> Iterator[Shift]:
    """The stretches from that of `at` back, in pieces."""
    for near, far in _looks():
        yield from reversed(timeline(schedule, at + INSTANT - far, at + INSTANT - near).stretches)


def _looks() -> Iterator[tuple[timedelta, timedelta]]:
    """How near and how far to look: a few days, since most shifts are near, then ever more, up to LOOK_AROUND."""
    near, far = timedelta(0), _FIRST_LOOK
    while near < LOOK_AROUND:
        yield near, far
        near, far = far, min(far * 3, LOOK_AROUND)
