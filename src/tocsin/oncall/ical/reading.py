"""Calendars that other people wrote, read with bounds: what happens in a span, and who is named in it.

Expanding a hostile calendar can take for ever, so `happenings` runs in a process of its own (see `apart`), under a
limit that the kernel enforces; `check` refuses before that what need not be looked at.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar, Component

from tocsin.kernel.errors import Refused
from tocsin.kernel.spans import Span
from tocsin.kernel.zones import YEAR_MAX, YEAR_MIN, instant

BYTES_MAX = 1_048_576
EVENTS_MAX = 1_000
ZONES_MAX = 50  # time zones that one calendar defines
HAPPENINGS_MAX = 10_000
NAMES_MAX = 20  # people in one event
NAME_LENGTH_MAX = 200

_FOLD = re.compile(r"\r?\n[ \t]")
_RULE = re.compile(r"^(?:RRULE|EXRULE)\b[^:\n]*:(.*)$", re.MULTILINE | re.IGNORECASE)
_FREQUENCIES = frozenset({"HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_FINE = ("BYSECOND", "BYMINUTE")  # several of them are more than once an hour, whatever FREQ says
# What is needed of a calendar, of all that stands in one; the rest would only be parsed.
_NEEDED = frozenset(
    ["BEGIN", "END", "TZID", "TZOFFSETFROM", "TZOFFSETTO", "UID", "SUMMARY", "STATUS", "ATTENDEE", "SEQUENCE",
     "DTSTART", "DTEND", "DURATION", "RRULE", "EXRULE", "RDATE", "EXDATE", "RECURRENCE-ID"]
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9-]+")
_TIMES = ("DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")
_SERIES = ("RRULE", "EXRULE", "RDATE", "RECURRENCE-ID")
_AS_EVER = ("STATUS:CONFIRMED", "SEQUENCE:0")
_AWAY = frozenset({"DECLINED"})
_THINGS = frozenset({"ROOM", "RESOURCE"})


@dataclass(frozen=True)
class Happening:
    """An event, once. `days` of an event that lasts whole days, from the first up to the one after the last.

    `named` are those who take part, each as e-mail address and name, either "" when it is not said.
    """

    span: Span
    summary: str
    named: tuple[tuple[str, str], ...] = ()
    days: tuple[date, date] | None = None


def check(body: bytes) -> str:
    """The calendar as text, when it is one and not too much to read. Raises Refused."""
    if len(body) > BYTES_MAX:
        raise Refused(f"The calendar has {len(body):,} bytes", f"at most {BYTES_MAX:,}")
    text = body.decode("utf-8-sig", "replace").strip()
    if not text[:200].upper().startswith("BEGIN:VCALENDAR"):
        page = "<html" in text[:2_000].lower() or text[:200].lower().startswith("<!doctype")
        raise Refused(
            "It is a web page and no calendar" if page else "It is no calendar",
            "an iCalendar file, which begins with BEGIN:VCALENDAR",
            "Take the secret address in iCal format; a page that asks to sign in is none." if page else "",
        )
    upper = text.upper()
    for kind, most in (("VEVENT", EVENTS_MAX), ("VTIMEZONE", ZONES_MAX)):
        if (count := upper.count(f"BEGIN:{kind}")) > most:
            raise Refused(f"The calendar has {count:,} of {kind}", f"at most {most:,}")
    for rule in _RULE.findall(_FOLD.sub("", text)):
        _check_rule(rule.strip().upper())
    return text


def _check_rule(rule: str) -> None:
    parts = dict(part.partition("=")[::2] for part in rule.split(";"))
    often = parts.get("FREQ", "").strip()
    fine = any("," in parts.get(name, "") for name in _FINE)
    if often not in _FREQUENCIES or fine:
        raise Refused(f"An event repeats {rule[:100]}", "at most once an hour")


def happenings(text: str, span: Span, here: ZoneInfo) -> list[Happening]:
    """What happens in `span` by a text that `check` returned, sorted. Times without a zone, and whole days, are by
    the clocks of `here`. Raises Refused."""
    try:
        calendar = Calendar.from_ical(_needed(text))
        _check_events(calendar, span, here)
        events = [*_single(calendar), *recurring_ical_events.of(calendar).between(*span)]
    except Refused:
        raise
    except Exception as error:  # whatever a library makes of what a stranger wrote
        raise Refused(f"The calendar cannot be read: {_line(error)[:150]}", "an iCalendar file") from error
    if len(events) > HAPPENINGS_MAX:
        raise Refused(
            f"The calendar has {len(events):,} events within the year", f"at most {HAPPENINGS_MAX:,}"
        )
    found = [each for event in events if (each := _happening(event, here)) and each.span.common(span)]
    return sorted(found, key=lambda each: each.span)


def _needed(text: str) -> str:
    """The calendar without alarms, pages of text and what programs note for themselves: most of it, by its length."""
    kept: list[str] = []
    alarms = 0
    for line in _FOLD.sub("", text).splitlines():
        name = _NAME.match(line)
        word = name.group().upper() if name else ""
        if alarms or line.upper() == "BEGIN:VALARM":
            alarms += (word == "BEGIN") - (word == "END")
        elif word in _NEEDED and line.upper() not in _AS_EVER:
            kept.append(line)
    return "\r\n".join(kept)


def _single(calendar: Component) -> list[Component]:
    """The events that are but once, taken out of `calendar`: nothing has to be worked out for them."""
    named = Counter(str(each.get("UID")) for each in calendar.subcomponents if each.name == "VEVENT")
    single = [each for each in calendar.subcomponents if _is_single(each, named)]
    calendar.subcomponents = [each for each in calendar.subcomponents if not _is_single(each, named)]
    return single


def _is_single(event: Component, named: Mapping[str, int]) -> bool:
    if event.name != "VEVENT" or named[str(event.get("UID"))] > 1 or any(name in event for name in _SERIES):
        return False
    start, end = (getattr(event.get(name), "dt", None) for name in ("DTSTART", "DTEND"))
    if not isinstance(start, datetime) or not isinstance(end, datetime):
        return False
    return (start.tzinfo is None) == (end.tzinfo is None) and start < end


def _check_events(calendar: Component, span: Span, here: ZoneInfo) -> None:
    """Raises Refused for an event that may matter in `span` and whose times cannot be read: left out, it would take
    somebody off call in silence."""
    for event in calendar.walk("VEVENT"):
        if str(event.get("status", "")).upper() == "CANCELLED":
            continue
        if (why := _unreadable(event)) and not _is_over(event, span, here):
            raise Refused(
                f"An event cannot be read: {_line(event.get('summary', ''))[:100]!r}, {why}",
                "times as RFC 5545 writes them, in a zone that the calendar or IANA names",
            )


def _unreadable(event: Component) -> str:
    """What of its times cannot be read; "" when all can."""
    for name in _TIMES:
        if any(name == wrong for wrong, _ in event.errors):
            return f"its {name} makes no sense"
    if "EXRULE" in event:  # nobody reads it any more: people would be on call when they are not
        return "it has an EXRULE, which RFC 5545 has done away with"
    if event.get("DTSTART") is None or isinstance(event["DTSTART"], list):
        return "it has no DTSTART, or several"
    for name in ("DTSTART", "DTEND", "RECURRENCE-ID"):
        value = event.get(name)
        zone = getattr(value, "params", {}).get("TZID")
        if zone and isinstance(value.dt, datetime) and value.dt.tzinfo is None:
            return f"nobody knows its zone {_line(zone)!r}"
    return ""


def _is_over(event: Component, span: Span, here: ZoneInfo) -> bool:
    """Whether it was once, and days before `span`, wherever that was."""
    if event.errors or any(name in event for name in ("RRULE", "RDATE")) or "DTEND" not in event:
        return False
    end = getattr(event["DTEND"], "dt", None)
    return isinstance(end, date) and _instant(end, here) + timedelta(days=2) < span.start


def _happening(event: Any, here: ZoneInfo) -> Happening | None:
    """The event as a value; None when it was called off, or has no length."""
    if str(event.get("status", "")).upper() == "CANCELLED":
        return None
    start, end = event.start, event.end
    days = None if isinstance(start, datetime) else (start, end)
    span = Span(_instant(start, here), _instant(end, here))
    inside = span.start.year >= YEAR_MIN and span.end.year < YEAR_MAX
    if not inside or span.start >= span.end:
        return None
    return Happening(span, _line(event.get("summary", "")), tuple(_named(event))[:NAMES_MAX], days)


def _instant(at: date, here: ZoneInfo) -> datetime:
    if not isinstance(at, datetime):
        return instant(datetime.combine(at, time.min), here)
    return instant(at, here) if at.tzinfo is None else at.astimezone(UTC)


def _named(event: Any) -> Iterator[tuple[str, str]]:
    """Who takes part, without rooms and without those who said no."""
    listed = event.get("attendee", [])
    for attendee in listed if isinstance(listed, list) else [listed]:
        params = getattr(attendee, "params", {})
        if str(params.get("CUTYPE", "")).upper() in _THINGS:
            continue
        if str(params.get("PARTSTAT", "")).upper() in _AWAY:
            continue
        address = re.sub(r"^mailto:", "", str(attendee), flags=re.IGNORECASE)
        yield (_line(address) if "@" in address else ""), _line(params.get("CN", ""))


def _line(text: object) -> str:
    """`text` on one line, and not endless."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)[:2_000]).split())[
        :NAME_LENGTH_MAX
    ]


def as_data(found: Sequence[Happening]) -> list[list[Any]]:
    """`found` as JSON, from one process to the other."""
    return [
        [
            each.span.start.isoformat(),
            each.span.end.isoformat(),
            each.summary,
            each.named,
            [day.isoformat() for day in each.days] if each.days else None,
        ]
        for each in found
    ]


def from_data(data: Sequence[Sequence[Any]]) -> list[Happening]:
    """What `as_data` wrote."""
    return [
        Happening(
            Span(datetime.fromisoformat(start), datetime.fromisoformat(end)),
            summary,
            tuple((mail, name) for mail, name in named),
            (date.fromisoformat(days[0]), date.fromisoformat(days[1])) if days else None,
        )
        for start, end, summary, named, days in data
    ]
