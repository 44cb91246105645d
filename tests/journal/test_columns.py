"""Values of plain statements are what the database's own query sets would write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from tocsin.journal.columns import from_instant, from_uuid, to_instant, to_uuid

pytestmark = pytest.mark.django_db

OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=OFFSETS)


@given(INSTANTS)
def test_instants_are_written_as_django_writes_them_and_come_back(at: datetime) -> None:
    assert from_instant(at) == connection.ops.adapt_datetimefield_value(at)
    assert to_instant(from_instant(at)) == at


@given(st.uuids())
def test_ids_are_written_as_the_database_has_them_and_come_back(number: UUID) -> None:
    assert (from_uuid(number) == number) is connection.features.has_native_uuid_field
    assert to_uuid(from_uuid(number)) == number


def test_nothing_stays_nothing() -> None:
    assert from_instant(None) is None
    assert to_instant(None) is None
    assert to_instant("2026-03-02 09:00:00") == datetime(2026, 3, 2, 9, tzinfo=UTC)
