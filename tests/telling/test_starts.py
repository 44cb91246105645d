"""Shifts that begin: told ahead, once, to who comes, as long before as they want to know, and never of what goes on."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.oncall.conftest import BY, written
from tests.telling.conftest import Shifts
from tests.telling.test_covers import quiet, subjects
from tests.web_config.conftest import Reader
from tests.world import Clock, Outbox, World
from tocsin.journal.models import Entry
from tocsin.kernel.errors import Refused
from tocsin.oncall.actions import add_override, save_schedule
from tocsin.oncall.rules import Override
from tocsin.telling.models import ShiftAhead, StartTold
from tocsin.telling.starts import ahead_of, choose_ahead, tell_starts

BEGINS = "You are on call from Mon 9 Mar 09:00: web-primary"


@pytest.fixture
def sunday(primary: str, shifts: Shifts, outbox: Outbox, clock: Clock) -> str:
    """Cy comes on Monday 9 March at 09:00, after Bo; it is 23 h 30 min before."""
    quiet(shifts, outbox)
    clock.now = clock.now.replace(day=8, hour=9, minute=30, second=0)
    return primary


def test_who_comes_is_told_a_day_ahead_once(
    sunday: str, outbox: Outbox, clock: Clock, shifts: Shifts
) -> None:
    assert tell_starts(clock.now - timedelta(minutes=31)) == 0
    shifts.look()
    assert subjects(outbox, "cy") == [BEGINS]
    (message,) = outbox.to("cy")
    assert message.lines[0] == "web-primary: Mon 9 Mar 09:00 to Mon 16 Mar 09:00. Before you: Bo Lind."
    assert "ask for cover" in message.lines[1]
    assert subjects(outbox, "bo") == []
    outbox.sent.clear()
    for _ in range(6):
        clock.forward(hours=1)
        shifts.look()
    assert [message.subject for message in outbox.sent if "from" in message.subject] == []


def test_each_person_says_how_long_ahead(sunday: str, outbox: Outbox, clock: Clock, shifts: Shifts) -> None:
    choose_ahead("cy", ["hour"], BY, clock.now)
    shifts.look()
    assert subjects(outbox, "cy") == []
    clock.now = clock.now.replace(day=9, hour=8, minute=5)
    shifts.look()
    assert subjects(outbox, "cy") == [BEGINS]
    choose_ahead("bo", [], BY, clock.now)
    clock.now = clock.now.replace(day=15, hour=10)
    assert tell_starts(clock.now) == 0


def test_what_goes_on_for_somebody_begins_nothing(
    sunday: str, outbox: Outbox, clock: Clock, shifts: Shifts
) -> None:
    """Cy takes Bo's Sunday evening, which runs into Cy's own week."""
    evening = clock.now.replace(hour=18, minute=0)
    end = clock.now.replace(day=9, hour=9, minute=0)
    add_override(sunday, Override("", evening, end, ("cy",)), BY, clock.now)
    clock.now = clock.now.replace(hour=17, minute=10)
    choose_ahead("cy", ["hour"], BY, clock.now)
    assert tell_starts(clock.now) == 1
    clock.now = clock.now.replace(day=9, hour=8, minute=10)
    assert tell_starts(clock.now) == 0


def test_several_schedules_are_one_message(sunday: str, outbox: Outbox, clock: Clock, shifts: Shifts) -> None:
    save_schedule(written("data"), None, BY, clock.now - timedelta(days=1))
    shifts.look()
    # That the new schedule changes Cy's next shift is told at the same moment, before it or after.
    (told,) = [message for message in outbox.to("cy") if message.subject.startswith("You are on call")]
    assert told.subject == "You are on call from Mon 9 Mar 09:00: 2 schedules"
    assert [line.partition(":")[0] for line in told.lines[:2]] == ["data", "web-primary"]


def test_after_an_outage_it_is_told_late_but_not_when_that_says_nothing(
    sunday: str, outbox: Outbox, clock: Clock
) -> None:
    assert tell_starts(clock.now + timedelta(hours=7)) == 0
    assert tell_starts(clock.now + timedelta(hours=5)) == 1
    assert tell_starts(clock.now + timedelta(hours=5)) == 0
    assert tell_starts(clock.now + timedelta(days=30)) == 0


def test_at_night_it_waits_for_the_morning(
    primary: str, outbox: Outbox, clock: Clock, shifts: Shifts
) -> None:
    quiet(shifts, outbox)
    early = {"rotation": "weekly", "start": "2026-03-02T03:00", "users": ["bo", "cy"]}
    save_schedule(written("early", early), None, BY, clock.now)
    shifts.wait(minutes=10)
    outbox.sent.clear()
    clock.now = clock.now.replace(day=8, hour=3, minute=1)
    shifts.look()
    assert outbox.sent == []
    shifts.wait(hours=6)
    assert "You are on call from Mon 9 Mar 03:00: early" in subjects(outbox, "cy")


def test_what_is_long_over_is_forgotten(sunday: str, clock: Clock) -> None:
    assert tell_starts(clock.now) == 1
    tell_starts(clock.now + timedelta(days=14))
    assert [row.starts_at.day for row in StartTold.objects.all()] == [23]


def test_what_is_wanted_is_chosen_on_ones_own_page_and_written_down(
    primary: str, world: World, reader: Reader, clock: Clock
) -> None:
    page = reader(world.cy).get("/me/reminders").content.decode()
    assert re.findall('value="([a-z]+)"[^>]* checked', page) == ["day"]
    answer = reader(world.cy).post("/me/reminders", {"ahead": ["hour", "week"]}, follow=True)
    assert "You are told a week and an hour ahead." in answer.content.decode()
    assert ahead_of("cy") == ("week", "hour")
    assert Entry.objects.get(kind="shifts.ahead").data == {"user": "cy", "ahead": ["week", "hour"]}
    reader(world.cy).post("/me/reminders", {})
    assert ahead_of("cy") == () and ahead_of("bo") == ("day",)
    assert reader(world.cy).post("/me/reminders", {"ahead": "year"}).status_code == 422
    with pytest.raises(Refused, match="no time ahead"):
        choose_ahead("cy", ["year"], BY, clock.now)


def test_who_is_not_on_call_has_nothing_to_choose(primary: str, world: World, reader: Reader) -> None:
    assert reader(world.sam).get("/me/reminders").status_code == 403
    assert reader(world.sam).post("/me/reminders", {"ahead": "day"}).status_code == 403
    assert reader(None).get("/me/reminders").status_code == 302
    assert not ShiftAhead.objects.exists()
