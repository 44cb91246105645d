"""Schedules in words: who, when, how often. Pure; every time is said by the clocks of a zone that the page names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tocsin.kernel.durations import in_words
from tocsin.kernel.hours import DAYS, Window, days_as_data
from tocsin.kernel.spans import Span
from tocsin.kernel.zones import wall_clock
from tocsin.oncall.rules import CalendarHours, Layer, Restriction, Unit

_NOUNS = {Unit.HOURLY: "hour", Unit.DAILY: "day", Unit.WEEKLY: "week", Unit.MONTHLY: "month"}
_OFTEN = {Unit.HOURLY: "every hour", Unit.DAILY: "daily", Unit.WEEKLY: "weekly", Unit.MONTHLY: "monthly"}


def initials(name: str) -> str:
    """At most two letters: "AO" for Ada Ortiz."""
    words = [word for word in name.split() if word[0].isalnum()] or [name[:1] or "?"]
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


def listed(words: Sequence[str]) -> str:
    """Like "a", "a and b", "a, b and c"; "" for nothing."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""


def day_of(day: date, year: bool = True) -> str:
    """Like "23 November 2026"."""
    return f"{day.day} {day:%B %Y}" if year else f"{day.day} {day:%B}"


def moment(at: datetime, zone: ZoneInfo) -> str:
    """Like "Mon 23 Nov 09:00" by the clocks of `zone`."""
    local = wall_clock(at, zone)
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def when(span: Span, zone: ZoneInfo) -> str:
    """Like "Mon 23 Nov 09:00 to 17:00", "Mon 23 Nov 09:00 to Mon 30 Nov 09:00"."""
    start, end = wall_clock(span.start, zone), wall_clock(span.end, zone)
    if start.date() == end.date():
        return f"{moment(span.start, zone)} to {end:%H:%M}"
    return f"{moment(span.start, zone)} to {moment(span.end, zone)}"


def extent(span: Span, known: Span | None, zone: ZoneInfo) -> str:
    """`when` with how long it is; of what reaches beyond what is `known`, only the end that is known."""
    before, after = bool(known and span.start <= known.start), bool(known and span.end >= known.end)
    if before and after:
        return "all the time"
    if before:
        return f"until {moment(span.end, zone)}"
    if after:
        return f"from {moment(span.start, zone)}"
    return f"{when(span, zone)} ({in_words(span.length)})"


def in_address(at: datetime) -> str:
    """An instant as addresses of pages carry it: 2026-11-23T08:00:00Z, never before it."""
    if at.microsecond:
        at = at.replace(microsecond=0) + timedelta(seconds=1)
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def in_field(at: datetime, zone: ZoneInfo) -> str:
    """An instant as a field for date and time holds it, by the clocks of `zone`."""
    return wall_clock(at, zone).strftime("%Y-%m-%dT%H:%M")


def in_turns(layer: Layer) -> str:
    """Like "weekly", "every 2 days", "always the same people"."""
    unit, every = layer.rotation.unit, layer.rotation.every
    if unit is Unit.FIXED:
        return "always the same people"
    return _OFTEN[unit] if every == 1 else f"every {every} {_NOUNS[unit]}s"


def restriction_words(each: Restriction, calendars: Mapping[str, str]) -> str:
    """Like "Mon-Fri 09:00 to 17:00", "the hours of Office Madrid", "Fri 17:00 to Mon 09:00"."""
    if isinstance(each, CalendarHours):
        name = calendars.get(each.calendar, each.calendar)
        return f"outside the hours of {name}" if each.outside else f"the hours of {name}"
    return window_words(each)


def window_words(window: Window) -> str:
    days = ", ".join(
        "-".join(day.capitalize() for day in part.split("-")) for part in days_as_data(window.days)
    )
    every = "" if len(window.days) == len(DAYS) else f"{days} "
    if window.closes_on is not None:
        return f"{every}{window.opens:%H:%M} to {DAYS[window.closes_on].capitalize()} {window.closes:%H:%M}"
    if window.closes == time.min:
        return f"{every}{window.opens:%H:%M} to 24:00"
    over = " the next day" if window.closes <= window.opens else ""
    return f"{every}{window.opens:%H:%M} to {window.closes:%H:%M}{over}"


def layer_words(
    layer: Layer, names: Mapping[str, str], calendars: Mapping[str, str], of_schedule: str
) -> str:
    """Like "Ada Ortiz, then Bo Lind, then Cy Tran; weekly from 5 January 2026 09:00; only Mon-Fri 09:00 to 17:00"."""
    turns = [
        " with ".join(names.get(seat.user, seat.user) for seat in slot) or "nobody" for slot in layer.slots
    ]
    parts = [
        ", then ".join(turns),
        f"{in_turns(layer)} from {day_of(layer.start.date())} {layer.start:%H:%M}",
    ]
    if layer.end:
        parts[-1] += f" until {day_of(layer.end.date())} {layer.end:%H:%M}"
    if layer.timezone and layer.timezone != of_schedule:
        parts[-1] += f" in {layer.timezone}"
    if layer.restrict:
        parts.append("only " + listed([restriction_words(each, calendars) for each in layer.restrict]))
    return "; ".join(parts)
