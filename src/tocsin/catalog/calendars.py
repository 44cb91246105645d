"""Working calendars: as they are, as they were at any instant, and changing them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tocsin.catalog import models
from tocsin.catalog.models import CalendarVersion
from tocsin.catalog.snapshot import per_configuration
from tocsin.journal.actions import Fact
from tocsin.journal.changes import changing, did, record, saved
from tocsin.kernel.acting import By
from tocsin.kernel.calendars import Calendar, calendar_as_data, calendar_from
from tocsin.kernel.errors import conflict, not_found
from tocsin.people.checking import check_name

CALENDARS_MAX = 500


def read_calendars() -> Mapping[str, Calendar]:
    """Every working calendar by its id, as the table has it at this instant."""
    return {row.pk: row.as_value() for row in models.Calendar.objects.all()}


calendars = per_configuration(read_calendars)


def next_open(calendar_id: str, at: datetime) -> datetime | None:
    """When that calendar is open next, at or after `at`; "" means the only one there is. None when there is no such
    one, or it does not open again."""
    known = calendars()
    chosen = known.get(calendar_id) if calendar_id else next(iter(known.values()), None)
    if chosen is None or (not calendar_id and len(known) > 1):
        return None
    return chosen.next_open(at)


def calendars_then(ids: Collection[str], at: datetime) -> Mapping[str, Calendar]:
    """Those of `ids` that there were at `at`, as they were."""
    then: dict[str, Any] = {}
    for row in CalendarVersion.objects.filter(calendar__in=ids, from_at__lte=at):
        then[row.calendar] = row.data
    return {key: calendar_from(data) for key, data in then.items() if data is not None}


def calendars_changed(ids: Collection[str], start: datetime, end: datetime) -> list[datetime]:
    """The instants in (start, end) at which one of `ids` changed, sorted."""
    rows = CalendarVersion.objects.filter(calendar__in=ids, from_at__gt=start, from_at__lt=end)
    return sorted(set(rows.values_list("from_at", flat=True)))


def save_calendar(value: Calendar, by: By, now: datetime) -> models.Calendar:
    """Make the calendar or change it. Raises Refused."""
    with changing():
        saving = CalendarChanges([value.id])
        row = saving.save(value)
        saving.store(by, now)
    return row


def delete_calendar(calendar_id: str, by: By, now: datetime, *, named_by: Sequence[str]) -> None:
    """Forget the calendar. Refused while `named_by` (schedules, policies: rooms above know them) name it."""
    with changing():
        if named_by:
            raise conflict(
                f"Calendar {calendar_id} is named by {', '.join(named_by)}", "Take it out of these first."
            )
        count, _ = models.Calendar.objects.filter(pk=calendar_id).delete()
        if not count:
            raise not_found("calendar", calendar_id)
        CalendarVersion.objects.create(calendar=calendar_id, from_at=now, data=None)
        record([did("calendar.deleted", calendar=calendar_id)], by, now)


def find_calendar(calendar_id: str) -> models.Calendar:
    """The calendar. Raises Refused."""
    row = models.Calendar.objects.filter(pk=calendar_id).first()
    if row is None:
        raise not_found("calendar", calendar_id)
    return row


class CalendarChanges:
    """Changes to the calendars `ids`: `save` decides about one, `store` writes all. Both inside one transaction of the
    caller's."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._rows = models.Calendar.objects.select_for_update().order_by("pk").in_bulk(list(ids))
        self._count = models.Calendar.objects.count()
        self._changed: dict[str, models.Calendar] = {}
        self._facts: list[Fact] = []

    def save(self, value: Calendar) -> models.Calendar:
        """Make the calendar or change it. Raises Refused."""
        data = calendar_as_data(value)
        calendar_from(data)
        check_name(value.name)
        row = self._rows.get(value.id)
        before = calendar_as_data(row.as_value()) if row else None
        if row is None:
            if self._count >= CALENDARS_MAX:
                raise conflict(f"There are {CALENDARS_MAX} calendars", "Remove those nobody uses.")
            self._count += 1
            row = self._rows[value.id] = models.Calendar(id=value.id)
        if data == before:
            return row
        row.name, row.timezone = value.name, value.timezone
        row.definition = {"hours": data["hours"], "holidays": data["holidays"]}
        self._changed[value.id] = row
        self._facts += saved("calendar", value.id, _without_id(before), _without_id(data) or {})
        return row

    @property
    def changed(self) -> list[str]:
        """The ids of those that are not as they were."""
        return list(self._changed)

    def store(self, by: By, now: datetime) -> None:
        """Write."""
        models.Calendar.objects.bulk_create(
            self._changed.values(),
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["name", "timezone", "definition"],
        )
        CalendarVersion.objects.bulk_create(
            CalendarVersion(calendar=key, from_at=now, data=calendar_as_data(row.as_value()))
            for key, row in self._changed.items()
        )
        record(self._facts, by, now)


def _without_id(data: dict[str, Any] | None) -> dict[str, Any] | None:
    return data and {name: value for name, value in data.items() if name != "id"}
