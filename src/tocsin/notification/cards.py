"""Cards as they are kept: made with the message, due when its incident changes, lent to whoever changes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from tocsin.journal.waking import wake
from tocsin.notification.claimed import Claimed
from tocsin.notification.models import Card, Delivery
from tocsin.notification.rules import Failed, Sent, cards
from tocsin.notification.throttling import limits_of

CARDS_MAX = 32  # lent in one look
FIELDS = tuple(cards.Card.__dataclass_fields__)


@dataclass(frozen=True)
class Lent:
    """A card that this node changes now, under the fence that its result must carry."""

    delivery: UUID
    incident_id: int
    address: str
    reference: str
    fence: int
    wanted: int
    sure: bool  # that it shows `face`
    face: Mapping[str, Any]


def make_card(claimed: Claimed, sent: Sent, now: datetime) -> None:
    """Keep what was sent as a card. It is due at once: the incident may have changed while it was on its way."""
    assert claimed.page.incident_id is not None  # what is about no incident has nothing to follow
    if claimed.attempt > 1 and show_again([claimed.id], now):
        return
    fresh = cards.touched(cards.Card(touched_at=now, changed_at=now), now)
    Card.objects.bulk_create(
        [
            Card(
                delivery_id=claimed.id,
                incident_id=claimed.page.incident_id,
                address=claimed.address,
                reference=sent.reference[:200],
                made_at=now,
                face={
                    name: claimed.page.details.get(name) for name in ("state", "title", "priority", "alerts")
                },
                **asdict(fresh),
            )
        ],
        ignore_conflicts=True,
    )
    wake("duties")


def touch_cards(incident_ids: Iterable[int], now: datetime) -> int:
    """These incidents have changed: their cards fall due. Returns how many. In the caller's transaction."""
    rows = list(Card.objects.select_for_update().filter(incident_id__in=list(incident_ids)).order_by("pk"))
    for row in rows:
        _keep(row, cards.touched(row.as_value(), now))
    return len(rows)


def show_again(deliveries: Iterable[UUID], now: datetime) -> int:
    """Those of these messages that are cards already may have been sent once more, and lie on top of what their cards
    show: they fall due. Returns how many. In the caller's transaction."""
    rows = list(Card.objects.select_for_update().filter(pk__in=list(deliveries)).order_by("pk"))
    for row in rows:
        _keep(row, cards.overtaken(row.as_value(), now))
    return len(rows)


def lend_cards(now: datetime, limit: int = CARDS_MAX) -> list[Lent]:
    """Take up to `limit` cards that are due; no other node gets the same while the lease lasts."""
    with transaction.atomic():
        due = Card.objects.filter(next_at__lte=now).order_by("next_at")
        rows = list(due.select_for_update(skip_locked=True)[:limit])
        for row in rows:
            _keep(row, cards.lent(row.as_value(), now))
    return [
        Lent(
            row.delivery_id,
            row.incident_id,
            row.address,
            row.reference,
            row.fence,
            row.wanted,
            row.sure,
            row.face,
        )
        for row in rows
    ]


def record_card(
    one: Lent, outcome: Sent | Failed | None, face: Mapping[str, Any], now: datetime, jitter: float
) -> None:
    """Write down what became of a change; None: it shows `face` already and nothing was sent."""
    with transaction.atomic():
        row = Card.objects.select_for_update().filter(pk=one.delivery).first()
        if row is None:
            return
        if isinstance(outcome, Failed):
            after = cards.failed(row.as_value(), one.fence, now, jitter, for_good=not outcome.again)
            row.error = outcome.why[:500]
        else:
            after = cards.shown(row.as_value(), one.fence, one.wanted, now)
            if row.fence == one.fence:
                row.face, row.error = dict(face), ""
                row.reference = (outcome.reference if outcome else "")[:200] or row.reference
        if outcome is None and row.fence == one.fence:
            after = replace(after, changed_at=row.changed_at)  # nothing was sent
        _keep(row, after, "face", "error", "reference")
        wake("duties")


def with_parents(claimed: Sequence[Claimed]) -> list[Claimed]:
    """The same, each that begins beside an earlier card of its incident at its address with that card's name."""
    changeable = [
        one for one in claimed if one.page.incident_id is not None and limits_of(one.address).updates
    ]
    if not changeable:
        return list(claimed)
    numbers = {one.page.incident_id or 0 for one in changeable}
    earlier = Card.objects.filter(incident_id__in=numbers).order_by("-made_at", "-pk")
    first = {(number, address): name for number, address, name in earlier.values_list(
        "incident_id", "address", "reference"
    )}  # fmt: skip
    return [replace(one, parent=first.get((one.page.incident_id or 0, one.address), "")) for one in claimed]


def sent_as_card(deliveries: Iterable[Delivery]) -> set[UUID]:
    """Which of these messages change by themselves."""
    return set(Card.objects.filter(pk__in=[one.pk for one in deliveries]).values_list("pk", flat=True))


def _keep(row: Card, value: cards.Card, *besides: str) -> None:
    for name in FIELDS:
        setattr(row, name, getattr(value, name))
    row.save(update_fields=[*FIELDS, *besides])
