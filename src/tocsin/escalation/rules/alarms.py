"""Whom the break-glass list tells of what, and how often. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

TOLD_FOR = timedelta(minutes=30)  # who was told of an incident is not told of it again before that
BREATH = timedelta(minutes=2)  # between two messages, however many incidents there are


def to_tell(
    incidents: Collection[int], told: Mapping[int, datetime], last: datetime | None, now: datetime
) -> list[int]:
    """Those of these incidents, alone at `now`, that the list is told of in one message; [] for none yet.

    `told` says when it was told of each, `last` when it was told of anything. What is left out comes with a later
    alarm, for each sounds again until somebody is reached.
    """
    if last is not None and now - last < BREATH:
        return []
    return sorted(number for number in incidents if number not in told or now - told[number] >= TOLD_FOR)
