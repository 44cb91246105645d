"""Who is told that a service's incidents would reach nobody, when, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.oncall.conftest import BY, written
from tests.telling.conftest import Shifts
from tests.world import Clock, Outbox, World
from tocsin.catalog import actions as configuration
from tocsin.kernel.calendars import calendar_from
from tocsin.oncall.actions import add_override, save_calendar, save_schedule
from tocsin.oncall.rules import Mode, Override
from tocsin.people.actions import change_user
from tocsin.telling import unreached

DAY = timedelta(days=1)
SUBJECT = "Incidents of Web shop would reach nobody"


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    unreached._round = None
    yield
    unreached._round = None


@pytest.fixture
def shifts(shifts: Shifts, world: World) -> Shifts:
    """The shop pages whoever is on call, and nobody else; ada and mo lead."""
    save_schedule(written(), "web", BY, shifts.now)
    world.policy.levels = [{"notify": ["schedule:web-primary"], "timeout": "5m"}]
    world.policy.save()
    configuration.refresh()
    return shifts


def told(outbox: Outbox) -> list[tuple[str, str]]:
    """Who was told, and the first line of what."""
    return [(who, m.lines[0]) for who, m in outbox.sent if m.subject == SUBJECT]


def empty(shifts: Shifts, days: int) -> None:
    """Nobody is on call for a day, so many days ahead."""
    start = shifts.now + days * DAY
    value = Override("", start, start + DAY, ("bo", "cy"), mode=Mode.REMOVE)
    add_override("web-primary", value, BY, shifts.now)


def test_nothing_is_told_while_somebody_is_reached(shifts: Shifts, outbox: Outbox) -> None:
    shifts.wait(days=3)
    assert told(outbox) == []


def test_a_service_that_reaches_nobody_is_told_once_to_who_leads_its_team(
    shifts: Shifts, outbox: Outbox, world: World
) -> None:
    world.policy.levels = []
    world.policy.save()
    configuration.refresh()
    shifts.wait(days=3)
    ((who, first),) = told(outbox)
    assert who == "bo"
    assert " at least: Service shop has policy web, which has no level." in first


def test_a_gap_ahead_is_told_thirty_seven_and_one_days_before_and_not_when_it_begins(
    shifts: Shifts, outbox: Outbox
) -> None:
    empty(shifts, 25)
    seen = []
    for day in range(28):
        before = len(told(outbox))
        shifts.wait(days=1)
        seen += [day] * (len(told(outbox)) - before)
    assert seen == [0, 17, 23]


def test_what_was_mended_and_breaks_again_is_told_again(shifts: Shifts, outbox: Outbox, world: World) -> None:
    def levels(*some: dict[str, object]) -> None:
        world.policy.levels = list(some)
        world.policy.save()
        configuration.refresh()
        shifts.wait(hours=12)

    levels()
    assert len(told(outbox)) == 1
    levels({"notify": ["user:mo"], "timeout": "5m"})
    levels()
    assert len(told(outbox)) == 2


def test_hours_that_a_service_has_nobody_at_high_urgency_are_told_as_such(
    shifts: Shifts, outbox: Outbox, world: World
) -> None:
    """At low urgency the climb waits for the morning, so nothing is missing then."""
    hours = [{"from": "08:00", "to": "20:00"}]
    save_calendar(calendar_from({"id": "office", "timezone": "UTC", "hours": hours}), BY, shifts.now)
    world.policy.levels = [{"notify": ["user:mo"], "timeout": "5m", "when": {"calendar": "office"}}]
    world.policy.save()
    configuration.refresh()
    for _ in range(2):
        shifts.wait(minutes=2)
    ((_, first),) = told(outbox)
    assert first.startswith("From Mon 2 Mar 20:00 to Tue 3 Mar 08:00 at high urgency: Nobody is reached")
    shifts.wait(days=5)
    assert len(told(outbox)) == 1, "what comes back every night is told once"


def test_of_two_gaps_for_one_reason_the_later_is_told_as_it_comes_near(
    shifts: Shifts, outbox: Outbox
) -> None:
    empty(shifts, 2)
    empty(shifts, 20)
    seen = []
    for day in range(24):
        before = len(told(outbox))
        shifts.wait(days=1)
        seen += [day] * (len(told(outbox)) - before)
    assert seen == [0, 0, 12, 18]  # within a week and a day of the first, and then of the second


def test_without_a_lead_the_managers_are_told(
    shifts: Shifts, outbox: Outbox, world: World, clock: Clock
) -> None:
    change_user("bo", BY, clock.now, active=False)
    world.policy.levels = []
    world.policy.save()
    configuration.refresh()
    shifts.wait(hours=12)
    assert [who for who, _ in told(outbox)] == ["mo"]
