"""The small world with its schedule, and everything that people are told about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.oncall.conftest import primary as primary  # noqa: PLC0414 - offered here too
from tests.stories.road import Road
from tests.web_config.conftest import reader as reader  # noqa: PLC0414 - offered here too
from tests.world import Clock, Outbox, World
from tocsin.engine.duties import TELLING

Tell = Callable[..., None]


class Shifts(Road):
    """The road with the duties that tell of shifts."""

    def __init__(self, world: World, clock: Clock) -> None:
        super().__init__(world, clock)
        self.duties += TELLING

    def wait(self, **span: float) -> None:
        """Let time pass with the engine running, a look every few hours and one at the end."""
        end = self.now + timedelta(**span)
        while self.now < end:
            self.clock.now = min(self.now + timedelta(hours=6), end)
            self.look()


@pytest.fixture
def shifts(world: World, clock: Clock, outbox: Outbox) -> Shifts:
    return Shifts(world, clock)
