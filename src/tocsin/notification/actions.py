"""Page people, and stop paging them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext, override

from tocsin.journal.actions import Fact, write
from tocsin.journal.changes import changing, did, record
from tocsin.journal.columns import from_instant, from_json, from_uuid
from tocsin.journal.waking import wake
from tocsin.kernel.acting import ENGINE, By
from tocsin.kernel.errors import Refused, not_found
from tocsin.notification.beginning_again import TELLS, Unsaid, again_words, unsaid_ends
from tocsin.notification.book import Book, book
from tocsin.notification.leaving import keep_at_hand
from tocsin.notification.models import Delivery, Page
from tocsin.notification.quiet import quiet_until, waits_words
from tocsin.notification.rules import (
    DeliveryState,
    Kind,
    Planned,
    plan_deliveries,
)
from tocsin.notification.rules.self_test import TESTS_PER_HOUR_MAX
from tocsin.notification.throttling import limits_of
from tocsin.people.models import User

OBEYS_QUIET = (Kind.PAGE, Kind.SHADOW, Kind.UPDATE, Kind.OVER)


@dataclass(frozen=True)
class Call:
    """One person to page, and what to say. With `not_before` nothing is sent earlier than that;
    `through` is the one contact (name, address) to use, whatever the person's rules say. For a `place` the user is
    None."""

    user_id: str | None
    incident_id: int | None
    urgency: str
    reason: str
    subject: str
    lines: Sequence[str] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    kind: str = "page"
    not_before: datetime | None = None
    through: tuple[str, str] | None = None
    place: str = ""
    obeys_quiet: bool = True  # at low urgency; a notice has hours of its own
    quietly: bool = False  # they are up: by one way that does not ring, instead of all
    again_in: int | None = None  # of word of an end: the incident with which it began again meanwhile
    trouble: str = ""  # which of the organisation's own words could not be used, and why


def page_people(calls: Sequence[Call], now: datetime, everywhere: bool = False) -> list[Page]:
    """Store the pages and their planned deliveries, inside the caller's transaction, and wake the sender.

    Who has no contact at all gets a page that is undeliverable from the start, so that the climb moves on.
    `everywhere` ignores the personal rules and uses every contact at once. Where the same has ended before, and word
    of that has not gone to the person, the page says so and the word is taken back.
    """
    known = book()
    unsaid = unsaid_ends(call.incident_id for call in calls if call.kind in TELLS)
    pages, deliveries = [], []
    facts: list[Fact] = []
    for call in calls:
        begin, waits = _begin(call, now)
        planned = _planned(call, known, begin, everywhere)
        older = _older(call, unsaid) if planned and unsaid else []
        page = _page(call, older, now)
        facts += _take_back(older, page, now)
        if call.trouble and call.incident_id is not None:
            facts.append(fact_of(page, "page.template_failed", {"error": call.trouble}))
        if not planned:
            page.undeliverable_at = now
        pages.append(page)
        deliveries += [_delivery(call, page, plan, waits) for plan in planned]
    _insert(pages, deliveries)
    keep_at_hand(deliveries)
    nobody = [page for page in pages if page.undeliverable_at]
    why = "no contact to reach this person by"
    facts += [fact_of(page, "page.undeliverable", {"error": why}) for page in nobody if page.incident_id]
    write(facts, ENGINE, now)
    wake("deliveries", *(["duties"] if nobody else []))
    return pages


def _begin(call: Call, now: datetime) -> tuple[datetime, str]:
    """From when the call's delays count, and in words for what it waits until then."""
    begin = max(now, call.not_before) if call.not_before else now
    if call.user_id is not None and call.urgency == "low" and call.obeys_quiet and call.kind in OBEYS_QUIET:
        until = quiet_until(call.user_id, begin)
        if until is not None:
            return until, waits_words(call.user_id, until)
    return begin, ""


def _page(call: Call, older: Sequence[Unsaid], now: datetime) -> Page:
    """The page of a call that takes the place of the words of ends in `older`."""
    return Page(
        incident_id=call.incident_id,
        user_id=call.user_id,
        place=call.place,
        urgency=call.urgency,
        kind=call.kind,
        reason=call.reason[:300],
        subject=call.subject[:300],
        lines=[*call.lines, *([again_words(call.user_id or "", older)] if older else [])],
        details=dict(call.details),
        note=call.note,
        created_at=now,
        again_in=call.again_in,
    )


def _delivery(call: Call, page: Page, plan: Planned, waits: str) -> Delivery:
    """One way in which the page goes out; `waits` says in words why it does not go at once."""
    return Delivery(
        page=page,
        incident_id=call.incident_id,
        contact=plan.contact,
        address=plan.address,
        urgent=call.urgency == "high" and not call.quietly,
        priority=str(call.details.get("priority", "")),
        due_at=plan.due_at,
        next_at=plan.due_at,
        error=waits,
    )


def _older(call: Call, unsaid: Mapping[tuple[int, str], list[Unsaid]]) -> list[Unsaid]:
    """The words of ends that this call takes the place of."""
    return unsaid.get((call.incident_id or 0, call.user_id or ""), []) if call.kind in TELLS else []


def _take_back(words: Sequence[Unsaid], page: Page, now: datetime) -> list[Fact]:
    """Send no more of these words of ends, for `page` says that it fires again; returns what their timelines say."""
    if not words:
        return []
    silence(
        Page.objects.filter(pk__in=[each.page for each in words]),
        f"it fires again as #{page.incident_id}",
        now,
    )
    data = {"user": page.user_id, "what": Kind.OVER, "again_in": page.incident_id}
    return [
        Fact(
            f"incident:{each.incident}",
            "page.suppressed",
            {**data, "page": str(each.page), "contact": each.contact},
        )
        for each in words
    ]


def _planned(call: Call, known: Book, begin: datetime, everywhere: bool) -> tuple[Planned, ...]:
    """Where the message goes, and when: by the person's rules, or to where the call says."""
    if call.through is not None:
        return (Planned(*call.through, begin),)
    if call.user_id is None:
        return ()
    steps = () if everywhere else known.steps.get((call.user_id, call.urgency), ())
    last = () if everywhere else known.failing.get(call.user_id, ())
    planned = plan_deliveries(steps, known.contacts.get(call.user_id, {}), begin, last)
    if not call.quietly:
        return planned
    hushed = [plan for plan in planned if not limits_of(plan.address).loud]
    return tuple(replace(plan, due_at=begin) for plan in hushed[:1]) or planned


_PAGE = """
    INSERT INTO notification_page (id, incident_id, user_id, place, urgency, kind, reason, subject, lines, details,
        note, created_at, undeliverable_at, again_in)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_DELIVERY = """
    INSERT INTO notification_delivery (id, page_id, incident_id, contact, address, urgent, priority, state, due_at,
        next_at, attempts, fence, reference, error)
    VALUES (%s, %s, %s, %s, %s, %s, %s, 'due', %s, %s, 0, 0, '', %s)
"""


def _insert(pages: Sequence[Page], deliveries: Sequence[Delivery]) -> None:
    at, key, text = from_instant, from_uuid, from_json
    with connection.cursor() as cursor:
        cursor.executemany(
            _PAGE,
            [
                (
                    key(p.id), p.incident_id, p.user_id, p.place, str(p.urgency), p.kind, p.reason, p.subject,
                    text(p.lines), text(p.details), p.note, at(p.created_at), at(p.undeliverable_at), p.again_in,
                )
                for p in pages
            ],
        )  # fmt: skip
        cursor.executemany(
            _DELIVERY,
            [
                (
                    key(d.id), key(d.page_id), d.incident_id, d.contact, d.address, d.urgent, d.priority,
                    at(d.due_at), at(d.next_at), d.error,
                )
                for d in deliveries
            ],
        )  # fmt: skip


def test_rules(user_id: str, by: By, now: datetime) -> Page:
    """Send a test message through every contact of a person at once; `self_test` knows what becomes of each. Raises
    Refused when that was done too often of late."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        raise not_found("person", user_id)
    with override(user.language):
        subject = gettext("Test: this is how Tocsin reaches you")
        line = gettext("Nothing is wrong. Somebody asked to test how you are reached.")
    call = Call(
        user_id=user_id,
        incident_id=None,
        urgency="high",
        reason=f"test asked for by {by.who}",
        subject=subject,
        lines=[line],
        details={"by": by.who},
        kind="test",
    )
    with changing():
        lately = Page.objects.filter(user=user_id, kind=Kind.TEST, created_at__gt=now - timedelta(hours=1))
        if lately.count() >= TESTS_PER_HOUR_MAX:
            raise Refused(
                f"{TESTS_PER_HOUR_MAX} tests were sent to {user.name} within the hour",
                mend="Wait a while, then test again.",
                status=429,
            )
        (page,) = page_people([call], now, everywhere=True)
        record([did("contacts.tested", user=user_id, deliveries=page.deliveries.count())], by, now)
        return page


def quiet(incident_ids: Iterable[int], why: str, now: datetime) -> int:
    """Send nothing more about these incidents; returns how many deliveries that spared. In the caller's transaction.

    A delivery that a sender holds at this moment may still go; its retries do not. Word that it is over still goes.
    """
    pages = Page.objects.filter(incident_id__in=list(incident_ids)).exclude(kind=Kind.OVER)
    return silence(pages, why, now)


def take_back_the_end(incident_id: int, why: str, now: datetime) -> int:
    """Tell nobody any more that it is over, for it is not; returns how many messages that spared."""
    words = Page.objects.filter(incident_id=incident_id, kind=Kind.OVER)
    words.filter(again_in__isnull=False).update(again_in=None)
    return silence(words, why, now)


def silence(pages: QuerySet[Page], why: str, now: datetime) -> int:
    """Send nothing more of these pages; returns how many deliveries that spared. In the caller's transaction."""
    pages.filter(quieted_at=None).update(quieted_at=now)
    waiting = Delivery.objects.filter(page__in=pages, state=DeliveryState.DUE)
    return waiting.update(state=DeliveryState.SUPPRESSED, error=why[:500], next_at=None)


def fact_of(page: Page, kind: str, data: Mapping[str, Any]) -> Fact:
    """What the timeline says about a page."""
    whom = {"place": page.place} if page.place else {"user": page.user_id}
    what = {} if page.kind in (Kind.PAGE, Kind.PLACE) else {"what": page.kind}
    return Fact(f"incident:{page.incident_id}", kind, {**whom, "page": str(page.pk), **what, **data})
