"""The note at the change of shift: to who goes and who comes, once, and only when something changes hands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.oncall.conftest import BY, written
from tests.telling.conftest import Shifts
from tests.world import Clock, Outbox, World
from tocsin.catalog import actions as configuration
from tocsin.escalation.models import Policy
from tocsin.incident import actions as incidents
from tocsin.incident.models import Incident
from tocsin.kernel.acting import by_user
from tocsin.oncall.actions import add_override, save_schedule
from tocsin.oncall.rules import Override, Shadow
from tocsin.telling.models import Handover

DAILY = {"rotation": "daily", "start": "2026-03-01T09:00", "users": ["bo", "cy"]}
WENT, CAME = "You have handed over: web-primary", "You have it now: web-primary"


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Shifts:
    Policy.objects.filter(pk="web").update(levels=[{"notify": ["schedule:web-primary"], "timeout": "5m"}])
    configuration.refresh()
    clock.now = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
    return Shifts(world, clock)


def begin(road: Shifts, outbox: Outbox, *layers: dict[str, Any], **more: Any) -> None:
    save_schedule(written("web-primary", *layers, **more), "web", BY, road.now)
    road.wait(hours=1)
    outbox.sent.clear()


def notes(road: Shifts, outbox: Outbox, **span: float) -> list[tuple[str, str]]:
    """Who gets which note while time passes, with a look every half hour."""
    outbox.sent.clear()
    for _ in range(int(timedelta(**span) / timedelta(minutes=30))):
        road.clock.forward(minutes=30)
        road.look()
    return [(who, message.subject) for who, message in outbox.sent if message.subject in (WENT, CAME)]


def said(outbox: Outbox, who: str) -> str:
    return "\n".join(next(m for m in outbox.to(who) if m.subject in (WENT, CAME)).lines)


def test_who_goes_and_who_comes_get_a_note_each_and_once(road: Shifts, outbox: Outbox) -> None:
    begin(road, outbox, DAILY)
    assert sorted(notes(road, outbox, hours=24)) == [("bo", CAME), ("cy", WENT)]
    assert notes(road, outbox, hours=20) == []


def test_turns_of_the_same_person_hand_nothing_over(road: Shifts, outbox: Outbox) -> None:
    begin(road, outbox, {**DAILY, "users": ["bo", "bo", ["bo"]]})
    assert notes(road, outbox, hours=72) == []
    assert not Handover.objects.exists()


def test_who_stays_while_another_goes_gets_no_note(road: Shifts, outbox: Outbox) -> None:
    begin(road, outbox, {**DAILY, "users": [["bo", "mo"], ["cy", "mo"]]})
    assert sorted(notes(road, outbox, hours=24)) == [("bo", CAME), ("cy", WENT)]
    assert "On call since Tue 3 Mar 09:00: Bo Lind and Mo Haddad." in said(outbox, "bo")


def test_before_and_after_hours_without_anybody_the_note_says_nobody(road: Shifts, outbox: Outbox) -> None:
    begin(road, outbox, {**DAILY, "users": ["bo"], "restrict": [{"from": "09:00", "to": "17:00"}]})
    assert notes(road, outbox, hours=8) == [("bo", WENT)]
    assert "On call since Mon 2 Mar 17:00: nobody. Before: Bo Lind." in said(outbox, "bo")
    assert notes(road, outbox, hours=16) == [("bo", CAME)]
    assert "On call since Tue 3 Mar 09:00: Bo Lind. Before: nobody." in said(outbox, "bo")


@pytest.mark.parametrize(("day", "hour"), [("2026-03-29", 7), ("2026-10-25", 8)])
def test_on_the_day_on_which_the_clocks_change_it_comes_at_the_hour_on_the_wall(
    road: Shifts, outbox: Outbox, day: str, hour: int
) -> None:
    """Nine o'clock in Madrid is seven in UTC from that Sunday of March on, and eight from that of October on."""
    road.clock.now = datetime.fromisoformat(f"{day}T{hour - 3:02}:00:00+00:00") - timedelta(days=1)
    begin(road, outbox, DAILY, timezone="Europe/Madrid")
    notes(road, outbox, hours=24)
    assert sorted(subject for _, subject in notes(road, outbox, hours=3)) == [WENT, CAME]
    latest = Handover.objects.first()
    assert latest is not None
    assert latest.at == datetime.fromisoformat(f"{day}T{hour:02}:00:00+00:00")


def test_whoever_takes_it_at_the_last_minute_gets_the_note_and_whoever_was_planned_does_not(
    road: Shifts, outbox: Outbox
) -> None:
    begin(road, outbox, DAILY)
    nine = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
    road.clock.now = nine - timedelta(minutes=1)
    road.look()
    add_override("web-primary", Override("", nine, nine + timedelta(hours=8), ("mo",)), BY, road.now)
    assert sorted(notes(road, outbox, hours=2)) == [("cy", WENT), ("mo", CAME)]
    assert sorted(notes(road, outbox, hours=8)) == [("bo", CAME), ("mo", WENT)]


def test_the_note_tells_what_is_open_and_what_happened_and_nothing_that_did_not(
    road: Shifts, outbox: Outbox
) -> None:
    begin(road, outbox, DAILY)
    notes(road, outbox, hours=24)
    assert "No incident is open.\nNo incident opened in the shift that ended." in said(outbox, "bo")
    for key in ("one", "two"):
        road.event(key, title=f"Trouble {key}")
        road.look()
    incidents.resolve(Incident.objects.earliest("pk").pk, by_user("bo", "web"), road.now)
    notes(road, outbox, hours=24)
    text = said(outbox, "cy")
    assert "Trouble two" in text
    assert "Trouble one" not in text
    assert "In the shift that ended, 2 incidents opened; 1 of them ended." in text


def test_a_trainee_goes_along_without_being_on_call(road: Shifts, outbox: Outbox) -> None:
    shadow = Shadow("sam", road.now, road.now + timedelta(days=9), "bo")
    value = replace(written("web-primary", DAILY), shadows=(shadow,))
    save_schedule(value, "web", BY, road.now)
    road.wait(hours=1)
    assert "sam" not in {who for who, _ in notes(road, outbox, hours=48)}
