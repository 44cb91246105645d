"""Open requests go along with the shifts that they are about, by the same rule as overrides (see `following`). Pure.

What covers whole shifts goes where these go; what covers part of one, or shifts that are gone, stays. Whoever has said
no has said so to other hours, and is asked anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from tocsin.kernel.spans import Span
from tocsin.oncall.rules.following import REACH, follow_span
from tocsin.oncall.rules.painting import Canvas, final, shifts_of
from tocsin.oncall.rules.swaps import Request, State, expire
from tocsin.oncall.rules.values import SPAN_MAX, Schedule


@dataclass(frozen=True)
class RequestFollowed:
    """A request that went with the shifts it is about."""

    before: Request
    after: Request


def follow_requests(
    before: Schedule, after: Schedule, requests: Iterable[Request], now: datetime
) -> tuple[RequestFollowed, ...]:
    """The open ones of `requests` that go elsewhere when `before` becomes `after`."""
    waiting = [each for each in requests if expire(each, now).state is State.OPEN]
    if not waiting:
        return ()
    ends = [span.end for each in waiting for span in (each.span, each.returns) if span]
    start, end = now - REACH, min(max(ends) + REACH, now - REACH + SPAN_MAX)
    was, is_now = _painted(before, start, end), _painted(after, start, end)
    followed = []
    for each in waiting:
        span = follow_span(each.span, each.by, was, is_now) or each.span
        returns = each.returns
        if returns and returns.end > now:
            returns = follow_span(returns, each.asked[0], was, is_now) or returns
        if (span, returns) != (each.span, each.returns):
            followed.append(RequestFollowed(each, replace(each, span=span, returns=returns, declined_by=())))
    return tuple(followed)


def is_needed(schedule: Schedule, request: Request, now: datetime) -> bool:
    """Whether whoever made the request is on call in any of its hours that are left."""
    left = Span(max(request.span.start, now), request.span.end)
    return left.start < left.end and bool(shifts_of(final(schedule, *left), request.by))


def _painted(schedule: Schedule, start: datetime, end: datetime) -> Canvas:
    canvas = Canvas(schedule, start, end)
    canvas.paint_layers()
    for number, override in enumerate(schedule.overrides, 1):
        canvas.paint_override(number, override)
    return canvas
