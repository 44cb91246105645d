"""Which contacts work and which fail, by what became of the messages to them. Only what has changed is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tocsin.kernel.acting import ENGINE
from tocsin.kernel.ids import in_parts
from tocsin.notification.models import Delivery
from tocsin.notification.rules import DeliveryState
from tocsin.people.contacts import note_contacts
from tocsin.people.models import Contact
from tocsin.people.rules import FAILURES_MAX, Failing, Try, failing

LOOK_BACK = timedelta(days=1)  # of the first look of a process
OVERLAP = timedelta(minutes=5)  # of two looks: so long may a delivery take to its end
DELIVERIES_MAX = 5_000  # read in one look, the latest first
FAILING, WORKS_AGAIN, WORKED = "failing", "works again", "worked"
_WENT = (DeliveryState.SENT, DeliveryState.CONFIRMED)
_FINISHED = (*_WENT, DeliveryState.UNDELIVERABLE)

_looked_at: datetime | None = None

Key = tuple[str, str, str]  # person, contact, address


@dataclass(frozen=True)
class Found:
    """What there is to write about a contact."""

    contact: Contact
    word: str
    failing: Failing | None = None


def look(now: datetime) -> list[Found]:
    """What the deliveries since the last look say about contacts that is not known yet."""
    global _looked_at  # noqa: PLW0603 - of the process: another that looks too finds that it is written
    known = _looked_at if _looked_at is not None and _looked_at <= now else now - LOOK_BACK
    _looked_at = now
    tries = _recent(known - OVERLAP)
    return [found for row in _contacts_of(tries) for found in _judged(row, tries[_key(row)], now)]


def forget() -> None:
    """Look at everything again: for tests, whose deliveries are gone."""
    global _looked_at  # noqa: PLW0603
    _looked_at = None


def keep(found: Iterable[Found], now: datetime) -> list[Found]:
    """Write what was found, and return what was new; the rest has changed meanwhile. In the caller's `changing`."""
    kept: list[Found] = []
    rows = Contact.objects.in_bulk([each.contact.pk for each in found])
    for each in found:
        row = rows.get(each.contact.pk)
        if row is None or row.as_value() != each.contact.as_value():
            continue
        if each.word == FAILING and each.failing is not None:
            row.failing_since, row.failing_why = each.failing.since, each.failing.why[:200]
        else:
            row.failing_since, row.failing_why = None, ""
            row.worked_at = row.worked_at or now
        kept.append(Found(row, each.word, each.failing))
    note_contacts([(each.contact, each.word) for each in kept], ENGINE, now)
    return kept


def _judged(row: Contact, tries: Sequence[Try], now: datetime) -> list[Found]:
    known = row.as_value()
    if not known.is_paged:
        return []
    if not tries[0].why:
        if known.failing_since is not None:
            return [Found(row, WORKS_AGAIN)]
        return [Found(row, WORKED)] if known.worked_at is None else []
    if known.failing_since is None and (why := failing(_last_tries(row))) is not None:
        return [Found(row, FAILING, why)]
    return []


def _recent(since: datetime) -> Mapping[Key, list[Try]]:
    """What became of the messages due after `since`, the latest first."""
    rows = Delivery.objects.filter(state__in=_FINISHED, due_at__gt=since).order_by("-due_at", "-id")
    fields = ("page__user_id", "contact", "address", "state", "due_at", "error", "for_good")
    tries: dict[Key, list[Try]] = {}
    for user, contact, address, *result in rows.values_list(*fields)[:DELIVERIES_MAX]:
        tries.setdefault((user, contact, address), []).append(_try(*result))
    return tries


def _last_tries(row: Contact) -> list[Try]:
    """What became of the last messages to one contact, the latest first, and of the first that failed in a row."""
    all_of_it = Delivery.objects.filter(page__user=row.user_id, contact=row.name, address=row.address)
    ended = all_of_it.filter(state__in=_FINISHED).order_by("-due_at", "-id")
    went = ended.filter(state__in=_WENT).values_list("due_at", flat=True).first()
    failed = ended.filter(state=DeliveryState.UNDELIVERABLE)
    if went is not None:
        failed = failed.filter(due_at__gt=went)
    fields = ("state", "due_at", "error", "for_good")
    latest = list(failed.values_list(*fields)[:FAILURES_MAX])
    first = list(failed.reverse().values_list(*fields)[:1]) if len(latest) == FAILURES_MAX else []
    return [_try(*result) for result in (*latest, *first)]


def _try(state: str, due_at: datetime, error: str, for_good: Any) -> Try:
    if state in _WENT:
        return Try(due_at)
    return Try(due_at, error or "it did not go", bool(for_good))


def _contacts_of(tries: Mapping[Key, object]) -> list[Contact]:
    """The contacts that there are now and that messages went to."""
    found: list[Contact] = []
    for users in in_parts({user for user, _, _ in tries}):
        rows = Contact.objects.filter(user__in=users).order_by("pk")
        found += [row for row in rows if _key(row) in tries]
    return found


def _key(row: Contact) -> Key:
    return row.user_id, row.name, row.address
