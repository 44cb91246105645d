"""Digest the inbox: events become alerts, alerts find their incident, and what must follow is stored.

One transaction a batch: (1) take rows, what is critical or small first; (2) read them into events; (3) load the
latest alert of every key they name; (4) decide event by event, in the order of arrival, against what this batch has
already changed; (5) store alerts, incidents, journal and counts; (6) delete the rows. A crash anywhere leaves the
rows where they were, and the next look does it all again. Between (3) and (4) an acknowledgement or a note of what
does not fire is kept for later, when what it overtook may begin to fire.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import Min

from tocsin.catalog.actions import configuration
from tocsin.intake.batch import Batch
from tocsin.intake.models import Inbox, Remembered
from tocsin.intake.rules import Event, Reader, unreadable
from tocsin.intake.storing import Received, done_with, load_ended, take_received
from tocsin.journal.crashing import point
from tocsin.journal.waking import wake

ROWS_MAX = 200  # small requests in one transaction
BULK_ROWS_MAX = 1  # large ones: what is critical waits for one such transaction at most
BULK_LANE = 1
SWEEP_MAX = 500
log = structlog.get_logger()


def digest(readers: Mapping[str, Reader], now: datetime, limit: int = ROWS_MAX) -> int:
    """Digest the next waiting requests, never mixing lanes; returns how many. `readers` maps a source's name to
    what reads its bodies.

    When a whole batch fails, its rows are tried one by one, and one that fails alone is quarantined: kept, shown,
    and paged about as an event that nobody could read.
    """
    try:
        return _digest(readers, now, limit)
    except Exception:
        log.exception("a batch of events failed; trying them one by one")
    done = 0
    waiting = Inbox.objects.filter(quarantined_at=None).order_by("lane", "id")
    for pk in waiting.values_list("pk", flat=True)[:limit]:
        try:
            done += _digest(readers, now, 1, pk)
        except Exception as problem:
            log.exception("an event failed", inbox=pk)
            done += _quarantine(pk, f"{type(problem).__name__} while digesting it", now)
    return done


def _digest(readers: Mapping[str, Reader], now: datetime, limit: int, only: int | None = None) -> int:
    with transaction.atomic():
        rows = take_received(min(limit, ROWS_MAX), now, only)
        if not rows:
            return 0
        lane = rows[0].lane
        most = BULK_ROWS_MAX if lane == BULK_LANE else ROWS_MAX
        rows = [row for row in rows if row.lane == lane][:most]
        batch = Batch(configuration(), now)
        for row in rows:
            batch.add(row, _read(readers, row))
        point("digest: read")
        early = _set_back(rows, batch.unsettled())
        batch.store(but=early)
        point("digest: stored")
        done_with([row for row in rows if row.id not in early], now)
        wake("duties", "now")
        point("digest: before commit")
    point("digest: committed")
    return len(rows) - (len(early) if lane == BULK_LANE else 0)


def _set_back(rows: Sequence[Received], unsettled: Collection[int]) -> set[int]:
    """Keep those of `unsettled` for later that came after a request of their sender's which still waits: what they
    speak of may be in there. They go to the bulk lane, behind it. Returns their numbers."""
    if not unsettled:
        return set()
    senders = {row.integration_id for row in rows if row.id in unsettled}
    older = Inbox.objects.filter(quarantined_at=None, integration_id__in=senders, id__lt=max(unsettled))
    others = older.exclude(pk__in=[row.id for row in rows]).values("integration_id").annotate(first=Min("id"))
    first = dict(others.values_list("integration_id", "first"))
    early = {row.id for row in rows if row.id in unsettled and first.get(row.integration_id, row.id) < row.id}
    Inbox.objects.filter(pk__in=early).update(lane=BULK_LANE)
    return early


def _read(readers: Mapping[str, Reader], row: Received) -> Sequence[Event]:
    """The events of a row; one that stands for it when it cannot be read."""
    try:
        return readers[row.source](row.body, row.meta, row.received_at)
    except Exception as problem:
        log.exception("an accepted event could not be read", inbox=row.id, source=row.source)
        return [unreadable(row.id, row.body, f"{type(problem).__name__} in the reader of {row.source}")]


def _quarantine(pk: int, problem: str, now: datetime) -> int:
    """Keep the row aside and open an alert that says so; the alert's own text is plain and cannot fail alike."""
    with transaction.atomic():
        taken = take_received(1, now, pk)
        if not taken:
            return 0
        (row,) = taken
        batch = Batch(configuration(), now)
        batch.add(row, [unreadable(row.id, row.body, problem)])
        batch.store()
        Inbox.objects.filter(pk=pk).update(quarantined_at=now, problem=problem[:500])
        wake("duties", "now")
    return 1


def end_silent_alerts(now: datetime, limit: int = SWEEP_MAX) -> int:
    """Alerts whose sender stopped repeating them resolve; returns how many."""
    with transaction.atomic():
        rows = load_ended(now, limit)
        if rows:
            batch = Batch(configuration(), now)
            for alert in rows:
                batch.end(alert, "its sender stopped repeating it")
            batch.store()
            wake("duties", "now")
    return len(rows)


def forget_old_answers(now: datetime, limit: int = SWEEP_MAX) -> int:
    """Drop remembered idempotent answers past their life; returns how many."""
    old = list(Remembered.objects.filter(expires_at__lte=now).values_list("pk", flat=True)[:limit])
    if old:
        Remembered.objects.filter(pk__in=old).delete()
    return len(old)
