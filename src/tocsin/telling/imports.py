"""Trouble with a calendar from elsewhere is told to whoever looks after what hangs on it; and its end, too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from tocsin.kernel.durations import in_words
from tocsin.oncall.imports import OLD
from tocsin.oncall.models import Import
from tocsin.telling.notices import Notice, owners_of, send

PATIENCE = timedelta(minutes=4)  # with an address that does not answer: the next look may bring it
FINE, FAILING, STALE, NAMES = "", "failing", "old", "names"


def tell_imports(now: datetime) -> int:
    """Tell of trouble that has begun, grown worse or ended; returns with how many calendars."""
    told = 0
    for row in Import.objects.select_related("schedule__team__lead", "calendar").defer("copy"):
        state = trouble_of(row, now)
        if state == row.told:
            continue
        with transaction.atomic():
            if Import.objects.filter(pk=row.pk, told=row.told).update(told=state):
                send(_notices(row, state, now), now)
                told += 1
    return told


def trouble_of(row: Import, now: datetime) -> str:
    """What is wrong with the calendar at `now`, if that is to be told."""
    if row.problem:
        if row.copied_at is not None and now - row.copied_at >= OLD:
            return STALE
        brief = row.problem_at is not None and now - row.problem_at < PATIENCE and row.told != STALE
        return row.told if brief and "cannot be fetched" in row.problem else FAILING
    return NAMES if row.unknown else FINE


def _notices(row: Import, state: str, now: datetime) -> list[Notice]:
    what, path = _what(row)
    subject, lines = _said(row, state, now)
    return [
        Notice(
            user=user,
            subject=f"{subject}: {what}",
            lines=lines,
            reason=f"the calendar of {what}",
            path=path,
            # Whoever is on call by it is, now.
            begins_at=now if state in (FAILING, STALE) and row.schedule_id else None,
        )
        for user in owners_of(row.schedule)
    ]


def _what(row: Import) -> tuple[str, str]:
    if row.schedule is not None:
        return f"schedule {row.schedule}", f"/schedules/{row.schedule_id}/calendar"
    return f"holidays of {row.calendar}", f"/calendars/{row.calendar_id}"


def _said(row: Import, state: str, now: datetime) -> tuple[str, Sequence[str]]:
    used = (
        "The last good copy stays in use"
        if row.copied_at
        else "There is no copy to use: nobody is on call by it"
    )
    if state == FAILING:
        return "Its calendar cannot be taken over", [
            row.problem,
            f"{used}, and it is looked at again every 5 minutes.",
        ]
    if state == STALE:
        age = in_words(now - row.copied_at) if row.copied_at else "long"
        return f"Its calendar has failed for {age}", [
            row.problem,
            f"{used}; what changed there since is not known here. Mend the address, or plan here instead.",
        ]
    if state == NAMES:
        return "Its calendar names people nobody knows", [
            f"Not known, or several people: {', '.join(row.unknown)}.",
            "Their hours stay with whoever had them before, or with nobody. Write the e-mail address, the id or the"
            " full name of a person there.",
        ]
    return "Its calendar is read again", ["Nothing is left to do."]
