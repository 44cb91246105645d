"""How something pages (urgency), how much it hurts (impact), and what follows from both (priority)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Urgency(StrEnum):
    """Which personal rules are used."""

    HIGH = "high"
    LOW = "low"

    def worse_than(self, other: Urgency) -> bool:
        """Whether it wakes people and `other` does not."""
        return self is Urgency.HIGH and other is Urgency.LOW


class Impact(StrEnum):
    """How much is affected."""

    MAJOR = "major"
    MODERATE = "moderate"
    MINOR = "minor"


class Priority(StrEnum):
    """What is worked on first; P1 before P5."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"
    P5 = "P5"


Matrix = Mapping[Impact, Mapping[Urgency, Priority]]

DEFAULT_MATRIX: Matrix = {
    Impact.MAJOR: {Urgency.HIGH: Priority.P1, Urgency.LOW: Priority.P3},
    Impact.MODERATE: {Urgency.HIGH: Priority.P2, Urgency.LOW: Priority.P4},
    Impact.MINOR: {Urgency.HIGH: Priority.P3, Urgency.LOW: Priority.P5},
}


def priority_of(matrix: Matrix, impact: Impact, urgency: Urgency) -> Priority:
    """The organisation's answer to "how bad is it"."""
    return matrix[impact][urgency]


def impact_of_tier(tier: int) -> Impact:
    """What an incident on a service of this tier affects until somebody says otherwise (1 is most critical)."""
    return {1: Impact.MAJOR, 2: Impact.MODERATE}.get(tier, Impact.MINOR)
