"""Commit on SQLite without leaving the event loop: no thread is woken, and nothing waits for the interpreter.

Where a sync takes a fifth of a millisecond this is the faster way; where the disk is slow or busy it would hold up
the loop, and a thread of its own is. So it is done while nobody else is writing and the last sync was quick, and
never on PostgreSQL. What was measured stands in docs/reference/intake.md.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import OperationalError, connection, connections

from tocsin.intake.hot_store import Item, insert_of, values_of
from tocsin.journal.crashing import point

SLOW_SECONDS = 0.002  # a commit that took longer has held up the loop for too long
REST_SECONDS = 0.25  # then the thread commits so long


class Inline:
    """One connection of the loop's own. `open` is called in a thread: Django opens no connection in a loop."""

    def __init__(self) -> None:
        self._raw: sqlite3.Connection | None = None
        self._wrapper: Any = None
        self._lock: Any = None
        self._not_before = 0.0

    def open(self) -> None:
        """Connect when there is no connection, and the database is SQLite."""
        if self._raw is not None or connection.vendor != "sqlite":
            return
        # Only there does the room of the journal have a lock for writers.
        from tocsin.journal.sqlite.base import WRITER

        wrapper = connections.create_connection("default")
        wrapper.connect()
        self._wrapper, self._lock = wrapper, WRITER
        self._raw = wrapper.connection

    def begin(self) -> bool:
        """Take the writer's place when it is free and the disk is quick."""
        if self._raw is None or time.perf_counter() < self._not_before:
            return False
        return bool(self._lock.acquire(blocking=False))

    def store(self, items: Sequence[Item], now: datetime) -> None:
        """Commit `items` in one statement, which is its own transaction. Raises with nothing stored."""
        raw = self._raw
        assert raw is not None
        began = time.perf_counter()
        try:
            # Not by way of Django's `connection`, which is another, new one in each turn of a loop.
            at = self._wrapper.ops.adapt_datetimefield_value(now)
            raw.execute(insert_of(len(items), "?"), values_of(items, at))
        except sqlite3.Error as error:
            self.close()  # the keeper opens another
            raise OperationalError(*error.args) from error
        point("intake.committed")
        ended = time.perf_counter()
        if ended - began > SLOW_SECONDS:
            self._not_before = ended + REST_SECONDS

    def end(self) -> None:
        self._lock.release()

    def close(self) -> None:
        raw, self._raw = self._raw, None
        if raw is not None:
            with contextlib.suppress(sqlite3.Error):
                raw.close()
