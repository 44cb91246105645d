"""A program begins where another one died, and waits for none of its leases."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import transaction

from tocsin.journal.actions import end_leases
from tocsin.notification.succeeding import free_all

_log = structlog.get_logger("tocsin.engine")


def succeed(now: datetime) -> None:
    """Let everything that is leased be taken at once. Only before the engine begins, and only where one program at a
    time can use the database (SQLite, under the folder's lock): whoever holds a lease there is dead."""
    with transaction.atomic():
        ended, freed = end_leases(now), free_all(now)
    if ended or freed:
        _log.info("taken over from a program that did not end in order", leases=ended, messages=freed)
