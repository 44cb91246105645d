"""Quiet hours, by any clock: they end, and what waits for them never waits for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kernel.calendars import calendar_from
from tocsin.kernel.errors import Refused
from tocsin.notification.rules.quiet import (
    QUIET_MAX,
    Quiet,
    quiet_as_data,
    quiet_from,
    quiet_in_words,
    quiet_until,
)

OFFICE = calendar_from(
    {
        "id": "office",
        "name": "Office",
        "timezone": "UTC",
        "hours": [{"days": ["mon-fri"], "from": "09:00", "to": "17:00"}],
    }
)
KNOWN = {"office": OFFICE}
clocks = st.builds(lambda h, m: f"{h:02}:{m:02}", st.integers(0, 23), st.sampled_from([0, 30]))
windows = st.builds(lambda a, b: {"hours": [{"from": a, "to": b}]}, clocks, clocks)
written = st.one_of(windows, st.just({"outside": "office"}), st.just({"calendar": "office"}))
zones = st.sampled_from(["UTC", "Europe/Madrid", "Australia/Lord_Howe", "America/Santiago"])
instants = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))


@given(written, zones, instants)
def test_quiet_ends_later_and_never_too_late(data: dict[str, object], zone: str, now: datetime) -> None:
    quiet = quiet_from(data)
    assert quiet is not None
    end = quiet_until(quiet, zone, KNOWN, now)
    if end is not None:
        assert now < end <= now + QUIET_MAX
        just_before = quiet_until(quiet, zone, KNOWN, max(now, end - timedelta(seconds=1)))
        assert just_before is not None
        assert just_before >= end
        assert end == now + QUIET_MAX or quiet_until(quiet, zone, KNOWN, end) is None


@given(zones, instants)
def test_within_and_outside_are_opposites(zone: str, now: datetime) -> None:
    within = quiet_until(Quiet(calendar="office"), zone, KNOWN, now)
    outside = quiet_until(Quiet(calendar="office", outside=True), zone, KNOWN, now)
    assert (within is None) != (outside is None)


@given(written)
def test_what_is_written_is_read_back(data: dict[str, object]) -> None:
    quiet = quiet_from(data)
    assert quiet_from(quiet_as_data(quiet)) == quiet
    assert quiet_in_words(quiet, {"office": "Office"})


def test_a_calendar_that_there_is_no_more_keeps_nothing_back() -> None:
    assert (
        quiet_until(Quiet(calendar="gone", outside=True), "UTC", KNOWN, datetime(2026, 3, 2, tzinfo=UTC))
        is None
    )


@pytest.mark.parametrize(
    "data", ["night", {"from": "22:00"}, {"hours": 5}, {"calendar": 5}, {"hours": [], "outside": "x"}]
)
def test_what_says_nothing_is_refused_in_words(data: object) -> None:
    with pytest.raises(Refused):
        quiet_from(data)


def test_none_is_none() -> None:
    assert quiet_from(None) is quiet_from({}) is quiet_from({"hours": []}) is None
    assert quiet_as_data(None) == {}
    assert quiet_in_words(None, {}) == ""
