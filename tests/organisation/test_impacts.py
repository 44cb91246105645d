"""What a file does to people's shifts is said before it is applied: in a line for each schedule, bounded."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.oncall.conftest import BY
from tests.oncall.conftest import primary as primary  # noqa: PLC0414 - offered here too
from tests.web_config.conftest import Reader
from tests.web_config.conftest import reader as reader  # noqa: PLC0414 - offered here too
from tests.world import Clock, Outbox, World
from tocsin.kernel.acting import By
from tocsin.oncall.actions import add_override, known_then
from tocsin.oncall.rules import Override, impact
from tocsin.organisation import impacts
from tocsin.organisation.actions import apply
from tocsin.organisation.impacts import HORIZON, impact_lines
from tocsin.organisation.plan import plan
from tocsin.organisation.reading import File

CLI = By("cli", "cli")
SCHEDULE = """\
schedules:
  - id: web-primary
    timezone: UTC
    team: web
    layers:
      - {{rotation: weekly, start: 2026-03-02T{hour}:00, users: [bo, cy], restrict: {restrict}}}
"""


@pytest.fixture(autouse=True)
def _channel(outbox: Outbox) -> Outbox:
    return outbox


def file(hour: str = "09", restrict: str = "[]", more: str = "") -> str:
    return SCHEDULE.format(hour=hour, restrict=restrict) + more


def lines(text: str, clock: Clock, prune: bool = False) -> list[str]:
    return impact_lines(plan([File("a.yaml", text)], prune), clock.now)


def test_what_changes_nothing_says_nothing(primary: str, clock: Clock) -> None:
    assert lines(file(), clock) == []
    assert lines("organisation: {name: Shopkeepers}", clock) == []


def test_moved_shifts_and_gaps_are_said_as_the_page_would(primary: str, clock: Clock) -> None:
    weekdays = '[{days: [mon-fri], from: "09:00", to: "09:00"}]'
    (line,) = lines(file(restrict=weekdays), clock)
    assert line.startswith("schedule web-primary: 12 shifts move; 2 people are told; Bo Lind 12 days less;")
    assert "nobody on call 2026-03-07 09:00 to 2026-03-09 09:00, " in line
    assert line.endswith("and 10 times more (UTC).")


def test_what_is_said_is_what_is_done(primary: str, clock: Clock) -> None:
    """An override that covers a whole shift goes along with it, in the plan as when it is applied."""
    start = clock.now.replace(day=9, hour=9, minute=0, second=0)
    cover = Override("", start, start + timedelta(weeks=1), ("mo",), ("cy",))
    add_override(primary, cover, BY, clock.now)
    before = known_then(primary, clock.forward(minutes=1))
    planned = plan([File("a.yaml", file(hour="17"))])
    (line,) = impact_lines(planned, clock.now)
    apply(planned, CLI, clock.now)
    after = known_then(primary, clock.now)
    assert before and after
    found = impact([before], [after], clock.now, clock.now + HORIZON)
    assert f"{len(found.moved)} shifts move" in line and f"{len(found.people)} people are told" in line
    assert "Mo Haddad" not in line  # as many hours as before


def test_a_new_schedule_one_that_goes_and_a_calendar_that_changes(primary: str, clock: Clock) -> None:
    office = 'calendars:\n  - {id: office, timezone: UTC, hours: [{from: "09:00", to: "17:00"}], holidays: [HERE]}\n'
    layer = "{rotation: fixed, start: 2026-03-01, users: [mo], restrict: [{calendar: office}]}"
    more = f"  - {{id: days, timezone: UTC, layers: [{layer}]}}\n"
    (line,) = lines(office.replace("HERE", "") + file(more=more), clock)
    assert line.startswith("schedule days: 84 shifts are new; 1 person is told; Mo Haddad 28 days more;")
    apply(plan([File("a.yaml", office.replace("HERE", "") + file(more=more))]), CLI, clock.now)
    holiday = "{day: 2026-03-10, name: Outing}"
    (line,) = lines(office.replace("HERE", holiday), clock)
    assert line.startswith(
        "schedule days: 1 shift goes; 1 person is told; Mo Haddad 8 h less; nobody on call"
    )
    (line,) = lines(file(), clock, prune=True)
    assert line.startswith("schedule days: 84 shifts go; 1 person is told; Mo Haddad 28 days less.")


def test_only_so_many_schedules_are_looked_at(
    primary: str,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(impacts, "SCHEDULES_MAX", 2)
    more = "".join(
        f"  - {{id: s{n}, timezone: UTC, layers: [{{rotation: fixed, start: 2026-03-01, users: [mo]}}]}}\n"
        for n in range(5)
    )
    found = lines(file(more=more), clock)
    assert len(found) == 3 and found[-1] == "3 more schedules were not looked at."


def test_the_page_says_it_before_anything_is_applied(
    primary: str, world: World, reader: Reader, clock: Clock
) -> None:
    ada = reader(world.ada)
    said = ada.post("/settings/file", {"text": file(hour="17"), "do": "look"}).content.decode()
    assert "What becomes of shifts within 12 weeks" in said
    assert "shifts move; 2 people are told" in said
    said = ada.post("/settings/file", {"text": file(), "do": "look"}).content.decode()
    assert "What becomes of shifts" not in said
    assert reader(world.bo).post("/settings/file", {"text": file(), "do": "look"}).status_code == 403
