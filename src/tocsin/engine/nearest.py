"""When the engine should look again: the nearest instant that any row waits for. A hint, read from small indexes."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Min

from tocsin.escalation.models import Climb
from tocsin.incident.models import Incident
from tocsin.incident.rules import OPEN, State
from tocsin.intake.models import Alert
from tocsin.intake.rules import AlertState


def nearest_due() -> datetime | None:
    """The earliest due instant of all, in the past when the engine is late; None when nothing waits for its time."""
    instants = (
        Climb.objects.filter(due_at__isnull=False).aggregate(at=Min("due_at")),
        Incident.objects.filter(state=State.ACKNOWLEDGED).aggregate(at=Min("ack_expires_at")),
        Incident.objects.filter(state__in=OPEN, resolve_at__isnull=False).aggregate(at=Min("resolve_at")),
        Alert.objects.filter(state=AlertState.FIRING, ends_at__isnull=False).aggregate(at=Min("ends_at")),
    )
    return min((found["at"] for found in instants if found["at"] is not None), default=None)
