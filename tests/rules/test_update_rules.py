"""When somebody is told that an incident has grown: by example, and for whatever comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tocsin.notification.rules.updates import UPDATE_EVERY, Known, Later, Nothing, Size, Tell, update_for

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
sizes = st.builds(Size, st.integers(0, 60), st.sampled_from(["P1", "P2", "P3", "P4", "P5"]))


def test_more_alerts_than_they_know_of_are_told() -> None:
    assert update_for(Size(50, "P2"), Known(Size(1, "P2")), T0) == Tell()


def test_a_higher_priority_is_told() -> None:
    assert update_for(Size(1, "P1"), Known(Size(1, "P2")), T0) == Tell()


def test_what_is_no_worse_than_they_know_is_not() -> None:
    for size in (Size(50, "P2"), Size(3, "P2"), Size(0, "P2"), Size(50, "P4")):
        assert update_for(size, Known(Size(50, "P2")), T0) == Nothing()


def test_who_got_an_update_of_late_is_told_later() -> None:
    known = Known(Size(50, "P2"), updated_at=T0)
    assert update_for(Size(51, "P2"), known, T0 + timedelta(minutes=2)) == Later(T0 + UPDATE_EVERY)
    assert update_for(Size(51, "P2"), known, T0 + UPDATE_EVERY) == Tell()


@given(st.lists(st.tuples(st.integers(0, 120), sizes), max_size=80))
def test_updates_are_few_each_says_something_worse_and_none_is_told_twice(
    arrivals: list[tuple[int, Size]],
) -> None:
    """Everything that joins, looked at at once: the interval holds, and nobody is told the same again."""
    known, now, told = Known(Size(1, "P3")), T0, []
    for wait, size in arrivals:
        now += timedelta(seconds=wait)
        if update_for(size, known, now) == Tell():
            assert size.worse_than(known.size)
            told.append(now)
            known = Known(size, now)
            assert update_for(size, known, now) == Nothing()
    assert all(after - before >= UPDATE_EVERY for before, after in pairwise(told))
