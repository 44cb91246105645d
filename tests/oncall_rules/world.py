"""Short ways to write schedules and to read them off, for tests that tell a story."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tocsin.kernel.calendars import Calendar
from tocsin.kernel.moments import format_instant, parse_instant
from tocsin.kernel.spans import Span
from tocsin.kernel.zones import zone
from tocsin.oncall.rules import Schedule, Shift, final, schedule_from

MADRID = "Europe/Madrid"
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)


def schedule(*layers: dict[str, Any], calendars: tuple[Calendar, ...] = (), **more: Any) -> Schedule:
    """A schedule in Madrid, read from the words of the organisation file."""
    data = {"id": "web", "timezone": MADRID, "layers": list(layers), **more}
    return schedule_from(data, calendars={calendar.id: calendar for calendar in calendars})


def weekly(*users: Any, start: str = "2026-01-05T09:00", **more: Any) -> dict[str, Any]:
    return {"rotation": "weekly", "start": start, "users": list(users), **more}


def daily(*users: Any, start: str = "2026-01-05T09:00", **more: Any) -> dict[str, Any]:
    return {"rotation": "daily", "start": start, "users": list(users), **more}


def at(text: str, name: str = MADRID) -> datetime:
    """The instant at which it is that time there."""
    return parse_instant(text, zone(name))


def span(start: str, end: str) -> Span:
    return Span(at(start), at(end))


def told(shifts: tuple[Shift, ...], name: str = MADRID) -> list[str]:
    """The shifts as a person would read them out: "2026-01-05T09:00 2026-01-12T09:00 ada+bo"."""
    here = zone(name)
    return [
        f"{format_instant(each.start, here)} {format_instant(each.end, here)} {'+'.join(each.users) or '-'}"
        for each in shifts
    ]


def read(schedule: Schedule, start: str, end: str) -> list[str]:
    """Who is on call from `start` to `end`, as `told`."""
    return told(final(schedule, at(start), at(end)))
