"""Hold back every message that waits: after a restore, most of them have gone out long ago."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.notification.models import Delivery
from tocsin.notification.rules import DeliveryState

WAITING = (DeliveryState.DUE, DeliveryState.SENDING)


def waiting_messages() -> int:
    """How many messages wait for their time, a retry or a result."""
    return Delivery.objects.filter(state__in=WAITING).count()


def hold_messages(why: str, now: datetime) -> int:
    """Send none of those that wait; each keeps the reason. Returns how many."""
    with transaction.atomic():
        return Delivery.objects.filter(state__in=WAITING).update(
            state=DeliveryState.SUPPRESSED, error=why[:500], next_at=None
        )
