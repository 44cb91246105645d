"""Hand deliveries to whoever sends them, and take back what was not sent.

The hottest tables of all, so what happens to every message is written as plain statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from tocsin.journal.columns import from_instant, from_uuid, locking, to_instant, to_json, to_uuid
from tocsin.journal.commits import unsynced
from tocsin.journal.crashing import point
from tocsin.kernel.ids import in_parts
from tocsin.notification.book import everybody
from tocsin.notification.cards import show_again, with_parents
from tocsin.notification.claimed import Claimed
from tocsin.notification.models import Delivery, Page
from tocsin.notification.rules import LEASE, SEND_DEADLINE, DeliveryState
from tocsin.notification.rules.grades import Closed, Grade
from tocsin.notification.throttling import throttle
from tocsin.people.models import User

CLAIM_MAX = 100


def claim(
    now: datetime,
    limit: int = CLAIM_MAX,
    closed: Sequence[Closed] = (),
    made: Sequence[Delivery] | None = None,
) -> list[Claimed]:
    """Take up to `limit` deliveries whose time has come, what presses most first; no other node gets the same.

    `closed` is what the sender cannot take more of now. With `made`, what the caller's transaction has made itself, no
    others are taken, and as long as nothing is closed they need not be read again. A claim that a machine forgets in a
    power cut was nobody's any more: the delivery is due again.
    """
    with unsynced():
        claimed = _take(now, limit, closed) if made is None or closed else _take_made(made, now, limit)
        # A node died with these, and somebody has answered since.
        if over := [one.id for one in claimed if one.page.quieted_at is not None]:
            Delivery.objects.filter(pk__in=over).update(
                state=DeliveryState.SUPPRESSED, error="answered before it was sent", next_at=None
            )
            show_again(over, now)
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


_STILL_DUE = "SELECT id FROM notification_delivery WHERE id IN ({marks}) AND state = 'due' AND next_at <= %s"


def _take_made(made: Sequence[Delivery], now: datetime, limit: int) -> list[Claimed]:
    """The same of what this transaction has made, as it made it; without what was taken back since."""
    due: set[UUID] = set()
    with connection.cursor() as cursor:
        for some in in_parts(from_uuid(one.id) for one in made):
            marks = ", ".join(["%s"] * len(some))
            cursor.execute(_STILL_DUE.format(marks=marks), [*some, from_instant(now)])
            due |= {to_uuid(id_) for (id_,) in cursor.fetchall()}
    pressing = sorted(
        (one for one in made if one.id in due), key=lambda one: (not one.urgent, one.priority, one.next_at)
    )
    return [_as_made(one, now) for one in pressing[:limit]]


def _as_made(one: Delivery, now: datetime) -> Claimed:
    page = one.page
    if page.user_id is not None:
        page.user = everybody()[page.user_id]
    return Claimed(
        id=one.id,
        fence=1,
        attempt=1,
        address=one.address,
        contact=one.contact,
        urgent=one.urgent,
        due_at=one.due_at,
        lease_until=now + LEASE,
        to_name=page.user.name if page.user is not None else page.place,
        page=page,
    )


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
