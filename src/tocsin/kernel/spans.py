"""Spans of time and what can be done with sorted lists of them. All are half-open: the end is not part of it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple


class Span(NamedTuple):
    """From `start` up to, but not including, `end`."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    def common(self, other: Span) -> Span | None:
        """What both share; None when that is nothing."""
        if self.start >= other.end or other.start >= self.end:
            return None
        return Span(max(self.start, other.start), min(self.end, other.end))

    def holds(self, other: Span) -> bool:
        """Whether all of `other` lies in it."""
        return self.start <= other.start and other.end <= self.end


def united(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The instants that lie in at least one of `spans`, as sorted spans that neither overlap nor meet."""
    out: list[Span] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if out and start <= out[-1].end:
            out[-1] = Span(out[-1].start, max(out[-1].end, end))
        else:
            out.append(Span(start, end))
    return tuple(out)


def common(ones: Iterable[Span], others: Iterable[Span]) -> Iterator[Span]:
    """The instants that lie in both; each list is sorted and does not overlap itself."""
    mine, theirs = iter(ones), iter(others)
    one, other = next(mine, None), next(theirs, None)
    while one and other:
        if both := one.common(other):
            yield both
        if one.end <= other.end:
            one = next(mine, None)
        else:
            other = next(theirs, None)


def near(spans: Sequence[Span], span: Span) -> Sequence[Span]:
    """Those of `spans`, sorted and without overlaps, that share something with `span`."""
    first = bisect_right(spans, span.start, key=lambda each: each.end)
    return spans[first : bisect_left(spans, span.end, lo=first, key=lambda each: each.start)]


def left_out(whole: Span, spans: Iterable[Span]) -> Iterator[Span]:
    """What of `whole` none of `spans` covers; they are sorted and do not overlap."""
    at = whole.start
    for start, end in spans:
        if at < min(start, whole.end):
            yield Span(at, min(start, whole.end))
        at = max(at, end)
    if at < whole.end:
        yield Span(at, whole.end)


def total(spans: Iterable[Span]) -> timedelta:
    """How long they are together."""
    return sum((span.length for span in spans), timedelta(0))
