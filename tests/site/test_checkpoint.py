"""The one owner of SQLite's checkpoints."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.patience import eventually
from tocsin.site.checkpoint import FRAME_BYTES, FRAMES_MIN, WAITING, Checkpointer, has_reset_bug


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "tocsin.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE event (body BLOB)")
        made.commit()
    return path


def test_it_knows_which_libraries_may_corrupt_a_log() -> None:
    assert has_reset_bug((3, 40, 1))
    assert has_reset_bug((3, 51, 2))
    assert not has_reset_bug((3, 51, 3))
    assert not has_reset_bug((3, 53, 4))


def write(writer: sqlite3.Connection, rows: int) -> None:
    for _ in range(rows):
        writer.execute("INSERT INTO event VALUES (zeroblob(4096))")
        writer.commit()


def test_it_copies_the_log_beside_a_writer_that_never_does_and_lets_it_begin_anew(database: Path) -> None:
    checkpointer = Checkpointer(database)
    log = database.with_name("tocsin.db-wal")
    with closing(sqlite3.connect(database, timeout=60)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        checkpointer.start()
        before = database.stat().st_size
        write(writer, FRAMES_MIN + 200)
        eventually(lambda: database.stat().st_size > before + FRAMES_MIN * 2048)
        grown = log.stat().st_size
        assert grown > 0
        eventually(lambda: WAITING.collect()[0].samples[0].value == 0, seconds=60)  # nothing more is written
        write(writer, 100)
        assert log.stat().st_size == grown  # into the place that the file has already
        assert writer.execute("SELECT count(*) FROM event").fetchone() == (FRAMES_MIN + 300,)
        checkpointer.stop(10)
        assert log.stat().st_size == 0
    with closing(sqlite3.connect(database, timeout=60)) as reader:
        assert reader.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_it_waits_for_whoever_opens_the_log_first(database: Path) -> None:
    checkpointer = Checkpointer(database)
    log = database.with_name("tocsin.db-wal")
    with closing(sqlite3.connect(database, timeout=60)) as first:
        first.execute("PRAGMA locking_mode=EXCLUSIVE")
        first.execute("BEGIN IMMEDIATE")
        checkpointer.start()
        time.sleep(0.2)
        first.rollback()
    eventually(lambda: log.exists() and log.stat().st_size >= FRAMES_MIN * FRAME_BYTES)
    checkpointer.stop(10)


def test_a_reader_in_the_way_is_no_error(database: Path) -> None:
    checkpointer = Checkpointer(database)
    with (
        closing(sqlite3.connect(database, timeout=60)) as writer,
        closing(sqlite3.connect(database, timeout=60)) as reader,
    ):
        writer.execute("PRAGMA wal_autocheckpoint=0")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM event").fetchone()
        write(writer, FRAMES_MIN + 10)
        checkpointer.start()
        assert reader.execute("SELECT count(*) FROM event").fetchone() == (0,)
        checkpointer.stop(10)
        reader.rollback()
        assert reader.execute("SELECT count(*) FROM event").fetchone() == (FRAMES_MIN + 10,)


def test_it_makes_room_for_the_log_and_leaves_no_trace_in_the_database(database: Path) -> None:
    checkpointer = Checkpointer(database)
    log = database.with_name("tocsin.db-wal")
    with closing(sqlite3.connect(database, timeout=60)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        write(writer, 3)
        checkpointer.start()
        eventually(lambda: log.stat().st_size >= FRAMES_MIN * FRAME_BYTES)
        write(writer, 3)
        checkpointer.stop(10)
        assert writer.execute("SELECT count(*) FROM event").fetchone() == (6,)
        assert writer.execute("SELECT name FROM sqlite_master").fetchall() == [("event",)]
        assert writer.execute("PRAGMA integrity_check").fetchone() == ("ok",)
