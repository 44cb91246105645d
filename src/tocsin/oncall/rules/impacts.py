"""What a change of schedules does to people and coverage, before it is saved. Values; sentences are made above."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tocsin.kernel.spans import Span, left_out, total
from tocsin.oncall.rules.following import moves
from tocsin.oncall.rules.painting import LOOK_AROUND, Timeline, shifts_of, timeline
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


def impact(before: Iterable[Schedule], after: Iterable[Schedule], now: datetime, end: datetime) -> Impact:
    """What changes in [now, end) when the schedules `before` become those of `after`, matched by id.

    A new schedule opens the gaps it has; one that is gone opens none, since nothing is left to be on call for.
    """
    span = Span(now, end)
    further = max(end, now + LOOK_AROUND)
    old = {each.id: timeline(each, now, further) for each in before}
    new = {each.id: timeline(each, now, further) for each in after}
    shifts = tuple(_shift_changes(old, new, span))
    opened, closed = [], []
    for key, line in new.items():
        # A schedule that did not exist had no gaps either.
        had, has = _gaps(old[key], span) if key in old else (), _gaps(line, span)
        opened += [Gap(key, part) for gap in has for part in left_out(gap, had)]
        closed += [Gap(key, part) for gap in had for part in left_out(gap, has)]
    return Impact(span, shifts, tuple(_people(old, new, span)), tuple(opened), tuple(closed))


def _shift_changes(
    old: Mapping[str, Timeline], new: Mapping[str, Timeline], span: Span
) -> Iterable[ShiftChange]:
    for key in dict.fromkeys([*old, *new]):
        was, becomes = _by_person(old.get(key), span), _by_person(new.get(key), span)
        for user in sorted(was.keys() | becomes.keys()):
            for move in moves(was.get(user, ()), becomes.get(user, ())):
                yield ShiftChange(key, user, move.before, move.after)


def _by_person(line: Timeline | None, span: Span) -> dict[str, tuple[Span, ...]]:
    """The shifts of each person in `span`, sorted."""
    if line is None:
        return {}
    shifts = [shift for shift in line.shifts if shift.start < span.end]
    people = dict.fromkeys(user for shift in shifts for user in shift.users)
    return {
        user: tuple(both for each in shifts_of(shifts, user) if (both := each.span.common(span)))
        for user in people
    }


def _gaps(line: Timeline, span: Span) -> tuple[Span, ...]:
    return tuple(both for gap in line.gaps if (both := gap.common(span)))


def _people(old: Mapping[str, Timeline], new: Mapping[str, Timeline], span: Span) -> Iterable[Person]:
    """Those whose shifts change in `span`, or whose next shift does however far off it is."""
    was, becomes = _whole(old), _whole(new)
    for user in sorted(was.keys() | becomes.keys()):
        mine, ours = was.get(user, []), becomes.get(user, [])
        next_before, next_after = next(iter(mine), None), next(iter(ours), None)
        before, after = _within(mine, span), _within(ours, span)
        if before == after and next_before == next_after:
            continue
        now = span.start
        if _is_on_call(mine, now) != _is_on_call(ours, now):
            why = Why.ON_CALL_NOW
        elif _upcoming(mine, now) != _upcoming(ours, now) or next_before != next_after:
            why = Why.NEXT_SHIFT
        else:
            why = Why.LATER_SHIFTS
        yield Person(
            user,
            total(part for _, part in before),
            total(part for _, part in after),
            next_before,
            next_after,
            why,
        )


Placed = tuple[str, Span]  # the hours of one person, and the schedule they are in


def _whole(lines: Mapping[str, Timeline]) -> dict[str, list[Placed]]:
    """The shifts of each person in all schedules, sorted by their hours."""
    found: dict[str, list[Placed]] = {}
    for key, line in lines.items():
        for user, spans in _by_person(line, Span(line.start, line.end)).items():
            found.setdefault(user, []).extend((key, span) for span in spans)
    return {user: sorted(placed, key=lambda each: each[1]) for user, placed in found.items()}


def _within(placed: Iterable[Placed], span: Span) -> list[Placed]:
    return [(key, both) for key, hours in placed if (both := hours.common(span))]


def _is_on_call(placed: Iterable[Placed], now: datetime) -> bool:
    return any(hours.start <= now < hours.end for _, hours in placed)


def _upcoming(placed: Iterable[Placed], now: datetime) -> Placed | None:
    """The first shift that begins after `now`."""
    return next((each for each in placed if each[1].start > now), None)
