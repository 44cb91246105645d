"""What statements cost the database, counted instead of timed: the same on every machine."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connection

from tests.stories.road import Road
from tocsin.intake.models import Alert

STEP = 10  # SQLite counts so many of its instructions at a time
PAST = 400  # incidents that are over
# Walking over what is past takes several instructions for each row of it; a deeper tree takes a few for each search.
GROWTH_MAX = PAST


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Instructions that each statement took within the block, by its text; a list of values counts as one.

    Only SQLite says so. The statements are PostgreSQL's too, and so is what they read.
    """
    steps: Counter[str] = Counter()
    running = ""

    def step() -> int:
        steps[running] += STEP
        return 0

    def execute(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal running
        running = re.sub(r"(%s(, )?)+", "%s", sql)
        return execute(sql, params, many, context)

    connection.ensure_connection()
    connection.connection.set_progress_handler(step, STEP)
    try:
        with connection.execute_wrapper(execute):
            yield steps
    finally:
        connection.connection.set_progress_handler(None, 0)


def grown(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    """The statements that cost more by far than they did, one a line with both costs; "" for none."""
    found = {sql: (before.get(sql, 0), taken) for sql, taken in after.items()}
    return "\n".join(
        f"{old} -> {new}: {sql}" for sql, (old, new) in sorted(found.items()) if new > old + GROWTH_MAX
    )


def live_through(road: Road, incidents: int, name: str) -> None:
    """So many incidents open, page, climb, end and are closed."""
    over = Alert.objects.filter(state="resolved").count()
    keys = [f"{name}-{n}" for n in range(incidents)]
    road.events(
        [{"key": key, "action": "trigger", "title": key, "fields": {"region": key}} for key in keys], lane=1
    )
    road.live(minutes=40)
    road.events([{"key": key, "action": "resolve"} for key in keys], lane=1)
    road.live(minutes=40)
    assert Alert.objects.filter(state="resolved").count() == over + incidents
