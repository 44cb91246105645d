"""A running node says that it is not ready when the tables are no longer those it knows."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.patience import eventually
from tests.programs import running
from tocsin.site.schema import Schema

STEP = ("people", "0002_sessions_epoch")


def test_tables_that_fit_are_no_misfit_and_others_say_what_to_do() -> None:
    nothing = frozenset[tuple[str, str]]()
    assert Schema(nothing, nothing).misfit == ""
    assert "newer Tocsin" in Schema(nothing, frozenset({STEP})).misfit
    assert "lacks 1 of the steps" in Schema(frozenset({STEP}), nothing).misfit


@pytest.mark.postgres
def test_a_database_that_was_put_back_under_a_running_node_makes_it_not_ready(
    tmp_path: Path, postgres_database: str
) -> None:
    with running(tmp_path / "data", TOCSIN_DATABASE_URL=postgres_database) as program:
        eventually(lambda: program.ask("GET", "/readyz")[0] == 200)
        with psycopg.connect(postgres_database, autocommit=True) as database:
            database.execute("DELETE FROM django_migrations WHERE app = %s AND name = %s", STEP)
            eventually(lambda: "lacks 1 of the steps" in program.ask("GET", "/readyz")[1]["why"], seconds=60)
            assert program.ask("GET", "/readyz")[0] == 503
            database.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, now())", STEP
            )
            eventually(lambda: program.ask("GET", "/readyz")[0] == 200, seconds=60)
