"""What a change of schedules does to people and coverage, before it is saved. Values; sentences are made above."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tocsin.kernel.spans import Span, left_out, total
from tocsin.oncall.rules.following import moves
from tocsin.oncall.rules.painting import LOOK_AROUND, Timeline, by_person, timeline
from tocsin.oncall.rules.values import Schedule


class Why(StrEnum):
    """Why somebody is told of a change, the most pressing first."""

    ON_CALL_NOW = "on-call-now"  # is on call this moment, or was, and the other way round after the change
    NEXT_SHIFT = "next-shift"  # the shift that comes next moved, went, or is new
    LATER_SHIFTS = "later-shifts"


@dataclass(frozen=True)
class ShiftChange:
    """A shift of `user` in a schedule, before and after: moved when there are both, lost or gained otherwise."""

    schedule: str
    user: str
    before: Span | None
    after: Span | None


@dataclass(frozen=True)
class Person:
    """What the change means to one person, over the span looked at. `next_*`: schedule and hours of the shift that is
    under way or comes next, however far off; None when there is none."""

    user: str
    before: timedelta
    after: timedelta
    next_before: tuple[str, Span] | None
    next_after: tuple[str, Span] | None
    why: Why

    @property
    def gained(self) -> timedelta:
        """Hours more than before; negative when fewer."""
        return self.after - self.before


@dataclass(frozen=True)
class Gap:
    """Hours in which nobody is on call in a schedule."""

    schedule: str
    span: Span


@dataclass(frozen=True)
class Impact:
    """All of it, over `span`. `people` are those whose shifts change: they are the ones to tell."""

    span: Span
    shifts: tuple[ShiftChange, ...]
    people: tuple[Person, ...]
    opened: tuple[Gap, ...]
    closed: tuple[Gap, ...]

    @property
    def moved(self) -> tuple[ShiftChange, ...]:
        """The shifts that there are before and after, at other hours."""
        return tuple(each for each in self.shifts if each.before and each.after)


# When a person is on call in a schedule, by the ids of the schedule and of the person.
Hours = Mapping[tuple[str, str], Sequence[Span]]
# The hours of one person, each with the schedule they are in.
Placed = tuple[Span, str]


def impact(before: Iterable[Schedule], after: Iterable[Schedule], now: datetime, end: datetime) -> Impact:
    """What changes in [now, end) when the schedules `before` become those of `after`, matched by id.

    A new schedule opens the gaps it has; one that is gone opens none, since nothing is left to be on call for.
    """
    span = Span(now, end)
    further = max(end, now + LOOK_AROUND)
    old = {each.id: timeline(each, now, further) for each in before}
    new = {each.id: timeline(each, now, further) for each in after}
    opened, closed = [], []
    for key, line in new.items():
        # A schedule that did not exist had no gaps either.
        had, has = _cut(old[key].gaps, span) if key in old else (), _cut(line.gaps, span)
        opened += [Gap(key, part) for gap in has for part in left_out(gap, had)]
        closed += [Gap(key, part) for gap in had for part in left_out(gap, has)]
    hours = _hours(old), _hours(new)
    shifts, people = tuple(_shift_changes(*hours, span)), tuple(_people(*hours, span))
    return Impact(span, shifts, people, tuple(opened), tuple(closed))


def _hours(lines: Mapping[str, Timeline]) -> Hours:
    return {
        (key, user): spans for key, line in lines.items() for user, spans in by_person(line.shifts).items()
    }


def _cut(spans: Iterable[Span], span: Span) -> tuple[Span, ...]:
    return tuple(both for each in spans if (both := each.common(span)))


def _shift_changes(was: Hours, becomes: Hours, span: Span) -> Iterator[ShiftChange]:
    for place in sorted(was.keys() | becomes.keys()):
        for move in moves(_cut(was.get(place, ()), span), _cut(becomes.get(place, ()), span)):
            yield ShiftChange(*place, move.before, move.after)


def _people(was: Hours, becomes: Hours, span: Span) -> Iterator[Person]:
    """Those whose shifts change in `span`, or whose next shift does however far off it is."""
    for user in sorted({user for _, user in (*was, *becomes)}):
        mine, then = _placed(was, user), _placed(becomes, user)
        if why := _why(mine, then, span):
            yield Person(
                user,
                total(_cut((hours for hours, _ in mine), span)),
                total(_cut((hours for hours, _ in then), span)),
                next(((key, hours) for hours, key in mine), None),
                next(((key, hours) for hours, key in then), None),
                why,
            )


def _placed(hours: Hours, user: str) -> list[Placed]:
    """When `user` is on call in any schedule, sorted."""
    return sorted((span, key) for (key, whose), spans in hours.items() if whose == user for span in spans)


def _why(mine: Sequence[Placed], then: Sequence[Placed], span: Span) -> Why | None:
    """Why somebody is told whose shifts were `mine` and will be those of `then`; None when there is nothing to tell."""
    now = span.start

    def on_call(placed: Sequence[Placed]) -> bool:
        return bool(placed) and placed[0][0].start <= now

    def coming(placed: Sequence[Placed]) -> Placed | None:
        return next((each for each in placed if each[0].start > now), None)

    if on_call(mine) != on_call(then):
        return Why.ON_CALL_NOW
    if mine[:1] != then[:1] or coming(mine) != coming(then):
        return Why.NEXT_SHIFT
    seen = [[(part, key) for hours, key in placed if (part := hours.common(span))] for placed in (mine, then)]
    return Why.LATER_SHIFTS if seen[0] != seen[1] else None
