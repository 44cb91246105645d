"""What the recorded past would have been with another arrangement: who would have been paged instead.

Of the past only this is taken: when an incident needed somebody, at which urgency, and when that was over because
somebody answered or it had resolved. It is assumed that whoever is paged instead answers as late as those did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

from tocsin.escalation.rules import PageLevel, Roster
from tocsin.kernel.hours import window_spans
from tocsin.kernel.spans import Span
from tocsin.kernel.urgency import Urgency
from tocsin.kernel.zones import zone
from tocsin.oncall.rules import INSTANT, Counting
from tocsin.readiness.rules.climbing import climb_from
from tocsin.readiness.rules.values import Arrangement
from tocsin.readiness.rules.watching import Pictures, Watch

NIGHTS = Counting()
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Search:
    """An incident needed somebody from `span.start` until `span.end`, when it was answered or over."""

    urgency: Urgency
    span: Span


@dataclass(frozen=True)
class Past:
    """One recorded incident: when it looked for somebody, and who was paged when."""

    number: int
    service: str
    searches: tuple[Search, ...]
    paged: tuple[tuple[datetime, str], ...] = ()


@dataclass(frozen=True)
class Replayed:
    """What the incident pages with the other arrangement; `unserved` when its service is no more."""

    number: int
    service: str
    paged: tuple[tuple[datetime, str], ...]
    unserved: bool = False


@dataclass(frozen=True)
class Tally:
    """How often one person is paged, and how often of these by night on their own clock."""

    user: str
    name: str
    pages_before: int
    nights_before: int
    pages_after: int
    nights_after: int


# What the journal says of an incident that begins to look for somebody, and that stops.
BEGINS = ("incident.opened", "incident.worsened", "incident.ack_expired", "incident.reopened")
ENDS = ("incident.acknowledged", "incident.resolved", "incident.closed")
CLASSIFIED = "incident.classified"


def searches_of(
    facts: Iterable[tuple[str, datetime, Mapping[str, Any]]], end: datetime
) -> tuple[Search, ...]:
    """The searches in one incident's journal: what happened, when, and what was said, in order. One that is under way
    at `end` ends there. Pages asked for by hand are no searches."""
    found: list[Search] = []
    urgency, began = Urgency.HIGH, None
    for kind, at, data in facts:
        before = urgency
        urgency = Urgency(data.get("urgency", urgency))
        louder = kind == CLASSIFIED and began is not None and urgency.worse_than(before)
        if kind not in (*BEGINS, *ENDS) and not louder:
            continue
        if began is not None and began < at:
            found.append(Search(before, Span(began, at)))
        began = None if kind in ENDS else at
    if began is not None and began < end:
        found.append(Search(urgency, Span(began, end)))
    return tuple(found)


def backtest(arrangement: Arrangement, past: Sequence[Past]) -> tuple[Replayed, ...]:
    """Each of `past` as it would have been."""
    spans = [search.span for each in past for search in each.searches]
    if not spans:
        return tuple(Replayed(each.number, each.service, ()) for each in past)
    pictures = Pictures(arrangement, min(spans).start, max(span.end for span in spans) + INSTANT)
    roster = Watch(pictures).roster
    return tuple(_replayed(arrangement, roster, each) for each in past)


def _replayed(arrangement: Arrangement, roster: Roster, each: Past) -> Replayed:
    if each.service not in arrangement.services:
        return Replayed(each.number, each.service, (), unserved=True)
    policy = arrangement.policy_of(each.service)
    paged: list[tuple[datetime, str]] = []
    for search in each.searches:
        if policy is None:
            paged += [(search.span.start, user) for user in arrangement.fallback]
            continue
        for at, decision, _ in climb_from(policy, roster, arrangement, *search.span):
            people = decision.people if isinstance(decision, PageLevel) else arrangement.fallback
            paged += [(at, user) for user in people]
    return Replayed(each.number, each.service, tuple(paged))


def tallies(
    past: Sequence[Past],
    replayed: Sequence[Replayed],
    names: Mapping[str, str],
    timezones: Mapping[str, str],
    counting: Counting = NIGHTS,
) -> tuple[Tally, ...]:
    """A line for everybody who was or would have been paged, by name. `timezones`: where each lives; else UTC."""
    before = [page for each in past for page in each.paged]
    after = [page for each in replayed for page in each.paged]
    found = []
    for user in {user for _, user in [*before, *after]}:
        here = timezones.get(user, "UTC")
        was = [at for at, paged in before if paged == user]
        becomes = [at for at, paged in after if paged == user]
        found.append(
            Tally(
                user,
                names.get(user, user),
                len(was),
                _nights(was, here, counting),
                len(becomes),
                _nights(becomes, here, counting),
            )
        )
    return tuple(sorted(found, key=lambda each: (each.name.casefold(), each.user)))


HEADINGS = ("person", "name", "pages before", "night pages before", "pages after", "night pages after")


def rows_of(found: Sequence[Tally]) -> list[list[str]]:
    """The tallies as the rows of a spreadsheet, with headings. A name that a spreadsheet would take for a formula is
    written behind an apostrophe."""
    rows = [[str(value) for value in astuple(each)] for each in found]
    return [
        list(HEADINGS),
        *([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in row] for row in rows),
    ]


def _nights(instants: Iterable[datetime], timezone: str, counting: Counting) -> int:
    here = zone(timezone)
    return sum(bool(window_spans(counting.nights, here, at, at + INSTANT)) for at in instants)
