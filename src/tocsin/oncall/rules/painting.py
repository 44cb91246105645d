"""Who is on call, at every instant of a span: the layers painted one over the other, then the overrides.

A `Timeline` is that picture, made once and asked often; everything else here asks one, so that all answers agree.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise

from tocsin.kernel.errors import Refused
from tocsin.kernel.spans import Span
from tocsin.kernel.zones import YEAR_MAX, YEAR_MIN
from tocsin.oncall.rules.turns import layer_shifts, merged
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


# People on call together, in the order of their slot, and for each what put them there.
Crew = Mapping[str, str]
NOBODY: Crew = {}


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
    """A span of a schedule being painted: sorted stretches, each with its crew."""

    def __init__(self, schedule: Schedule, start: datetime, end: datetime) -> None:
        self.schedule = schedule
        self.span = Span(start, end)
        self._starts = [start]
        self._crews = [NOBODY]

    def paint_layers(self) -> None:
        """The schedule's layers, each over those before it, where it has somebody."""
        self._paint(self.schedule.layers, self.span, "layer:{}")

    def paint_override(self, number: int, override: Override | Temporary) -> None:
        """What `override`, the schedule's `number`th from 1, changes of what is painted so far."""
        if override.end <= self.span.start or override.start >= self.span.end:
            return
        span = Span(max(override.start, self.span.start), min(override.end, self.span.end))
        key = override.id or number
        if isinstance(override, Temporary):
            self._cover(span, NOBODY)
            self._paint(override.layers, span, f"temporary:{key}")
            return
        ours = dict.fromkeys(override.users, f"override:{key}")
        if override.mode is Mode.ADD:  # in order, and whoever is there already stays there for the old reason
            self._change(span, lambda crew: {**crew, **ours, **crew})
        elif override.mode is Mode.REMOVE:
            self._change(span, lambda crew: _exchanged(crew, override.users, NOBODY))
        elif override.replaces:
            self._change(span, lambda crew: _exchanged(crew, override.replaces, ours))
        else:
            self._cover(span, ours)

    def stretches(self, span: Span | None = None) -> Iterator[Shift]:
        """What is painted, cut to `span`, which lies within."""
        start, end = span or self.span
        first, last = bisect_right(self._starts, start) - 1, bisect_left(self._starts, end)
        starts = [start, *self._starts[first + 1 : last], end]
        for (at, until), crew in zip(pairwise(starts), self._crews[first:last], strict=True):
            yield Shift(at, until, tuple(crew), tuple(crew.values()))

    def _paint(self, layers: Iterable[Layer], span: Span, source: str) -> None:
        zone, calendars = self.schedule.timezone, self.schedule.calendars
        for number, layer in enumerate(layers, 1):
            for shift in layer_shifts(layer, zone, *span, calendars, source.format(number)):
                if shift.users:
                    self._cover(shift.span, dict(zip(shift.users, shift.sources, strict=True)))

    def _cover(self, span: Span, crew: Crew) -> None:
        """Give all of `span` to `crew`, whoever had it."""
        first, last = self._cut(span.start), self._cut(span.end)
        self._starts[first:last] = [span.start]
        self._crews[first:last] = [crew]

    def _change(self, span: Span, change: Callable[[Crew], Crew]) -> None:
        """Give every stretch in `span` the crew that `change` makes of the one it had."""
        first, last = self._cut(span.start), self._cut(span.end)
        self._crews[first:last] = map(change, self._crews[first:last])

    def _cut(self, at: datetime) -> int:
        """The place of the stretch that begins at `at`, which is cut off the one before when there is none."""
        if at == self.span.end:
            return len(self._starts)
        place = bisect_left(self._starts, at)
        if place == len(self._starts) or self._starts[place] != at:
            self._starts.insert(place, at)
            self._crews.insert(place, self._crews[place - 1])
        return place


def _exchanged(crew: Crew, going: Collection[str], coming: Crew) -> Crew:
    """`crew` with those who come where the first of those who go stood; nobody comes where nobody goes.

    Who is there already, and stays, is there once.
    """
    if not any(user in going for user in crew):
        return crew
    staying = {user: source for user, source in crew.items() if user not in going}
    arriving = {user: source for user, source in coming.items() if user not in staying}
    out: dict[str, str] = {}
    for user, source in crew.items():
        out |= {user: source} if user in staying else arriving
    return out


def timeline(schedule: Schedule, start: datetime, end: datetime) -> Timeline:
    """The final schedule of [start, end): layers, later ones over earlier, then overrides in the order they were made.

    Raises Refused for a span longer than SPAN_MAX, years out of reach, or an answer of more than SHIFTS_MAX shifts.
    """
    check_span(start, end)
    canvas = Canvas(schedule, start, end)
    canvas.paint_layers()
    for number, override in enumerate(schedule.overrides, 1):
        canvas.paint_override(number, override)
    stretches = merged(canvas.stretches())
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
