"""What people are told about their shifts: changes, requests, gaps, calendars from elsewhere, the change of shift."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.oncall.conftest import BY, WEEKLY, written
from tests.oncall_ical.calendars import calendar, shift
from tests.telling.conftest import Shifts
from tests.world import Clock, Outbox, World
from tocsin.catalog import actions as configuration
from tocsin.escalation.models import Policy
from tocsin.incident import actions as incidents
from tocsin.incident import describing
from tocsin.kernel.acting import by_user
from tocsin.kernel.errors import Refused
from tocsin.notification.models import Page
from tocsin.oncall import following, imports
from tocsin.oncall.actions import add_override, on_call_at, save_schedule
from tocsin.oncall.models import Import, Override
from tocsin.oncall.rules import Override as OverrideValue
from tocsin.oncall.rules import Shadow
from tocsin.telling.handovers import add_word

DAY, WEEK = timedelta(days=1), timedelta(weeks=1)


@pytest.fixture
def shifts(world: World, clock: Clock, outbox: Outbox) -> Shifts:
    """Bo and Cy take weekly turns, and know it."""
    save_schedule(written(), "web", BY, clock.now)
    Policy.objects.filter(pk="web").update(
        levels=[
            {"notify": ["schedule:web-primary"], "timeout": "5m"},
            {"notify": ["user:ada"], "timeout": "5m"},
        ]
    )
    configuration.refresh()
    road = Shifts(world, clock)
    road.wait(minutes=2)
    outbox.sent.clear()
    return road


def test_whoevers_shift_moved_is_told_and_nobody_else(shifts: Shifts, outbox: Outbox, clock: Clock) -> None:
    start = clock.now + 8 * DAY  # in the week of Cy
    add_override("web-primary", OverrideValue("", start, start + DAY, ("mo",)), BY, clock.now)
    shifts.look()
    assert outbox.people == []  # it may be taken back
    shifts.wait(minutes=2)
    assert sorted(outbox.people) == ["cy", "mo"]
    (to_cy,) = outbox.to("cy")
    assert to_cy.subject == "Your next shift has changed: web-primary"
    assert any(line.startswith("Your next shift: Mon 9 Mar 09:00 to") for line in to_cy.lines)
    assert to_cy.link.endswith("/schedules/web-primary")
    assert (to_cy.kind, to_cy.urgent, to_cy.acts) == ("notice", False, ())
    shifts.wait(hours=12)
    assert len(outbox.sent) == 2


def test_an_edit_that_is_taken_back_tells_nobody(shifts: Shifts, outbox: Outbox, clock: Clock) -> None:
    other = written("web-primary", {**WEEKLY, "users": ["cy", "bo"]})
    save_schedule(other, "web", BY, clock.now)
    save_schedule(written(), "web", BY, clock.forward(seconds=20))
    shifts.wait(minutes=5)
    assert outbox.people == []


def test_at_night_people_are_told_in_the_morning_unless_it_begins_soon(
    shifts: Shifts, outbox: Outbox, clock: Clock
) -> None:
    clock.now = clock.now.replace(hour=23, minute=0)
    later, soon = clock.now + 9 * DAY, clock.now + timedelta(hours=3)
    add_override("web-primary", OverrideValue("", later, later + DAY, ("mo",)), BY, clock.now)
    shifts.wait(minutes=2)
    assert outbox.people == []
    add_override("web-primary", OverrideValue("", soon, soon + DAY, ("ada",)), BY, clock.now)
    shifts.wait(minutes=2)
    assert sorted(outbox.people) == ["ada", "bo"]
    shifts.live(hours=8)
    changed = [who for who, message in outbox.sent if "changed" in message.subject]
    assert sorted(changed) == ["ada", "bo", "cy", "mo"]


def test_the_last_good_copy_of_a_calendar_stays_and_its_owner_is_told(
    shifts: Shifts, outbox: Outbox, clock: Clock
) -> None:
    save_schedule(replace(written("taken"), layers=()), "web", BY, clock.now)
    imports.import_address("https://example.com/x.ics", "example.com", BY, clock.now, schedule_id="taken")
    row = following.claim_due(clock.now)
    assert row is not None
    good = calendar(shift("Cy Tran", clock.now, clock.now + 40 * DAY))
    following.fetched(row, good, "", BY, clock.now)
    shifts.wait(minutes=2)
    outbox.sent.clear()

    following.fetched(Import.objects.get(), b"<!DOCTYPE html><html>Sign in", "", BY, clock.forward(minutes=5))
    shifts.look()
    assert on_call_at("taken", clock.now) == ("cy",)
    (told,) = outbox.to("bo")  # the lead of the team
    assert told.subject == "Its calendar cannot be taken over: schedule taken"
    assert "web page" in told.lines[0]
    assert "last good copy stays in use" in told.lines[1]
    following.failed(Import.objects.get(), "The address answers 404 and no calendar", clock.forward(hours=25))
    shifts.look()
    assert on_call_at("taken", clock.now) == ("cy",)
    assert [message.subject for message in outbox.to("bo")][1:] == [
        "Its calendar has failed for 1 day 1 h: schedule taken"
    ]
    following.fetched(Import.objects.get(), good, "", BY, clock.forward(minutes=5))
    shifts.look()
    assert outbox.to("bo")[-1].subject == "Its calendar is read again: schedule taken"
    assert Override.objects.standing().count() == 1


def test_a_trainee_is_sent_copies_and_counts_as_nobody(shifts: Shifts, outbox: Outbox, clock: Clock) -> None:
    shadow = Shadow("mo", clock.now, clock.now + WEEK, "bo")
    save_schedule(replace(written(), shadows=(shadow,)), "web", BY, clock.now)
    shifts.event("db")
    shifts.look()
    assert sorted(outbox.people) == ["bo", "mo"]
    (copy,) = outbox.to("mo")
    assert copy.subject.startswith("[shadow, do not act] ")
    assert (copy.kind, copy.acts) == ("shadow", ())
    with pytest.raises(Refused, match="You are a shadow on"):
        incidents.acknowledge(shifts.incident().pk, by_user("mo", "web"), clock.now)
    assert describing.assign(shifts.incident().pk, "mo", BY, clock.now).changed
    assert incidents.acknowledge(shifts.incident().pk, by_user("mo", "web"), clock.now).changed


def test_a_trainee_who_heard_that_it_was_over_is_still_none_to_act_when_it_is_opened_again(
    shifts: Shifts, outbox: Outbox, clock: Clock
) -> None:
    shadow = Shadow("mo", clock.now, clock.now + WEEK, "bo")
    save_schedule(replace(written(), shadows=(shadow,)), "web", BY, clock.now)
    shifts.event("db")
    shifts.look()
    number = shifts.incident().pk
    incidents.resolve(number, by_user("bo", "web"), clock.forward(minutes=1))
    shifts.look()
    incidents.reopen(number, by_user("bo", "web"), clock.forward(minutes=1))
    assert {page.kind for page in Page.objects.filter(user="mo")} == {"shadow", "over"}
    for act in (incidents.acknowledge, incidents.resolve):
        with pytest.raises(Refused, match="You are a shadow on"):
            act(number, by_user("mo", "link"), clock.now)


def test_who_cannot_be_reached_is_passed_over_though_a_trainee_got_a_copy(
    shifts: Shifts, outbox: Outbox, clock: Clock
) -> None:
    shadow = Shadow("mo", clock.now, clock.now + WEEK)
    save_schedule(replace(written(), shadows=(shadow,)), "web", BY, clock.now)
    outbox.fail("bo", again=False)
    shifts.event("db")
    shifts.look()
    assert outbox.people == ["ada", "mo"]  # the next level, at once, and the trainee
    assert Page.objects.get(user="mo").kind == "shadow"


def test_at_the_change_of_shift_both_get_a_note(shifts: Shifts, outbox: Outbox, clock: Clock) -> None:
    shifts.event("db")
    shifts.look()
    incidents.acknowledge(shifts.incident().pk, by_user("bo", "web"), clock.now)
    add_word(
        "web-primary", "The disk of db-3 is being replaced.", by_user("bo", "web"), clock.forward(days=1)
    )
    outbox.sent.clear()
    ahead = clock.now + 7 * DAY
    add_override("web-primary", OverrideValue("", ahead, ahead + DAY, ("mo",)), BY, clock.now)
    shifts.wait(days=1)
    outbox.sent.clear()
    clock.now = clock.now.replace(day=9, hour=9, minute=0, second=5)
    shifts.look()
    notes = {who: message for who, message in outbox.sent if message.link.endswith("/handover")}
    assert notes["bo"].subject == "You have handed over: web-primary"
    assert notes["cy"].subject == "You have it now: web-primary"
    text = "\n".join(notes["cy"].lines)
    assert "On call since Mon 9 Mar 09:00: Cy Tran. Before: Bo Lind." in text
    assert "Bo Lind: “The disk of db-3 is being replaced.”" in text
    assert "Checkout fails" in text
    assert "Ahead: Mo Haddad instead of whoever it is" in text
    assert notes["cy"].link.endswith("/schedules/web-primary/handover")
    outbox.sent.clear()
    shifts.wait(minutes=10)
    assert outbox.people == ["mo"]  # whose shift begins in a day


def test_a_gap_is_told_thirty_days_a_week_and_a_day_ahead(
    shifts: Shifts, outbox: Outbox, clock: Clock
) -> None:
    ends = (clock.now + 40 * DAY).replace(hour=9, minute=0, second=0)
    layer = {**WEEKLY, "end": f"{ends:%Y-%m-%dT%H:%M}"}
    save_schedule(written("web-primary", layer), "web", BY, clock.now)
    told = []
    for _ in range(46):
        shifts.wait(days=1)
        told += [
            (ends - clock.now).days for who, m in outbox.sent if m.subject.startswith("Nobody is on call")
        ]
        outbox.sent.clear()
    assert told == [
        29,
        6,
        0,
    ]  # each on the first look after 30, 7 and 1 days ahead, and nothing once it has begun
