"""Django's SQLite backend with one writer at a time and one owner of checkpoints, inside this process.

SQLite 3.7.0-3.51.2 can corrupt a WAL database when two connections write or checkpoint at the same moment
(fixed in 3.51.3). So every write of this process, in whatever thread, holds `WRITER` from BEGIN IMMEDIATE to
COMMIT, and so does the one checkpointer. A second process is kept away by the lock file on the data folder.
The lock hands over at once and in order, where SQLite's own busy handler sleeps and polls.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.db.backends.sqlite3 import base

from tocsin.journal.sqlite.turn import Turn

WRITER = Turn()
REMEMBERED_MAX = 512  # statements whose marks for values have been rewritten
REMEMBERED_LENGTH_MAX = 4_000  # of one, in characters: longer ones are seldom the same
_READS = ("SELECT", "PRAGMA", "EXPLAIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT", "WITH")


def _with_sqlites_marks(query: str) -> str:
    return base.FORMAT_QMARK_REGEX.sub("?", query).replace("%%", "%")


_remembered = lru_cache(maxsize=REMEMBERED_MAX)(_with_sqlites_marks)


class Cursor(base.SQLiteCursorWrapper):
    """Takes the writer lock for a lone statement outside a transaction; inside one it is held already."""

    wrapper: DatabaseWrapper

    def convert_query(self, query: str, *, param_names: Any = None) -> str:
        """The statement with `?` for its values. Django searches its text anew each time it is run."""
        if param_names is not None:
            return str(super().convert_query(query, param_names=param_names))
        return _remembered(query) if len(query) <= REMEMBERED_LENGTH_MAX else _with_sqlites_marks(query)

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
        self.savepoint_state = 0
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._let_go()
            raise

    # Django names each savepoint anew and asks through a cursor. Here the names of one transaction are those of the
    # next, so that SQLite reads each of these statements once.

    def _savepoint(self, sid: str) -> None:
        self._run(self.ops.savepoint_create_sql(sid))

    def _savepoint_commit(self, sid: str) -> None:
        self._run(self.ops.savepoint_commit_sql(sid))

    def _savepoint_rollback(self, sid: str) -> None:
        self._run(self.ops.savepoint_rollback_sql(sid))

    def _run(self, statement: str) -> None:
        with self.wrap_database_errors:
            self.connection.execute(statement)

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
