"""Asking somebody to take one's hours, with or without taking some of theirs in return. Pure.

A request is open until it is accepted, declined by all who were asked, withdrawn, or its hours are over. Accepting one
makes overrides, nothing else: whose hours, when, and who takes them. They are clipped to the shifts they cover and
follow them when they move (see `following`). Hours can be given away once: a second request over the same hours is
refused, because they are somebody else's by then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from tocsin.kernel.errors import Refused, conflict
from tocsin.kernel.moments import whole_seconds
from tocsin.kernel.spans import Span, left_out, united
from tocsin.oncall.rules.painting import final, shifts_of
from tocsin.oncall.rules.values import OVERRIDE_LENGTH_MAX, Override, Schedule
from tocsin.oncall.rules.writing import references

ASKED_MAX = 20
# How long before the hours begin people are reminded of a request that nobody has answered.
REMINDERS = (
    timedelta(weeks=4),
    timedelta(weeks=2),
    timedelta(weeks=1),
    timedelta(days=3),
    timedelta(days=1),
    timedelta(hours=12),
)


class State(StrEnum):
    """How far a request for cover has come."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Request:
    """`by` asks `asked` (nobody named: whoever can) to take the hours of `span` in which `by` is on call.

    With `returns`, `by` takes the hours of whoever accepts in that span: a swap. Without, it is a cover.
    """

    id: str
    by: str
    span: Span
    made_at: datetime
    asked: tuple[str, ...] = ()
    returns: Span | None = None
    state: State = State.OPEN
    accepted_by: str = ""
    declined_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Accepted:
    """The request to store and the overrides to make, which have no ids yet."""

    request: Request
    overrides: tuple[Override, ...]


def ask(schedule: Schedule, request: Request, now: datetime) -> Request:
    """Return `request` when it makes sense at `now`. Raises Refused."""
    if request.span.end <= now:
        raise Refused("These hours are over", "hours that are still to come", where="span")
    if request.span.length > OVERRIDE_LENGTH_MAX:
        raise Refused("That is too long", f"at most {OVERRIDE_LENGTH_MAX.days} days", where="span")
    if len(request.asked) > ASKED_MAX:
        raise Refused(
            f"{len(request.asked)} people are asked", f"at most {ASKED_MAX}, or nobody by name", where="asked"
        )
    if request.by in request.asked:
        raise Refused(f"{request.by} cannot ask themselves", "somebody else", where="asked")
    _hours(schedule, request.by, _left(request.span, now))
    if request.returns:
        if len(request.asked) != 1:
            raise Refused(
                "Hours in return are somebody's",
                "one person asked",
                "Ask one person, or leave them out.",
                "asked",
            )
        if request.returns.end <= now:
            raise Refused("The hours in return are over", "hours that are still to come", where="returns")
        _hours(schedule, request.asked[0], _left(request.returns, now))
    return request


def accept(
    schedule: Schedule, request: Request, user: str, now: datetime, others: Iterable[Request] = ()
) -> Accepted:
    """What follows when `user` accepts at `now`; of hours that have begun, what is left is taken.

    `others` are the requests about this schedule that stand beside it. Raises Refused with the reason when it is not
    open, `user` was not asked, the hours are no longer what they were, or are given away already.
    """
    _still_open(request, now)
    if user == request.by:
        raise Refused("Nobody takes over from themselves", "somebody else")
    if request.asked and user not in request.asked:
        raise Refused(f"{user} was not asked", f"one of {', '.join(request.asked)}", status=403)
    exchanges = [(request.by, user, request.span)]
    if request.returns and request.returns.end > now:
        exchanges.append((user, request.by, request.returns))
    for giver, taker, span in exchanges:
        _not_given_twice(giver, span, request, others)
        hours = _hours(schedule, giver, _left(span, now))
        _not_on_call(schedule, taker, hours)
    overrides = tuple(
        Override("", *_left(span, now), users=(taker,), replaces=(giver,)) for giver, taker, span in exchanges
    )
    return Accepted(replace(request, state=State.ACCEPTED, accepted_by=user), overrides)


def decline(request: Request, user: str, now: datetime) -> Request:
    """The request after `user` said no; declined once everybody who was asked by name has. Raises Refused."""
    _still_open(request, now)
    if user == request.by or (request.asked and user not in request.asked):
        raise Refused(f"{user} was not asked", status=403)
    declined = tuple(dict.fromkeys((*request.declined_by, user)))
    done = bool(request.asked) and set(request.asked) <= set(declined)
    return replace(request, declined_by=declined, state=State.DECLINED if done else State.OPEN)


def withdraw(request: Request, now: datetime) -> Request:
    """The request after whoever made it took it back. Raises Refused when it is not open."""
    _still_open(request, now)
    return replace(request, state=State.WITHDRAWN)


def expire(request: Request, now: datetime) -> Request:
    """The request as it is at `now`: open ones end with their hours."""
    over = request.state is State.OPEN and request.span.end <= now
    return replace(request, state=State.EXPIRED) if over else request


def reminders(request: Request) -> tuple[datetime, ...]:
    """When people are reminded of it while it is open, in order."""
    due = (request.span.start - before for before in REMINDERS)
    return tuple(at for at in due if at > request.made_at)


def reminder_due(request: Request, reminded_at: datetime | None, now: datetime) -> bool:
    """Whether one is due at `now`, when the last went out at `reminded_at`. Of several missed ones, one is due."""
    if request.state is not State.OPEN or now >= request.span.end:
        return False
    return any((reminded_at or request.made_at) < at <= now for at in reminders(request))


def take(schedule: Schedule, span: Span, user: str, now: datetime, of: str = "") -> Override:
    """The override with which `user` takes the hours of `of` ("": of whoever is on call) in `span`, from `now` on.

    Raises Refused when nothing is there to take, or `user` is on call then already.
    """
    if span.end <= now:
        raise Refused("These hours are over", "hours that are still to come")
    rest = _left(span, now)
    if of:
        hours = _hours(schedule, of, rest)
        _not_on_call(schedule, user, hours)
        return Override("", *rest, users=(user,), replaces=(of,))
    shifts = final(schedule, *rest)
    people = tuple(dict.fromkeys(each for shift in shifts for each in shift.users))
    if not people:
        raise Refused("Nobody is on call then", "a shift to take", "Make an override to fill the gap.")
    if people == (user,):
        raise conflict(f"{user} is on call then already")
    return Override("", *rest, users=(user,), replaces=tuple(each for each in people if each != user))


def cover_wanted(
    schedule: Schedule, user: str, absences: Iterable[Span], requests: Iterable[Request], now: datetime
) -> tuple[Span, ...]:
    """The hours for which somebody must be asked because `user` is away then: on call in one of `absences`, and no
    request of theirs about it yet, whatever became of it. Sorted."""
    if not any((kind, key) == ("user", user) for _, kind, key in references(schedule)):
        return ()
    asked = united(request.span for request in requests if request.by == user)
    wanted: list[Span] = []
    for away in united(absences):
        if away.end > now:
            shifts = shifts_of(final(schedule, *_left(away, now)), user)
            wanted += [part for shift in shifts for part in left_out(shift.span, asked)]
    return tuple(wanted)


def _still_open(request: Request, now: datetime) -> None:
    state = expire(request, now).state
    if state is not State.OPEN:
        by = f" by {request.accepted_by}" if state is State.ACCEPTED else ""
        raise conflict(f"The request was {state}{by}", "Make a new one if it is still needed.")


def _left(span: Span, now: datetime) -> Span:
    return Span(max(span.start, whole_seconds(now)), span.end)


def _hours(schedule: Schedule, user: str, span: Span) -> tuple[Span, ...]:
    """When `user` is on call in `span`. Raises Refused when never."""
    shifts = final(schedule, *span)
    mine = tuple(shift.span for shift in shifts_of(shifts, user))
    if not mine:
        others = sorted({each for shift in shifts for each in shift.users})
        raise conflict(
            f"{user} is not on call then: {', '.join(others) or 'nobody'} is",
            "Look at the schedule as it is now.",
        )
    return mine


def _not_on_call(schedule: Schedule, user: str, hours: Iterable[Span]) -> None:
    """Raises Refused when `user` is on call in any of `hours`: there would be one person fewer."""
    for span in hours:
        if shifts_of(final(schedule, *span), user):
            raise conflict(f"{user} is on call then already", "Ask somebody who is not.")


def _not_given_twice(giver: str, span: Span, request: Request, others: Iterable[Request]) -> None:
    """Raises Refused when an accepted request has given away some of these hours of `giver`."""
    for other in others:
        if other.state is not State.ACCEPTED or other.id == request.id:
            continue
        given = [(other.by, other.span, other.accepted_by)]
        if other.returns:
            given.append((other.accepted_by, other.returns, other.by))
        for whose, when, taker in given:
            if whose == giver and when.common(span):
                raise conflict(f"{taker} takes some of these hours of {giver} already")
