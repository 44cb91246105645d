"""Write down what became of deliveries, and what follows from it.

As plain statements where it is done for every message; those that simply went are written down together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from tocsin.journal.actions import Fact, write
from tocsin.journal.columns import from_instant, from_uuid, locking, to_uuid
from tocsin.journal.crashing import point
from tocsin.journal.waking import wake
from tocsin.kernel.acting import ENGINE
from tocsin.notification.actions import fact_of
from tocsin.notification.cards import make_card, show_again
from tocsin.notification.channels import channel_word
from tocsin.notification.claimed import Claimed
from tocsin.notification.claiming import release
from tocsin.notification.models import Delivery, Page
from tocsin.notification.rules import (
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
from tocsin.notification.throttling import let_go

# Pages that reach nobody who acts, whatever becomes of them.
COUNT_AS_NOBODY = (Kind.SHADOW, Kind.PLACE, Kind.UPDATE, Kind.OVER)
_COMMITTING = "delivery: before the record commits"


@dataclass(frozen=True)
class Result:
    """What became of one attempt that ended `at` and `took` so long; an outcome of None: it was not made."""

    claimed: Claimed
    outcome: Sent | Failed | None
    took: timedelta
    at: datetime

    @property
    def chain(self) -> str:
        """The chain of the journal that it is written to; "" for none."""
        number = self.claimed.page.incident_id
        return f"incident:{number}" if number is not None else ""


def record_all(results: Iterable[Result], jitter: Callable[[], float], now: datetime) -> None:
    """Write down what became of attempts, in one commit; those that were not made are given back."""
    # In one order everywhere, so that two nodes that record about the same incidents do not wait in a circle.
    ordered = sorted(results, key=lambda result: (result.chain, result.claimed.id))
    with transaction.atomic():
        if all(_simply_went(result) for result in ordered):
            ordered = list(_record_together(ordered))
        for result in ordered:
            if result.outcome is None:
                release([result.claimed], now)
            else:
                record(result.claimed, result.outcome, result.took, result.at, jitter())


def _simply_went(result: Result) -> bool:
    """Whether nothing follows from it but that it is written down."""
    sent = result.outcome
    return isinstance(sent, Sent) and not sent.before and not sent.changeable and not result.claimed.others


def _record_together(results: Sequence[Result]) -> Sequence[Result]:
    """Write down what simply went, in a few statements for all of it. Returns those whose delivery is another claim's
    now, or gone: each of them is looked at by itself."""
    marks = ", ".join(["%s"] * len(results))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT d.id, d.fence FROM notification_delivery d WHERE d.id IN ({marks}) AND d.state = 'sending'"
            f" ORDER BY d.id{locking('d')}",
            [from_uuid(result.claimed.id) for result in results],
        )
        fences = {to_uuid(pk): fence for pk, fence in cursor.fetchall()}
        ours = [result for result in results if fences.get(result.claimed.id) == result.claimed.fence]
        if not ours:
            return results
        sent = [(result, result.outcome) for result in ours if isinstance(result.outcome, Sent)]
        cursor.executemany(_SENT, [_as_sent(each.claimed, outcome, each.at) for each, outcome in sent])
        cursor.executemany(_ATTEMPT, [row for each in ours for row in _tries(each)])
    told = [(each, _told(each.claimed, "page.sent")) for each in ours if each.chain]
    write([replace(fact, happened_at=each.at) for each, fact in told], ENGINE, max(each.at for each in ours))
    wake("console", *(each.chain for each, _ in told))
    point(_COMMITTING)
    mine = {id(result) for result in ours}
    return [result for result in results if id(result) not in mine]


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
        with connection.cursor() as cursor:
            cursor.executemany(_ATTEMPT, list(_tries(Result(claimed, outcome, took, now))))
        if isinstance(outcome, Sent) and outcome.changeable and claimed.page.incident_id is not None:
            make_card(claimed, outcome, now)
        elif isinstance(outcome, Failed) and outcome.perhaps and claimed.attempt > 1:
            show_again([claimed.id], now)
        if claimed.others and isinstance(outcome, Sent):
            _told_together(claimed, now)
        elif claimed.others:
            release(claimed.others, now)
        wake("console", *([f"incident:{claimed.page.incident_id}"] if claimed.page.incident_id else []))
        point(_COMMITTING)


_SENT = """
    UPDATE notification_delivery SET state = CASE WHEN confirmed_at IS NULL THEN %s ELSE 'confirmed' END, sent_at = %s,
        confirmed_at = COALESCE(confirmed_at, %s), reference = %s, receipt_by = %s, next_at = NULL, error = ''
    WHERE id = %s AND fence = %s AND state = 'sending'
"""
_ATTEMPT = """
    INSERT INTO notification_attempt (delivery_id, number, at, took_ms, outcome, provider)
    VALUES (%s, %s, %s, %s, %s, %s)
"""


def _tries(result: Result) -> Iterator[list[Any]]:
    """A row for every provider that was asked, in order; the last is the one that counts."""
    outcome, took = result.outcome, result.took
    assert outcome is not None
    said = "sent" if isinstance(outcome, Sent) else outcome.why
    for each in outcome.before:
        took -= each.took
    for each in (*outcome.before, Tried(outcome.provider, said, took)):
        took_ms = max(0, int(each.took.total_seconds() * 1000))
        tried = [from_uuid(result.claimed.id), result.claimed.attempt, from_instant(result.at), took_ms]
        yield [*tried, each.why[:500], each.provider[:64]]


def _as_sent(claimed: Claimed, outcome: Sent, now: datetime) -> list[Any]:
    """The values of `_SENT`."""
    state = DeliveryState.CONFIRMED if outcome.confirmed else DeliveryState.SENT
    at = from_instant(now)
    confirmed_at = at if outcome.confirmed else None
    receipt_by = from_instant(now + outcome.receipt_within) if outcome.receipt_within is not None else None
    changed = [state.value, at, confirmed_at, outcome.reference[:200], receipt_by]
    return [*changed, from_uuid(claimed.id), claimed.fence]


def _record_sent(claimed: Claimed, outcome: Sent, now: datetime) -> bool:
    """Whether the delivery still exists; it is changed only when it is still this claim's."""
    with connection.cursor() as cursor:
        cursor.execute(_SENT, _as_sent(claimed, outcome, now))
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
