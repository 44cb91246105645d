"""Hear each thing once, and listen no longer to an address that guesses."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from tocsin.answering.models import CodeTries, HeardOnce
from tocsin.answering.rules.trying import Tries, after_wrong
from tocsin.kernel.ids import digest

KEPT = timedelta(days=7)  # longer than any provider repeats itself
SWEEP_MAX = 1_000


def first_time(provider_id: str, name: str, now: datetime) -> bool:
    """Whether what the provider calls `name` is heard for the first time; noted in the caller's transaction, so that
    what could not be done may be heard again. Without a name everything is new."""
    if not name:
        return True
    try:
        with transaction.atomic():
            HeardOnce.objects.create(key=digest(f"{provider_id}\n{name}"), at=now)
    except IntegrityError:
        return False
    return True


def tries_of(address: str) -> Tries:
    """How the address has guessed so far."""
    row = CodeTries.objects.filter(pk=address).first()
    return row.as_value() if row is not None else Tries()


def wrong_code(address: str, now: datetime) -> Tries:
    """Count one wrong code against the address; in the caller's transaction."""
    row, _ = CodeTries.objects.select_for_update().get_or_create(pk=address, defaults={"changed_at": now})
    after = after_wrong(row.as_value(), now)
    row.wrong, row.since, row.silent_until, row.changed_at = after.wrong, after.since, after.silent_until, now
    row.save()
    return after


def right_code(address: str) -> None:
    """Forget the wrong ones."""
    CodeTries.objects.filter(pk=address).delete()


def forget_heard(now: datetime, limit: int = SWEEP_MAX) -> int:
    """Forget what was heard long ago; returns how much."""
    old = list(
        HeardOnce.objects.filter(at__lt=now - KEPT).order_by("at").values_list("pk", flat=True)[:limit]
    )
    HeardOnce.objects.filter(pk__in=old).delete()
    tried = CodeTries.objects.filter(changed_at__lt=now - KEPT).order_by("changed_at")
    gone = list(tried.values_list("pk", flat=True)[:limit])
    CodeTries.objects.filter(pk__in=gone).delete()
    return max(len(old), len(gone))
