"""What is recorded of the past, for a backtest."""

from __future__ import annotations

from datetime import datetime, timedelta

from tocsin.incident.models import Incident, chain_of
from tocsin.journal.models import Entry
from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import in_parts
from tocsin.notification.models import Page
from tocsin.readiness.rules import Past, searches_of
from tocsin.readiness.rules.backtest import BEGINS, CLASSIFIED, ENDS

INCIDENTS_MAX = 10_000
SPAN_MAX = timedelta(days=366)
PAGE = "page"  # the kind of page that an incident makes


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
        facts, paged = _facts(numbers), _pages(numbers)
        found += [
            Past(number, services[number], searches_of(facts[number], end), tuple(paged[number]))
            for number in numbers
        ]
    return found


def _facts(numbers: list[int]) -> dict[int, list[tuple[str, datetime, dict[str, object]]]]:
    """What the journal says of each incident's search for somebody, in order."""
    chains = {chain_of(number): number for number in numbers}
    facts: dict[int, list[tuple[str, datetime, dict[str, object]]]] = {number: [] for number in numbers}
    entries = Entry.objects.filter(chain__in=list(chains), kind__in=(*BEGINS, *ENDS, CLASSIFIED))
    for chain, *fact in entries.order_by("chain", "seq").values_list("chain", "kind", "happened_at", "data"):
        facts[chains[chain]].append((fact[0], fact[1], fact[2]))
    return facts


def _pages(numbers: list[int]) -> dict[int, list[tuple[datetime, str]]]:
    pages: dict[int, list[tuple[datetime, str]]] = {number: [] for number in numbers}
    rows = Page.objects.filter(incident_id__in=numbers, kind=PAGE).order_by("created_at")
    for number, at, user in rows.values_list("incident_id", "created_at", "user_id"):
        if number is not None:
            pages[number].append((at, user))
    return pages
