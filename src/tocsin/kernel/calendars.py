"""Working calendars: when work is done. One object for layers, conditions, quiet hours, snoozes and SLA clocks. Pure.

Where holidays come from (a country's, an iCalendar file, by hand) is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from reprlib import repr as shown
from typing import Any

from tocsin.kernel.errors import Refused
from tocsin.kernel.hours import (
    DAY,
    Window,
    days_between,
    whole_days,
    window_as_data,
    window_spans,
    windows_from,
)
from tocsin.kernel.ids import check_slug
from tocsin.kernel.spans import Span, common, left_out, total
from tocsin.kernel.zones import YEAR_MAX, YEAR_MIN, wall_clock, zone

HOLIDAYS_MAX = 2_000
NAME_LENGTH_MAX = 100
LOOK_AHEAD = timedelta(days=800)  # how far `next_open` and `after_working` look: two years and some weeks
_STRIDE = timedelta(days=28)  # how far at once
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Holiday:
    """A day on which a calendar is closed, from midnight to midnight."""

    on: date
    name: str = ""


@dataclass(frozen=True)
class Calendar:
    """Weekly `hours` in a zone, less the `holidays`. Without hours it is never open."""

    id: str
    name: str
    timezone: str
    hours: tuple[Window, ...]
    holidays: tuple[Holiday, ...] = ()

    @cached_property
    def _names(self) -> dict[date, str]:
        return {holiday.on: holiday.name for holiday in self.holidays}

    def holiday_at(self, at: datetime) -> str | None:
        """The name of the holiday it is there at `at`; None on other days."""
        return self._names.get(wall_clock(at, zone(self.timezone)).date())

    def holiday_spans(self, start: datetime, end: datetime) -> tuple[Span, ...]:
        """The holidays in [start, end), sorted, those that meet as one."""
        there = zone(self.timezone)
        first, last = wall_clock(start, there) - DAY, wall_clock(end, there) + DAY
        days = [day for day in days_between(first.date(), last.date()) if day in self._names]
        return tuple(common(whole_days(days, there), [Span(start, end)]))

    def is_open(self, at: datetime) -> bool:
        """Whether work is done at this instant."""
        return bool(self.open_spans(at, at + _INSTANT))

    def open_spans(self, start: datetime, end: datetime) -> tuple[Span, ...]:
        """When it is open in [start, end), sorted; the spans do not meet."""
        hours = window_spans(self.hours, zone(self.timezone), start, end)
        if not self.holidays:
            return hours
        closed = self.holiday_spans(start, end)
        return tuple(common(hours, left_out(Span(start, end), closed)))

    def next_open(self, at: datetime) -> datetime | None:
        """The first open instant at or after `at`; None when there is none within LOOK_AHEAD."""
        return next((span.start for span in self._open_from(at)), None)

    def worked(self, start: datetime, end: datetime) -> timedelta:
        """How much of [start, end) is working time."""
        return total(self.open_spans(start, end))

    def after_working(self, start: datetime, span: timedelta) -> datetime | None:
        """The first instant by which `span` of working time has passed since `start`: when a clock is due that stands
        still while it is closed. None when that is not within LOOK_AHEAD."""
        if span <= timedelta(0):
            return start
        for hours in self._open_from(start):
            if hours.length >= span:
                return hours.start + span
            span -= hours.length
        return None

    def _open_from(self, start: datetime) -> Iterator[Span]:
        """The open spans from `start` as far as LOOK_AHEAD, a few weeks at a time."""
        at, last = start, start + LOOK_AHEAD
        while at < last:
            yield from self.open_spans(at, min(at + _STRIDE, last))
            at += _STRIDE


def calendar_from(data: Mapping[str, Any], where: str = "") -> Calendar:
    """The calendar that `data` writes: id, timezone, hours, and if need be name and holidays. Raises Refused."""
    if unknown := sorted(str(key) for key in data.keys() - {"id", "name", "timezone", "hours", "holidays"}):
        raise Refused(
            f"Unknown key {shown(unknown[0])} in a calendar",
            "id, name, timezone, hours and holidays",
            where=where,
        )
    prefix = f"{where}." if where else ""
    key = check_slug(data.get("id"), f"{prefix}id")
    holidays = data.get("holidays", [])
    if not isinstance(holidays, list | tuple) or len(holidays) > HOLIDAYS_MAX:
        expected = f"a list of at most {HOLIDAYS_MAX} such as {{day: 2026-12-25, name: Christmas Day}}"
        raise Refused("These are no holidays", expected, where=f"{prefix}holidays")
    return Calendar(
        id=key,
        name=_name_from(data.get("name", key), f"{prefix}name"),
        timezone=zone(data.get("timezone"), f"{prefix}timezone").key,
        hours=windows_from(data.get("hours", []), f"{prefix}hours"),
        holidays=tuple(
            _holiday_from(each, f"{prefix}holidays.{number}") for number, each in enumerate(holidays)
        ),
    )


def _holiday_from(data: object, where: str) -> Holiday:
    if not isinstance(data, Mapping) or "day" not in data or data.keys() - {"day", "name"}:
        raise Refused(
            f"{shown(data)} is not a holiday", "{day: 2026-12-25, name: Christmas Day}", where=where
        )
    return Holiday(_date_from(data["day"], f"{where}.day"), _name_from(data.get("name", ""), f"{where}.name"))


def _date_from(data: object, where: str) -> date:
    try:
        day = date.fromisoformat(data if isinstance(data, str) and len(data) == 10 else "")
    except ValueError:
        day = date.min
    if not YEAR_MIN <= day.year < YEAR_MAX:
        raise Refused(f"{shown(data)} is not a day", "one such as 2026-12-25", where=where)
    return day


def _name_from(data: object, where: str) -> str:
    if not isinstance(data, str) or len(data) > NAME_LENGTH_MAX or not data.isprintable():
        raise Refused(
            f"{shown(data)} cannot be a name",
            f"one line of at most {NAME_LENGTH_MAX} characters",
            where=where,
        )
    return data


def calendar_as_data(calendar: Calendar) -> dict[str, Any]:
    """The calendar as JSON, in the words of the organisation file."""
    return {
        "id": calendar.id,
        "name": calendar.name,
        "timezone": calendar.timezone,
        "hours": [window_as_data(window) for window in calendar.hours],
        "holidays": [{"day": day.on.isoformat(), "name": day.name} for day in calendar.holidays],
    }
