"""Which shift has become which when a schedule changes, and how overrides follow the shifts they cover.

An override with `replaces` says "these hours of Ada's", and is clipped to the shifts she has, whenever it is read. That
is enough while her shifts stay. When an edit moves them, what "these hours" means depends on what was covered:

- whole shifts: Ada gave away her turn, so the override goes where her turn goes, to the hours it has then;
- part of a shift: Ada cannot at those hours, whatever her turn is, so the override stays at its hours;
- shifts that are gone: there is nothing to go with, so it stays, and acts should she be on call then after all.

Which of her shifts has become which is found by their times: one that is still there is itself; else the one that
shares most hours with it, or begins nearest, no further off than REACH, and one of the NEAREST_MAX on either side.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tocsin.kernel.spans import Span
from tocsin.oncall.rules.painting import Canvas, shifts_of
from tocsin.oncall.rules.values import SPAN_MAX, Mode, Override, Schedule, Temporary

REACH = timedelta(days=35)  # how far a shift may move and still be the same: a month, and a weekend
NEAR = timedelta(days=3)  # how far is looked first
NEAREST_MAX = 14  # shifts on either side that it may have become: two weeks of daily ones


@dataclass(frozen=True)
class Move:
    """A shift before and after; None where there is none."""

    before: Span | None
    after: Span | None


def moves(before: Iterable[Span], after: Iterable[Span]) -> tuple[Move, ...]:
    """How the shifts of one person become others: those that moved, then those lost, then those gained, each sorted."""
    had, has = set(before), set(after)
    old, new = sorted(had - has), sorted(has - had)
    pairs = [(_distance(span, other), span, other) for span in old for other in _near(span, new)]
    became: dict[Span, Span] = {}
    found: set[Span] = set()
    # The nearest pairs first, so that a shift is not taken for another that is nearer to somebody else's.
    for _, one, other in sorted(pairs):
        if one not in became and other not in found:
            became[one] = other
            found.add(other)
    return (
        *(Move(one, became[one]) for one in old if one in became),
        *(Move(one, None) for one in old if one not in became),
        *(Move(None, other) for other in new if other not in found),
    )


def _near(span: Span, others: Sequence[Span]) -> Sequence[Span]:
    """Those of sorted `others` that begin within REACH of it: the nearest, when there are many."""
    here = bisect_left(others, span)
    first = bisect_left(others, Span(span.start - REACH, span.start), max(0, here - NEAREST_MAX), here)
    last = bisect_left(others, Span(span.end + REACH, span.end), here, min(len(others), here + NEAREST_MAX))
    return others[first:last]


def _distance(one: Span, other: Span) -> tuple[timedelta, timedelta]:
    """How little they share, and how far apart they begin: the smallest is the nearest."""
    both = one.common(other)
    return -both.length if both else timedelta(0), abs(other.start - one.start)


@dataclass(frozen=True)
class Followed:
    """An override that went with the shifts it covers; `number` is its place in the schedule, from 1."""

    number: int
    before: Override
    after: Override


def follow(before: Schedule, after: Schedule, now: datetime) -> tuple[Schedule, tuple[Followed, ...]]:
    """`after` with its overrides moved along with the shifts they cover whole, and which ones those are.

    Only overrides with `replaces` that are the same in both, and not over at `now`, go anywhere.
    """
    covers = [each for each in after.overrides if _follows(each, now)]
    if not covers or _alike(before, after):
        return after, ()
    start, end = now - REACH, min(max(each.end for each in covers) + REACH, now - REACH + SPAN_MAX)
    was, is_now = Canvas(before, start, end), Canvas(after, start, end)
    was.paint_layers()
    is_now.paint_layers()
    places = {override: place for place, override in enumerate(before.overrides)}
    painted, result, followed = 0, list(after.overrides), []
    for place, override in enumerate(after.overrides):
        until = places.get(override, -1)
        if until >= painted:
            # What it replaces is what those made before it leave.
            for number in range(painted, until):
                was.paint_override(number + 1, before.overrides[number])
            painted = until
            if isinstance(override, Override) and _follows(override, now):
                result[place] = moved = _moved(override, was, is_now)
                if moved != override:
                    followed.append(Followed(place + 1, override, moved))
        is_now.paint_override(place + 1, result[place])
    return replace(after, overrides=tuple(result)), tuple(followed)


def _follows(override: Override | Temporary, now: datetime) -> bool:
    return (
        isinstance(override, Override)
        and override.mode is Mode.REPLACE
        and bool(override.replaces)
        and override.end > now
    )


def _alike(one: Schedule, other: Schedule) -> bool:
    """Whether they have the same shifts for sure."""
    return (one.timezone, one.layers, one.overrides, one.calendars) == (
        other.timezone,
        other.layers,
        other.overrides,
        other.calendars,
    )


def _moved(override: Override, was: Canvas, is_now: Canvas) -> Override:
    """`override` at the hours that the shifts it covers have now."""
    partners: list[Span] = []
    for user in override.replaces:
        span = follow_span(override.span, user, was, is_now)
        if span is None:
            return override
        partners += [span] if span != override.span else []
    if not partners:
        return override
    start, end = min(span.start for span in partners), max(span.end for span in partners)
    return replace(override, start=start, end=end)


def follow_span(span: Span, user: str, was: Canvas, is_now: Canvas) -> Span | None:
    """Where the shifts of `user` that `span` covers whole have gone; `span` itself when they stayed or there are none,
    None when it covers part of one or when one is gone."""
    mine, theirs = _beside(span, user, was, is_now)
    covered = [shift for shift in mine if shift.common(span)]
    if any(not span.holds(shift) for shift in covered):
        return None
    if set(covered) <= set(theirs):
        return span
    first = mine.index(covered[0])
    since, until = max(0, first - NEAREST_MAX), first + len(covered) + NEAREST_MAX
    if since:  # what lies beyond has become of shifts beyond
        theirs = [shift for shift in theirs if shift.start > mine[since - 1].start]
    if until < len(mine):
        theirs = [shift for shift in theirs if shift.end < mine[until].end]
    went = {move.before: move.after for move in moves(mine[since:until], theirs) if move.before}
    ends = [went.get(shift, shift) for shift in covered]
    if None in ends:
        return None
    found = [shift for shift in ends if shift]
    return Span(min(shift.start for shift in found), max(shift.end for shift in found))


def _beside(span: Span, user: str, was: Canvas, is_now: Canvas) -> tuple[list[Span], list[Span]]:
    """The shifts of `user` in both, in `span` and as far around it as matters: what is near is enough where shifts are
    short, and looked at first."""
    found: tuple[list[Span], list[Span]] = [], []
    for reach in (NEAR, REACH):
        around = was.span.common(Span(span.start - reach, span.end + reach))
        if around is None:
            break
        found = _shifts(was, around, user), _shifts(is_now, around, user)
        sides = [
            sum(1 for shift in shifts if (shift.end <= span.start if before else shift.start >= span.end))
            for shifts in found
            for before in (True, False)
        ]
        if min(sides) > NEAREST_MAX:
            break
    return found


def _shifts(canvas: Canvas, around: Span, user: str) -> list[Span]:
    return [shift.span for shift in shifts_of(canvas.shifts(around), user)]
