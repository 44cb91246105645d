"""When who was paged is told that it has grown: rarely, and only what is worse than they know. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

UPDATE_AFTER = timedelta(minutes=1)  # something joined: what follows at once is told in the same update
UPDATE_EVERY = timedelta(minutes=5)  # at least, between two updates to one person about one incident


@dataclass(frozen=True)
class Size:
    """How bad an incident is: how many of its alerts fire, and its priority, of which "P1" is the worst."""

    firing: int
    priority: str

    def worse_than(self, other: Size) -> bool:
        """Whether more of it fires, or its priority is higher."""
        return self.firing > other.firing or self.priority < other.priority


@dataclass(frozen=True)
class Known:
    """What a person was told last, by a page or an update, and when their last update was; None before the first."""

    size: Size
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Tell:
    """They are told now."""


@dataclass(frozen=True)
class Later:
    """They are told at `at`, of what is so then."""

    at: datetime


@dataclass(frozen=True)
class Nothing:
    """It is no worse than they know."""


def update_for(size: Size, known: Known, now: datetime) -> Tell | Later | Nothing:
    """What somebody is told who knows of it and has not answered. Who has answered is not asked about."""
    if not size.worse_than(known.size):
        return Nothing()
    if known.updated_at is not None and now < known.updated_at + UPDATE_EVERY:
        return Later(known.updated_at + UPDATE_EVERY)
    return Tell()
