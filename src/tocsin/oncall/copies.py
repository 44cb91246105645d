"""What follows from a copy of a calendar that is kept elsewhere: shifts of a schedule, or holidays."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from tocsin.catalog.calendars import find_calendar
from tocsin.journal.waking import wake
from tocsin.kernel.acting import By
from tocsin.kernel.calendars import HOLIDAYS_MAX, NAME_LENGTH_MAX, Calendar, Holiday
from tocsin.kernel.errors import Refused
from tocsin.kernel.spans import Span
from tocsin.oncall.actions import save_calendar
from tocsin.oncall.ical.naming import Directory, Human, Meant, Stretch, filled, stretches
from tocsin.oncall.ical.reading import Happening
from tocsin.oncall.models import IMPORTED_PLACE, Import, ImportKind, Override
from tocsin.oncall.rules import Override as OverrideValue
from tocsin.oncall.saving import TOPIC, Schedules
from tocsin.people.models import User

LOOK_EVERY = timedelta(minutes=5)
APPLY_EVERY = timedelta(days=1)  # the same copy again, because the days that it is read for move on
BEHIND = timedelta(days=7)  # how much of the past is read, so that what runs now is whole
AHEAD = timedelta(days=366)
UNKNOWN_SHOWN_MAX = 20


def read_for(now: datetime) -> Span:
    """The days that a copy is read for, seen from `now`."""
    return Span(now - BEHIND, now + AHEAD)


def take_over(row: Import, body: bytes, found: Sequence[Happening], by: By, now: datetime) -> None:
    """Make `body` the copy in use. In the caller's transaction."""
    row.copy = body.decode("utf-8-sig", "replace")
    row.due_at = now + (LOOK_EVERY if row.kind == ImportKind.ADDRESS else APPLY_EVERY)
    note_good(row, now)
    if row.schedule_id:
        _set_shifts(row, found, by, now)
        row.save()
    else:
        set_days(row, _days_of(found), by, now)


def check_not_empty(row: Import, found: Sequence[Happening], now: datetime) -> None:
    """Raises Refused when nothing is in it that is still to come: it takes nobody off call and opens no holiday."""
    if row.schedule_id:
        found = [each for each in found if each.span.end > now]
    else:
        found = [each for each in found if each.days]
    if not found:
        what = "event" if row.schedule_id else "whole day"
        raise Refused(f"The calendar is empty: no {what} in it is still to come", "events of the coming year")


def note_good(row: Import, now: datetime) -> None:
    """The copy in use is as of `now`, and nothing is wrong with it. Not stored here."""
    wake(TOPIC)
    row.copied_at = row.applied_at = now
    row.problem, row.problem_at = "", None


def _set_shifts(row: Import, found: Sequence[Happening], by: By, now: datetime) -> None:
    """Make the schedule what the calendar says, from `now` on."""
    assert row.schedule_id is not None
    directory = _directory()
    meant: list[tuple[Span, Meant]] = [(each.span, directory.meant(each)) for each in found]
    names = dict.fromkeys(
        name for span, each in meant if span.end > now for name in (*each.ambiguous, *each.unknown)
    )
    row.unknown = list(names)[:UNKNOWN_SHOWN_MAX]
    active = {human.id for human in directory.people}
    old = [
        Stretch(Span(each.starts_at, each.ends_at), tuple(user for user in each.users if user in active))
        for each in standing(row.schedule_id)
    ]
    wanted = filled(stretches(meant), [each for each in old if each.users])
    saving = Schedules([row.schedule_id], by, now)
    saving.import_shifts(
        row.schedule_id, [OverrideValue("", *each.span, each.users) for each in wanted if each.span.end > now]
    )
    saving.store()


def standing(schedule_id: str) -> list[Override]:
    """The overrides that came from the calendar, sorted by their hours."""
    rows = Override.objects.standing().filter(schedule=schedule_id, place=IMPORTED_PLACE)
    return sorted(rows, key=lambda each: each.starts_at)


def imported_overrides() -> Mapping[str, Collection[str]]:
    """The ids of the overrides that calendars bring, by schedule; without those of schedules that follow none."""
    rows = Override.objects.standing().filter(schedule__source__isnull=False, place=IMPORTED_PLACE)
    found: dict[str, set[str]] = {}
    for schedule, key in rows.values_list("schedule", "pk"):
        found.setdefault(schedule, set()).add(str(key))
    return found


def _directory() -> Directory:
    people = User.objects.people().filter(is_active=True).values_list("pk", "name", "email")
    return Directory([Human(*each) for each in people])


def _days_of(found: Sequence[Happening]) -> list[Holiday]:
    """Each day of the events that last whole days."""
    days: dict[str, Holiday] = {}
    for each in found:
        day, end = each.days or (None, None)
        while day is not None and end is not None and day < end:
            days.setdefault(day.isoformat(), Holiday(day, each.summary[:NAME_LENGTH_MAX]))
            day += timedelta(days=1)
    return [days[key] for key in sorted(days)]


def set_days(row: Import, days: Sequence[Holiday], by: By, now: datetime) -> None:
    """Make `days` the calendar's holidays, beside those that people wrote by hand."""
    before = find_calendar(row.calendar_id or "").as_value()
    came = set(row.days)
    by_hand = [day for day in before.holidays if day.on.isoformat() not in came]
    taken = {day.on for day in by_hand}
    new = [day for day in days if day.on not in taken]
    merged = tuple(sorted([*by_hand, *new], key=lambda day: day.on))[:HOLIDAYS_MAX]
    save_calendar(Calendar(before.id, before.name, before.timezone, before.hours, merged), by, now)
    row.days = [day.on.isoformat() for day in new]
    row.save()
