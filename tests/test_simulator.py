"""The promises hold over two hundred seeds, fifty on PostgreSQL (half of them in `test_simulator_too.py`); and the
simulator would notice if they did not."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.seeds import ONE_HALF, check
from tocsin.engine import duties
from tocsin.escalation import rostering
from tocsin.incident import actions as incidents
from tocsin.incident import updating
from tocsin.intake import actions as intake
from tocsin.notification import recording
from tocsin.notification.rules.updates import Nothing
from tocsin.oncall.actions import on_call_at
from tocsin.testing import simulator
from tocsin.testing.promises import PromiseBroken
from tocsin.testing.simulate import seeds_of
from tocsin.testing.simulator import Simulation

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("first", ONE_HALF)
def test_the_promises_hold(first: int) -> None:
    check(first)


def test_a_seed_replays_the_same_steps() -> None:
    once, again = Simulation(7), Simulation(7)
    once.run()
    again.run()
    # Numbers of incidents go on where the first run left them.
    assert [re.sub(r"#\d+", "#", line) for line in once.log] == [
        re.sub(r"#\d+", "#", line) for line in again.log
    ]


def _first_break(seeds: int = 40) -> str:
    for seed in range(seeds):
        try:
            Simulation(seed).run()
        except PromiseBroken as broken:
            assert f"seed {seed}," in str(broken)
            return str(broken)
    raise AssertionError("the simulator did not notice")


def test_it_notices_pages_after_an_acknowledgement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incidents, "quiet", lambda ids, why, now: 0)
    assert "P6" in _first_break()


def test_it_notices_a_lost_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake.Batch, "store", lambda self, but=(): None)
    assert "P1" in _first_break()


def test_it_notices_a_person_who_is_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "next_channel", lambda page, now: [])
    assert "P2" in _first_break()


def test_it_notices_who_is_left_with_less_than_is_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updating, "update_for", lambda size, known, now: Nothing())
    assert "alerts of #" in _first_break()


def test_it_notices_a_duty_that_is_not_given_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        simulator, "waits_of", lambda work: lambda: {duty.name: None for duty in work}
    )  # nothing is ever due
    assert "something is due and no duty moves it on" in _first_break(1)


def test_it_notices_a_duty_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(now: object, limit: int = 0) -> int:
        raise ValueError("no climb today")

    starts, *others = duties.CLIMBING
    monkeypatch.setattr(duties, "start_climbs", failing)  # with the digest, and by itself
    monkeypatch.setattr(duties, "CLIMBING", (replace(starts, act=failing), *others))
    assert "no climb today" in _first_break(5)


def test_it_notices_who_is_paged_and_was_not_on_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if who is on call were remembered past a hand-off."""
    then = simulator.BEGINS
    monkeypatch.setattr(
        rostering, "on_call_at", lambda schedule, at, shift: on_call_at(schedule, then, shift)
    )
    assert "were paged" in (told := _first_break()) or "was passed over" in told


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", range(3)), ("17-19", range(17, 20)), ("=17", range(17, 18))]
)
def test_seeds_are_counted_ranged_or_named(text: str, seeds: range) -> None:
    assert seeds_of(text) == seeds
