"""The one owner of SQLite's checkpoints: copies the write-ahead log back into the database beside the writers.

Writers never checkpoint by themselves (`wal_autocheckpoint=0`), so no commit pays for one. How much waits is read
from the header of the log's index, a stable part of SQLite's file format; nothing is locked to find out.

Libraries before 3.51.3 may corrupt the database when a writer begins the log anew while a checkpoint runs that found
everything copied already (https://sqlite.org/wal.html#walresetbug). A log is begun anew only when all of it has been
copied, and nobody copies but this thread: it begins only while pages wait, so no writer can begin the log anew until
it has finished, and writers need not wait for it. They wait (`WRITER`) for the few pages that came meanwhile, after
which the log begins anew in the same file: a commit into blocks that the file has already takes half the time of one
that makes it longer. So the file is emptied when the program ends, or when readers have let it grow out of bounds.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import threading
from contextlib import nullcontext, suppress
from pathlib import Path

import structlog
from prometheus_client import Gauge

from tocsin.journal.sqlite.base import WRITER

FIXED_IN = (3, 51, 3)
FRAMES_MIN = 4_000  # about 16 MB: below, a checkpoint is not worth its syncs
FRAME_BYTES = 4_096
FRAMES_MAX = 64_000  # about 256 MB: readers have kept the log from starting anew; the writers wait once
LOOK_SECONDS = 0.2
IDLE_SECONDS = 5.0  # nothing written for so long: copy what there is
OPENING_SECONDS = 60.0  # whoever opens the log first reads it through, and everybody else waits

WAITING = Gauge("tocsin_sqlite_wal_frames", "Pages in the write-ahead log that are not yet in the database")
_HEADER = struct.Struct("=16xI")  # mxFrame
_INFO = struct.Struct("=96xI")  # nBackfill
_log = structlog.get_logger("tocsin.checkpoint")


def has_reset_bug(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Whether this library may corrupt a log that two connections write or checkpoint at once."""
    return (3, 7, 0) <= version < FIXED_IN


def frames_of(index: int) -> tuple[int, int]:
    """The pages in the log, and how many of them have been copied back; (0, 0) without a log."""
    head = os.pread(index, _INFO.size, 0)
    if len(head) < _INFO.size:
        return 0, 0
    return _HEADER.unpack_from(head)[0], _INFO.unpack_from(head)[0]


class Checkpointer:
    """Runs in a thread of its own, with a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._index = path.with_name(path.name + "-shm")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoint", daemon=True)

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """End; the writers have ended before."""
        self._stopping.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        connection = sqlite3.connect(
            self._path, timeout=OPENING_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()  # the index exists from here on
        connection.execute("PRAGMA busy_timeout=0")  # a reader in the way of a copy is not waited for
        # Never closed: closing any descriptor of a file ends every lock that this process holds on it, SQLite's too.
        index = os.open(self._index, os.O_RDONLY | os.O_CLOEXEC)
        last, quiet = 0, 0.0
        try:
            self._make_room(connection)
            while not self._stopping.wait(LOOK_SECONDS):
                frames, copied = frames_of(index)
                WAITING.set(frames - copied)
                quiet = quiet + LOOK_SECONDS if frames == last else 0.0
                last = frames
                self._maintain(connection, frames, copied, quiet)
            self._checkpoint(connection, "TRUNCATE")
        finally:
            connection.close()

    def _make_room(self, connection: sqlite3.Connection) -> None:
        """Let the log have the length at which it begins anew, so that the first commits are as quick as later ones.

        What does not fit into the cache of a transaction goes to the log before it is committed; this one never is.
        """
        log = self._path.with_name(self._path.name + "-wal")
        try:
            with WRITER:
                connection.execute("PRAGMA cache_size=16")
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("CREATE TABLE room (filled BLOB)")
                while log.stat().st_size < FRAMES_MIN * FRAME_BYTES:
                    connection.execute("INSERT INTO room VALUES (zeroblob(1048576))")
                connection.execute("ROLLBACK")
        except (sqlite3.Error, OSError) as error:
            _log.warning("no room was made for the write-ahead log; it grows as it goes", error=str(error))
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        with suppress(OSError):
            descriptor = os.open(log, os.O_RDONLY | os.O_CLOEXEC)  # SQLite locks nothing in this file
            os.fsync(descriptor)
            os.close(descriptor)

    def _maintain(self, connection: sqlite3.Connection, frames: int, copied: int, quiet: float) -> None:
        waiting = frames - copied
        if frames >= FRAMES_MAX:
            self._checkpoint(connection, "TRUNCATE")
        elif waiting >= FRAMES_MIN or (waiting and quiet >= IDLE_SECONDS):
            self._checkpoint(connection, "PASSIVE")
            self._checkpoint(connection, "RESTART")

    def _checkpoint(self, connection: sqlite3.Connection, mode: str) -> None:
        """Copy what can be copied; a reader in the way means less, not an error."""
        try:
            with nullcontext() if mode == "PASSIVE" else WRITER:
                connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        except sqlite3.Error as error:
            _log.error("a checkpoint failed", mode=mode, error=str(error))
