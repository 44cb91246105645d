"""The one owner of SQLite's checkpoints."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.programs import eventually
from tocsin.site.checkpoint import FRAMES_MIN, Checkpointer, has_reset_bug


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


def test_it_empties_the_log_beside_a_writer_that_never_does(database: Path) -> None:
    checkpointer = Checkpointer(database)
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        checkpointer.start()
        before = database.stat().st_size
        for _ in range(FRAMES_MIN + 200):
            writer.execute("INSERT INTO event VALUES (zeroblob(4096))")
            writer.commit()
        eventually(
            lambda: database.stat().st_size > before + FRAMES_MIN * 2048
        )  # copied back beside the writer
        log = database.with_name("tocsin.db-wal")
        assert log.stat().st_size > 0
        eventually(lambda: log.stat().st_size == 0, seconds=60)  # nothing more is written, so it is emptied
        assert writer.execute("SELECT count(*) FROM event").fetchone() == (FRAMES_MIN + 200,)
    checkpointer.stop(10)
    with closing(sqlite3.connect(database)) as reader:
        assert reader.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_reader_in_the_way_is_no_error(database: Path) -> None:
    checkpointer = Checkpointer(database)
    with closing(sqlite3.connect(database)) as writer, closing(sqlite3.connect(database)) as reader:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM event").fetchone()
        for _ in range(FRAMES_MIN + 10):
            writer.execute("INSERT INTO event VALUES (zeroblob(4096))")
            writer.commit()
        checkpointer.start()
        assert reader.execute("SELECT count(*) FROM event").fetchone() == (0,)
        checkpointer.stop(10)
        reader.rollback()
        assert reader.execute("SELECT count(*) FROM event").fetchone() == (FRAMES_MIN + 10,)
