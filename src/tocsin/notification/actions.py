"""Page people, and stop paging them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from tocsin.journal.actions import Fact, write
from tocsin.journal.changes import changing, did, record
from tocsin.journal.columns import from_instant, from_json, from_uuid
from tocsin.journal.waking import wake
from tocsin.kernel.acting import ENGINE, By
from tocsin.kernel.errors import not_found
from tocsin.notification.book import book
from tocsin.notification.models import Delivery, Page
from tocsin.notification.rules import (
    DeliveryState,
    plan_deliveries,
)
from tocsin.people.models import User


@dataclass(frozen=True)
class Call:
    """One person to page, and what to say. With `not_before` nothing is sent earlier than that."""

    user_id: str
    incident_id: int | None
    urgency: str
    reason: str
    subject: str
    lines: Sequence[str] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    kind: str = "page"
    not_before: datetime | None = None


def page_people(calls: Sequence[Call], now: datetime, everywhere: bool = False) -> list[Page]:
    """Store the pages and their planned deliveries, inside the caller's transaction, and wake the sender.

    Who has no contact at all gets a page that is undeliverable from the start, so that the climb moves on.
    `everywhere` ignores the personal rules and uses every contact at once.
    """
    known = book()
    pages, deliveries, nobody = [], [], []
    for call in calls:
        steps = () if everywhere else known.steps.get((call.user_id, call.urgency), ())
        begin = max(now, call.not_before) if call.not_before else now
        last = () if everywhere else known.failing.get(call.user_id, ())
        planned = plan_deliveries(steps, known.contacts.get(call.user_id, {}), begin, last)
        page = Page(
            incident_id=call.incident_id,
            user_id=call.user_id,
            urgency=call.urgency,
            kind=call.kind,
            reason=call.reason[:300],
            subject=call.subject[:300],
            lines=list(call.lines),
            details=dict(call.details),
            note=call.note,
            created_at=now,
            undeliverable_at=None if planned else now,
        )
        pages.append(page)
        if not planned:
            nobody.append(page)
        deliveries += [
            Delivery(
                page=page,
                incident_id=call.incident_id,
                contact=plan.contact,
                address=plan.address,
                urgent=call.urgency == "high",
                due_at=plan.due_at,
                next_at=plan.due_at,
            )
            for plan in planned
        ]
    _insert(pages, deliveries)
    why = "no contact to reach this person by"
    write(
        [fact_of(page, "page.undeliverable", {"error": why}) for page in nobody if page.incident_id],
        ENGINE,
        now,
    )
    wake("deliveries", *(["duties"] if nobody else []))
    return pages


_PAGE = """
    INSERT INTO notification_page (id, incident_id, user_id, urgency, kind, reason, subject, lines, details, note,
        created_at, undeliverable_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_DELIVERY = """
    INSERT INTO notification_delivery (id, page_id, incident_id, contact, address, urgent, state, due_at, next_at,
        attempts, fence, reference, error)
    VALUES (%s, %s, %s, %s, %s, %s, 'due', %s, %s, 0, 0, '', '')
"""


def _insert(pages: Sequence[Page], deliveries: Sequence[Delivery]) -> None:
    at, key, text = from_instant, from_uuid, from_json
    with connection.cursor() as cursor:
        cursor.executemany(
            _PAGE,
            [
                (
                    key(p.id), p.incident_id, p.user_id, str(p.urgency), p.kind, p.reason, p.subject, text(p.lines),
                    text(p.details), p.note, at(p.created_at), at(p.undeliverable_at),
                )
                for p in pages
            ],
        )  # fmt: skip
        cursor.executemany(
            _DELIVERY,
            [
                (
                    key(d.id), key(d.page_id), d.incident_id, d.contact, d.address, d.urgent, at(d.due_at),
                    at(d.next_at),
                )
                for d in deliveries
            ],
        )  # fmt: skip


def test_rules(user_id: str, by: By, now: datetime) -> Page:
    """Send a test message through every contact of a person at once."""
    if not User.objects.filter(pk=user_id, is_active=True).exists():
        raise not_found("person", user_id)
    call = Call(
        user_id=user_id,
        incident_id=None,
        urgency="high",
        reason=f"test asked for by {by.who}",
        subject="Test: this is how Tocsin reaches you",
        lines=["Nothing is wrong. Somebody asked to test how you are reached."],
        kind="test",
    )
    with changing():
        (page,) = page_people([call], now, everywhere=True)
        record([did("contacts.tested", user=user_id, deliveries=page.deliveries.count())], by, now)
        return page


def quiet(incident_ids: Iterable[int], why: str, now: datetime) -> int:
    """Send nothing more about these incidents; returns how many deliveries that spared. In the caller's transaction.

    A delivery that a sender holds at this moment may still go; its retries do not.
    """
    ids = list(incident_ids)
    Page.objects.filter(incident_id__in=ids, quieted_at=None).update(quieted_at=now)
    waiting = Delivery.objects.filter(incident_id__in=ids, state=DeliveryState.DUE)
    return waiting.update(state=DeliveryState.SUPPRESSED, error=why[:500], next_at=None)


def fact_of(page: Page, kind: str, data: Mapping[str, Any]) -> Fact:
    """What the timeline says about a page."""
    return Fact(f"incident:{page.incident_id}", kind, {"user": page.user_id, "page": str(page.pk), **data})
