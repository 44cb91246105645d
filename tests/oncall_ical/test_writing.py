"""Shifts written as iCalendar are read back, by other people's libraries, as exactly those shifts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import icalendar
import recurring_ical_events
from hypothesis import HealthCheck, given, settings

from tests.oncall_rules.strategies import placed
from tocsin.kernel.spans import Span
from tocsin.oncall.ical.writing import AHEAD, BACK, Entry, Source, feed_of, uid_of, window
from tocsin.oncall.rules import Schedule, Shift, final

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
SOURCE = Source("web-primary", "Web primary", 3, T0)
WEEKS = timedelta(weeks=8)


def entries_of(shifts: tuple[Shift, ...]) -> list[Entry]:
    return [Entry(SOURCE, shift.span, shift.users) for shift in shifts]


def read_back(body: bytes, span: Span) -> list[Span]:
    """What a calendar program sees in `span`."""
    calendar = icalendar.Calendar.from_ical(body)
    found = recurring_ical_events.of(calendar).between(span.start, span.end)
    return sorted(Span(event["dtstart"].dt, event["dtend"].dt) for event in found)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(placed())
def test_a_feed_reads_back_to_the_shifts(made: tuple[Schedule, datetime]) -> None:
    schedule, at = made
    span = Span(at - WEEKS, at + WEEKS)
    shifts = final(schedule, *span)
    assert read_back(feed_of("x", entries_of(shifts), "here"), span) == [shift.span for shift in shifts]


def test_every_event_has_what_a_calendar_needs() -> None:
    entry = Entry(SOURCE, Span(T0, T0 + timedelta(days=7)), ("Bo Lind", "Cy Tran"))
    (event,) = icalendar.Calendar.from_ical(feed_of("On call", [entry], "here")).walk("VEVENT")
    assert event["summary"] == "Bo Lind and Cy Tran on call: Web primary"
    assert event["uid"] == "web-primary.20260302T090000Z@here"
    assert (event["sequence"], event["last-modified"].dt) == (3, T0)
    assert event.to_ical().count(b"DTSTART:20260302T090000Z") == 1  # UTC, so no zone can be read wrongly


def test_a_shift_keeps_its_uid_when_its_end_or_its_people_change() -> None:
    one = Entry(SOURCE, Span(T0, T0 + timedelta(days=7)), ("Bo Lind",))
    other = Entry(SOURCE, Span(T0, T0 + timedelta(days=1)), ("Cy Tran",))
    assert uid_of(one, "here") == uid_of(other, "here")
    moved = Entry(SOURCE, Span(T0 + timedelta(hours=1), T0 + timedelta(days=7)), ("Bo Lind",))
    assert uid_of(moved, "here") != uid_of(one, "here")


def test_a_feed_of_ones_own_says_only_where() -> None:
    entry = Entry(SOURCE, Span(T0, T0 + timedelta(days=7)), ("Bo Lind",), whose="bo")
    assert b"SUMMARY:On call: Web primary\r\n" in feed_of("Mine", [entry], "here")
    assert uid_of(entry, "here") == "web-primary.bo.20260302T090000Z@here"


def test_a_feed_shows_whole_months_and_never_less_than_it_says() -> None:
    for days in range(0, 800, 13):
        now = T0 + timedelta(days=days, hours=days % 24)
        shown = window(now)
        assert shown.start <= now - BACK
        assert shown.end >= now + AHEAD
        assert (shown.start.day, shown.end.day) == (1, 1)


def test_who_is_not_in_the_summary_is_in_the_description() -> None:
    people = ("Ada", "Bo", "Cy", "Dan", "Eve", "Fay")
    source = Source("web", "Web", 1, T0)
    text = feed_of("Web", [Entry(source, Span(T0, T0 + timedelta(hours=1)), people)], "here").decode()
    assert "SUMMARY:Ada\\, Bo\\, Cy\\, Dan\\, Eve and 1 more on call: Web" in text
    assert "DESCRIPTION:Ada\\, Bo\\, Cy\\, Dan\\, Eve\\, Fay" in text
    few = feed_of("Web", [Entry(source, Span(T0, T0 + timedelta(hours=1)), people[:5])], "here").decode()
    assert "DESCRIPTION" not in few
