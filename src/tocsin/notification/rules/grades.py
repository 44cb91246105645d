"""What goes first when not everything can go at once. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Grade(IntEnum):
    """How much a message presses; a smaller number goes first, and takes places that larger ones do not get."""

    WORST = 0  # urgent, and about an incident of the highest priority
    URGENT = 1
    LOW = 2


def grade_of(urgent: bool, priority: str) -> Grade:
    """The grade of a message about an incident of this priority; "" for one that is about none."""
    if not urgent:
        return Grade.LOW
    return Grade.WORST if priority == "P1" else Grade.URGENT


@dataclass(frozen=True)
class Closed:
    """Addresses of which nothing of `grade`, nor of a lesser one, can be sent now: all that begin with `beginning`."""

    beginning: str
    grade: Grade
