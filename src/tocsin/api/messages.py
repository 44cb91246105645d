"""What was sent to whom, through what, and whether it arrived."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from ninja import Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tocsin.api.auth import Asked, Caller
from tocsin.api.paging import Key, Listing, Paged, instant, page_of
from tocsin.api.room import Room
from tocsin.api.words import Slug, shown
from tocsin.kernel.errors import not_found
from tocsin.notification.channels import channel_word
from tocsin.notification.models import Delivery
from tocsin.notification.rules import DeliveryState
from tocsin.notification.totals import totals
from tocsin.people.rules import May

DELIVERIES_SHOWN_MAX = 100  # beside an incident
TOTALS_SPAN = timedelta(days=1)

room = Room("messages")

LATEST: Key = (("due_at", instant), ("pk", UUID))


class DeliveryOut(BaseModel):
    """One message to one contact. `address` is shown to its person and to those who may read every message."""

    id: UUID
    incident: int | None
    user: str | None  # null: a place was told
    place: str
    reason: str
    contact: str
    channel: str
    address: str | None
    urgent: bool
    state: DeliveryState
    due_at: datetime
    next_at: datetime | None
    sent_at: datetime | None
    confirmed_at: datetime | None
    attempts: int
    error: str


class AttemptOut(BaseModel):
    """One try, in plain words. `provider` is the account that was asked, "" where none is needed."""

    number: int
    at: datetime
    took_ms: int
    outcome: str
    provider: str


class MessageOut(DeliveryOut):
    """A delivery with what it says and every try at it. The buttons of a message are for its person alone: not here."""

    subject: str
    lines: list[str]
    note: str
    tries: list[AttemptOut]


class TotalsOf(BaseModel):
    """From `since` until before `until`. Left out: the last 24 hours."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class TotalsOut(BaseModel):
    """accepted = suppressed + due; due = sent + undeliverable + waiting; sent = confirmed + unconfirmed."""

    accepted: int
    suppressed: int
    due: int
    sent: int
    undeliverable: int
    waiting: int
    confirmed: int
    unconfirmed: int


class DeliveryFilter(Paged):
    state: list[DeliveryState] = []
    user: Slug | None = None
    incident: Annotated[int | None, Field(ge=1, lt=2**63)] = None


@room.get("/deliveries", may=May.AUDIT, answer=Listing[DeliveryOut])
def list_deliveries(request: Asked, wanted: Query[DeliveryFilter]) -> Listing[DeliveryOut]:
    """Every message to everybody, the latest due first: waiting, sent, confirmed, undeliverable, suppressed."""
    rows = Delivery.objects.select_related("page")
    if wanted.state:
        rows = rows.filter(state__in=wanted.state)
    if wanted.user is not None:
        rows = rows.filter(page__user=wanted.user)
    if wanted.incident is not None:
        rows = rows.filter(incident_id=wanted.incident)
    return page_of(rows, wanted, lambda row: show_delivery(row, request.auth), LATEST, newest_first=True)


@room.get("/deliveries/totals", may=May.AUDIT, answer=TotalsOut)
def total_deliveries(request: Asked, wanted: Query[TotalsOf]) -> TotalsOut:
    """What became of every message whose time came in a span: numbers that add up."""
    until = wanted.until or request.now
    sums = totals(wanted.since or until - TOTALS_SPAN, until)
    return TotalsOut(**{which.value: count for which, count in sums.numbers.items()})


@room.get("/deliveries/{id}", may=May.AUDIT, answer=MessageOut)
def show_one_delivery(request: Asked, id: Annotated[UUID, Path()]) -> MessageOut:
    """One message with every try at it."""
    row = Delivery.objects.select_related("page").prefetch_related("tries").filter(pk=id).first()
    if row is None:
        raise not_found("delivery", id)
    return MessageOut(
        **show_delivery(row, request.auth).model_dump(),
        subject=row.page.subject,
        lines=[str(line) for line in row.page.lines],
        note=row.page.note,
        tries=[shown(AttemptOut, one) for one in row.tries.all()],
    )


def show_delivery(row: Delivery, reader: Caller) -> DeliveryOut:
    """`row` (with its page loaded) as `reader` may see it."""
    own = row.page.user_id == reader.user.pk
    return shown(
        DeliveryOut,
        row,
        incident=row.incident_id,
        user=row.page.user_id,
        place=row.page.place,
        reason=row.page.reason,
        channel=channel_word(row.address),
        address=row.address if own or May.AUDIT in reader.rights else None,
    )
