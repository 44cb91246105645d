"""For migrations: indexes that go by their names, where altering a column would copy the whole table on SQLite."""

from __future__ import annotations

from django.db.migrations import RunSQL


def drop_index(name: str, on: str) -> RunSQL:
    """Drop the index that Django made of a column; `on` is what it was of, to have it back: "table (column)". Of a text
    PostgreSQL has a second one, that looks for beginnings."""
    return RunSQL(
        [f"DROP INDEX IF EXISTS {name}", f"DROP INDEX IF EXISTS {name}_like"],
        f"CREATE INDEX {name} ON {on}",
    )
