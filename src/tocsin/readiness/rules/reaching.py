"""Who is reached by one climb that nobody answers, and for how long that stays so when the incident opens later.

Most pages move along with the opening of the incident: five minutes later, they come five minutes later. What comes
after a climb has waited for a level to open does not: it comes at that hour, and so the sooner, the later the incident
has opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from tocsin.escalation.rules import PageLevel, Waits
from tocsin.readiness.rules.climbing import Climbed
from tocsin.readiness.rules.values import FOLLOWED
from tocsin.readiness.rules.watching import FOREVER

Delays = Mapping[str, timedelta]  # person -> how long after a page they are reached


class Opening(NamedTuple):
    """A climb has waited for this level to open at this instant."""

    number: int
    at: datetime


class Came(NamedTuple):
    """After how long somebody is reached, and by which page; `opening` is the last that was waited for before it."""

    wait: timedelta
    round: int
    number: int  # of the level
    opening: Opening | None = None


@dataclass
class Reaching:
    """Who is reached when an incident is opened at `start`, of those in `delays`; `people` are wanted."""

    start: datetime
    delays: Delays
    people: int
    came: dict[str, Came] = field(default_factory=dict)
    opening: Opening | None = None
    _next_in: timedelta | None = None  # the next decision

    def note(self, step: Climbed) -> bool:
        """Take in what is decided next; returns whether anything after it can change who is reached first."""
        decision, due_at = step.decision, step.climb.due_at
        if isinstance(decision, PageLevel):
            for user in decision.people:
                if user in self.delays and user not in self.came:
                    wait = step.at - self.start + self.delays[user]
                    self.came[user] = Came(wait, decision.round, decision.number, self.opening)
        elif isinstance(decision, Waits):
            self.opening = Opening(decision.number, decision.until)
        self._next_in = None if due_at is None else due_at - self.start
        return self._next_in is not None and not self._is_settled(self._next_in)

    def _is_settled(self, next_in: timedelta) -> bool:
        if len(self.came) == len(self.delays):
            return True  # nobody else can come
        if len(self.came) < self.people:
            return False
        last = sorted(came.wait for came in self.came.values())[self.people - 1]
        return last < next_in if self.opening else last <= next_in

    def order(self) -> list[str]:
        """Who is reached in time, the first one first. Of two at once, whoever comes at an hour of the day is the first
        of them for any incident that is opened later."""
        known = [(came.wait, not came.opening, came[1:3], user) for user, came in self.came.items()]
        return [user for wait, *_, user in sorted(known) if wait <= FOLLOWED]

    def last(self) -> tuple[timedelta | None, bool]:
        """The wait for the last of the first `people`, None when there are not so many; and whether it gets shorter the
        later the incident opens."""
        known = sorted((came.wait, not came.opening) for came in self.came.values() if came.wait <= FOLLOWED)
        if len(known) < self.people:
            return None, False
        wait, moves = known[self.people - 1]
        return wait, not moves

    def holds(self) -> timedelta:
        """How much later it may be opened until somebody who comes at an hour of the day comes before somebody who
        comes after a while, or in time at all."""
        if self.opening is None:
            return FOREVER
        fixed = [came.wait for came in self.came.values() if came.opening]
        fixed += [self._next_in] if self._next_in is not None else []
        others = [FOLLOWED, *(came.wait for came in self.came.values() if not came.opening)]
        return min((one - other for one in fixed for other in others if one > other), default=FOREVER)
