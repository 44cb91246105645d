"""What is recorded of the past, for a backtest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tocsin.incident.models import Incident, chain_of
from tocsin.journal.models import Entry
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import in_parts
from tocsin.notification.models import Page
from tocsin.notification.rules import Kind
from tocsin.readiness.rules import Happened, Past, searches_of
from tocsin.readiness.rules.past import DECIDED, OF_A_SEARCH

INCIDENTS_MAX = 10_000
SPAN_MAX = timedelta(days=366)


def recorded(start: datetime, end: datetime) -> list[Past]:
    """Every incident opened in [start, end), with when somebody was looked for and who was paged. Raises Refused."""
    if not timedelta(0) < end - start <= SPAN_MAX:
        raise Refused(f"From {start} to {end}", f"at most {SPAN_MAX.days} days, not empty", where="from_at")
    rows = Incident.objects.filter(opened_at__gte=start, opened_at__lt=end).order_by("id")
    services = dict(rows.values_list("id", "service_id")[: INCIDENTS_MAX + 1])
    if len(services) > INCIDENTS_MAX:
        raise Refused(f"More than {INCIDENTS_MAX} incidents", mend="Ask for a shorter span.")
    found: list[Past] = []
    for numbers in in_parts(services):
        facts, paged = _facts(numbers, end), _pages(numbers, end)
        found += [_past(number, services[number], facts[number], paged[number], end) for number in numbers]
    return found


def _past(
    number: int, service: str, facts: Sequence[Happened], paged: Sequence[tuple[datetime, str]], end: datetime
) -> Past:
    """One incident, out of its journal and its pages. By hand is paged whom no climb has decided to page."""
    decided = {(fact.at, user) for fact in facts if fact.kind in DECIDED for user in fact.data["people"]}
    by_hand = tuple(page for page in paged if page not in decided)
    searches = searches_of([fact for fact in facts if fact.kind not in DECIDED], end)
    return Past(number, service, searches, tuple(paged), by_hand)


def _facts(numbers: list[int], end: datetime) -> dict[int, list[Happened]]:
    """What the journal says of each incident's search for somebody up to `end`, in order."""
    chains = {chain_of(number): number for number in numbers}
    facts: dict[int, list[Happened]] = {number: [] for number in numbers}
    kinds = (*OF_A_SEARCH, *DECIDED)
    entries = Entry.objects.filter(chain__in=list(chains), kind__in=kinds, happened_at__lt=end)
    for entry in entries.order_by("chain", "seq"):
        by = By(entry.who, entry.through)
        fact = Happened(entry.kind, entry.happened_at, entry.data, by.user_id or "")
        facts[chains[entry.chain]].append(fact)
    return facts


def _pages(numbers: list[int], end: datetime) -> dict[int, list[tuple[datetime, str]]]:
    pages: dict[int, list[tuple[datetime, str]]] = {number: [] for number in numbers}
    rows = Page.objects.filter(incident_id__in=numbers, kind=Kind.PAGE, created_at__lt=end)
    for number, at, user in rows.order_by("created_at").values_list("incident_id", "created_at", "user_id"):
        if number is not None:
            pages[number].append((at, user))
    return pages
