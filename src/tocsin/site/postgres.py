"""On PostgreSQL: hear what other nodes have committed, and take the time from the database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import structlog
from django.db import connection

from tocsin.journal import waking
from tocsin.journal.postgres.base import PATIENCE_SECONDS, Connection

LISTEN_SECONDS = 5.0  # between two proofs that the connection still lives
BACK_OFF_SECONDS = 1.0
TOPICS = ("inbox", "duties", "deliveries", "configuration", "console", "now")

_log = structlog.get_logger("tocsin.postgres")


def database_seconds() -> float:
    """The database's time in seconds since 1970."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        return float(cursor.fetchone()[0])


def connection_arguments(settings: dict[str, Any]) -> dict[str, Any]:
    """What psycopg needs for one more connection to the database of Django's settings."""
    named = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    found: dict[str, Any] = {ours: settings[theirs] for ours, theirs in named.items() if settings.get(theirs)}
    return found | dict(settings.get("OPTIONS", {}))


class Ears:
    """Listens for the wake-ups of other nodes in a thread of its own and hands them to the listeners here.

    What was said while the connection was down is not known; so after every reconnection everybody looks.
    """

    def __init__(self, arguments: dict[str, Any], deliver: Callable[[str], None] = waking.deliver) -> None:
        self._arguments = arguments
        self._deliver = deliver
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ears", daemon=True)

    def start(self) -> None:
        """Begin to listen, in the background."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """End, and wait for that at most `seconds`."""
        self._stopping.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except psycopg.Error as error:
                _log.warning(
                    "listening to other nodes broke off; trying again", error=str(error).strip()[:200]
                )
                self._stopping.wait(BACK_OFF_SECONDS)

    def _listen(self) -> None:
        with Connection.connect(**self._arguments, autocommit=True) as ears:
            ears.execute(f"LISTEN {waking.CHANNEL}")
            ears.patience = None  # silence is what one hears mostly
            for topic in TOPICS:
                self._deliver(topic)
            mine = ears.info.backend_pid
            quiet = 0.0
            while not self._stopping.is_set():
                heard = False
                for said in ears.notifies(timeout=0.5):
                    heard = True
                    if said.pid != mine:
                        self._deliver(said.payload)
                quiet = 0.0 if heard else quiet + 0.5
                if quiet >= LISTEN_SECONDS:
                    ears.patience = PATIENCE_SECONDS
                    ears.execute("SELECT 1")
                    ears.patience, quiet = None, 0.0
