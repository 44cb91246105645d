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
        connection.connection.execute("PRAGMA synchronous=NORMAL")
    try:
        with transaction.atomic():
            if not sqlite:
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL synchronous_commit = off")
            yield
    finally:
        if sqlite and connection.connection is not None:
            connection.connection.execute("PRAGMA synchronous=FULL")
