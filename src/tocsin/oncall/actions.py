"""Change schedules and their overrides. Each verb is one transaction, writes down what it changed, and leaves a note
for whoever tells people that their shifts have moved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tocsin.catalog import calendars as stored
from tocsin.catalog.models import Calendar as CalendarRow
from tocsin.journal.changes import changing
from tocsin.kernel.acting import By
from tocsin.kernel.calendars import Calendar
from tocsin.kernel.errors import conflict, not_found
from tocsin.oncall import rules
from tocsin.oncall.models import Override, Schedule
from tocsin.oncall.past import known_before as known_before  # noqa: PLC0414 - offered here too
from tocsin.oncall.past import known_then as known_then  # noqa: PLC0414 - offered here too
from tocsin.oncall.past import named_calendars
from tocsin.oncall.past import served as served  # noqa: PLC0414 - offered here too
from tocsin.oncall.past import told as told  # noqa: PLC0414 - offered here too
from tocsin.oncall.reading import as_they_stand
from tocsin.oncall.reading import calendars as calendars  # noqa: PLC0414 - offered here too
from tocsin.oncall.reading import on_call_at as on_call_at  # noqa: PLC0414 - offered here too
from tocsin.oncall.reading import schedules as schedules  # noqa: PLC0414 - offered here too
from tocsin.oncall.reading import timelines as timelines  # noqa: PLC0414 - offered here too
from tocsin.oncall.saving import Schedules, note_changes

# --- schedules -------------------------------------------------------------------------------------------


def save_schedule(
    value: rules.Schedule, team: str | None, by: By, now: datetime, *, overrides: bool = False
) -> Schedule:
    """Make the schedule or change it; `team` looks after it. Raises Refused.

    Its overrides stay, and go along with the shifts they cover; with `overrides` those of `value` become all it has.
    """
    with changing():
        saving = Schedules([value.id], by, now)
        row = saving.save(value, team, overrides=overrides)
        saving.store()
    return row


def delete_schedule(schedule_id: str, by: By, now: datetime, *, named_by: Sequence[str]) -> None:
    """Forget the schedule; what was served stays known. Refused while policies name it: `named_by` lists these
    (escalation knows them)."""
    with changing():
        find_schedule(schedule_id)
        if named_by:
            raise conflict(
                f"Schedule {schedule_id} is named by policy {', '.join(named_by)}",
                "Take it out of these policies first.",
            )
        saving = Schedules([schedule_id], by, now)
        saving.remove(schedule_id)
        saving.store()


def find_schedule(schedule_id: str) -> Schedule:
    """The schedule. Raises Refused."""
    row = Schedule.objects.live().filter(pk=schedule_id).first()
    if row is None:
        raise not_found("schedule", schedule_id)
    return row


# --- overrides -------------------------------------------------------------------------------------------


def add_override(schedule_id: str, value: rules.Override | rules.Temporary, by: By, now: datetime) -> int:
    """Put the override over all there are and return its number; also a temporary schedule. Raises Refused."""
    with changing():
        find_schedule(schedule_id)
        saving = Schedules([schedule_id], by, now)
        row = saving.add(schedule_id, value)
        saving.store()
    return row.pk


def remove_override(override_id: int, by: By, now: datetime) -> None:
    """Take the override back: from now on it counts no more, and what was served under it stays so."""
    with changing():
        row = find_override(override_id)
        saving = Schedules([row.schedule_id], by, now)
        saving.end(row)
        saving.store()


def find_override(override_id: int) -> Override:
    """The override while it stands. Raises Refused."""
    row = Override.objects.standing().select_related("schedule").filter(pk=override_id).first()
    if row is None:
        raise not_found("override", override_id)
    return row


# --- calendars -------------------------------------------------------------------------------------------


def save_calendar(value: Calendar, by: By, now: datetime) -> CalendarRow:
    """Make the calendar or change it; the shifts of schedules that name it change with it. Raises Refused."""
    with changing():
        row = stored.save_calendar(value, by, now)
        note_changes(schedules_naming(value.id), by, now)
    return row


def delete_calendar(calendar_id: str, by: By, now: datetime, *, named_by: Sequence[str]) -> None:
    """Forget the calendar. Refused while schedules name it, or others: `named_by` says which, in words."""
    with changing():
        named = [f"schedule {key}" for key in schedules_naming(calendar_id)]
        stored.delete_calendar(calendar_id, by, now, named_by=[*named, *named_by])


def schedules_naming(calendar_id: str) -> list[str]:
    """The schedules with a restriction that names the calendar."""
    return [
        key
        for key, lines in as_they_stand().items()
        if calendar_id in named_calendars(lines.schedule, lines.schedule.overrides)
    ]
