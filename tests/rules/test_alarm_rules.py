"""How often the break-glass list is told of what."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tocsin.escalation.rules.alarms import BREATH, TOLD_FOR, to_tell

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def test_what_is_new_is_told_and_what_was_told_is_not_for_half_an_hour() -> None:
    assert to_tell([2, 1], {}, None, NOW) == [1, 2]
    assert to_tell([1, 2], {1: NOW - TOLD_FOR / 2}, NOW - TOLD_FOR / 2, NOW) == [2]
    assert to_tell([1], {1: NOW - TOLD_FOR}, NOW - TOLD_FOR, NOW) == [1]


def test_nobody_is_called_twice_in_a_breath_however_many_incidents_there_are() -> None:
    assert to_tell([1, 2, 3], {}, NOW - BREATH / 2, NOW) == []


@given(
    st.lists(st.tuples(st.integers(0, 600), st.sets(st.integers(1, 9), max_size=9)), max_size=80),
)
def test_each_incident_is_told_of_at_most_once_in_its_time(looks: list[tuple[int, set[int]]]) -> None:
    told: dict[int, datetime] = {}
    messages: list[tuple[datetime, list[int]]] = []
    at = NOW
    for seconds, incidents in looks:
        at += timedelta(seconds=seconds)
        if some := to_tell(incidents, told, messages[-1][0] if messages else None, at):
            messages.append((at, some))
            told |= dict.fromkeys(some, at)
    for before, after in itertools.pairwise(messages):
        assert after[0] - before[0] >= BREATH
    for number in range(1, 10):
        times = [when for when, some in messages if number in some]
        assert all(b - a >= TOLD_FOR for a, b in itertools.pairwise(times))
