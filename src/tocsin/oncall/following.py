"""Following calendars that are kept elsewhere, as the engine does: each is looked at when it is due."""

from __future__ import annotations

from datetime import datetime, timedelta

from tocsin.journal.changes import changing
from tocsin.journal.waking import wake
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused
from tocsin.oncall.copies import (
    APPLY_EVERY,
    LOOK_EVERY,
    check_not_empty,
    note_good,
    read_for,
    set_days,
    take_over,
)
from tocsin.oncall.countries import country_days
from tocsin.oncall.ical.apart import read_apart
from tocsin.oncall.imports import COUNTRY_EVERY
from tocsin.oncall.models import Import, ImportKind
from tocsin.oncall.saving import TOPIC

LEASE = timedelta(minutes=2)  # longer than any look takes


def claim_due(now: datetime) -> Import | None:
    """The next import to look at, leased to the caller for LEASE; None when none is due."""
    row = (
        Import.objects.select_related("schedule", "calendar")
        .filter(due_at__lte=now)
        .order_by("due_at")
        .first()
    )
    if row is None:
        return None
    if row.schedule is not None and row.schedule.removed_at is not None:
        row.delete()  # nothing hangs on it any more
        return claim_due(now)
    won = Import.objects.filter(pk=row.pk, due_at=row.due_at).update(due_at=now + LEASE)
    return row if won else None


def fetched(row: Import, body: bytes, etag: str, by: By, now: datetime) -> None:
    """The address has answered with `body`: take it over, or say what is wrong with it. Takes its time."""
    timezone = row.schedule.timezone if row.schedule else row.calendar.timezone if row.calendar else "UTC"
    try:
        found = read_apart(body, read_for(now), timezone)
        check_not_empty(row, found, now)
    except Refused as refused:
        failed(row, str(refused), now)
        return
    with changing():
        current = Import.objects.select_for_update().filter(pk=row.pk, sealed=row.sealed).first()
        if current is None:  # somebody has chosen another calendar meanwhile
            return
        current.etag, current.due_at = etag[:200], now + LOOK_EVERY
        take_over(current, body, found, by, now)


def unchanged(row: Import, by: By, now: datetime) -> None:
    """The address says that the copy is what it has; once a day what follows from it is worked out anew."""
    if row.applied_at is None or now - row.applied_at >= APPLY_EVERY:
        fetched(row, row.copy.encode(), row.etag, by, now)
        return
    Import.objects.filter(pk=row.pk, sealed=row.sealed).update(
        copied_at=now, problem="", problem_at=None, due_at=now + LOOK_EVERY
    )
    wake(TOPIC)


def failed(row: Import, why: str, now: datetime) -> None:
    """The look has brought no copy: the last good one stays in use."""
    since = row.problem_at if row.problem else now
    mine = Import.objects.filter(pk=row.pk, sealed=row.sealed)
    mine.update(problem=why[:500], problem_at=since, due_at=now + LOOK_EVERY)
    wake(TOPIC)


def renew_country(row: Import, by: By, now: datetime) -> None:
    """Take over the holidays of the years that have come near."""
    country, _, region = row.shown.partition("/")
    try:
        days = country_days(country, region, now)
    except Refused as refused:
        failed(row, str(refused), now)
        return
    with changing():
        current = Import.objects.select_for_update().filter(pk=row.pk, shown=row.shown).first()
        if current is None or current.kind != ImportKind.COUNTRY:  # somebody has chosen another meanwhile
            return
        current.due_at = now + COUNTRY_EVERY
        note_good(current, now)
        set_days(current, days, by, now)


def renew_file(row: Import, by: By, now: datetime) -> None:
    """Work out anew what follows from the copy, for the days that have come near."""
    fetched(row, row.copy.encode(), "", by, now)
