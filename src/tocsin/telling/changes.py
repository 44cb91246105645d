"""Whoever's shifts move because of a saved change is told, once, what is theirs now.

Each change leaves a row behind (`oncall.models.Change`). What has changed is the difference between what was known
before the first of the rows that nobody was told of, and after the last: so an edit that was taken back at once tells
nobody, and ten edits in a minute tell everybody once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext

from tocsin.kernel.acting import ENGINE
from tocsin.kernel.spans import Span
from tocsin.oncall import rules
from tocsin.oncall.absences import ask_for_absent
from tocsin.oncall.models import Change, CoverRequest, Schedule
from tocsin.oncall.past import known_before, known_then
from tocsin.oncall.swaps import withdraw_needless
from tocsin.people.speaking import when_words
from tocsin.telling.notices import Notice, send

SETTLES = timedelta(seconds=60)  # after the last change, in which it may be taken back
WAITS_MAX = timedelta(minutes=5)  # after the first
AHEAD = timedelta(
    weeks=12
)  # as far as the preview of a change looks; one's next shift counts however far off
SCHEDULES_MAX = 5  # per turn: each takes some milliseconds, in which nobody is paged
SHIFTS_SAID_MAX = 8  # in one message


def tell_changes(now: datetime, limit: int = SCHEDULES_MAX) -> int:
    """Tell of changes that have settled; returns of how many schedules."""
    told = 0
    for schedule in _settled(now)[:limit]:
        rows = list(Change.objects.filter(schedule=schedule, told_at=None, at__lte=now).order_by("at", "pk"))
        if rows and _tell(schedule, rows, now):
            # What somebody asked cover for may be somebody else's now, or nobody's.
            withdraw_needless(schedule, ENGINE, now)
            told += 1
    if told:
        # Who is away may be on call now where they were not before.
        ask_for_absent(ENGINE, now)
    return told


def _settled(now: datetime) -> list[str]:
    """The schedules with changes to tell of, none of them just now."""
    times: dict[str, list[datetime]] = {}
    for schedule, at in Change.objects.filter(told_at=None).values_list("schedule", "at"):
        times.setdefault(schedule, []).append(at)
    return sorted(key for key, at in times.items() if now - max(at) >= SETTLES or now - min(at) >= WAITS_MAX)


def _tell(schedule_id: str, rows: Sequence[Change], now: datetime) -> bool:
    """Tell everybody concerned of `rows`, unless another node does; False then."""
    before, after = known_before(schedule_id, rows[0].at), known_then(schedule_id, now)
    change = rules.impact([before] if before else [], [after] if after else [], now, now + AHEAD)
    row = Schedule.objects.get(pk=schedule_id)
    notices = list(_notices(row, change, _told_otherwise(schedule_id, rows)))
    with transaction.atomic():
        mine = Change.objects.filter(pk__in=[each.pk for each in rows], told_at=None)
        if mine.update(told_at=now) != len(rows):
            # Another node was faster with some of them; what it has not taken is looked at again.
            transaction.set_rollback(True)
            return False
        send(notices, now)
    return True


def _told_otherwise(schedule_id: str, rows: Sequence[Change]) -> set[str]:
    """Who is told of these changes as those who have agreed on them."""
    agreed = CoverRequest.objects.filter(
        schedule=schedule_id, state=rules.State.ACCEPTED, changed_at__in=[each.at for each in rows]
    )
    if agreed.count() < len({each.at for each in rows}):
        return set()  # something else has changed too
    return {user for pair in agreed.values_list("user", "accepted_by") for user in pair if user}


def _notices(row: Schedule, change: rules.Impact, told: set[str]) -> Iterator[Notice]:
    for person in change.people:
        if person.user in told:
            continue
        mine = [each for each in change.shifts if each.user == person.user]
        spans = [span for each in mine for span in (each.before, each.after) if span]
        yield Notice(
            user=person.user,
            words=partial(_words, row, person, mine),
            reason=f"schedule {row.pk} was changed",
            path=f"/schedules/{row.pk}",
            begins_at=min((span.start for span in spans), default=None),
        )


def _words(
    row: Schedule, person: rules.Person, mine: Sequence[rules.ShiftChange], here: ZoneInfo
) -> tuple[str, list[str]]:
    lines = [_said(each.before, each.after, here) for each in mine[:SHIFTS_SAID_MAX]]
    if more := len(mine) - len(lines):
        lines.append(gettext("And %(count)s more of your shifts.") % {"count": more})
    if person.next_after:
        lines.append(gettext("Your next shift: %(when)s.") % {"when": when_words(person.next_after[1], here)})
    else:
        lines.append(gettext("You have no shift on this schedule now."))
    lines.append(gettext("Times are those of %(zone)s.") % {"zone": here.key})
    return f"{_headline(person.why)}: {row}", lines


def _headline(why: rules.Why) -> str:
    if why is rules.Why.ON_CALL_NOW:
        return gettext("Who is on call has changed")
    if why is rules.Why.NEXT_SHIFT:
        return gettext("Your next shift has changed")
    return gettext("Your shifts have changed")


def _said(before: Span | None, after: Span | None, here: ZoneInfo) -> str:
    was = when_words(before, here) if before else ""
    if after is None:
        return gettext("Not yours any more: %(when)s.") % {"when": was}
    when = when_words(after, here)
    if before is None:
        return gettext("New: %(when)s.") % {"when": when}
    return gettext("Moved: %(when)s. It was %(before)s.") % {"when": when, "before": was}
