"""The clock: steps of the machine's time neither shorten nor lengthen what runs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tocsin.journal.models import Entry
from tocsin.site import program
from tocsin.site.clock import Clock


class Machine:
    """A wall clock that somebody sets, and a counter that nobody can."""

    def __init__(self) -> None:
        self.wall, self.count = 1_800_000_000.0, 50.0

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.count += seconds

    def clock(self) -> Clock:
        return Clock(lambda: self.wall, lambda: self.count)


@pytest.mark.parametrize("step", [-3600, 3600, 86_400])
def test_five_minutes_last_five_minutes_whatever_the_wall_clock_says(step: int) -> None:
    machine = Machine()
    clock = machine.clock()
    begun = clock.now()
    machine.pass_by(100)
    machine.wall += step
    clock.check()
    machine.pass_by(200)
    clock.check()
    assert clock.now() - begun == timedelta(minutes=5)


def test_a_step_is_told_once() -> None:
    machine = Machine()
    clock = machine.clock()
    assert clock.check() is None
    machine.wall -= 3600
    assert clock.check() == timedelta(hours=-1)
    machine.pass_by(10)
    assert clock.check() is None
    machine.wall += 7200
    assert clock.check() == timedelta(hours=1)


def test_a_step_is_taken_over_when_nothing_waits() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall += 3600
    clock.check()
    clock.adopt()
    assert clock.now().timestamp() == pytest.approx(machine.wall)
    assert clock.check() is None


def test_little_drift_is_followed_without_ever_going_back() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall -= 2
    last = clock.now()
    for _ in range(400):
        machine.pass_by(1)
        assert clock.check() is None
        assert clock.now() > last
        last = clock.now()
    assert clock.now().timestamp() == pytest.approx(machine.wall, abs=0.01)


def test_without_a_step_there_is_nothing_to_take_over() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall += 1
    before = clock.now()
    clock.adopt()
    assert clock.now() == before


@pytest.mark.django_db
def test_a_step_is_noted_in_the_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine()
    clock = machine.clock()
    monkeypatch.setattr(program, "CLOCK", clock)
    machine.wall += 3600
    program.watch_clock(clock.now(), idle=False)
    program.watch_clock(clock.now(), idle=False)
    entry = Entry.objects.get(chain="organisation")
    assert (entry.kind, entry.data) == ("instance.clock_stepped", {"seconds": 3600.0})
    assert clock.now().timestamp() == pytest.approx(machine.wall - 3600)  # something waits for its time
    program.watch_clock(clock.now(), idle=True)
    assert clock.now().timestamp() == pytest.approx(machine.wall)
