"""The road with the engine's own economy: each look asks which duties have something to do, and gives these a turn."""

from __future__ import annotations

from tests.stories.road import Road


class Turns(Road):
    """The road for stories that take long. A duty that waits for rows has a turn only once its first row is due, as
    in the engine: what never says that it is due is never done here either."""

    def decide(self) -> int:
        waits = self.waits()
        return sum(
            duty.act(self.now)
            for duty in self.duties
            if duty.waits is None or ((due := waits[duty.name]) is not None and due <= self.now)
        )
