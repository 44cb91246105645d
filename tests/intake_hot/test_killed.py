"""A1: kill -9 at any moment. What was answered 2xx is in the inbox; what was not is there whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import sqlite3
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from tests import warm
from tests.intake_hot.serving import KEY, read, written
from tests.patience import eventually
from tests.programs import prepared

ROOT = Path(__file__).parents[2]
WRITERS = 8
HOOK = f"/hooks/{KEY}"


class Victim:
    """The program of victim.py, on a database of its own."""

    def __init__(self, data: Path, url: str = "", crash_at: str = "") -> None:
        self.data, self.url = data if url else prepared(data), url
        environ = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
        environ |= {
            "TOCSIN_DATA": str(data),
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
            "TOCSIN_CRASH_AT": crash_at,
        }
        environ["DJANGO_SETTINGS_MODULE"] = "tocsin.site.settings"
        if url:
            environ["TOCSIN_DATABASE_URL"] = url
        reading, writing = os.pipe()
        self.says = os.fdopen(reading)
        with os.fdopen(writing, "w") as out, Path(os.devnull).open() as nothing:
            self.process = warm.start("tests.intake_hot.victim", [], environ, nothing, out, sys.__stderr__)
        self.port = int(self.says.readline())

    def __enter__(self) -> Victim:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.says.close()

    def stored(self) -> list[str]:
        """The keys in the inbox, read when the program is dead."""
        query = "SELECT body FROM intake_inbox"
        if self.url:
            with psycopg.connect(self.url) as database:
                bodies = [bytes(body) for (body,) in database.execute(query)]
        else:
            database = sqlite3.connect(self.data / "tocsin.db")
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            bodies = [body for (body,) in database.execute(query)]
            database.close()
        return [json.loads(body)["key"] for body in bodies]


def flood(victim: Victim, acknowledged: list[str], name: int) -> None:
    """Post until the connection breaks; keep what was answered 2xx."""
    with (
        contextlib.suppress(ConnectionError),
        socket.create_connection(("127.0.0.1", victim.port), timeout=60) as one,
    ):
        for number in range(100_000):
            key = f"{name}-{number}"
            one.sendall(written(HOOK, {"summary": "x", "key": key}))
            answers = read(one, 1)
            if not answers:
                return
            assert answers[0].status == 202
            acknowledged.append(key)


def kill_in_the_middle(victim: Victim, after: int | None) -> tuple[list[str], list[str]]:
    """(acknowledged, stored) once the program has been killed after so many answers, or has died by itself."""
    acknowledged: list[str] = []
    threads = [threading.Thread(target=flood, args=(victim, acknowledged, name)) for name in range(WRITERS)]
    for thread in threads:
        thread.start()
    if after is not None:
        while len(acknowledged) < after:
            threads[0].join(0.001)
        victim.process.send_signal(signal.SIGKILL)
    for thread in threads:
        thread.join(60)
    victim.process.wait(60)
    return acknowledged, victim.stored()


@pytest.mark.sqlite
@pytest.mark.parametrize("after", [1, 150, 400])
def test_a1_what_was_acknowledged_before_kill_9_is_in_the_inbox(tmp_path: Path, after: int) -> None:
    with Victim(tmp_path) as victim:
        acknowledged, kept = kill_in_the_middle(victim, after)
    assert set(acknowledged) <= set(kept) and len(kept) == len(set(kept))
    assert (
        len(kept) - len(acknowledged) <= WRITERS
    )  # what was stored and died unanswered: the sender sends it again


@pytest.mark.sqlite
@pytest.mark.parametrize("at", ["intake.committed:1", "intake.committed:20"])
def test_a1_dying_between_commit_and_answer_loses_nothing(tmp_path: Path, at: str) -> None:
    with Victim(tmp_path, crash_at=at) as victim:
        acknowledged, kept = kill_in_the_middle(victim, None)
    assert set(acknowledged) <= set(kept) and len(kept) > len(acknowledged)


@pytest.mark.sqlite
def test_a19_a_full_disk_is_told_nothing_is_half_stored_and_space_heals_it(tmp_path: Path) -> None:
    with Victim(tmp_path) as victim:

        def post(key: str) -> int:
            with socket.create_connection(("127.0.0.1", victim.port), timeout=60) as one:
                one.sendall(written(HOOK, {"summary": "x" * 3_000, "key": key}))
                (answer,) = read(one, 1)
            assert answer.status == 202 or answer.headers["retry-after"]
            return answer.status

        acknowledged = [key for key in map(str, range(5)) if post(key) == 202]
        # Files may not grow beyond what the log has now: what SQLite meets on a full disk.
        before = resource.prlimit(victim.process.pid, resource.RLIMIT_FSIZE)
        size = (tmp_path / "tocsin.db-wal").stat().st_size
        resource.prlimit(victim.process.pid, resource.RLIMIT_FSIZE, (size + 8_192, before[1]))
        statuses = [post(f"full-{number}") for number in range(10)]
        acknowledged += [f"full-{number}" for number, status in enumerate(statuses) if status == 202]
        assert set(statuses) <= {202, 503, 507} and statuses[-1] != 202
        resource.prlimit(victim.process.pid, resource.RLIMIT_FSIZE, before)
        acknowledged += eventually(lambda: ["healed"] if post("healed") == 202 else [])
        victim.process.kill()
        victim.process.wait()
        assert sorted(victim.stored()) == sorted(acknowledged)


@pytest.mark.postgres
def test_a1_on_postgresql_too(tmp_path: Path, postgres_database: str) -> None:
    with Victim(tmp_path, postgres_database) as victim:
        acknowledged, kept = kill_in_the_middle(victim, 150)
    assert set(acknowledged) <= set(kept)
    with Victim(tmp_path, postgres_database, "intake.stored:5") as victim:
        acknowledged, again = kill_in_the_middle(victim, None)
    assert set(acknowledged) <= set(again) and set(kept) <= set(again)


@pytest.mark.postgres
def test_a6_when_postgresql_drops_its_connections_senders_are_told_to_come_again(
    tmp_path: Path, postgres_database: str
) -> None:
    with Victim(tmp_path, postgres_database) as victim:

        def post(key: str) -> int:
            with socket.create_connection(("127.0.0.1", victim.port), timeout=60) as one:
                one.sendall(written(HOOK, {"summary": "x", "key": key}))
                (answer,) = read(one, 1)
            assert answer.status == 202 or (answer.status == 503 and answer.headers["retry-after"])
            return answer.status

        acknowledged = ["before"] if post("before") == 202 else []
        with psycopg.connect(postgres_database, autocommit=True) as database:
            database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        acknowledged += [f"after-{n}" for n in range(5) if post(f"after-{n}") == 202]
        assert "after-4" in acknowledged
        assert sorted(victim.stored()) == sorted(acknowledged)
