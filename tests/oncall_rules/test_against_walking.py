"""The computed schedule is the one that somebody finds who walks through time with a clock."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings

from tests.oncall_rules.strategies import DAY, HOUR, QUARTER, ZONES, changes, placed
from tests.oncall_rules.walking import Walk
from tocsin.kernel.hours import Window
from tocsin.kernel.zones import zone
from tocsin.oncall.rules import Layer, Rotation, Schedule, Seat, Unit, final, gaps, on_call, timeline

BEFORE, AFTER = 6 * DAY, 8 * DAY


@settings(max_examples=120, deadline=None)
@given(placed())
def test_it_is_what_a_walk_through_time_finds(drawn: tuple[Schedule, datetime]) -> None:
    schedule, at = drawn
    walk = Walk(schedule)
    computed = timeline(schedule, at - BEFORE, at + AFTER)
    now = at - BEFORE
    while now < at + AFTER:
        assert set(computed.on_call(now)) == walk.look(now), now
        now += QUARTER
