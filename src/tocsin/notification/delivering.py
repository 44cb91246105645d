"""Hand deliveries to whoever sends them, and write down what became of each.

The hottest tables of all, so what happens to every message is written as plain statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q

from tocsin.journal.actions import Fact, write
from tocsin.journal.columns import from_instant, from_uuid, locking, to_instant, to_json, to_uuid
from tocsin.journal.commits import unsynced
from tocsin.journal.crashing import point
from tocsin.journal.waking import wake
from tocsin.kernel.acting import ENGINE
from tocsin.notification.actions import fact_of
from tocsin.notification.cards import make_card, with_parents
from tocsin.notification.models import Delivery, Page
from tocsin.notification.rules import (
    LEASE,
    SEND_DEADLINE,
    WITH_A_PERSON,
    WITH_A_ROOM,
    DeliveryState,
    Failed,
    Kind,
    Retry,
    Sent,
    Tried,
    after_failure,
)
from tocsin.notification.rules.grades import Closed, Grade, grade_of
from tocsin.notification.throttling import let_go, throttle
from tocsin.people.models import User

CLAIM_MAX = 100
COUNT_AS_NOBODY = (
    Kind.SHADOW,
    Kind.PLACE,
    Kind.UPDATE,
    Kind.OVER,
)  # pages that reach nobody who acts, whatever becomes of them


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
    counted: bool = False  # against the limits of its address, by an earlier attempt
    parent: str = ""  # the provider's name for the first message about this incident to this address
    others: tuple[Claimed, ...] = field(default=(), compare=False)  # which this message tells as well

    @property
    def grade(self) -> Grade:
        return grade_of(self.urgent, str(self.page.details.get("priority", "")))


def claim(now: datetime, limit: int = CLAIM_MAX, closed: Sequence[Closed] = ()) -> list[Claimed]:
    """Take up to `limit` deliveries whose time has come, what presses most first; no other node gets the same.

    `closed` is what the sender cannot take more of now. A claim that a machine forgets in a power cut was nobody's any
    more: the delivery is due again.
    """
    with unsynced():
        claimed = _take(now, limit, closed)
        # A node died with these, and somebody has answered since.
        if over := [one.id for one in claimed if one.page.quieted_at is not None]:
            Delivery.objects.filter(pk__in=over).update(
                state=DeliveryState.SUPPRESSED, error="answered before it was sent", next_at=None
            )
            claimed = [one for one in claimed if one.page.quieted_at is None]
        claimed = with_parents(throttle(claimed, partial(_held_back, now=now), now))
        if not claimed:
            return []
        with connection.cursor() as cursor:
            until = from_instant(now + LEASE)
            cursor.executemany(
                _LEND, [(DeliveryState.SENDING.value, until, from_uuid(one.id)) for one in _each(claimed)]
            )
    point("delivery: claimed")
    return claimed


_LEND = """
    UPDATE notification_delivery SET perhaps = perhaps OR state = 'sending', state = %s, next_at = %s,
        fence = fence + 1, attempts = attempts + 1
    WHERE id = %s
"""
_DELIVERIES = """
    SELECT d.id, d.fence, d.attempts, d.address, d.contact, d.urgent, d.due_at, d.counted_at IS NOT NULL,
        COALESCE(u.name, p.place), COALESCE(u.language, 'en'), p.id, p.incident_id, p.user_id, p.place, p.urgency,
        p.kind, p.reason, p.subject, p.lines, p.details, p.note, p.created_at, p.quieted_at
    FROM notification_delivery d JOIN notification_page p ON p.id = d.page_id
        LEFT JOIN people_user u ON u.id = p.user_id
"""
_DUE = f"{_DELIVERIES} WHERE d.state IN ('due', 'sending') AND d.next_at <= %s"
_HELD = f"""{_DELIVERIES}
    WHERE d.state = 'due' AND d.held_at IS NOT NULL AND d.address = %s AND COALESCE(p.user_id, '') = %s
"""


_NEXT = "SELECT min(d.next_at) FROM notification_delivery d WHERE d.state IN ('due', 'sending')"


# What of an address that is closed may still go: what presses more than the grade it is closed to.
_STILL_GOES = {
    Grade.WORST: "",
    Grade.URGENT: " OR (d.urgent AND d.priority = 'P1')",
    Grade.LOW: " OR d.urgent",
}


def _open_to(closed: Sequence[Closed]) -> tuple[str, list[Any]]:
    """The condition on deliveries `d` that leaves out what the sender cannot take now, and its values."""
    more, values = "", list[Any]()
    for one in closed:
        more += f" AND (substr(d.address, 1, %s) <> %s{_STILL_GOES[one.grade]})"
        values += [len(one.beginning), one.beginning]
    return more, values


def _take(now: datetime, limit: int, closed: Sequence[Closed]) -> list[Claimed]:
    """The due deliveries that nobody else holds, locked, as they will be once they are lent."""
    more, values = _open_to(closed)
    with connection.cursor() as cursor:
        order = f" ORDER BY d.urgent DESC, d.priority, d.next_at LIMIT {int(limit)}"
        cursor.execute(_DUE + more + order + locking("d"), [from_instant(now), *values])
        rows = cursor.fetchall()
    return [_claimed(row, now) for row in rows]


def _held_back(address: str, user: str | None, most: int, now: datetime) -> list[Claimed]:
    """What waits because this person's address has got so much, the urgent first; locked, as it will be once lent."""
    with connection.cursor() as cursor:
        order = f" ORDER BY d.urgent DESC, d.priority, d.due_at LIMIT {int(most)}"
        cursor.execute(_HELD + order + locking("d"), [address, user or ""])
        return [_claimed(row, now) for row in cursor.fetchall()]


def _each(claimed: Iterable[Claimed]) -> Iterator[Claimed]:
    """They and those that their messages tell as well."""
    for one in claimed:
        yield one
        yield from one.others


def _claimed(row: Sequence[Any], now: datetime) -> Claimed:
    id_, fence, attempts, address, contact, urgent, due_at, counted, name, language, *page = row
    (
        page_id,
        incident,
        user,
        place,
        urgency,
        kind,
        reason,
        subject,
        lines,
        details,
        note,
        created_at,
        quieted_at,
    ) = page
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
        counted=bool(counted),
        page=Page(
            id=to_uuid(page_id),
            incident_id=incident,
            # The claim knows all that a message needs of its reader, so nobody asks for the row.
            user=User(pk=user, name=name, language=language) if user is not None else None,
            place=place,
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


def still_wanted(claimed: Claimed, now: datetime) -> bool:
    """Whether what has waited since it was claimed should still go: nobody answered, no other node took it over, and
    none may while it is sent."""
    if now + SEND_DEADLINE >= claimed.lease_until:
        return False
    wanted = Delivery.objects.filter(
        pk=claimed.id, fence=claimed.fence, state=DeliveryState.SENDING, page__quieted_at=None
    )
    return wanted.exists()


def release(claimed: Iterable[Claimed], now: datetime) -> None:
    """Give back deliveries that were not handed to a provider, at once and without counting an attempt.

    Those that somebody has answered since are suppressed instead.
    """
    some = list(_each(claimed))
    with transaction.atomic():
        # Locked, so that an answer comes either before this or finds the delivery due, and never between.
        pages = Page.objects.select_for_update().filter(pk__in={one.page.pk for one in some}).order_by("pk")
        over = {page.pk for page in pages if page.quieted_at is not None}
        for one in some:
            mine = Delivery.objects.filter(pk=one.id, fence=one.fence, state=DeliveryState.SENDING)
            if one.page.pk in over:
                mine.update(state=DeliveryState.SUPPRESSED, error="answered before it was sent", next_at=None)
            else:
                counted = F("counted_at") if one.counted else None  # an earlier attempt may have arrived
                mine.update(
                    state=DeliveryState.DUE, next_at=now, attempts=F("attempts") - 1, counted_at=counted
                )


def next_delivery_at(closed: Sequence[Closed] = ()) -> datetime | None:
    """When the sender should look again; what `claim` would leave out is left out here too."""
    more, values = _open_to(closed)
    with connection.cursor() as cursor:
        cursor.execute(_NEXT + more, values)
        (at,) = cursor.fetchone()
    return to_instant(at)


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
        if isinstance(outcome, Sent) and outcome.changeable and claimed.page.incident_id is not None:
            make_card(claimed, outcome, now)
        if claimed.others and isinstance(outcome, Sent):
            _told_together(claimed, now)
        elif claimed.others:
            release(claimed.others, now)
        wake("console", *([f"incident:{claimed.page.incident_id}"] if claimed.page.incident_id else []))
        point("delivery: before the record commits")


_SENT = """
    UPDATE notification_delivery SET state = CASE WHEN confirmed_at IS NULL THEN %s ELSE 'confirmed' END, sent_at = %s,
        confirmed_at = COALESCE(confirmed_at, %s), reference = %s, receipt_by = %s, next_at = NULL, error = ''
    WHERE id = %s AND fence = %s AND state = 'sending'
"""
_ATTEMPT = """
    INSERT INTO notification_attempt (delivery_id, number, at, took_ms, outcome, provider)
    VALUES (%s, %s, %s, %s, %s, %s)
"""


def _write_attempt(claimed: Claimed, outcome: Sent | Failed, took: timedelta, now: datetime) -> None:
    """Every provider that was asked, in order; the last is the one that counts."""
    said = "sent" if isinstance(outcome, Sent) else outcome.why
    for each in outcome.before:
        took -= each.took
    tried = (*outcome.before, Tried(outcome.provider, said, took))
    with connection.cursor() as cursor:
        for each in tried:
            took_ms = max(0, int(each.took.total_seconds() * 1000))
            values = [from_uuid(claimed.id), claimed.attempt, from_instant(now), took_ms, each.why[:500]]
            cursor.execute(_ATTEMPT, [*values, each.provider[:64]])


def _record_sent(claimed: Claimed, outcome: Sent, now: datetime) -> bool:
    """Whether the delivery still exists; it is changed only when it is still this claim's."""
    state = DeliveryState.CONFIRMED if outcome.confirmed else DeliveryState.SENT
    at = from_instant(now)
    confirmed_at = at if outcome.confirmed else None
    receipt_by = from_instant(now + outcome.receipt_within) if outcome.receipt_within is not None else None
    values = [state.value, at, confirmed_at, outcome.reference[:200], receipt_by]
    with connection.cursor() as cursor:
        cursor.execute(_SENT, [*values, from_uuid(claimed.id), claimed.fence])
        mine = cursor.rowcount == 1
    if not mine:
        return Delivery.objects.filter(pk=claimed.id).exists()
    if claimed.page.incident_id is not None:
        write([_told(claimed, "page.sent")], ENGINE, now)
    return True


def _told_together(claimed: Claimed, now: datetime) -> None:
    """Note that what the message told besides needs no message of its own."""
    facts = []
    for other in claimed.others:
        mine = Delivery.objects.filter(pk=other.id, fence=other.fence, state=DeliveryState.SENDING)
        said = f"told together with #{claimed.page.incident_id}"
        if (
            mine.update(state=DeliveryState.SUPPRESSED, next_at=None, error=said, told_with=claimed.id)
            and other.page.incident_id is not None
        ):
            facts.append(_told(other, "page.together", incident=str(claimed.page.incident_id)))
    write(facts, ENGINE, now)


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
    _take_no_place(row, outcome, now)
    row.save(update_fields=["state", "next_at", "sent_at", "error", "for_good", "perhaps", "counted_at"])
    facts = [_told(claimed, kind, error=row.error)]
    if row.state == DeliveryState.UNDELIVERABLE:
        facts += next_channel(page, now)
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
    return fact_of(claimed.page, kind, data | more)


def _after(row: Delivery, page: Page, failed: Failed, attempt: int, now: datetime, jitter: float) -> str:
    """Move `row` on after a failure; returns the journal's word for it."""
    row.error = failed.why[:500]
    if row.confirmed_at is not None:  # its receipt was faster than the answer that got lost
        row.state, row.next_at, row.sent_at, row.error = DeliveryState.CONFIRMED, None, now, ""
        return "page.sent"
    if page.quieted_at is not None:
        row.state, row.next_at = DeliveryState.SUPPRESSED, None
        return "page.suppressed"
    first = row.tries.order_by("number").values_list("at", "took_ms").first()
    tried_for = now - first[0] + timedelta(milliseconds=first[1]) if first else timedelta(0)
    patience = WITH_A_ROOM if page.kind == Kind.PLACE else WITH_A_PERSON
    follow = after_failure(failed, attempt, now, jitter, tried_for, patience)
    if isinstance(follow, Retry) and page.kind == Kind.PLACE and _has_newer(page):
        row.state, row.next_at, row.error = DeliveryState.SUPPRESSED, None, "the room is told something newer"
        return "page.suppressed"
    if isinstance(follow, Retry):
        row.state, row.next_at = DeliveryState.DUE, follow.at
        return "page.failed"
    row.state, row.next_at, row.error = DeliveryState.UNDELIVERABLE, None, follow.why[:500]
    row.for_good = follow.for_good
    return "page.failed"


def _has_newer(page: Page) -> bool:
    """Whether its room is told of the same incident again, which says all that this says and more."""
    of = Page.objects.filter(incident_id=page.incident_id, place=page.place, kind=Kind.PLACE)
    return of.filter(created_at__gt=page.created_at).exists()


def _take_no_place(row: Delivery, failed: Failed, now: datetime) -> None:
    """What is given up and has reached nobody leaves its place in the limits of its address to what waits for one.

    While it is tried again it keeps it: what goes in between could leave the retry without any.
    """
    row.perhaps = row.perhaps or failed.perhaps
    over = row.state in (DeliveryState.UNDELIVERABLE, DeliveryState.SUPPRESSED)
    if over and row.counted_at is not None and not row.perhaps:
        row.counted_at = None
        let_go(row.address, now)


def next_channel(page: Page, now: datetime) -> list[Fact]:
    """Pull the person's next channel forward; when there is none left, say that the person cannot be reached."""
    waiting = page.deliveries.filter(state=DeliveryState.DUE).order_by("due_at")
    if (following := waiting.filter(next_at__gt=now, attempts=0).first()) is not None:
        following.due_at = following.next_at = now
        following.save(update_fields=["due_at", "next_at"])
        wake("deliveries")
        return []
    reached = (DeliveryState.DUE, DeliveryState.SENDING, DeliveryState.SENT, DeliveryState.CONFIRMED)
    if page.kind in COUNT_AS_NOBODY:
        return []
    hopeful = page.deliveries.filter(Q(state__in=reached) | Q(told_with__isnull=False))
    if page.undeliverable_at is not None or hopeful.exists():
        return []
    page.undeliverable_at = now
    page.save(update_fields=["undeliverable_at"])
    wake("duties")
    return [fact_of(page, "page.undeliverable", {"error": "every channel failed"})]


def channel_word(address: str) -> str:
    """The scheme of a contact address, which names its channel."""
    return address.partition(":")[0]
