"""The database's shape: is it ours, older or newer; and bringing it up to date so that a kill does no harm."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import util
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.migration import Migration
from django.db.migrations.recorder import MigrationRecorder

from tocsin.journal.postgres.base import PATIENCE_SECONDS
from tocsin.kernel.errors import Refused

Step = tuple[str, str]  # the application and the name of the migration
UPGRADE_LOCK = 7_406_991  # PostgreSQL's advisory lock: one node upgrades, the others wait for it


@dataclass(frozen=True)
class Schema:
    """What this program knows against what the database has recorded."""

    missing: frozenset[Step]  # to be applied
    unknown: frozenset[Step]  # applied by a newer program

    @property
    def misfit(self) -> str:
        """Why a program that runs should decide nothing more; "" when the tables are as it knows them."""
        if self.unknown:
            return "A newer Tocsin has upgraded the database; this node decides nothing more. Restart it with that."
        if self.missing:
            return f"The database lacks {len(self.missing)} of the steps this program needs. Restart it: it upgrades."
        return ""


def known_steps() -> frozenset[Step]:
    """Every migration this program has. Read from the names of the files: importing them all would cost the start."""
    found = set()
    for config in apps.get_app_configs():
        spec = util.find_spec(f"{config.name}.migrations")
        if spec is None or not spec.submodule_search_locations:
            continue
        for module in pkgutil.iter_modules(spec.submodule_search_locations):
            if not module.ispkg and module.name[0] not in "_~":
                found.add((config.label, module.name))
    return frozenset(found)


def look(known: frozenset[Step] | None = None) -> Schema:
    """Compare, in one query."""
    recorded = _recorded()
    ours = known_steps() if known is None else known
    labels = {config.label for config in apps.get_app_configs()}
    return Schema(
        missing=ours - recorded,
        unknown=frozenset(step for step in recorded - ours if step[0] in labels),
    )


def _recorded() -> frozenset[Step]:
    if not MigrationRecorder(connection).has_table():
        return frozenset()
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        return frozenset((app, name) for app, name in cursor.fetchall())


def refuse_newer(schema: Schema) -> None:
    """Raises Refused when a newer program has been here: what it has changed is not known to this one."""
    if schema.unknown:
        app, name = min(schema.unknown)
        raise Refused(
            f"The database was upgraded by a newer Tocsin ({app} {name} is unknown here)",
            "a program at least as new as the database",
            "Install that version again, or restore a backup made before the upgrade into a new folder.",
            status=409,
        )


def upgrade() -> tuple[Step, ...]:
    """Apply what is missing; returns it in its order, () when there was nothing to do. Raises Refused."""
    schema = look()
    refuse_newer(schema)
    if not schema.missing:
        return ()
    with _alone():
        executor = _Executor(connection)
        leaves = executor.loader.graph.leaf_nodes()
        plan = executor.migration_plan(leaves)
        executor.migrate(leaves, plan)
    return tuple((migration.app_label, migration.name) for migration, _ in plan)


class _Executor(MigrationExecutor):
    """Applies each migration, its deferred statements and its record in one transaction.

    Django records after that transaction; a kill between the two would leave a step that is done and not known to
    be done, which no restart mends.
    """

    def apply_migration(
        self, state: Any, migration: Migration, fake: bool = False, fake_initial: bool = False
    ) -> Any:
        if not migration.atomic:
            return super().apply_migration(state, migration, fake, fake_initial)
        # SQLite takes this setting outside of a transaction only; the schema editor would set it inside.
        self.connection.disable_constraint_checking()
        try:
            with transaction.atomic():
                return super().apply_migration(state, migration, fake, fake_initial)
        finally:
            self.connection.enable_constraint_checking()


@contextmanager
def _alone() -> Iterator[None]:
    """One node upgrades at a time; building an index may take longer than a statement otherwise may."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        connection.connection.patience = None
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SELECT pg_advisory_lock(%s)", [UPGRADE_LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [UPGRADE_LOCK])
            cursor.execute("RESET statement_timeout")
        connection.connection.patience = PATIENCE_SECONDS
