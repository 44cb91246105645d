"""Django's SQLite backend with one writer at a time and one owner of checkpoints, inside this process.

SQLite 3.7.0-3.51.2 can corrupt a WAL database when two connections write or checkpoint at the same moment
(fixed in 3.51.3). So every write of this process, in whatever thread, holds `WRITER` from BEGIN IMMEDIATE to
COMMIT, and so does the one checkpointer. A second process is kept away by the lock file on the data folder.
The lock hands over at once and in order, where SQLite's own busy handler sleeps and polls.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.sqlite3 import base

from tocsin.journal.sqlite.turn import Turn

WRITER = Turn()
_READS = ("SELECT", "PRAGMA", "EXPLAIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT", "WITH")


class Cursor(base.SQLiteCursorWrapper):
    """Takes the writer lock for a lone statement outside a transaction; inside one it is held already."""

    wrapper: DatabaseWrapper

    def _lone_write(self, query: str) -> bool:
        return not self.wrapper.holds_writer and not query.lstrip()[:9].upper().startswith(_READS)

    def execute(self, query: str, params: Any = None) -> Any:
        if self._lone_write(query):
            with WRITER:
                return super().execute(query, params)
        return super().execute(query, params)

    def executemany(self, query: str, param_list: Any) -> Any:
        if self._lone_write(query):
            with WRITER:
                return super().executemany(query, param_list)
        return super().executemany(query, param_list)


class DatabaseWrapper(base.DatabaseWrapper):
    holds_writer = False

    def create_cursor(self, name: str | None = None) -> Any:
        cursor = self.connection.cursor(factory=Cursor)
        cursor.wrapper = self
        return cursor

    def _start_transaction_under_autocommit(self) -> None:
        WRITER.acquire()
        self.holds_writer = True
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._let_go()
            raise

    def _commit(self) -> None:
        try:
            super()._commit()  # type: ignore[misc]
        except BaseException:
            raise  # Django rolls back next, and that lets the writer go
        else:
            self._let_go()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self._let_go()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self.holds_writer:
            self.holds_writer = False
            WRITER.release()
