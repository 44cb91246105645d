"""The small world with its schedule, and everything that people are told about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.oncall.conftest import primary as primary  # noqa: PLC0414 - offered here too
from tests.stories.turns import Turns
from tests.web_config.conftest import reader as reader  # noqa: PLC0414 - offered here too
from tests.world import Clock, Outbox, World
from tocsin.engine.duties import TELLING

Tell = Callable[..., None]


class Shifts(Turns):
    """The road with the duties that tell of shifts: as in the engine, they come after what pages, and rest once they
    had their turn, unless there was more to do than one turn takes."""

    def look(self) -> None:
        super().look()
        told = 0
        for duty in TELLING:
            told += (moved := duty.act(self.now))
            while duty.limit and moved >= duty.limit:
                told += (moved := duty.act(self.now))
        if told:
            super().look()

    def wait(self, **span: float) -> None:
        """Let time pass with the engine running, a look every few hours and one at the end."""
        end = self.now + timedelta(**span)
        while self.now < end:
            self.clock.now = min(self.now + timedelta(hours=6), end)
            self.look()


@pytest.fixture
def shifts(world: World, clock: Clock, outbox: Outbox) -> Shifts:
    return Shifts(world, clock)
