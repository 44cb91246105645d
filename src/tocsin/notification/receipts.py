"""What is known of a message after the provider took it: it arrived, it did not, or nobody says."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from tocsin.journal.actions import Fact, write
from tocsin.journal.waking import wake
from tocsin.kernel.acting import ENGINE
from tocsin.notification.actions import fact_of
from tocsin.notification.channels import channel_word
from tocsin.notification.models import Delivery, Page
from tocsin.notification.recording import next_channel
from tocsin.notification.rules import DeliveryState

RECEIPTS_MAX = 100  # given up in one look
NO_RECEIPT = "no receipt in time"


def find_told(delivery: str, reference: str = "") -> Delivery | None:
    """The message that a provider means, by its id here or by the provider's own name for it; None when none is.

    Names are looked for among the messages of channels that give receipts.
    """
    rows = Delivery.objects.select_related("page")
    if delivery:
        try:
            return rows.filter(pk=UUID(delivery)).first()
        except ValueError:
            return None
    named = rows.filter(receipt_by__isnull=False, reference=reference) if reference else rows.none()
    return named.order_by("-sent_at").first()


def confirm(delivery_id: UUID, now: datetime) -> bool:
    """Note that the message arrived: a receipt came, or its link was opened. False when that was known, or it was
    never on its way.

    It may come before the attempt is recorded, while another attempt waits because the provider's answer got lost,
    or long after the message was given up; what arrived has arrived, and is not sent again.
    """
    with transaction.atomic():
        row = _locked(delivery_id)
        if row is None:
            return False
        if row.state == DeliveryState.SENDING and row.confirmed_at is None:
            row.confirmed_at = now  # the record of this attempt takes it over
            row.save(update_fields=["confirmed_at"])
            return True
        tried = row.state == DeliveryState.DUE and row.attempts > 0
        if not tried and row.state not in (DeliveryState.SENT, DeliveryState.UNDELIVERABLE):
            return False
        late = row.state == DeliveryState.UNDELIVERABLE or row.unconfirmed_at is not None
        row.state, row.confirmed_at, row.sent_at = DeliveryState.CONFIRMED, now, row.sent_at or now
        row.next_at, row.error = None, ""
        row.save(update_fields=["state", "confirmed_at", "sent_at", "next_at", "error"])
        Page.objects.filter(pk=row.page_id, passed_on_at=None).update(undeliverable_at=None)
        if late or tried:
            _write([_fact(row, "page.confirmed", late=late)], row, now)
        _wake(row)
    return True


def refute(delivery_id: UUID, why: str, now: datetime) -> bool:
    """Note that the message did not arrive, although the provider had taken it: the person's next channel goes now,
    as after a failure. False when it is known to have arrived, or nobody believed that it went."""
    with transaction.atomic():
        row = _locked(delivery_id)
        if row is None or row.state != DeliveryState.SENT:
            return False
        _did_not_arrive(row, why, now)
        # What was told in the same message was not told either.
        for other in Delivery.objects.filter(told_with=row.pk, state=DeliveryState.SUPPRESSED).order_by("pk"):
            if (told := _locked(other.pk)) is not None:
                told.told_with = None
                _did_not_arrive(told, why, now)
    return True


def give_up_waiting(now: datetime, limit: int = RECEIPTS_MAX) -> int:
    """Messages whose receipt is overdue stay sent, and count as unconfirmed: the person's next channel goes now.
    Returns how many."""
    with transaction.atomic():
        overdue = list(_overdue(now).values_list("pk", flat=True)[:limit])
        for key in overdue:
            row = _locked(key)
            if row is None or row.state != DeliveryState.SENT or row.unconfirmed_at is not None:
                continue
            row.unconfirmed_at, row.error = now, NO_RECEIPT
            row.save(update_fields=["unconfirmed_at", "error"])
            _write([_fact(row, "page.unconfirmed"), *_follow(row, now)], row, now)
            _wake(row)
    return len(overdue)


def _overdue(now: datetime) -> QuerySet[Delivery]:
    waiting = Delivery.objects.filter(state=DeliveryState.SENT, receipt_by__lte=now, unconfirmed_at=None)
    return waiting.order_by("receipt_by")


def _did_not_arrive(row: Delivery, why: str, now: datetime) -> None:
    row.state, row.error = (
        DeliveryState.UNDELIVERABLE,
        (why or "the provider says that it did not arrive")[:500],
    )
    row.save(update_fields=["state", "error", "told_with"])
    _write([_fact(row, "page.failed", error=row.error, taken=True), *_follow(row, now)], row, now)
    _wake(row)


def _follow(row: Delivery, now: datetime) -> list[Fact]:
    """What a message that did not arrive brings about: nothing when the person has answered."""
    return next_channel(row.page, now) if row.page.quieted_at is None else []


def _locked(delivery_id: UUID) -> Delivery | None:
    """The delivery with its page, both locked, the page first as everywhere."""
    of = Delivery.objects.filter(pk=delivery_id).values("page_id")
    page = Page.objects.select_for_update().filter(pk__in=of).first()
    if page is None:
        return None
    row = Delivery.objects.select_for_update().filter(pk=delivery_id).first()
    if row is not None:
        row.page = page
    return row


def _fact(row: Delivery, kind: str, **more: object) -> Fact:
    known = {"contact": row.contact, "channel": channel_word(row.address), "delivery": str(row.pk)}
    return fact_of(row.page, kind, {**known, **{name: value for name, value in more.items() if value}})


def _write(facts: list[Fact], row: Delivery, now: datetime) -> None:
    if row.incident_id is not None:
        write(facts, ENGINE, now)


def _wake(row: Delivery) -> None:
    wake("console", *([f"incident:{row.incident_id}"] if row.incident_id is not None else []))
