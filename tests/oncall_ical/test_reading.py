"""Calendars read with bounds: what they say, and what becomes of hostile ones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.oncall_ical.calendars import calendar, event, shift
from tocsin.kernel.errors import Refused
from tocsin.kernel.spans import Span
from tocsin.oncall.ical.apart import read_apart
from tocsin.oncall.ical.naming import Directory, Human, Meant, Stretch, filled, stretches
from tocsin.oncall.ical.reading import BYTES_MAX, EVENTS_MAX, Happening

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
YEAR = Span(T0 - DAY, T0 + 365 * DAY)
TOO_LONG = "takes too long to read"


def read(*events: str) -> list[Happening]:
    return read_apart(calendar(*events), YEAR, "Europe/Berlin")


def test_times_in_utc_in_a_zone_without_one_and_whole_days() -> None:
    found = read(
        event("a", ":20260302T090000Z", ":20260302T100000Z"),
        event("b", ";TZID=America/New_York:20260303T090000", ";TZID=America/New_York:20260303T100000"),
        event("c", ":20260401T090000", ":20260401T100000"),
        event("d", ";VALUE=DATE:20260501", ";VALUE=DATE:20260503"),
    )
    assert [each.span.start for each in found] == [
        T0,
        datetime(2026, 3, 3, 14, tzinfo=UTC),
        datetime(2026, 4, 1, 7, tzinfo=UTC),  # by the schedule's clocks
        datetime(2026, 4, 30, 22, tzinfo=UTC),
    ]
    assert [each.days for each in found] == [None, None, None, (date(2026, 5, 1), date(2026, 5, 3))]


def test_repetitions_follow_the_clock_on_the_wall_and_exceptions_count() -> None:
    found = read(
        event(
            "week", ";TZID=Europe/Berlin:20260302T090000", ";TZID=Europe/Berlin:20260302T100000",
            "RRULE:FREQ=WEEKLY", "EXDATE;TZID=Europe/Berlin:20260309T090000",
        )
    )  # fmt: skip
    assert [each.span.start.day for each in found[:3]] == [2, 16, 23]
    assert {each.span.start.hour for each in found} == {8, 7}


def test_who_takes_part_is_read_but_for_rooms_and_those_who_said_no() -> None:
    (found,) = read(
        shift(
            "On call", T0, T0 + HOUR,
            "ATTENDEE;CN=Bo Lind:mailto:Bo@example.com",
            "ATTENDEE;CN=Room 4;CUTYPE=ROOM:mailto:room@example.com",
            "ATTENDEE;CN=Cy;PARTSTAT=DECLINED:mailto:cy@example.com",
        )
    )  # fmt: skip
    assert found.named == (("Bo@example.com", "Bo Lind"),)


def test_what_was_called_off_is_left_out() -> None:
    assert read(shift("Bo", T0, T0 + HOUR, "STATUS:CANCELLED")) == []


def test_as_many_events_as_are_allowed_are_read_in_time() -> None:
    """As the big calendars write them: with a zone of their own, people, alarms, and a page of text in each."""
    more = (
        "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED;CN=Bo;X-NUM-GUESTS=0:mailto:bo@example.com",
        "DESCRIPTION:" + "Where the runbooks are: https://example.com/runbooks " * 4,
        "CREATED:20260101T000000Z", "LAST-MODIFIED:20260101T000000Z", "LOCATION:", "SEQUENCE:0", "STATUS:CONFIRMED",
        "TRANSP:OPAQUE", "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-P0DT0H10M0S", "END:VALARM",
    )  # fmt: skip
    hours = [T0 + 3 * n * HOUR for n in range(EVENTS_MAX)]
    zoned = ";TZID=America/New_York:%Y%m%dT%H%M%S"
    events = [event(f"Bo {at:%j %H}", f"{at:{zoned}}", f"{at + HOUR:{zoned}}", *more) for at in hours]
    assert len(read(*events)) == EVENTS_MAX


NEW_YORK = "\r\n".join(
    ["BEGIN:VTIMEZONE", "TZID:Our office", "BEGIN:STANDARD", "DTSTART:19701101T020000",
     "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU", "TZOFFSETFROM:-0400", "TZOFFSETTO:-0500", "END:STANDARD",
     "BEGIN:DAYLIGHT", "DTSTART:19700308T020000", "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU",
     "TZOFFSETFROM:-0500", "TZOFFSETTO:-0400", "END:DAYLIGHT", "END:VTIMEZONE"]
)  # fmt: skip


def test_a_zone_may_be_defined_in_the_calendar_or_be_one_that_windows_knows() -> None:
    office = event("Bo", ";TZID=Our office:20260701T090000", ";TZID=Our office:20260701T100000")
    (found,) = read(NEW_YORK, office)
    assert found.span.start == datetime(2026, 7, 1, 13, tzinfo=UTC)
    name = "W. Europe Standard Time"
    (found,) = read(event("Bo", f";TZID={name}:20260701T090000", f";TZID={name}:20260701T100000"))
    assert found.span.start == datetime(2026, 7, 1, 7, tzinfo=UTC)


BROKEN = {
    "a zone that nobody knows": (";TZID=Our office:20260302T090000", "Our office"),
    "no beginning": ("", "DTSTART"),
    "a beginning that is no time": (":20261399T990000Z", "DTSTART"),
    "two beginnings": (":20260302T090000Z\r\nDTSTART:20260303T090000Z", "DTSTART"),
    "an end that is no time": (":20260302T090000Z\r\nDTEND:soon", "DTEND"),
    "an exception that is no time": (":20260302T090000Z\r\nRRULE:FREQ=DAILY\r\nEXDATE:never", "EXDATE"),
    "a rule that is none": (":20260302T090000Z\r\nRRULE:FREQ=DAILY;UNTIL=never", "RRULE"),
    "a rule of exceptions": (":20260302T090000Z\r\nRRULE:FREQ=DAILY\r\nEXRULE:FREQ=WEEKLY", "EXRULE"),
    "a length without sense": (":20260302T090000Z\r\nDURATION:P99999999999D", "DURATION"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_event_that_cannot_be_read_is_named_and_not_left_out_in_silence(name: str) -> None:
    """Whoever it puts on call would be off call, and nobody would know why."""
    begins, why = BROKEN[name]
    start = f"DTSTART{begins}\r\n" if begins else ""
    broken = f"BEGIN:VEVENT\r\nUID:1@example.com\r\nSUMMARY:Bo Lind\r\n{start}END:VEVENT"
    with pytest.raises(Refused) as refused:
        read(shift("Cy", T0, T0 + HOUR), broken)
    assert "Bo Lind" in refused.value.what and why in refused.value.what, refused.value


def test_what_cannot_be_read_and_is_over_or_called_off_does_no_harm() -> None:
    nowhere = ";TZID=Our office:20{}0701T090000"
    assert read(event("Bo", nowhere.format(19), nowhere.format(19).replace("09", "10"))) == []
    assert read(event("Bo", nowhere.format(26), nowhere.format(26), "STATUS:CANCELLED")) == []


def test_a_calendar_on_which_the_library_fails_is_no_calendar_that_takes_too_long() -> None:
    with pytest.raises(Refused, match="cannot be read"):
        read(event("Bo", ";VALUE=DATE:00010101", ";VALUE=DATE:99991231"))


HOSTILE = {
    "every second": ("RRULE:FREQ=SECONDLY;COUNT=1000000000", "at most once an hour"),
    "every second, folded": ("RRULE:FREQ=SECO\r\n NDLY", "at most once an hour"),
    "every minute": ("RRULE:FREQ=MINUTELY", "at most once an hour"),
    "every minute of the hour": ("RRULE:FREQ=HOURLY;BYMINUTE=0,1,2,3,4,5,6", "at most once an hour"),
    "no frequency": ("RRULE:COUNT=3", "at most once an hour"),
    "a cross product since 1970": (
        "RRULE:FREQ=YEARLY;BYMONTHDAY=" + ",".join(map(str, range(1, 32)))
        + ";BYHOUR=" + ",".join(map(str, range(24))) + ";BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12", TOO_LONG),
    "every hour since 1970": ("RRULE:FREQ=HOURLY", TOO_LONG),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_rule_is_refused(name: str) -> None:
    rule, why = HOSTILE[name]
    start = "19700101" if "1970" in name else "20260302"
    with pytest.raises(Refused) as refused:
        read(event("Bo", f":{start}T090000Z", f":{start}T093000Z", rule))
    assert why in str(refused.value)


def test_a_rule_that_excludes_all_it_makes_ends() -> None:
    rules = ("RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31")
    for rule in rules:
        try:
            found = read(event("Bo", ":20260302T090000Z", ":20260302T093000Z", rule))
        except Refused as refused:
            assert TOO_LONG in str(refused)
        else:
            assert len(found) <= 1


def test_too_much_is_refused_before_it_is_read() -> None:
    with pytest.raises(Refused, match="bytes"):
        read_apart(b"BEGIN:VCALENDAR\r\n" + b"x" * BYTES_MAX, YEAR, "UTC")
    with pytest.raises(Refused, match="of VEVENT"):
        read(*["BEGIN:VEVENT\r\nEND:VEVENT"] * (EVENTS_MAX + 1))
    with pytest.raises(Refused, match="of VTIMEZONE"):
        read(*["BEGIN:VTIMEZONE\r\nTZID:x\r\nEND:VTIMEZONE"] * 51)


def test_what_is_no_calendar_is_said() -> None:
    with pytest.raises(Refused, match="a web page and no calendar"):
        read_apart(b"<!DOCTYPE html><html><title>Sign in</title></html>", YEAR, "UTC")
    with pytest.raises(Refused, match="It is no calendar"):
        read_apart(b"", YEAR, "UTC")
    with pytest.raises(Refused, match="cannot be read"):
        read_apart(b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nnothing\r\n", YEAR, "UTC")


# -- who is meant ---------------------------------------------------------------------------------------------------

PEOPLE = Directory(
    [
        Human("bo", "Bo Lind", "bo@example.com"),
        Human("cy", "Cy Tran", "cy@example.com"),
        Human("sam", "Sam Weiss", "sam@example.com"),
        Human("sam-2", "Sam Weiss", "weiss@example.com"),
    ]
)


def meant(summary: str, *named: tuple[str, str]) -> Meant:
    return PEOPLE.meant(Happening(Span(T0, T0 + HOUR), summary, named))


@pytest.mark.parametrize(
    ("summary", "users"),
    [
        ("Bo Lind", ("bo",)),
        ("  bo   LIND ", ("bo",)),
        ("bo", ("bo",)),
        ("bo@example.com", ("bo",)),
        ("Bo Lind, cy", ("bo", "cy")),
        ("Bo Lind and Cy Tran", ("bo", "cy")),
        ("Bo Lind and Cy Tran on call: Web primary", ("bo", "cy")),
        ("On call: Cy Tran (primary)", ("cy",)),
        ("Primary <cy@example.com>", ("cy",)),
    ],
)
def test_people_are_found_by_address_id_and_name(summary: str, users: tuple[str, ...]) -> None:
    assert meant(summary) == Meant(users)


def test_who_takes_part_counts_before_the_summary() -> None:
    assert meant("Web on call", ("BO@example.com", "")) == Meant(("bo",))
    assert meant("Web on call", ("", "Cy Tran")) == Meant(("cy",))


def test_unknown_and_ambiguous_names_are_shown_and_never_guessed() -> None:
    assert meant("Bob Lind") == Meant((), ("Bob Lind",))
    assert meant("Sam Weiss") == Meant((), (), ("Sam Weiss",))
    assert meant("Bo Lind, Nobody") == Meant(("bo",), ("Nobody",))
    assert meant("") == Meant((), ("(without a title)",))
    assert meant("x", ("eve@example.com", "Eve")) == Meant((), ("Eve",))


def test_events_that_overlap_put_both_on_call() -> None:
    bo, cy = Meant(("bo",)), Meant(("cy",))
    first, second = Span(T0, T0 + 2 * HOUR), Span(T0 + HOUR, T0 + 3 * HOUR)
    assert stretches([(second, cy), (first, bo)]) == [
        Stretch(Span(T0, T0 + HOUR), ("bo",)),
        Stretch(Span(T0 + HOUR, T0 + 2 * HOUR), ("bo", "cy")),
        Stretch(Span(T0 + 2 * HOUR, T0 + 3 * HOUR), ("cy",)),
    ]


def test_hours_of_somebody_unknown_stay_as_they_were() -> None:
    new = [Stretch(Span(T0, T0 + 4 * HOUR), ()), Stretch(Span(T0 + 4 * HOUR, T0 + 5 * HOUR), ("cy",))]
    old = [Stretch(Span(T0 + HOUR, T0 + 2 * HOUR), ("bo",))]
    assert filled(new, old) == [Stretch(Span(T0 + HOUR, T0 + 2 * HOUR), ("bo",)), new[1]]
