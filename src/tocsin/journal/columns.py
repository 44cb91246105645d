"""Values of columns for plain statements, as each database's driver takes and gives them.

The hottest statements are written by hand: putting one together from a query set costs more than running it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection


@cache
def _is_sqlite() -> bool:
    """One program has one database. Asked dozens of times for each page, where the way to `connection` would count."""
    return connection.vendor == "sqlite"


def from_instant(at: datetime | None) -> Any:
    """The instant, which knows its zone, as the database's driver takes it."""
    if at is None or not _is_sqlite():
        return at
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ")


def to_instant(at: datetime | str | None) -> datetime | None:
    """SQLite's instants are in UTC and do not say so."""
    if at is None:
        return None
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def from_uuid(value: UUID) -> Any:
    """The id as the database's driver takes it."""
    return value.hex if _is_sqlite() else value


def to_uuid(value: UUID | str) -> UUID:
    """The id from what the driver gives."""
    return value if isinstance(value, UUID) else UUID(value)


def from_json(value: Any) -> str:
    """JSON as text: both databases take it for their JSON columns."""
    return msgspec.json.encode(value, enc_hook=_plain).decode()


def _plain(value: Any) -> str:
    """Strings of a kind of their own are written as any string."""
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON has")


def to_json(value: Any) -> Any:
    """The value from what the driver gives: text on SQLite, the value itself on PostgreSQL."""
    return json.loads(value) if isinstance(value, str) else value


def locking(*tables: str) -> str:
    """The end of a SELECT that takes rows nobody else holds; "" on SQLite, where the transaction holds everything."""
    if _is_sqlite():
        return ""
    return f" FOR UPDATE OF {', '.join(tables)} SKIP LOCKED"
