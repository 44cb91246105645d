"""Commit a group of accepted requests: all of them in one transaction, or none.

One statement stores a whole group. On SQLite it is its own transaction, and while it runs and syncs other threads go
on; row by row, the interpreter would change hands at every row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from django.db import connection, transaction

from tocsin.intake.hot_request import Accepted, Done, Request, Source
from tocsin.intake.rules import IDEMPOTENCY_LIFE
from tocsin.journal.crashing import point
from tocsin.journal.waking import deliver, wake

ARRIVED = "inbox"  # the topic of a commit that has put something into it


class Once(msgspec.Struct, frozen=True, gc=False):
    """An Idempotency-Key and the request it stands for, both as digests."""

    key: str
    request: str


class Item(msgspec.Struct, frozen=True):
    """An accepted request that waits to be stored and answered."""

    integration_id: str
    accepted: Accepted
    source: Source
    request: Request
    done: Done
    once: Once | None = None


class Told(msgspec.Struct, frozen=True, gc=False):
    """What was answered before under the same Idempotency-Key; `same` when it was for the same request."""

    status: int
    answer: bytes
    same: bool


def once_of(request: Request) -> Once | None:
    """What the request's Idempotency-Key stands for, None when it has none."""
    key = request.headers.get(b"idempotency-key")
    if not key:
        return None
    whole = hashlib.sha256(
        b"\n".join((request.method.encode(), request.path.encode(), request.query.encode()))
    )
    whole.update(request.body)
    return Once(hashlib.sha256(key).hexdigest(), whole.hexdigest())


def store(items: Sequence[Item], now: datetime) -> list[Told | None]:
    """Commit `items`; for each the earlier answer under its Idempotency-Key, None when it was stored now.

    Raises a database error with nothing stored.
    """
    if connection.vendor == "sqlite" and not any(item.once for item in items):
        with connection.cursor() as cursor:
            cursor.execute(insert_of(len(items), "%s"), values_of(items, stamp(now)))
        point("intake.committed")
        deliver(ARRIVED)
        return [None] * len(items)
    with transaction.atomic():
        told = _remember(items, now)
        fresh = [item for item, earlier in zip(items, told, strict=True) if earlier is None]
        if fresh:
            with connection.cursor() as cursor:
                cursor.execute(insert_of(len(fresh), "%s"), values_of(fresh, stamp(now)))
            wake(ARRIVED)
        point("intake.stored")
    point("intake.committed")
    return told


@lru_cache(maxsize=512)
def insert_of(rows: int, mark: str) -> str:
    """The statement that stores `rows` requests, with the driver's mark for a value."""
    row = f"({', '.join([mark] * 6)}, '')"
    columns = "integration_id, source, lane, received_at, meta, body, problem"
    return f"INSERT INTO intake_inbox ({columns}) VALUES {', '.join([row] * rows)}"


def values_of(items: Sequence[Item], received_at: Any) -> list[Any]:
    """The values of `insert_of`, one row after the other."""
    values: list[Any] = []
    for item in items:
        accepted = item.accepted
        values += (
            item.integration_id,
            accepted.source,
            accepted.lane,
            received_at,
            accepted.meta,
            accepted.body,
        )
    return values


def stamp(now: datetime) -> Any:
    """`now` as the database's driver takes it."""
    return connection.ops.adapt_datetimefield_value(now)


def _remember(items: Sequence[Item], now: datetime) -> list[Told | None]:
    """Claim the Idempotency-Keys of `items`; where somebody has one already, what he was told.

    The unique row decides, between requests of one group as between nodes. Claimed in one order everywhere, so that
    two nodes never wait for each other crosswise.
    """
    told: list[Told | None] = [None] * len(items)
    keyed = [(item.integration_id, item.once.key, place) for place, item in enumerate(items) if item.once]
    if not keyed:
        return told
    with connection.cursor() as cursor:
        for integration_id, key, place in sorted(keyed):
            accepted, once = items[place].accepted, items[place].once
            assert once is not None
            cursor.execute(
                "INSERT INTO intake_remembered (integration_id, digest, body_digest, status, answer, expires_at)"
                " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (integration_id, digest) DO UPDATE"
                " SET body_digest = excluded.body_digest, status = excluded.status, answer = excluded.answer,"
                " expires_at = excluded.expires_at WHERE intake_remembered.expires_at <= %s",
                [
                    integration_id, key, once.request, accepted.status, accepted.answer.decode(),
                    stamp(now + IDEMPOTENCY_LIFE), stamp(now),
                ],
            )  # fmt: skip
            if cursor.rowcount == 1:
                continue
            cursor.execute(
                "SELECT body_digest, status, answer FROM intake_remembered WHERE integration_id = %s AND digest = %s",
                [integration_id, key],
            )
            request, status, answer = cursor.fetchone()
            told[place] = Told(status, answer.encode(), request == once.request)
    return told


def waiting() -> dict[str, tuple[int, int]]:
    """For each integration, how many requests wait to be digested, and their bytes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT integration_id, count(*), coalesce(sum(length(body)), 0) FROM intake_inbox"
            " WHERE quarantined_at IS NULL GROUP BY integration_id"
        )
        return {integration: (int(rows), int(size)) for integration, rows, size in cursor.fetchall()}
