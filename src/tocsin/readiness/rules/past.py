"""What of the recorded past a backtest takes: when an incident looked for somebody, and what people did by hand.

A search goes from the instant at which an incident needs somebody until it is answered or over. What somebody did by
hand meanwhile belongs to the past, not to the policy, and so it happens again: an escalation pages the next level,
and whom somebody was asked in person is asked all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from tocsin.kernel.spans import Span
from tocsin.kernel.urgency import Urgency

Paged = tuple[tuple[datetime, str], ...]  # when, and whom

# What the journal says of an incident that begins to look for somebody, and that stops.
BEGINS = ("incident.opened", "incident.worsened", "incident.ack_expired", "incident.reopened")
ANSWERS = ("incident.acknowledged", "incident.snoozed")
ENDS = (*ANSWERS, "incident.resolved", "incident.closed", "climb.held")
CLASSIFIED, ASSIGNED, PUSHED = "incident.classified", "incident.assigned", "climb.pushed"
OF_A_SEARCH = (*BEGINS, *ENDS, CLASSIFIED, ASSIGNED, PUSHED)
DECIDED = ("climb.paged", "climb.exhausted", "climb.nobody")  # whom a climb pages, as "people"


class Happened(NamedTuple):
    """One entry of an incident's journal; `user` is the person who did it, if one did."""

    kind: str
    at: datetime
    data: Mapping[str, Any]
    user: str = ""


@dataclass(frozen=True)
class Search:
    """An incident needed somebody from `span.start` until `span.end`, when it was answered or over.

    `pushes` are the instants at which somebody escalated by hand, before or after that answer. `taken` is whose the
    incident became, because they answered or, if it was `given`, because somebody said so; None: whose it was before.
    """

    urgency: Urgency
    span: Span
    pushes: tuple[datetime, ...] = ()
    taken: str | None = None
    given: bool = False


@dataclass(frozen=True)
class Past:
    """One recorded incident: when it looked for somebody, who was paged when, and who of these by hand."""

    number: int
    service: str
    searches: tuple[Search, ...]
    paged: Paged = ()
    by_hand: Paged = ()


@dataclass
class _Under:
    """A search that is being read; `ended` None: it goes on."""

    urgency: Urgency
    began: datetime
    pushes: list[datetime] = field(default_factory=list)
    taken: str | None = None
    given: bool = False
    ended: datetime | None = None

    def done(self, end: datetime) -> Search:
        """The search, which goes on until `end` at the latest."""
        span = Span(self.began, self.ended or end)
        return Search(self.urgency, span, tuple(self.pushes), self.taken, self.given)


def searches_of(facts: Iterable[Happened], end: datetime) -> tuple[Search, ...]:
    """The searches in one incident's journal, in order. One that is under way at `end` ends there."""
    found: list[Search] = []
    urgency = Urgency.HIGH
    under: _Under | None = None
    for kind, at, data, user in facts:
        before = urgency
        urgency = Urgency(data.get("urgency", urgency))
        searching = under is not None and under.ended is None
        if kind in BEGINS or (kind == CLASSIFIED and searching and urgency.worse_than(before)):
            if under is not None:
                found.append(under.done(at))
            under = _Under(urgency, at)
        elif under is not None:
            _note(under, kind, at, data, user)
    if under is not None:
        found.append(under.done(end))
    return tuple(found)


def _note(under: _Under, kind: str, at: datetime, data: Mapping[str, Any], user: str) -> None:
    """What happens to one that somebody is looked for, or was."""
    if kind == PUSHED:
        under.pushes.append(at)
    elif kind == ASSIGNED:
        under.taken, under.given = data.get("user") or "", True
    elif kind in ANSWERS and user:
        under.taken, under.given = user, False
    if kind in ENDS:
        under.ended = under.ended or at
