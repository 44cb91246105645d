"""What the recorded past would have been with another arrangement: who would have been paged instead.

It is assumed that whoever is paged instead answers as late as those did who were, and escalates when they did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime

from tocsin.escalation.rules import Climb, PageLevel, Policy, Roster, Waits, escalate, push
from tocsin.kernel.hours import window_spans
from tocsin.kernel.urgency import Urgency
from tocsin.kernel.zones import zone
from tocsin.oncall.rules import INSTANT, Counting
from tocsin.readiness.rules.climbing import Climbed, climb_from, delay_of
from tocsin.readiness.rules.past import Paged, Past, Search
from tocsin.readiness.rules.values import Arrangement
from tocsin.readiness.rules.watching import Pictures, Watch

NIGHTS = Counting()
NO_POLICY = Policy(id="", name="", levels=())  # pages the fallback
NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)  # when nothing happens
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Replayed:
    """What the incident pages with the other arrangement; `unserved` when its service is no more, `missed` when
    somebody was looked for and nobody who can be reached is paged, not even as a fallback."""

    number: int
    service: str
    paged: Paged
    unserved: bool = False
    missed: bool = False


@dataclass(frozen=True)
class Tally:
    """How often one person is paged, and how often of these by night on their own clock."""

    user: str
    name: str
    pages_before: int
    nights_before: int
    pages_after: int
    nights_after: int


def backtest(arrangement: Arrangement, past: Sequence[Past]) -> tuple[Replayed, ...]:
    """Each of `past` as it would have been."""
    instants = [at for each in past for search in each.searches for at in (*search.span, *search.pushes)]
    if not instants:  # nobody was looked for
        instants = [NO_TIME]
    pictures = Pictures(arrangement, min(instants), max(instants) + INSTANT)
    roster = Watch(pictures).roster
    return tuple(_replayed(arrangement, roster, each) for each in past)


def _replayed(arrangement: Arrangement, roster: Roster, each: Past) -> Replayed:
    if each.service not in arrangement.services:
        return Replayed(each.number, each.service, (), unserved=True)
    policy = arrangement.policy_of(each.service) or NO_POLICY
    paged = [(at, user) for at, user in each.by_hand if user in roster.users]
    reached = any(_is_reached(arrangement, user, Urgency.HIGH, at) for at, user in paged)
    has = ""  # whose it is: they are asked again beside the first level, when their answer runs out
    for search in each.searches:
        for at, decision, _ in _climbed(policy, roster, arrangement, search, has):
            if isinstance(decision, Waits):
                continue
            people = decision.people if isinstance(decision, PageLevel) else arrangement.fallback
            paged += [(at, user) for user in people]
            reached |= any(_is_reached(arrangement, user, search.urgency, at) for user in people)
        if search.taken is not None:
            until = [page for page in paged if page[0] <= search.span.end]
            has = search.taken if search.given else _whose(search.taken, until)
    missed = bool(each.searches) and not reached
    return Replayed(each.number, each.service, tuple(sorted(paged)), missed=missed)


def _is_reached(arrangement: Arrangement, user: str, urgency: Urgency, at: datetime) -> bool:
    return delay_of(arrangement.people[user], urgency, at) is not None


def _whose(answered: str, paged: Sequence[tuple[datetime, str]]) -> str:
    """Who answers for `answered` when it is these who were paged: the same person, or else one of the last of them."""
    if not paged or answered in {user for _, user in paged}:
        return answered
    last = max(at for at, _ in paged)
    return min(user for at, user in paged if at == last)


def _climbed(
    policy: Policy, roster: Roster, arrangement: Arrangement, search: Search, has: str
) -> Iterator[Climbed]:
    """What is decided in one search: by itself until it is answered, and at each escalation by hand."""
    climb, end = Climb(due_at=search.span.start), search.span.end
    forced = False
    for pushed in (*search.pushes, None):
        until = end if pushed is None else min(pushed, end)
        for each in climb_from(policy, roster, arrangement, climb, until, search.urgency, has, forced):
            yield each
            climb, has, forced = each.climb, "", False
        if pushed is None:
            return
        climb, forced = push(policy, climb, pushed), True
        if pushed >= end:  # somebody has it: one page, and then it rests again
            decision, climb = escalate(policy, roster, climb, pushed)
            if decision is not None:
                yield Climbed(pushed, decision, climb)


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
