"""Stop every climb: after a restore, somebody has to say first which incidents are still true."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.escalation.models import Climb
from tocsin.incident.models import Incident
from tocsin.incident.rules import OPEN
from tocsin.journal.actions import Fact, write
from tocsin.kernel.acting import By

HELD = "held"
AT_ONCE = 500


def incidents_that_would_page() -> list[int]:
    """Open incidents for which somebody would be paged, now or later."""
    climbing = Incident.objects.filter(state__in=OPEN, climb__due_at__isnull=False)
    fresh = Incident.objects.filter(state__in=OPEN, needs_climb=True)
    returning = Incident.objects.filter(state__in=OPEN, ack_expires_at__isnull=False)
    return sorted({*_numbers(climbing), *_numbers(fresh), *_numbers(returning)})


def _numbers(rows: object) -> list[int]:
    return list(rows.values_list("pk", flat=True))  # type: ignore[attr-defined]


def hold_climbs(by: By, now: datetime) -> list[int]:
    """Page nobody for any open incident until somebody escalates or reopens it; returns their numbers."""
    numbers = incidents_that_would_page()
    for begin in range(0, len(numbers), AT_ONCE):
        some = numbers[begin : begin + AT_ONCE]
        with transaction.atomic():
            Climb.objects.filter(pk__in=some).update(due_at=None, ended=HELD)
            Incident.objects.filter(pk__in=some).update(needs_climb=False, ack_expires_at=None, snoozed=False)
            write([Fact(f"incident:{number}", "climb.held", {}) for number in some], by, now)
    return numbers
