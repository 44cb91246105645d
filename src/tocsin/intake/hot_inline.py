"""Commit on SQLite without leaving the event loop: no thread is woken, and nothing waits for the interpreter.

Measured (docs/reference/intake.md): it stores single posts about half as fast again as a thread of its own. The
price is that a slow sync holds the loop; so it is done only when nobody else is writing, and never on PostgreSQL.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import OperationalError, connection, connections

from tocsin.intake.hot_store import Item, insert_of, stamp, values_of
from tocsin.journal.crashing import point


class Inline:
    """One connection of the loop's own. `open` is called in a thread: Django opens no connection in a loop."""

    def __init__(self) -> None:
        self._raw: sqlite3.Connection | None = None
        self._wrapper: Any = None
        self._lock: Any = None

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
        """Take the writer's place when it is free."""
        return self._raw is not None and self._lock.acquire(blocking=False)

    def store(self, items: Sequence[Item], now: datetime) -> None:
        """Commit `items` in one statement, which is its own transaction. Raises with nothing stored."""
        raw = self._raw
        assert raw is not None
        try:
            raw.execute(insert_of(len(items), "?"), values_of(items, stamp(now)))
        except sqlite3.Error as error:
            self.close()  # the keeper opens another
            raise OperationalError(*error.args) from error
        point("intake.committed")

    def end(self) -> None:
        self._lock.release()

    def close(self) -> None:
        raw, self._raw = self._raw, None
        if raw is not None:
            with contextlib.suppress(sqlite3.Error):
                raw.close()
