"""Shifts written as a calendar that people subscribe to.

- A shift is one event. Its UID is made of the schedule, of whom the feed is about, and of the instant at which it
  starts: computed again it is the same, and when only its end or its people change, calendars change the event they
  have. A shift that starts before everything that was computed has "ongoing" in place of the instant.
- Times are written in UTC: every calendar shows them by its own clock, and no time zone can be read wrongly.
- Words are in the language that is set: whoever asks for the calendar sets its reader's.
- SEQUENCE counts the changes of the schedule so far and LAST-MODIFIED is the last of them, so that both only rise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils.translation import gettext
from icalendar import Calendar, Event

from tocsin.kernel.moments import whole_seconds
from tocsin.kernel.spans import Span
from tocsin.people.speaking import listed

# What a feed shows at least; whole months of it, so that it stays the same for days.
BACK = timedelta(days=90)
AHEAD = timedelta(days=365)
LEAD = timedelta(days=35)  # computed before that, so that shifts which reach into it begin where they do
REFRESH = timedelta(hours=1)  # how often calendars are asked to look again
PRODUCT = "-//Tocsin//On call//EN"
ONGOING = "ongoing"
NAMES_MAX = 5  # that a summary lists


@dataclass(frozen=True)
class Source:
    """The schedule that shifts come from. `changes` is how often it has changed so far, `changed_at` when last."""

    id: str
    name: str
    changes: int
    changed_at: datetime
    address: str = ""  # of its page


@dataclass(frozen=True)
class Entry:
    """A shift as one event. `people` are names; `whose` is the id of the person a feed of one's own is about."""

    source: Source
    span: Span
    people: tuple[str, ...]
    whose: str = ""
    ongoing: bool = False  # it began before what was computed


def window(now: datetime) -> Span:
    """The whole months, in UTC, that a feed shows at `now`: BACK and AHEAD and what makes them whole."""
    first = (now - BACK).astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    last = (now + AHEAD).astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Span(first, (last + timedelta(days=31)).replace(day=1))


def feed_of(name: str, entries: Iterable[Entry], origin: str) -> bytes:
    """The calendar `name` with one event for each of `entries`. `origin` tells this instance from every other: it
    stands behind the @ of each UID."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("name", name)
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    for entry in entries:
        start, end = whole_seconds(entry.span.start), whole_seconds(entry.span.end)
        if start < end:
            calendar.add_component(_event(entry, start, end, origin))
    written: bytes = calendar.to_ical()
    return written


def uid_of(entry: Entry, origin: str) -> str:
    """What the event is known by for as long as there is this shift."""
    start = ONGOING if entry.ongoing else f"{whole_seconds(entry.span.start):%Y%m%dT%H%M%SZ}"
    return ".".join(part for part in (entry.source.id, entry.whose, start) if part) + f"@{origin}"


def _event(entry: Entry, start: datetime, end: datetime, origin: str) -> Event:
    source = entry.source
    event = Event()
    event.add("uid", uid_of(entry, origin))
    event.add("dtstart", start)
    event.add("dtend", end)
    event.add("summary", _summary(entry))
    if len(entry.people) > NAMES_MAX and not entry.whose:
        event.add("description", ", ".join(entry.people))
    event.add("dtstamp", whole_seconds(source.changed_at))
    event.add("last-modified", whole_seconds(source.changed_at))
    event.add("sequence", source.changes)
    event.add("categories", [gettext("On call")])
    # Who is on call may go to meetings.
    event.add("transp", "TRANSPARENT")
    if source.address:
        event.add("url", source.address)
    return event


def _summary(entry: Entry) -> str:
    """In plain words: "On call: Web primary" in a feed of one's own, "Bo Lind on call: Web primary" in others."""
    what = {"what": entry.source.name}
    if entry.whose:
        return gettext("On call: %(what)s") % what
    return gettext("%(who)s on call: %(what)s") % (what | {"who": listed(entry.people, most=NAMES_MAX)})
