"""Trouble with a calendar from elsewhere is told to whoever looks after what hangs on it; and its end, too."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext

from tocsin.oncall.imports import OLD
from tocsin.oncall.models import Import
from tocsin.people.reasons import reason_words
from tocsin.people.speaking import span_words
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
    about = f"schedule {row.schedule}" if row.schedule is not None else f"holidays of {row.calendar}"
    by_schedule = f"/schedules/{row.schedule_id}/calendar"
    return [
        Notice(
            user=user,
            words=partial(_words, row, state, now),
            reason=f"the calendar of {about}",
            path=by_schedule if row.schedule is not None else f"/calendars/{row.calendar_id}",
            # Whoever is on call by it is, now.
            begins_at=now if state in (FAILING, STALE) and row.schedule_id else None,
        )
        for user in owners_of(row.schedule)
    ]


def _words(row: Import, state: str, now: datetime, here: ZoneInfo) -> tuple[str, list[str]]:
    subject, lines = _said(row, state, now)
    if row.schedule is not None:
        what = gettext("schedule %(schedule)s") % {"schedule": row.schedule}
    else:
        what = gettext("holidays of %(calendar)s") % {"calendar": row.calendar}
    return f"{subject}: {what}", lines


def _said(row: Import, state: str, now: datetime) -> tuple[str, list[str]]:
    used = (
        gettext("The last good copy stays in use.")
        if row.copied_at
        else gettext("There is no copy to use: nobody is on call by it.")
    )
    if state == FAILING:
        again = gettext("It is looked at again every 5 minutes.")
        return gettext("Its calendar cannot be taken over"), [reason_words(row.problem), f"{used} {again}"]
    if state == STALE:
        age = span_words(now - row.copied_at) if row.copied_at else gettext("a long time")
        mend = gettext("What changed there since is not known here. Mend the address, or plan here instead.")
        return gettext("Its calendar has failed for %(span)s") % {"span": age}, [
            reason_words(row.problem),
            f"{used} {mend}",
        ]
    if state == NAMES:
        unknown = gettext("Not known, or several people: %(names)s.") % {"names": ", ".join(row.unknown)}
        mend = gettext(
            "Their hours stay with whoever had them before, or with nobody. Write the e-mail address, the id or the"
            " full name of a person there."
        )
        return gettext("Its calendar names people nobody knows"), [unknown, mend]
    return gettext("Its calendar is read again"), [gettext("There is nothing left to do.")]
