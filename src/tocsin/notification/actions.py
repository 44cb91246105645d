"""Page people, hand deliveries to whoever sends them, and write down what became of each."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from tocsin.journal.actions import Fact, write
from tocsin.journal.columns import from_instant, from_json, from_uuid, locking, to_instant, to_json, to_uuid
from tocsin.journal.crashing import point
from tocsin.journal.waking import wake
from tocsin.kernel.acting import ENGINE, By
from tocsin.kernel.errors import not_found
from tocsin.notification.book import book
from tocsin.notification.models import ActUse, Delivery, Page
from tocsin.notification.rules import (
    ACT_LINK_LIFE,
    LEASE,
    Act,
    ActVerb,
    DeliveryState,
    Failed,
    Message,
    Retry,
    Sent,
    after_failure,
    plan_deliveries,
)
from tocsin.people.models import User

CLAIM_MAX = 100
_LABELS = {ActVerb.ACKNOWLEDGE: "Acknowledge", ActVerb.RESOLVE: "Resolve", ActVerb.ESCALATE: "Escalate"}


@dataclass(frozen=True)
class Call:
    """One person to page, and what to say."""

    user_id: str
    incident_id: int | None
    urgency: str
    reason: str
    subject: str
    lines: Sequence[str] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    kind: str = "page"


def page_people(calls: Sequence[Call], now: datetime, everywhere: bool = False) -> list[Page]:
    """Store the pages and their planned deliveries, inside the caller's transaction, and wake the sender.

    Who has no contact at all gets a page that is undeliverable from the start, so that the climb moves on.
    `everywhere` ignores the personal rules and uses every contact at once.
    """
    known = book()
    pages, deliveries, nobody = [], [], []
    for call in calls:
        steps = () if everywhere else known.steps.get((call.user_id, call.urgency), ())
        planned = plan_deliveries(steps, known.contacts.get(call.user_id, {}), now)
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
        [_fact(page, "page.undeliverable", {"error": why}) for page in nobody if page.incident_id],
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
    with transaction.atomic():
        (page,) = page_people([call], now, everywhere=True)
        return page


def quiet(incident_ids: Iterable[int], why: str, now: datetime) -> int:
    """Send nothing more about these incidents; returns how many deliveries that spared. In the caller's transaction.

    A delivery that a sender holds at this moment may still go; its retries do not.
    """
    ids = list(incident_ids)
    Page.objects.filter(incident_id__in=ids, quieted_at=None).update(quieted_at=now)
    waiting = Delivery.objects.filter(incident_id__in=ids, state=DeliveryState.DUE)
    return waiting.update(state=DeliveryState.SUPPRESSED, error=why[:500], next_at=None)


@dataclass(frozen=True)
class Claimed:
    """A delivery that this node may send now, under the fence that its result must carry."""

    id: UUID
    fence: int
    attempt: int
    address: str
    contact: str
    urgent: bool
    due_at: datetime
    lease_until: datetime
    to_name: str
    page: Page


def claim(
    now: datetime, limit: int = CLAIM_MAX, besides: Sequence[str] = (), low_too: bool = True
) -> list[Claimed]:
    """Take up to `limit` deliveries whose time has come, the urgent ones first; no other node gets the same.

    `besides` are beginnings of addresses that the sender cannot take more of now; without `low_too` it takes
    only what is urgent.
    """
    with transaction.atomic():
        claimed = _take(now, limit, besides, low_too)
        # A node died with these, and somebody has answered since.
        if over := [one.id for one in claimed if one.page.quieted_at is not None]:
            Delivery.objects.filter(pk__in=over).update(
                state=DeliveryState.SUPPRESSED, error="answered before it was sent", next_at=None
            )
            claimed = [one for one in claimed if one.page.quieted_at is None]
        if not claimed:
            return []
        with connection.cursor() as cursor:
            until = from_instant(now + LEASE)
            cursor.executemany(
                _LEND, [(DeliveryState.SENDING.value, until, from_uuid(one.id)) for one in claimed]
            )
    point("delivery: claimed")
    return claimed


_LEND = """
    UPDATE notification_delivery SET state = %s, next_at = %s, fence = fence + 1, attempts = attempts + 1
    WHERE id = %s
"""
_DUE = """
    SELECT d.id, d.fence, d.attempts, d.address, d.contact, d.urgent, d.due_at, u.name,
        p.id, p.incident_id, p.user_id, p.urgency, p.kind, p.reason, p.subject, p.lines, p.details, p.note,
        p.created_at, p.quieted_at
    FROM notification_delivery d JOIN notification_page p ON p.id = d.page_id JOIN people_user u ON u.id = p.user_id
    WHERE d.state IN ('due', 'sending') AND d.next_at <= %s
"""


def _take(now: datetime, limit: int, besides: Sequence[str], low_too: bool) -> list[Claimed]:
    """The due deliveries that nobody else holds, locked, as they will be once they are lent."""
    more, values = "" if low_too else " AND d.urgent", [from_instant(now)]
    for beginning in besides:
        more += " AND substr(d.address, 1, %s) <> %s"
        values += [len(beginning), beginning]
    with connection.cursor() as cursor:
        order = f" ORDER BY d.urgent DESC, d.next_at LIMIT {int(limit)}"
        cursor.execute(_DUE + more + order + locking("d"), values)
        rows = cursor.fetchall()
    return [_claimed(row, now) for row in rows]


def _claimed(row: Sequence[Any], now: datetime) -> Claimed:
    id_, fence, attempts, address, contact, urgent, due_at, name, *page = row
    page_id, incident, user, urgency, kind, reason, subject, lines, details, note, created_at, quieted_at = (
        page
    )
    return Claimed(
        id=to_uuid(id_),
        fence=fence + 1,
        attempt=attempts + 1,
        address=address,
        contact=contact,
        urgent=bool(urgent),
        due_at=to_instant(due_at) or now,
        lease_until=now + LEASE,
        to_name=name,
        page=Page(
            id=to_uuid(page_id),
            incident_id=incident,
            user_id=user,
            urgency=urgency,
            kind=kind,
            reason=reason,
            subject=subject,
            lines=to_json(lines),
            details=to_json(details),
            note=note,
            created_at=to_instant(created_at) or now,
            quieted_at=to_instant(quieted_at),
        ),
    )


def still_wanted(claimed: Claimed) -> bool:
    """Whether the delivery should still go: nobody answered since it was claimed, and no other node took it over."""
    wanted = Delivery.objects.filter(
        pk=claimed.id, fence=claimed.fence, state=DeliveryState.SENDING, page__quieted_at=None
    )
    return wanted.exists()


def release(claimed: Iterable[Claimed], now: datetime) -> None:
    """Give back deliveries that were not handed to a provider, at once and without counting an attempt.

    Those that somebody has answered since are suppressed instead.
    """
    some = list(claimed)
    with transaction.atomic():
        # Locked, so that an answer comes either before this or finds the delivery due, and never between.
        pages = Page.objects.select_for_update().filter(pk__in={one.page.pk for one in some}).order_by("pk")
        over = {page.pk for page in pages if page.quieted_at is not None}
        for one in some:
            mine = Delivery.objects.filter(pk=one.id, fence=one.fence, state=DeliveryState.SENDING)
            if one.page.pk in over:
                mine.update(state=DeliveryState.SUPPRESSED, error="answered before it was sent", next_at=None)
            else:
                mine.update(state=DeliveryState.DUE, next_at=now, attempts=F("attempts") - 1)


def next_delivery_at(besides: Sequence[str] = (), low_too: bool = True) -> datetime | None:
    """When the sender should look again; what `claim` would leave out is left out here too."""
    waiting = Delivery.objects.filter(state__in=(DeliveryState.DUE, DeliveryState.SENDING)).open_to(
        besides, low_too
    )
    return waiting.order_by("next_at").values_list("next_at", flat=True).first()


def message_of(claimed_page: Page, delivery_id: UUID) -> Message:
    """What is said: the page's text with the buttons that belong to its person."""
    page, base = claimed_page, settings.CONFIG.url
    acts: tuple[Act, ...] = ()
    if page.incident_id is not None:
        acts = tuple(Act(verb, _LABELS[verb], f"{base}/a/{act_token(page.pk, verb)}") for verb in ActVerb)
    return Message(
        id=str(delivery_id),
        subject=page.subject,
        lines=tuple(page.lines),
        acts=acts,
        link=f"{base}/incidents/{page.incident_id}" if page.incident_id is not None else base,
        thread=f"incident-{page.incident_id}" if page.incident_id is not None else "",
        kind=page.kind,
        urgent=page.urgency == "high",
        details=page.details,
        note=page.note,
    )


def record(claimed: Claimed, outcome: Sent | Failed, took: timedelta, now: datetime, jitter: float) -> None:
    """Write down what became of an attempt, and what follows: done, a retry, the next channel, or the next person.

    The result of a claim that another node has taken over since is written as an attempt and changes nothing else.
    """
    with transaction.atomic():
        if isinstance(outcome, Sent):
            known = _record_sent(claimed, outcome, now)
        else:
            known = _record_failed(claimed, outcome, now, jitter)
        if not known:
            return  # deleted meanwhile, with the person it went to
        _write_attempt(claimed, outcome, took, now)
        wake("console", *([f"incident:{claimed.page.incident_id}"] if claimed.page.incident_id else []))
        point("delivery: before the record commits")


_SENT = """
    UPDATE notification_delivery SET state = %s, sent_at = %s, confirmed_at = %s, reference = %s, next_at = NULL,
        error = ''
    WHERE id = %s AND fence = %s AND state = 'sending'
"""
_ATTEMPT = """
    INSERT INTO notification_attempt (delivery_id, number, at, took_ms, outcome) VALUES (%s, %s, %s, %s, %s)
"""


def _write_attempt(claimed: Claimed, outcome: Sent | Failed, took: timedelta, now: datetime) -> None:
    said = "sent" if isinstance(outcome, Sent) else outcome.why
    took_ms = int(took.total_seconds() * 1000)
    with connection.cursor() as cursor:
        cursor.execute(
            _ATTEMPT, [from_uuid(claimed.id), claimed.attempt, from_instant(now), took_ms, said[:500]]
        )


def _record_sent(claimed: Claimed, outcome: Sent, now: datetime) -> bool:
    """Whether the delivery still exists; it is changed only when it is still this claim's."""
    state = DeliveryState.CONFIRMED if outcome.confirmed else DeliveryState.SENT
    at = from_instant(now)
    confirmed_at = at if outcome.confirmed else None
    values = [state.value, at, confirmed_at, outcome.reference[:200], from_uuid(claimed.id), claimed.fence]
    with connection.cursor() as cursor:
        cursor.execute(_SENT, values)
        mine = cursor.rowcount == 1
    if not mine:
        return Delivery.objects.filter(pk=claimed.id).exists()
    if claimed.page.incident_id is not None:
        write([_told(claimed, "page.sent")], ENGINE, now)
    return True


def _record_failed(claimed: Claimed, outcome: Failed, now: datetime, jitter: float) -> bool:
    """Whether the delivery still exists; it is changed only when it is still this claim's."""
    # The page before the delivery, as an answer locks them, so that the two never wait for each other in a circle.
    page = Page.objects.select_for_update().filter(pk=claimed.page.pk).first()
    row = Delivery.objects.select_for_update().filter(pk=claimed.id).first()
    if page is None or row is None:
        return False
    if row.fence != claimed.fence or row.state != DeliveryState.SENDING:
        return True
    kind = _after(row, page, outcome, claimed.attempt, now, jitter)
    row.save(update_fields=["state", "next_at", "error"])
    facts = [_told(claimed, kind, error=row.error)]
    if row.state == DeliveryState.UNDELIVERABLE:
        facts += _next_channel(page, now)
    if page.incident_id is not None:
        write(facts, ENGINE, now)
    return True


def _told(claimed: Claimed, kind: str, **more: str) -> Fact:
    """What the timeline says of an attempt."""
    data: dict[str, Any] = {
        "contact": claimed.contact,
        "channel": channel_word(claimed.address),
        "attempt": claimed.attempt,
        "delivery": str(claimed.id),
    }
    return _fact(claimed.page, kind, data | more)


def _after(row: Delivery, page: Page, failed: Failed, attempt: int, now: datetime, jitter: float) -> str:
    """Move `row` on after a failure; returns the journal's word for it."""
    row.error = failed.why[:500]
    if page.quieted_at is not None:
        row.state, row.next_at = DeliveryState.SUPPRESSED, None
        return "page.suppressed"
    follow = after_failure(failed, attempt, now, jitter)
    if isinstance(follow, Retry):
        row.state, row.next_at = DeliveryState.DUE, follow.at
        return "page.failed"
    row.state, row.next_at, row.error = DeliveryState.UNDELIVERABLE, None, follow.why[:500]
    return "page.failed"


def _next_channel(page: Page, now: datetime) -> list[Fact]:
    """Pull the person's next channel forward; when there is none left, say that the person cannot be reached."""
    waiting = page.deliveries.filter(state=DeliveryState.DUE).order_by("due_at")
    if (following := waiting.filter(next_at__gt=now, attempts=0).first()) is not None:
        following.due_at = following.next_at = now
        following.save(update_fields=["due_at", "next_at"])
        wake("deliveries")
        return []
    reached = (DeliveryState.DUE, DeliveryState.SENDING, DeliveryState.SENT, DeliveryState.CONFIRMED)
    if page.undeliverable_at is not None or page.deliveries.filter(state__in=reached).exists():
        return []
    page.undeliverable_at = now
    page.save(update_fields=["undeliverable_at"])
    wake("duties")
    return [_fact(page, "page.undeliverable", {"error": "every channel failed"})]


def confirm(delivery_id: UUID, now: datetime) -> bool:
    """Note that the message arrived: a receipt came, or its link was opened. False when that was known or too early."""
    sent = Delivery.objects.filter(pk=delivery_id, state=DeliveryState.SENT)
    return bool(sent.update(state=DeliveryState.CONFIRMED, confirmed_at=now))


def _fact(page: Page, kind: str, data: Mapping[str, Any]) -> Fact:
    return Fact(f"incident:{page.incident_id}", kind, {"user": page.user_id, "page": str(page.pk), **data})


def channel_word(address: str) -> str:
    """The scheme of a contact address, which names its channel."""
    return address.partition(":")[0]


# -- links in messages ---------------------------------------------------------------------------------------------

_VERBS = tuple(ActVerb)
_MAC_BYTES = 16


@dataclass(frozen=True)
class ActLink:
    """What a link in a message allows: this person, this incident, this verb, until then, once."""

    page: Page
    verb: ActVerb
    used_at: datetime | None

    @property
    def incident_id(self) -> int:
        assert self.page.incident_id is not None  # tests of rules carry no links
        return self.page.incident_id

    @property
    def user(self) -> User:
        return self.page.user

    @property
    def expires_at(self) -> datetime:
        return self.page.created_at + ACT_LINK_LIFE


def act_token(page_id: UUID, verb: ActVerb) -> str:
    """The token of a link: the page, the verb, and a 128-bit MAC under the instance's secret. Stored nowhere."""
    body = page_id.bytes + bytes([_VERBS.index(verb)])
    return base64.urlsafe_b64encode(body + _mac(body)).decode().rstrip("=")


def _mac(body: bytes) -> bytes:
    key = sha256(b"tocsin act link\0" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, body, sha256).digest()[:_MAC_BYTES]


def find_act_link(token: str) -> ActLink | None:
    """The link that `token` opens, used and expired ones too; None when nobody made it."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return None
    body, mac = raw[:17], raw[17:]
    if len(body) != 17 or not hmac.compare_digest(mac, _mac(body)) or body[16] >= len(_VERBS):
        return None
    page = (
        Page.objects.select_related("user")
        .filter(pk=UUID(bytes=body[:16]), incident_id__isnull=False)
        .first()
    )
    if page is None:
        return None
    verb = _VERBS[body[16]]
    used = ActUse.objects.filter(page=page, verb=verb).values_list("used_at", flat=True).first()
    return ActLink(page, verb, used)


def use_act_link(link: ActLink, now: datetime) -> bool:
    """Mark the link used; False when it was used before. In the transaction of what it does."""
    _, created = ActUse.objects.get_or_create(page=link.page, verb=link.verb, defaults={"used_at": now})
    return created
