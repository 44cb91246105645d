"""Django's PostgreSQL backend whose connections give up a server that does not answer.

The server itself ends a statement that takes too long (`statement_timeout`). A server that is stopped, or behind a
network that swallows everything, ends nothing: its kernel still acknowledges what it is sent, so keepalives do not
notice either. So the client looks at the time as well, and drops a connection on which nothing has come back.
"""

from __future__ import annotations

from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg import IsolationLevel
from psycopg.abc import PQGen

PATIENCE_SECONDS = 6.5  # longer than the statement_timeout: a server that answers says so first
LOOK_SECONDS = 0.1


class Connection(psycopg.Connection[Any]):
    """`patience` is how long an answer may take, in seconds; None: for ever."""

    patience: float | None = PATIENCE_SECONDS

    def wait(self, gen: PQGen[Any], interval: float = LOOK_SECONDS, timeout: float | None = None) -> Any:
        if timeout is not None:
            return super().wait(gen, interval, timeout)  # who asks with a limit wants to hear of it
        try:
            return super().wait(gen, interval, self.patience)
        except psycopg.errors._WaitTimeout as silence:
            self.pgconn.finish()
            raise psycopg.OperationalError(
                f"the database has not answered for {self.patience} s"
            ) from silence


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        self.isolation_level = IsolationLevel.READ_COMMITTED
        return Connection.connect(**conn_params)
