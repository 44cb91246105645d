"""Schedules and holidays from calendars elsewhere: taken over, kept while their address fails, and never guessed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.oncall.conftest import BY, written
from tests.oncall_ical.calendars import calendar, event, shift
from tests.world import Clock, Outbox, World
from tocsin.catalog.calendars import calendars
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.reach import Reach
from tocsin.engine.calendars import look_at
from tocsin.kernel.calendars import calendar_from
from tocsin.kernel.errors import Refused
from tocsin.oncall.actions import (
    add_override,
    delete_schedule,
    on_call_at,
    save_calendar,
    save_schedule,
)
from tocsin.oncall.following import claim_due
from tocsin.oncall.imports import import_address, import_country, import_file, stop_import
from tocsin.oncall.models import Change, Import, Override
from tocsin.oncall.rules import Override as OverrideValue
from tocsin.organisation.actions import apply
from tocsin.organisation.exporting import export
from tocsin.organisation.plan import plan
from tocsin.organisation.reading import File
from tocsin.people.actions import change_user, deactivate_user

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
MINUTES = timedelta(minutes=6)


@dataclass
class Elsewhere:
    """Somebody else's server: answers with `status` and `body`, whatever is asked for; `asked` are the headers."""

    body: bytes = b""
    status: int = 200
    etag: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/calendar.ics"


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    state = Elsewhere()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(dict(self.headers))
            known = state.etag and self.headers.get("If-None-Match") == state.etag
            self.send_response(304 if known else state.status)
            if state.etag:
                self.send_header("ETag", state.etag)
            self.send_header("Content-Length", "0" if known else str(len(state.body)))
            self.end_headers()
            if not known:
                self.wfile.write(state.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def outgoing() -> Iterator[Outgoing]:
    client = Outgoing(Reach.of(["127.0.0.0/8"]))
    yield client
    client.close()


@pytest.fixture
def empty(world: World, clock: Clock) -> str:
    """A schedule without layers."""
    value = written("taken")
    save_schedule(type(value)(value.id, value.timezone, ()), "web", BY, clock.now)
    return "taken"


@dataclass
class Follower:
    """A schedule that follows the calendar elsewhere; `look` makes the looks that are due."""

    elsewhere: Elsewhere
    outgoing: Outgoing
    clock: Clock

    def look(self) -> Import:
        row = claim_due(self.clock.now)
        assert row is not None
        assert claim_due(self.clock.now) is None  # the lease keeps others off
        look_at(row, self.outgoing, lambda: self.clock.now)
        return Import.objects.get(pk=row.pk)

    def later(self) -> Import:
        """After the next look."""
        self.clock.now += MINUTES
        return self.look()


@pytest.fixture
def follower(empty: str, elsewhere: Elsewhere, outgoing: Outgoing, clock: Clock) -> Follower:
    """Bo is on call for a week, then Cy."""
    elsewhere.body = two_weeks(clock.now)
    import_address(elsewhere.address, "127.0.0.1", BY, clock.now, schedule_id=empty)
    one = Follower(elsewhere, outgoing, clock)
    one.look()
    return one


def two_weeks(now: datetime, first: str = "Bo Lind", second: str = "cy@example.com") -> bytes:
    return calendar(shift(first, now, now + WEEK), shift(second, now + WEEK, now + 2 * WEEK))


def test_a_schedule_is_what_the_calendar_says(follower: Follower, empty: str, clock: Clock) -> None:
    row = Import.objects.get()
    assert (row.problem, row.unknown, row.copied_at) == ("", [], clock.now)
    assert on_call_at(empty, clock.now) == ("bo",)
    assert on_call_at(empty, clock.now + WEEK) == ("cy",)
    assert on_call_at(empty, clock.now + 2 * WEEK) == ()
    assert "127.0.0.1:" not in row.sealed  # whoever has the address reads the calendar


def test_the_same_calendar_again_changes_nothing(follower: Follower) -> None:
    before = list(Override.objects.values_list("pk", flat=True))
    changes = Change.objects.count()
    follower.later()
    assert list(Override.objects.values_list("pk", flat=True)) == before
    assert Change.objects.count() == changes


def test_an_address_that_knows_tags_is_asked_only_whether_it_changed(follower: Follower) -> None:
    follower.elsewhere.etag = '"1"'
    follower.later()
    row = follower.later()
    assert follower.elsewhere.asked[-1]["If-None-Match"] == '"1"'
    assert row.copied_at == follower.clock.now
    follower.clock.now += DAY
    assert follower.look().applied_at == follower.clock.now  # the days that it is read for have moved on


def test_a_change_elsewhere_is_taken_over(follower: Follower, empty: str, clock: Clock) -> None:
    end = clock.now + 2 * WEEK
    follower.elsewhere.body = calendar(shift("Bo Lind", clock.now, end), shift("mo", end - DAY, end))
    follower.later()
    assert on_call_at(empty, clock.now + WEEK) == ("bo",)
    assert set(on_call_at(empty, end - HOUR)) == {"bo", "mo"}  # events that overlap: both


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (200, calendar(), "empty"),
        (200, b"<!DOCTYPE html><html>Sign in</html>", "web page"),
        (404, b"gone", "answers 404"),
        (403, b"no", "asks to sign in"),
        (302, b"", "leads elsewhere"),
        (200, calendar(event("x", ":20260302T090000Z", ":20260302T100000Z", "RRULE:FREQ=SECONDLY")), "once an hour"),
        (200, b"BEGIN:VCALENDAR" + b"x" * 2_000_000, "longer than"),
    ],
)  # fmt: skip
def test_whatever_goes_wrong_the_last_good_copy_stays_in_use(
    follower: Follower, empty: str, clock: Clock, status: int, body: bytes, why: str
) -> None:
    good = clock.now
    follower.elsewhere.status, follower.elsewhere.body = status, body
    row = follower.later()
    assert why in row.problem
    assert row.problem_at == clock.now
    again = follower.later()
    assert (again.problem_at, again.copied_at) == (row.problem_at, good)
    clock.now = good + WEEK + HOUR  # for as long as it takes
    follower.look()
    assert on_call_at(empty, clock.now) == ("cy",)
    follower.elsewhere.status, follower.elsewhere.body = 200, two_weeks(good)
    assert follower.later().problem == ""


def test_somebody_renamed_stays_on_call_and_the_name_is_shown(
    follower: Follower, empty: str, clock: Clock
) -> None:
    began = clock.now
    change_user("bo", BY, clock.now, name="Bo Berg")
    row = follower.later()
    assert row.unknown == ["Bo Lind"]
    assert on_call_at(empty, clock.now) == ("bo",)
    follower.elsewhere.body = two_weeks(began, first="Nobody Known")
    assert follower.later().unknown == ["Nobody Known"]
    assert on_call_at(empty, clock.now) == ("bo",)


def test_somebody_switched_off_is_not_put_on_call_again(follower: Follower, empty: str, clock: Clock) -> None:
    deactivate_user("cy", BY, clock.now)
    assert follower.later().unknown == ["cy@example.com"]
    assert on_call_at(empty, clock.now + WEEK) == ()


def test_what_people_make_stands_over_the_calendar(follower: Follower, empty: str, clock: Clock) -> None:
    add_override(empty, OverrideValue("", clock.now, clock.now + DAY, ("mo",)), BY, clock.now)
    follower.elsewhere.body = calendar(shift("cy", clock.now, clock.now + 3 * WEEK))
    follower.later()
    assert on_call_at(empty, clock.now) == ("mo",)
    assert on_call_at(empty, clock.now + 2 * DAY) == ("cy",)


def test_an_inner_address_is_not_fetched(empty: str, elsewhere: Elsewhere, clock: Clock) -> None:
    import_address(elsewhere.address, "127.0.0.1", BY, clock.now, schedule_id=empty)
    careful = Outgoing(Reach.of([]))
    row = Follower(elsewhere, careful, clock).look()
    careful.close()
    assert "not a public address" in row.problem
    assert elsewhere.asked == []


def test_a_file_is_taken_over_at_once(empty: str, clock: Clock) -> None:
    row = import_file(two_weeks(clock.now), "on-call.ics", BY, clock.now, schedule_id=empty)
    assert (row.shown, row.unknown) == ("on-call.ics", [])
    assert on_call_at(empty, clock.now + WEEK) == ("cy",)


def test_a_file_that_names_nobody_is_refused_and_changes_nothing(empty: str, clock: Clock) -> None:
    body = calendar(shift("Eve", clock.now, clock.now + DAY))
    with pytest.raises(Refused, match="No event names anybody here: Eve"):
        import_file(body, "x.ics", BY, clock.now, schedule_id=empty)
    assert not Import.objects.exists()
    with pytest.raises(Refused, match="empty"):
        import_file(calendar(), "x.ics", BY, clock.now, schedule_id=empty)


def test_a_file_that_repeats_without_end_goes_on_for_ever(
    empty: str, clock: Clock, outgoing: Outgoing, elsewhere: Elsewhere
) -> None:
    body = calendar(shift("bo", clock.now, clock.now + DAY, "RRULE:FREQ=WEEKLY"))
    import_file(body, "x.ics", BY, clock.now, schedule_id=empty)
    assert on_call_at(empty, clock.now + 60 * WEEK) == ()
    for _ in range(10):
        clock.now += timedelta(weeks=1)
        Follower(elsewhere, outgoing, clock).look()
    assert on_call_at(empty, clock.now + 52 * WEEK) == ("bo",)


def test_who_leaves_the_calendar_keeps_its_shifts(follower: Follower, empty: str, clock: Clock) -> None:
    stop_import(Import.objects.get().pk, BY, clock.now)
    clock.now += MINUTES
    assert claim_due(clock.now) is None
    assert on_call_at(empty, clock.now) == ("bo",)


# -- holidays -------------------------------------------------------------------------------------------------------


@pytest.fixture
def office(world: World, clock: Clock) -> str:
    """A working calendar with one holiday written by hand."""
    data = {"id": "office", "timezone": "Europe/Berlin", "hours": [{"from": "09:00", "to": "17:00"}]}
    save_calendar(
        calendar_from({**data, "holidays": [{"day": "2026-07-01", "name": "Outing"}]}), BY, clock.now
    )
    return "office"


def holidays_of(office: str) -> dict[date, str]:
    return {day.on: day.name for day in calendars()[office].holidays}


def test_holidays_of_a_country_and_region_come_and_those_by_hand_stay(
    office: str, clock: Clock, outgoing: Outgoing, elsewhere: Elsewhere
) -> None:
    import_country(office, "DE", "BY", BY, clock.now)
    days = holidays_of(office)
    assert date(2026, 1, 6) in days  # Epiphany, in Bavaria
    assert days[date(2026, 7, 1)] == "Outing"
    assert date(2029, 1, 1) not in days
    clock.now = datetime(2027, 2, 1, tzinfo=UTC)
    Follower(elsewhere, outgoing, clock).look()
    assert date(2029, 1, 1) in holidays_of(office)
    import_country(office, "DE", "", BY, clock.now)
    assert date(2027, 1, 6) not in holidays_of(office)


def test_an_unknown_country_is_refused(office: str, clock: Clock) -> None:
    for country, region in (("XX", ""), ("DE", "ZZ")):
        with pytest.raises(Refused, match="Nothing is known of the holidays"):
            import_country(office, country, region, BY, clock.now)


def test_holidays_from_a_calendar_elsewhere(
    office: str, clock: Clock, outgoing: Outgoing, elsewhere: Elsewhere
) -> None:
    elsewhere.body = calendar(event("Company days", ";VALUE=DATE:20261228", ";VALUE=DATE:20261230"))
    import_address(elsewhere.address, "127.0.0.1", BY, clock.now, calendar_id=office)
    follower = Follower(elsewhere, outgoing, clock)
    follower.look()
    assert [day for day in holidays_of(office) if day.month == 12] == [date(2026, 12, 28), date(2026, 12, 29)]
    elsewhere.body = calendar()
    assert "empty" in follower.later().problem
    assert date(2026, 12, 28) in holidays_of(office)
    elsewhere.body = calendar(event("Company day", ";VALUE=DATE:20261229", ";VALUE=DATE:20261230"))
    follower.later()
    assert set(holidays_of(office)) == {date(2026, 7, 1), date(2026, 12, 29)}


def test_what_a_calendar_brings_is_no_part_of_the_organisation_file(
    follower: Follower, empty: str, clock: Clock, outbox: Outbox
) -> None:
    add_override(empty, OverrideValue("", clock.now + DAY, clock.now + 2 * DAY, ("mo",)), BY, clock.now)
    text = export()
    section = text.partition("\nschedules:")[2].partition("\npolicies:")[0]
    assert "mo" in section
    assert "cy" not in section
    planned = plan([File("all.yaml", text)])
    assert planned.in_words() == ["Nothing changes."]
    apply(planned, BY, clock.now)
    assert Override.objects.standing().count() == 3


def test_a_schedule_that_is_gone_is_followed_no_longer(follower: Follower, empty: str, clock: Clock) -> None:
    delete_schedule(empty, BY, clock.now, named_by=())
    clock.now += MINUTES
    assert claim_due(clock.now) is None
    assert not Import.objects.exists()
