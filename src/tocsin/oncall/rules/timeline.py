"""Who is on call, at every instant of a span: the layers painted one over the other, then the overrides.

A `Timeline` is that picture, made once and asked often; everything else here asks one, so that all answers agree.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from tocsin.kernel.errors import Refused
from tocsin.kernel.spans import Span
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
_INSTANT = timedelta(microseconds=1)


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


class _Canvas:
    """A span being painted: sorted stretches, each with its crew. What is painted lies within the span."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self.end = end
        self.starts = [start]
        self.crews = [NOBODY]

    def cover(self, start: datetime, end: datetime, crew: Crew) -> None:
        """Give all of [start, end) to `crew`, whoever had it."""
        first, last = self._cut(start), self._cut(end)
        self.starts[first:last] = [start]
        self.crews[first:last] = [crew]

    def change(self, start: datetime, end: datetime, change: Callable[[Crew], Crew]) -> None:
        """Give every stretch in [start, end) the crew that `change` makes of the one it had."""
        first, last = self._cut(start), self._cut(end)
        self.crews[first:last] = map(change, self.crews[first:last])

    def _cut(self, at: datetime) -> int:
        """The place of the stretch that begins at `at`, which is cut off the one before when there is none."""
        if at == self.end:
            return len(self.starts)
        place = bisect_left(self.starts, at)
        if place == len(self.starts) or self.starts[place] != at:
            self.starts.insert(place, at)
            self.crews.insert(place, self.crews[place - 1])
        return place

    def stretches(self) -> Iterator[Shift]:
        for start, end, crew in zip(self.starts, [*self.starts[1:], self.end], self.crews, strict=True):
            yield Shift(start, end, tuple(crew), tuple(crew.values()))


def timeline(schedule: Schedule, start: datetime, end: datetime) -> Timeline:
    """The final schedule of [start, end): layers, later ones over earlier, then overrides in the order they were made.

    Raises Refused for a span longer than SPAN_MAX or an answer of more than SHIFTS_MAX shifts.
    """
    if not timedelta(0) < end - start <= SPAN_MAX:
        raise Refused(
            f"From {start} to {end} cannot be computed at once",
            f"a span of at most {SPAN_MAX.days} days, not empty",
        )
    canvas = _Canvas(start, end)
    _paint_layers(canvas, schedule, schedule.layers, Span(start, end), "layer:{}")
    for number, override in enumerate(schedule.overrides, 1):
        if override.start >= end or override.end <= start:
            continue
        span = Span(max(override.start, start), min(override.end, end))
        if isinstance(override, Temporary):
            canvas.cover(*span, NOBODY)
            _paint_layers(canvas, schedule, override.layers, span, f"temporary:{override.id or number}")
        else:
            _paint_override(canvas, override, span, f"override:{override.id or number}")
    stretches = merged(canvas.stretches())
    if len(stretches) > SHIFTS_MAX:
        raise Refused(f"{len(stretches)} shifts", f"at most {SHIFTS_MAX}", "Ask for a shorter span.")
    return Timeline(start, end, stretches)


def _paint_layers(
    canvas: _Canvas, schedule: Schedule, layers: Iterable[Layer], span: Span, source: str
) -> None:
    """Paint each layer over those before it, where it has somebody."""
    for number, layer in enumerate(layers, 1):
        shifts = layer_shifts(layer, schedule.timezone, *span, schedule.calendars, source.format(number))
        for start, end, users, sources in shifts:
            if users:
                canvas.cover(start, end, dict(zip(users, sources, strict=True)))


def _paint_override(canvas: _Canvas, override: Override, span: Span, source: str) -> None:
    """Change in `span` what `override` changes."""
    ours = dict.fromkeys(override.users, source)
    if override.mode is Mode.ADD:
        canvas.change(*span, lambda crew: {**crew, **ours, **crew})  # in order, and nobody's source changes
    elif override.mode is Mode.REMOVE:
        canvas.change(*span, lambda crew: _exchanged(crew, override.users, NOBODY))
    elif override.replaces:
        canvas.change(*span, lambda crew: _exchanged(crew, override.replaces, ours))
    else:
        canvas.cover(*span, ours)


def _exchanged(crew: Crew, going: Collection[str], coming: Crew) -> Crew:
    """`crew` with those who come where the first of those who go stood; nobody comes where nobody goes.

    Who is there already, and stays, is there once.
    """
    if not any(user in going for user in crew):
        return crew
    staying = {user: source for user, source in crew.items() if user not in going}
    out: dict[str, str] = {}
    for user, source in crew.items():
        out |= (
            {user: source}
            if user in staying
            else {who: why for who, why in coming.items() if who not in staying}
        )
    return out


def final(schedule: Schedule, start: datetime, end: datetime) -> tuple[Shift, ...]:
    """The shifts of [start, end) with somebody on call, sorted, cut at both ends; they do not overlap."""
    return timeline(schedule, start, end).shifts


def gaps(schedule: Schedule, start: datetime, end: datetime) -> tuple[Span, ...]:
    """When in [start, end) nobody is on call, sorted."""
    return timeline(schedule, start, end).gaps


def on_call(schedule: Schedule, at: datetime) -> tuple[str, ...]:
    """Who is on call at the instant `at`, in the order of their slot; () when nobody is."""
    return timeline(schedule, at, at + _INSTANT).stretches[0].users


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
    return _other(_looking_ahead(schedule, at))


def previous_shift(schedule: Schedule, at: datetime) -> Shift | None:
    """The last shift before `at` of somebody, and not of just those who are on call then; None within LOOK_AROUND."""
    return _other(_looking_back(schedule, at))


def _other(stretches: Iterator[Shift]) -> Shift | None:
    """The first of `stretches` with people on call who are not just those of the first one."""
    current = set(next(stretches).users)
    return next((each for each in stretches if each.users and set(each.users) != current), None)


def _looking_ahead(schedule: Schedule, at: datetime) -> Iterator[Shift]:
    """The stretches from `at` on, in order, whole but for the first and the last."""
    held: Shift | None = None
    look, last = _FIRST_LOOK, at + LOOK_AROUND
    while at < last:
        until = min(at + look, last)
        for stretch in timeline(schedule, at, until).stretches:
            if held and _alike(held, stretch):
                held = Shift(held.start, stretch.end, held.users, held.sources)
            else:
                if held:
                    yield held
                held = stretch
        at, look = until, look * 2
    if held:
        yield held


def _looking_back(schedule: Schedule, at: datetime) -> Iterator[Shift]:
    """The stretches from that of `at` back, whole but for the first and the last."""
    held: Shift | None = None
    at += _INSTANT
    look, last = _FIRST_LOOK, at - LOOK_AROUND
    while at > last:
        since = max(at - look, last)
        for stretch in reversed(timeline(schedule, since, at).stretches):
            if held and _alike(held, stretch):
                held = Shift(stretch.start, held.end, held.users, held.sources)
            else:
                if held:
                    yield held
                held = stretch
        at, look = since, look * 2
    if held:
        yield held


def _alike(one: Shift, other: Shift) -> bool:
    return one.users == other.users and one.sources == other.sources
