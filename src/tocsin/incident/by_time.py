"""What time does to incidents: an acknowledgement runs out, and what has healed resolves."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_noop

from tocsin.incident.ending import tell_the_end
from tocsin.incident.models import Incident
from tocsin.incident.rules import (
    State,
)
from tocsin.incident.transitions import claimed, save, triggered_again
from tocsin.kernel.acting import ENGINE
from tocsin.notification.actions import quiet

SWEEP_MAX = 100  # per transaction


def expire_acknowledgements(now: datetime, limit: int = SWEEP_MAX) -> int:
    """Incidents whose acknowledgement or rest ran out are triggered again; returns how many."""
    with transaction.atomic():
        rows = claimed(Incident.objects.ack_expired(now), limit)
        for incident in rows:
            data = {"had": incident.acknowledged_by} | ({"snoozed": True} if incident.snoozed else {})
            save(incident, triggered_again(), "incident.ack_expired", data, ENGINE, now)
    return len(rows)


def resolve_settled(now: datetime, limit: int = SWEEP_MAX) -> int:
    """Incidents all of whose alerts have resolved, and whose delay is over, resolve; returns how many."""
    with transaction.atomic():
        rows = claimed(Incident.objects.resolve_due(now), limit)
        for incident in rows:
            spared = quiet([incident.pk], "every alert has resolved", now)
            fields = {
                "state": State.RESOLVED,
                "resolved_at": now,
                "needs_climb": False,
                "resolve_at": None,
                "ack_expires_at": None,
                "snoozed": False,
            }
            data = {"why": gettext_noop("every alert has resolved"), "spared": spared}
            save(incident, fields, "incident.resolved", data, ENGINE, now)
        tell_the_end(rows, ENGINE, gettext_noop("every alert has ended"), now)
    return len(rows)
