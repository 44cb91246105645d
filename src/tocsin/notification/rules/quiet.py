"""Quiet hours: when somebody wants to be told only what is urgent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from tocsin.kernel.calendars import Calendar
from tocsin.kernel.errors import Refused
from tocsin.kernel.hours import Window, window_as_data, window_spans, windows_from
from tocsin.kernel.ids import check_slug
from tocsin.kernel.spans import Span, united
from tocsin.kernel.zones import zone

QUIET_MAX = timedelta(
    days=4
)  # what waits for the end of a longer quiet goes then: a weekend with two holidays
EXAMPLE = '{hours: [{from: "22:00", to: "07:00"}]}, {outside: office} or {calendar: nights}'


@dataclass(frozen=True)
class Quiet:
    """`windows` by the person's own clock; or the hours of a working `calendar`, or all others (`outside`), by their
    clock, too. One that there is no more keeps nothing back."""

    windows: tuple[Window, ...] = ()
    calendar: str = ""
    outside: bool = False


def quiet_from(data: object, where: str = "") -> Quiet | None:
    """The quiet hours that `data` writes; None for none. Raises Refused."""
    if data is None or data == {}:
        return None
    if not isinstance(data, Mapping) or len(data) != 1 or data.keys() - {"hours", "calendar", "outside"}:
        raise Refused("These are no quiet hours", EXAMPLE, where=where)
    if "hours" in data:
        windows = windows_from(data["hours"], f"{where}.hours".lstrip("."))
        return Quiet(windows) if windows else None
    outside = "outside" in data
    key = data["outside" if outside else "calendar"]
    return Quiet(calendar=check_slug(key if isinstance(key, str) else "", where), outside=outside)


def quiet_as_data(quiet: Quiet | None) -> dict[str, Any]:
    """As `quiet_from` reads it; {} for none."""
    if quiet is None:
        return {}
    if quiet.windows:
        return {"hours": [window_as_data(window) for window in quiet.windows]}
    return {"outside" if quiet.outside else "calendar": quiet.calendar}


def quiet_until(
    quiet: Quiet, timezone: str, calendars: Mapping[str, Calendar], now: datetime
) -> datetime | None:
    """When the quiet ends that it is at `now`, at most QUIET_MAX later; None when it is not quiet."""
    end = now + QUIET_MAX
    spans = united(_spans(quiet, timezone, calendars, now - QUIET_MAX, end))
    return next((min(span.end, end) for span in spans if span.start <= now < span.end), None)


def _spans(
    quiet: Quiet, timezone: str, calendars: Mapping[str, Calendar], start: datetime, end: datetime
) -> tuple[Span, ...]:
    if quiet.windows:
        return tuple(window_spans(quiet.windows, zone(timezone), start, end))
    known = calendars.get(quiet.calendar)
    if known is None:
        return ()
    spans = replace(known, timezone=timezone).open_spans(start, end)
    if not quiet.outside:
        return tuple(spans)
    edges = [start, *(edge for span in spans for edge in (span.start, span.end)), end]
    return tuple(Span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b)


def quiet_in_words(quiet: Quiet | None, calendar_names: Mapping[str, str]) -> str:
    """ "22:00 to 07:00", "outside the hours of Office"; "" for none."""
    if quiet is None:
        return ""
    if quiet.windows:
        listed = [window_as_data(window) for window in quiet.windows]
        days = [", ".join(each["days"]) + " " if "days" in each else "" for each in listed]
        return "; ".join(
            f"{day}{each['from']} to {each['to']}" for day, each in zip(days, listed, strict=True)
        )
    side = "outside" if quiet.outside else "within"
    return f"{side} the hours of {calendar_names.get(quiet.calendar, quiet.calendar)}"
