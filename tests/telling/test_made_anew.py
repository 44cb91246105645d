"""A schedule that is removed, and later another that is made with its id: the past of the first stays its own."""

from __future__ import annotations

from datetime import timedelta

from tests.oncall.conftest import BY, written
from tests.telling.conftest import Shifts
from tests.telling.test_covers import ask, quiet, subjects
from tests.world import Clock, Outbox
from tocsin.oncall.actions import (
    add_override,
    delete_schedule,
    known_then,
    on_call_at,
    save_schedule,
    schedules,
    served,
)
from tocsin.oncall.feeding import calendar_of
from tocsin.oncall.feeds import FeedKind, make_feed
from tocsin.oncall.imports import import_address
from tocsin.oncall.models import CoverRequest, Import
from tocsin.oncall.models import Override as OverrideRow
from tocsin.oncall.rules import Override
from tocsin.telling.gaps import tell_gaps
from tocsin.telling.handovers import add_word
from tocsin.telling.models import Handover, Standing, Word

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BY_MO = {"rotation": "fixed", "start": "2026-03-02T09:00", "users": ["mo"]}


def remove(clock: Clock) -> None:
    delete_schedule("web-primary", BY, clock.now, named_by=[])


def make_anew(clock: Clock) -> None:
    save_schedule(written("web-primary", BY_MO), "web", BY, clock.now)


def test_what_was_served_stays_and_what_is_made_anew_begins_then(primary: str, clock: Clock) -> None:
    first = clock.now
    add_override(primary, Override("", first + HOUR, first + 9 * DAY, ("ada",)), BY, clock.now)
    removed = clock.forward(days=1)
    remove(clock)
    made = clock.forward(days=1)
    make_anew(clock)

    line = served(primary, first, made + DAY)
    assert [(each.start, each.users) for each in line.shifts] == [
        (first, ("bo",)),
        (first + HOUR, ("ada",)),
        (made, ("mo",)),
    ]
    assert list(line.gaps) == [(removed, made)]
    assert known_then(primary, removed - HOUR) is not None
    assert known_then(primary, removed + HOUR) is None
    then = known_then(primary, made)
    assert then is not None and then.overrides == ()
    assert not OverrideRow.objects.standing().exists()
    assert on_call_at(primary, made + DAY) == ("mo",)
    # A later override stands over nothing of the first.
    add_override(primary, Override("", made + HOUR, made + 2 * HOUR, ("cy",)), BY, made)
    assert served(primary, made, made + DAY).on_call(made + HOUR) == ("cy",)
    assert served(primary, first, removed).on_call(first + 2 * HOUR) == ("ada",)


def test_a_calendar_that_the_first_was_taken_from_is_not_followed_by_the_second(
    primary: str, clock: Clock
) -> None:
    import_address("https://example.com/x.ics", "example.com", BY, clock.now, schedule_id=primary)
    remove(clock)
    make_anew(clock)
    assert not Import.objects.exists()


def test_nobody_of_the_first_hands_over_to_anybody_of_the_second(
    primary: str, shifts: Shifts, outbox: Outbox, clock: Clock
) -> None:
    quiet(shifts, outbox)
    add_word(primary, "Watch db-3", BY, clock.now)
    tell_gaps(clock.now)
    clock.forward(days=1)
    remove(clock)
    shifts.wait(minutes=2)
    assert not Standing.objects.exists() and not Word.objects.exists()
    outbox.sent.clear()
    clock.forward(days=1)
    make_anew(clock)
    shifts.wait(minutes=2)
    assert subjects(outbox, "bo") == []
    assert not any("handed over" in message.subject for _, message in outbox.sent)
    assert Standing.objects.get().users == ["mo"]
    assert not Handover.objects.exists()


def test_neither_when_nobody_looked_meanwhile(
    primary: str, shifts: Shifts, outbox: Outbox, clock: Clock
) -> None:
    quiet(shifts, outbox)
    clock.forward(days=1)
    remove(clock)
    clock.forward(days=1)
    make_anew(clock)
    shifts.wait(minutes=2)
    assert not any("handed over" in message.subject for _, message in outbox.sent)
    assert Standing.objects.get().users == ["mo"]
    assert not Handover.objects.exists()


def test_what_was_asked_about_the_first_is_withdrawn(
    primary: str, shifts: Shifts, outbox: Outbox, clock: Clock
) -> None:
    quiet(shifts, outbox)
    ask(clock, "cy")
    shifts.look()
    remove(clock)
    shifts.wait(minutes=5)
    shifts.look()
    assert CoverRequest.objects.get().state == "withdrawn"
    assert "Bo Lind asks no longer: web-primary" in subjects(outbox, "cy")


def test_a_feed_of_the_id_shows_what_stands_under_it(primary: str, clock: Clock) -> None:
    feed, _ = make_feed(FeedKind.SCHEDULE, primary, "cy", BY, clock.now)
    remove(clock)
    clock.forward(days=1)
    assert b"BEGIN:VEVENT" not in calendar_of(feed, clock.now, "https://tocsin.example.com")
    make_anew(clock)
    shown = calendar_of(feed, clock.now, "https://tocsin.example.com").decode()
    assert "Mo Haddad" in shown
    assert schedules()[primary].layers[0].slots[0][0].user == "mo"
