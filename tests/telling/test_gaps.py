"""Which gaps are told, to whom, and which are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.oncall.conftest import BY, WEEKLY, written
from tests.telling.conftest import Shifts
from tests.world import Clock, Outbox, World
from tocsin.catalog import actions as configuration
from tocsin.oncall.actions import add_override, save_schedule
from tocsin.oncall.rules import Override
from tocsin.people.models import Contact, Team

DAY = timedelta(days=1)
SUBJECT = "Nobody is on call ahead: web-primary"


def told(outbox: Outbox) -> list[tuple[str, str]]:
    """Who was told of gaps, and the first line of what."""
    return [(who, m.lines[0]) for who, m in outbox.sent if m.subject == SUBJECT]


def test_an_empty_schedule_is_told_once_to_the_lead_of_its_team(
    shifts: Shifts, outbox: Outbox, clock: Clock
) -> None:
    save_schedule(replace(written(), layers=()), "web", BY, clock.now)
    shifts.wait(days=3)
    assert [who for who, _ in told(outbox)] == ["bo"]
    assert told(outbox)[0][1].endswith("at least")


def test_without_a_team_the_managers_are_told_and_without_them_the_admins(
    shifts: Shifts, outbox: Outbox, clock: Clock, world: World
) -> None:
    save_schedule(replace(written(), layers=()), None, BY, clock.now)
    shifts.wait(hours=1)
    assert [who for who, _ in told(outbox)] == ["mo"]
    outbox.sent.clear()
    world.mo.is_active = False
    world.mo.save()
    Team.objects.update(lead=None)
    save_schedule(replace(written("other"), layers=()), "web", BY, clock.now)
    shifts.wait(hours=1)
    assert "ada" in outbox.people
    assert "mo" not in outbox.people


def test_nobody_on_purpose_is_no_gap(shifts: Shifts, outbox: Outbox, clock: Clock) -> None:
    save_schedule(written("web-primary", {**WEEKLY, "users": ["bo", None]}), "web", BY, clock.now)
    shifts.wait(days=8)
    assert told(outbox) == []


def test_nights_that_nobody_covers_come_in_one_message(shifts: Shifts, outbox: Outbox, clock: Clock) -> None:
    by_day = {**WEEKLY, "restrict": [{"from": "08:00", "to": "20:00"}]}
    save_schedule(written("web-primary", by_day), "web", BY, clock.now)
    shifts.wait(hours=2)
    ((who, first),) = told(outbox)
    assert (who, first) == ("bo", "From Mon 2 Mar 20:00 to Tue 3 Mar 08:00")


def test_somebody_without_any_contact_counts_as_nobody(shifts: Shifts, outbox: Outbox, clock: Clock) -> None:
    Contact.objects.filter(user="cy").delete()
    configuration.refresh()
    save_schedule(written(), "web", BY, clock.now)
    shifts.wait(hours=1)
    ((_, first),) = told(outbox)
    assert first == "From Mon 9 Mar 09:00 to Mon 16 Mar 09:00"


def test_a_gap_that_was_closed_and_opens_again_is_told_no_sooner_than_it_comes_nearer(
    shifts: Shifts, outbox: Outbox, clock: Clock
) -> None:
    save_schedule(written(), "web", BY, clock.now)
    start = clock.now + 20 * DAY
    add_override("web-primary", Override("", start, start + DAY, ("ada",)), BY, clock.now)
    shifts.wait(days=1)
    assert told(outbox) == []
    Contact.objects.filter(user="ada").delete()
    configuration.refresh()
    shifts.wait(days=1)
    assert len(told(outbox)) == 1
    shifts.wait(days=5)
    assert len(told(outbox)) == 1
    shifts.wait(days=10)
    assert len(told(outbox)) == 2
