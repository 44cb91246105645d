"""Which duties have something to do, and when the others will: asked in one statement, answered from small indexes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from tocsin.engine.loop import Duty
from tocsin.journal.columns import to_instant


def waits_of(duties: Sequence[Duty]) -> Callable[[], Mapping[str, datetime | None]]:
    """A function that says, for each duty that waits for rows, when the first of them falls due; None for never.

    The statement is put together once, at the first call, because asking is done at every look.
    """
    waiting = [duty for duty in duties if duty.waits is not None]
    statement: tuple[str, list[Any]] | None = None

    def ask() -> Mapping[str, datetime | None]:
        nonlocal statement
        if statement is None:
            parts = [duty.waits.query.sql_with_params() for duty in waiting if duty.waits is not None]
            sql = "SELECT " + ", ".join(f"({part})" for part, _ in parts)
            statement = sql, [value for _, values in parts for value in values]
        with connection.cursor() as cursor:
            cursor.execute(*statement)
            row = cursor.fetchone()
        return {duty.name: to_instant(at) for duty, at in zip(waiting, row, strict=True)}

    return ask
