"""What one owner of checkpoints is worth: `python -m bench.checkpoints`. Commits at a steady pace, in three ways."""

from __future__ import annotations

import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from tocsin.journal.sqlite.base import WRITER
from tocsin.site.checkpoint import Checkpointer

ROWS, COMMITS, PACE_S = 20, 3_000, 0.002
BODY = b"x" * 450


def measure(way: str, folder: Path) -> list[float]:
    """Milliseconds of each commit. `way` is "in the commit" (SQLite's own), "never" or "one owner"."""
    path = folder / "bench.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("PRAGMA synchronous=FULL")
        writer.execute(f"PRAGMA wal_autocheckpoint={1000 if way == 'in the commit' else 0}")
        writer.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, body BLOB)")
        owner = Checkpointer(path) if way == "one owner" else None
        if owner:
            owner.start()
        took = []
        for _ in range(COMMITS):
            begun = time.perf_counter()
            with WRITER:
                writer.execute("BEGIN IMMEDIATE")
                writer.executemany("INSERT INTO event (body) VALUES (?)", [(BODY,)] * ROWS)
                writer.execute("COMMIT")
            took.append((time.perf_counter() - begun) * 1000)
            time.sleep(max(0.0, PACE_S - (time.perf_counter() - begun)))
        if owner:
            owner.stop(10)
    return took


def main() -> int:
    """Measure each way three times and print the medians; returns the exit code."""
    rounds: dict[str, list[list[float]]] = {}
    for _ in range(3):
        for way in ("in the commit", "one owner", "never"):
            with tempfile.TemporaryDirectory() as folder:
                rounds.setdefault(way, []).append(measure(way, Path(folder)))
    print(
        f"{'checkpoints':15}{'p50 ms':>10}{'p99 ms':>10}{'p99.9 ms':>10}{'max ms':>10}   medians of three rounds"
    )
    for way, all_took in rounds.items():
        cuts = [statistics.quantiles(took, n=1000) for took in all_took]
        middle = [statistics.median(cut[at] for cut in cuts) for at in (499, 989, 998)]
        middle.append(statistics.median(max(took) for took in all_took))
        print(f"{way:15}" + "".join(f"{value:10.2f}" for value in middle))
    return 0


if __name__ == "__main__":
    sys.exit(main())
