"""The machine: files, disk, database, clock."""

from __future__ import annotations

import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import available_timezones

from django.db import connection

from tocsin.journal.models import Entry
from tocsin.kernel.zones import DATA_VERSION
from tocsin.people.models import User
from tocsin.site.checkpoint import has_reset_bug
from tocsin.site.clock import CLOCK, now
from tocsin.site.config import Config
from tocsin.site.doctor.findings import NAMED_MAX, Finding, fail, ok, warn

FREE_MIN, FREE_LOW = 100 * 1024**2, 1024**3
SYNC_SLOW, SYNC_TOO_SLOW = 0.020, 0.200  # seconds for one synced write
SYNCS = 15
AHEAD = timedelta(seconds=5)
POSTGRES_MIN = 140_000


def files(config: Config) -> Iterator[Finding]:
    """Secrets and data are for their owner alone."""
    open_ones = []
    for path in (
        config.data,
        *(config.data / name for name in ("secret.key", "token", "tocsin.db", "tocsin.db-wal")),
    ):
        if (
            path.exists()
            and path.stat().st_mode & 0o077
            and (path == config.data or config.data.stat().st_mode & 0o077)
        ):
            open_ones.append(path.name)
    if open_ones:
        yield fail("files", f"others can reach {', '.join(open_ones)}", "chmod -R go= on the data folder.")
    elif not os.access(config.data, os.W_OK):
        yield fail("files", "the data folder cannot be written", "Give it to the user that runs Tocsin.")
    else:
        yield ok("files", "the data folder is its owner's alone")


def disk(config: Config) -> Iterator[Finding]:
    """How much room is left in the data folder, without root's share."""
    system = os.statvfs(config.data)
    free = system.f_bavail * system.f_frsize
    said = f"{free / 1024**3:.1f} GB free for the data folder"
    if free < FREE_MIN:
        yield fail("disk", said, "Make room: without it, no event can be stored.")
    else:
        yield warn("disk", said, "Make room soon.") if free < FREE_LOW else ok("disk", said)


def sync(config: Config) -> Iterator[Finding]:
    """How long one durable write takes: every accepted event waits for one, shared with those that come with it."""
    took = []
    with tempfile.TemporaryFile(dir=config.data) as file:
        for _ in range(SYNCS):
            begun = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - begun)
    median = statistics.median(took)
    said = f"a synced write takes {median * 1000:.1f} ms"
    if median > SYNC_TOO_SLOW:
        yield fail("sync", said, "This disk is too slow to accept events in time.")
    else:
        yield (
            warn("sync", said, "A faster disk accepts more events.")
            if median > SYNC_SLOW
            else ok("sync", said)
        )


def database(config: Config) -> Iterator[Finding]:
    """Whether the database is whole and keeps what it says it has kept."""
    yield from _postgres() if config.sqlite_path is None else _sqlite()


def _sqlite() -> Iterator[Finding]:
    if has_reset_bug():
        yield warn(
            "SQLite",
            f"{sqlite3.sqlite_version} can corrupt a database that two connections write at once (mended in 3.51.3)",
            "Tocsin writes and checkpoints one at a time, so it is safe; let no other program write to the file.",
        )
    else:
        yield ok("SQLite", f"{sqlite3.sqlite_version}")
    with connection.cursor() as cursor:
        mode, synced = (
            cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
        )
        (found,) = cursor.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        yield fail("database", f"it is damaged: {found}", "Stop the program and restore the last backup.")
    elif (mode, synced) != ("wal", 2):
        yield fail(
            "database", f"journal_mode is {mode}, synchronous {synced}", "Something has changed the settings."
        )
    else:
        yield ok("database", "whole, with a synced write-ahead log")


def _postgres() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
            " pg_is_in_recovery(), current_setting('fsync'), current_setting('synchronous_commit')"
        )
        number, version, standby, fsync, commit = cursor.fetchone()
        begun = time.perf_counter()
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        away = cursor.fetchone()[0] - time.time()
        took = time.perf_counter() - begun
    if number < POSTGRES_MIN:
        yield fail("PostgreSQL", f"{version} is too old", "Tocsin needs 14 or newer.")
    if standby:
        yield fail("PostgreSQL", "this is a standby", "Tocsin decides on the primary only.")
    if (fsync, commit) != ("on", "on"):
        yield fail(
            "PostgreSQL", f"fsync is {fsync}, synchronous_commit {commit}", "Accepted would not mean durable."
        )
    if number >= POSTGRES_MIN and not standby and (fsync, commit) == ("on", "on"):
        yield ok("PostgreSQL", f"{version}, answers in {took * 1000:.1f} ms")
    if abs(away) > AHEAD.total_seconds():
        yield warn("clock", f"the database's clock is {away:+.0f} s from this machine's", "Run NTP on both.")


def clock(config: Config) -> Iterator[Finding]:
    """Whether the machine's clock stands before what the journal has seen, or was just set."""
    last = Entry.objects.order_by("-written_at").values_list("written_at", flat=True).first()
    if last is not None and last > now() + AHEAD:
        yield fail(
            "clock",
            f"the journal has an entry of {last:%Y-%m-%d %H:%M:%S}, in the future",
            "Set the clock; run NTP.",
        )
    elif (step := CLOCK.check()) is not None:
        yield warn("clock", f"it was just set by {step.total_seconds():.0f} s", "Run NTP.")
    else:
        yield ok("clock", f"{now():%Y-%m-%d %H:%M:%S} UTC, after the last entry of the journal")


def zones(config: Config) -> Iterator[Finding]:
    """Whether every active person's time zone is known here."""
    known = available_timezones()
    if not known:
        yield fail("time zones", "this machine has no time zone data", "Install tzdata.")
        return
    strange = sorted({user.timezone for user in User.objects.filter(is_active=True)} - known)
    if strange:
        yield fail(
            "time zones", f"unknown: {', '.join(strange[:NAMED_MAX])}", "Correct them, or install tzdata."
        )
    else:
        yield ok("time zones", f"{len(known)} known, as of {DATA_VERSION or 'an unknown date'}")
