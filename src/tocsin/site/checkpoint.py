"""The one owner of SQLite's checkpoints: copies the write-ahead log back into the database beside the writers.

Writers never checkpoint by themselves (`wal_autocheckpoint=0`), so no commit pays for one. How much waits is read
from the header of the log's index, a stable part of SQLite's file format; nothing is locked to find out.

Libraries before 3.51.3 may corrupt the database when a writer begins the log anew while a checkpoint runs that found
everything copied already (https://sqlite.org/wal.html#walresetbug). A log is begun anew only when all of it has been
copied, and nobody copies but this thread: it begins only while pages wait, so no writer can begin the log anew until
it has finished, and writers need not wait for it. They wait (`WRITER`) whenever the log is emptied.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import threading
from contextlib import nullcontext
from pathlib import Path

import structlog
from prometheus_client import Gauge

from tocsin.journal.sqlite.base import WRITER

FIXED_IN = (3, 51, 3)
FRAMES_MIN = 1_000  # about 4 MB: below, a checkpoint is not worth its two syncs
FRAMES_MAX = 64_000  # about 256 MB: readers have kept the log from starting anew; the writers wait once
LOOK_SECONDS = 0.2
IDLE_SECONDS = 5.0  # nothing written for so long: empty the log

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
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """End; the writers have ended before."""
        self._stopping.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        connection = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()  # the index exists from here on
        # Never closed: closing any descriptor of a file ends every lock that this process holds on it, SQLite's too.
        index = os.open(self._index, os.O_RDONLY | os.O_CLOEXEC)
        last, quiet = 0, 0.0
        try:
            while not self._stopping.wait(LOOK_SECONDS):
                frames, copied = frames_of(index)
                WAITING.set(frames - copied)
                quiet = quiet + LOOK_SECONDS if frames == last else 0.0
                last = frames
                self._maintain(connection, frames, copied, quiet)
            self._checkpoint(connection, "TRUNCATE")
        finally:
            connection.close()

    def _maintain(self, connection: sqlite3.Connection, frames: int, copied: int, quiet: float) -> None:
        if frames >= FRAMES_MAX or (frames and quiet >= IDLE_SECONDS):
            self._checkpoint(connection, "TRUNCATE")
        elif frames - copied >= FRAMES_MIN:
            self._checkpoint(connection, "PASSIVE")

    def _checkpoint(self, connection: sqlite3.Connection, mode: str) -> None:
        """Copy what can be copied; a reader in the way means less, not an error."""
        try:
            with nullcontext() if mode == "PASSIVE" else WRITER:
                connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        except sqlite3.Error as error:
            _log.error("a checkpoint failed", mode=mode, error=str(error))
