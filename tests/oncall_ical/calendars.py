"""Calendars as other people's programs write them."""

from __future__ import annotations

from datetime import datetime


def calendar(*events: str) -> bytes:
    """An iCalendar file with these events."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Example//EN", *events, "END:VCALENDAR"]
    return ("\r\n".join(lines) + "\r\n").encode()


def event(summary: str, start: str, end: str, *more: str) -> str:
    """One event; `start` and `end` with what stands before the value: ":20260302T090000Z"."""
    lines = ["BEGIN:VEVENT", f"UID:{abs(hash((summary, start)))}@example.com", "DTSTAMP:20260101T000000Z"]
    return "\r\n".join([*lines, f"SUMMARY:{summary}", f"DTSTART{start}", f"DTEND{end}", *more, "END:VEVENT"])


def at(moment: datetime) -> str:
    """`moment` in UTC, as it stands behind DTSTART."""
    return f":{moment:%Y%m%dT%H%M%SZ}"


def shift(summary: str, start: datetime, end: datetime, *more: str) -> str:
    """An event from `start` to `end`."""
    return event(summary, at(start), at(end), *more)
