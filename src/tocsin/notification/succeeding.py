"""What the sender of a program that has died was at, when nobody else can be at it."""

from __future__ import annotations

from datetime import datetime

from tocsin.notification.models import Card, Delivery
from tocsin.notification.rules import DeliveryState


def free_all(now: datetime) -> int:
    """End the leases of every message and card on its way, as if they had run out; returns how many. Only for where no
    other program can hold one. In the caller's transaction.

    They stay marked as begun, so each may go a second time, as after any death, and its place stays taken.
    """
    sending = Delivery.objects.filter(state=DeliveryState.SENDING, next_at__gt=now)
    changing = Card.objects.filter(sending=True, next_at__gt=now)
    return sending.update(next_at=now) + changing.update(next_at=now)
