"""Transactions that differ from the usual in what their commit waits for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def unsynced() -> Iterator[None]:
    """A transaction whose commit does not wait for the disk.

    It is whole and seen by everybody at once, and survives the end of this program; a machine that loses its power
    may forget it, and nothing that was committed before it. For what is safe to do again, and for nothing else.
    """
    if connection.in_atomic_block:  # the outermost transaction decides
        yield
        return
    sqlite = connection.vendor == "sqlite"
    if sqlite:
        connection.ensure_connection()
        _wait_for_the_disk("NORMAL")
    try:
        with transaction.atomic():
            if not sqlite:
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL synchronous_commit = off")
            yield
    finally:
        if sqlite and connection.connection is not None:
            _wait_for_the_disk("FULL")


def _wait_for_the_disk(how: str) -> None:
    """Set what commits of this SQLite connection wait for, without the way of a cursor: it is done for every page."""
    with connection.wrap_database_errors:
        connection.connection.execute(f"PRAGMA synchronous={how}")
