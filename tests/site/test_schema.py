"""Bringing the database up to date: at once when nothing is to be done, and whole again after a kill at any point."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.apps import apps
from django.db.migrations.loader import MigrationLoader

from tests import warm
from tests.programs import environment, tocsin
from tocsin.kernel.errors import Refused
from tocsin.site.schema import Schema, known_steps, look, refuse_newer


def test_it_knows_the_migrations_that_django_would_load() -> None:
    assert known_steps() == set(MigrationLoader(None).disk_migrations)


@pytest.mark.django_db
def test_a_database_that_is_up_to_date_takes_one_query_to_know(django_assert_max_num_queries: object) -> None:
    with django_assert_max_num_queries(2):  # type: ignore[operator]
        assert look() == Schema(frozenset(), frozenset())


def test_what_a_newer_program_has_applied_is_refused() -> None:
    with pytest.raises(Refused, match="newer Tocsin"):
        refuse_newer(Schema(frozenset(), frozenset({("incident", "0099_later")})))


@pytest.mark.sqlite
@pytest.mark.parametrize(("at", "when"), [(1, "before"), (9, "before"), (17, "after"), (24, "before")])
def test_a_kill_in_the_middle_is_mended_by_a_restart(tmp_path: Path, at: int, when: str) -> None:
    data = tmp_path / "data"
    killed = warm.run("tests.site.killed_upgrade", str(at), when, env=environment(data))
    assert killed.returncode == 9, killed.stderr
    assert tocsin(data, "migrate", "--check").returncode == 1
    again = tocsin(data, "migrate")
    assert again.returncode == 0, again.stderr
    assert tocsin(data, "migrate", "--check").returncode == 0
    with closing(sqlite3.connect(data / "tocsin.db")) as database:
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        there = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {model._meta.db_table for model in apps.get_models()} <= there


@pytest.mark.postgres
@pytest.mark.parametrize(("at", "when"), [(7, "before"), (20, "after")])
def test_so_is_one_on_postgresql(tmp_path: Path, postgres_database: str, at: int, when: str) -> None:
    data, ours = tmp_path / "data", {"TOCSIN_DATABASE_URL": postgres_database}
    killed = warm.run("tests.site.killed_upgrade", str(at), when, env=environment(data, **ours))
    assert killed.returncode == 9, killed.stderr
    assert tocsin(data, "migrate", "--check", **ours).returncode == 1
    again = tocsin(data, "migrate", **ours)
    assert again.returncode == 0, again.stderr
    assert tocsin(data, "migrate", "--check", **ours).returncode == 0
