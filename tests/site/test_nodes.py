"""Several nodes on PostgreSQL: they share the work, and outlive a database that goes away or freezes."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from tests import postgres
from tests.patience import eventually
from tests.programs import ORGANISATION, Program, declare, incidents, running, tocsin, trigger
from tocsin.site.postgres import TOPICS, Ears

SECRET = "the same for every node of one database, and for these tests only"
SHORT = ORGANISATION.replace("timeout: 1h}]", "timeout: 1s}], repeat: 2")


@contextmanager
def node(folder: Path, url: str) -> Iterator[Program]:
    with running(folder, TOCSIN_DATABASE_URL=url, TOCSIN_SECRET_KEY=SECRET) as program:
        yield program


def asked(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.postgres
def test_two_nodes_share_the_work_and_neither_repeats_the_other(
    tmp_path: Path, postgres_database: str
) -> None:
    with node(tmp_path / "one", postgres_database) as one, node(tmp_path / "two", postgres_database) as two:
        declare(one, SHORT)
        assert [trigger(program, f"disk-{n}") for n in range(10) for program in (one, two)] == [202] * 20
        found = eventually(lambda: len(incidents(two)) == 10 and incidents(two))
        assert {incident["title"] for incident in found} == {f"disk-{n} fails" for n in range(10)}
        # Three pages each: the level, and its two repeats. Each once, whichever node made it.
        eventually(lambda: two.ask("GET", "/api/v1/numbers")[1]["sent"] >= 30, seconds=120)
        pages = asked(
            postgres_database,
            "SELECT data->>'round', count(*) FROM journal_entry WHERE kind = 'climb.paged' GROUP BY 1 ORDER BY 1",
        )
        assert pages == [("1", 10), ("2", 10), ("3", 10)]
        assert tocsin(one.data, "audit", "verify").returncode == 0


@pytest.mark.postgres
def test_a_node_that_is_killed_leaves_its_work_to_the_other(tmp_path: Path, postgres_database: str) -> None:
    with node(tmp_path / "one", postgres_database) as one, node(tmp_path / "two", postgres_database) as two:
        declare(one, SHORT)
        assert [trigger(one, f"disk-{n}") for n in range(5)] == [202] * 5
        one.kill()
        eventually(lambda: two.ask("GET", "/api/v1/numbers")[1]["confirmed"] >= 15, seconds=180)
        assert len(incidents(two)) == 5


@pytest.mark.postgres
def test_a_node_with_another_secret_is_refused(tmp_path: Path, postgres_database: str) -> None:
    with node(tmp_path / "one", postgres_database) as one:
        declare(one)
        eventually(lambda: asked(postgres_database, "SELECT 1 FROM journal_seal"))
        refused = tocsin(
            tmp_path / "two",
            "run",
            "--port",
            "0",
            TOCSIN_DATABASE_URL=postgres_database,
            TOCSIN_SECRET_KEY="another",
        )
    assert refused.returncode == 1
    assert "belongs to another secret key" in refused.stderr


@pytest.mark.postgres
def test_a_database_that_goes_away_is_waited_for(tmp_path: Path, postgres_database: str) -> None:
    admin = postgres.with_database(postgres_database, "postgres")
    name = postgres_database.rpartition("/")[2]
    with node(tmp_path / "one", postgres_database) as one:
        declare(one)
        assert trigger(one, "before") == 202
        asked(admin, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        asked(admin, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        eventually(lambda: one.ask("GET", "/readyz")[0] == 503)
        status, headers, _ = one.raw("GET", "/api/v1/me")
        assert (status, "retry-after" in headers) == (503, True)
        assert trigger(one, "during") == 503
        assert one.ask("GET", "/healthz")[0] == 200  # a restart would not help
        asked(admin, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        eventually(lambda: one.ask("GET", "/readyz")[0] == 200)
        assert eventually(lambda: trigger(one, "after") == 202)
        eventually(lambda: {row["title"] for row in incidents(one)} == {"before fails", "after fails"})


@pytest.mark.postgres
def test_a_database_that_freezes_is_given_up_and_found_again(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("stopping the server's processes needs root")
    with postgres._cluster() as url, node(tmp_path / "one", url) as one:
        declare(one)
        assert trigger(one, "before") == 202
        with frozen(url):
            assert one.raw("GET", "/api/v1/me")[0] == 503
            assert trigger(one, "during") == 503
            eventually(lambda: one.ask("GET", "/readyz")[0] == 503)
        eventually(lambda: one.ask("GET", "/readyz")[0] == 200, seconds=60)
        assert eventually(lambda: trigger(one, "after") == 202)
        eventually(lambda: "after fails" in {row["title"] for row in incidents(one)})
        assert tocsin(one.data, "audit", "verify").returncode == 0


@contextmanager
def frozen(url: str) -> Iterator[None]:
    """Every process of the server at `url` is stopped while the block runs."""
    (folder,) = asked(url, "SHOW data_directory")[0]
    postmaster = int((Path(str(folder)) / "postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGSTOP)  # first, so that the family does not grow
    family = [*children(postmaster), postmaster]
    for pid in family:
        signalled(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in family:
            signalled(pid, signal.SIGCONT)


def signalled(pid: int, which: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # a session that was just ending
        os.kill(pid, which)


def children(parent: int) -> list[int]:
    tasks = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(pid) for pid in tasks.split()]


@pytest.mark.postgres
def test_what_another_node_commits_is_heard_at_once_and_after_a_broken_line(postgres_database: str) -> None:
    heard: list[str] = []
    ears = Ears({"conninfo": postgres_database}, heard.append)
    ears.start()
    try:
        eventually(
            lambda: set(TOPICS) <= set(heard)
        )  # what was said before it listened is not known: all look
        asked(postgres_database, "NOTIFY tocsin, 'incident:7'")
        eventually(lambda: heard[-1] == "incident:7")
        heard.clear()
        asked(
            postgres_database,
            # Of this test's own database: the server is everybody's.
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        eventually(lambda: set(TOPICS) <= set(heard))
        asked(postgres_database, "NOTIFY tocsin, 'incident:8'")
        eventually(lambda: heard[-1] == "incident:8")
    finally:
        ears.stop(10)


@pytest.mark.postgres
def test_commands_work_on_postgresql_too_running_and_stopped(tmp_path: Path, postgres_database: str) -> None:
    ours = {"TOCSIN_DATABASE_URL": postgres_database, "TOCSIN_SECRET_KEY": SECRET}
    data = tmp_path / "one"
    data.mkdir()
    added = tocsin(data, "user", "add", "Ada Ortiz", "ada@example.com", **ours)
    assert added.returncode == 0, added.stderr
    assert tocsin(data, "migrate", "--check", **ours).returncode == 0
    doctor = tocsin(data, "doctor", **ours)
    assert re.search(r"ok\s+PostgreSQL\s+1\d\.", doctor.stdout), doctor.stdout + doctor.stderr
    with node(data, postgres_database) as one:
        assert "ada-ortiz" in tocsin(data, "user", "list", **ours).stdout
        one.kill()  # what it leaves is an address where nobody answers
    assert "ada-ortiz" in tocsin(data, "user", "list", **ours).stdout
    refused = tocsin(data, "backup", **ours)
    assert (refused.returncode, "pg_dump" in refused.stderr) == (1, True)
