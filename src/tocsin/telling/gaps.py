"""Gaps ahead, told to whoever looks after the schedule: 30 days, a week and a day before they begin, each once.

A gap is where nobody is on call and nobody said that it should be so, or only people without a contact that counts. One
that comes nearer than several of these at once is told once; of one that is over nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext

from tocsin.kernel.spans import Span, left_out, united
from tocsin.notification.book import book
from tocsin.oncall.models import Change, Schedule
from tocsin.oncall.reading import Timelines, timelines
from tocsin.oncall.rules import Schedule as ScheduleValue
from tocsin.oncall.rules import timeline
from tocsin.people.speaking import when_words
from tocsin.readiness.rules.gaps import nobody_on_purpose
from tocsin.telling.models import GapTold
from tocsin.telling.notices import Notice, owners_of, send

STAGES = (30, 7, 1)  # days ahead
BEFORE = timedelta(days=35)  # how far back a gap's beginning is looked for
GAPS_SAID_MAX = 8  # in one message
LOOKS_MAX = 25  # schedules per turn
LOOK_EVERY = timedelta(hours=1)  # at a schedule that is as it was

_looked: dict[str, tuple[Timelines, datetime]] = {}  # at which schedules this process has looked, and when


def tell_gaps(now: datetime, limit: int = LOOKS_MAX) -> int:
    """Look for gaps in schedules that have changed, and once an hour in the others; returns in how many it looked."""
    there = timelines()
    for gone in _looked.keys() - there.keys():
        del _looked[gone]
    # What was changed just now may be changed on.
    unsettled = set(Change.objects.filter(told_at=None).values_list("schedule", flat=True))
    due = [key for key, lines in there.items() if _is_due(key, lines, now) and key not in unsettled][:limit]
    rows = Schedule.objects.live().select_related("team", "team__lead").in_bulk(due)
    for key in due:
        _looked[key] = there[key], now
        if key in rows:
            _tell(rows[key], there[key].schedule, now)
    return len(due)


def _is_due(key: str, lines: Timelines, now: datetime) -> bool:
    # The same timelines are kept for as long as a schedule stays as it is.
    kept, at = _looked.get(key, (None, now))
    return kept is not lines or now - at >= LOOK_EVERY or now < at


def gaps_of(schedule: ScheduleValue, now: datetime) -> list[tuple[datetime | None, Span]]:
    """The gaps that are not over and begin within the first stage, each with its beginning; None: it has none."""
    start, end = now - BEFORE, now + timedelta(days=STAGES[0])
    reaches = book().reaches
    stretches = timeline(schedule, start, end).stretches
    empty = united(each.span for each in stretches if not any(reaches(user) for user in each.users))
    meant = nobody_on_purpose(schedule, start, end)
    found = [part for gap in empty for part in left_out(gap, meant) if part.end > now]
    return [(gap.start if gap.start > start else None, gap) for gap in found]


def _tell(row: Schedule, schedule: ScheduleValue, now: datetime) -> bool:
    """Tell of the gaps of one schedule that nobody was told of at this stage."""
    near = {begins: (gap, stage_of(gap, now)) for begins, gap in gaps_of(schedule, now)}
    if not near:
        return False
    with transaction.atomic():
        # One node at a time tells of a schedule, and so nobody is told twice.
        Schedule.objects.select_for_update().get(pk=row.pk)
        known = _known(row)
        new = {
            begins: (gap, days)
            for begins, (gap, days) in near.items()
            if known.get(begins, STAGES[0] + 1) > days
        }
        if not new:
            return False
        GapTold.objects.bulk_create(
            GapTold(schedule=row, starts_at=begins, days=days, told_at=now)
            for begins, (_, days) in new.items()
        )
        send([_notice(row, user, [gap for gap, _ in new.values()], now) for user in owners_of(row)], now)
    return True


def stage_of(gap: Span, now: datetime) -> int:
    """The nearest of STAGES that the gap has come to."""
    return min(days for days in STAGES if gap.start - now <= timedelta(days=days))


def _known(row: Schedule) -> Mapping[datetime | None, int]:
    """Of which gaps the owner was told, and at what stage last."""
    known: dict[datetime | None, int] = {}
    for begins, days in GapTold.objects.filter(schedule=row).values_list("starts_at", "days"):
        known[begins] = min(days, known.get(begins, days))
    return known


def _notice(row: Schedule, user: str, gaps: Sequence[Span], now: datetime) -> Notice:
    return Notice(
        user=user,
        words=partial(_words, row, gaps, now),
        reason=f"gaps of schedule {row.pk}",
        path=f"/schedules/{row.pk}",
        begins_at=max(min(gap.start for gap in gaps), now),
    )


def _words(row: Schedule, gaps: Sequence[Span], now: datetime, here: ZoneInfo) -> tuple[str, list[str]]:
    end = now + timedelta(days=STAGES[0])
    lines = []
    for gap in gaps[:GAPS_SAID_MAX]:
        span = Span(max(gap.start, now), min(gap.end, end))
        said = gettext("From %(when)s") if gap.end < end else gettext("From %(when)s at least")
        lines.append(said % {"when": when_words(span, here)})
    if more := len(gaps) - len(lines):
        lines.append(gettext("And %(count)s times more.") % {"count": more})
    then = gettext("Times are those of %(zone)s. Nobody, or nobody who can be reached, is on call then.")
    mend = gettext(
        "Put somebody there with an override or a layer. Where nobody is meant to be on call, give the schedule a turn"
        " without people."
    )
    subject = gettext("Nobody is on call ahead: %(schedule)s") % {"schedule": row}
    return subject, [*lines, then % {"zone": here.key}, mend]
