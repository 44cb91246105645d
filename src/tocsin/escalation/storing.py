"""Climbs in one plain statement: a storm begins many at once, and every page waits for its own."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from tocsin.escalation.models import Climb
from tocsin.journal.columns import from_instant, from_json

_UPSERT = """
    INSERT INTO escalation_climb (incident_id, policy, priority, due_at, pages_sent, level, round, paged_at, forced,
        ended, handover, put_off, version)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, FALSE, 1)
    ON CONFLICT (incident_id) DO UPDATE SET policy = excluded.policy, priority = excluded.priority,
        due_at = excluded.due_at, pages_sent = excluded.pages_sent, level = excluded.level, round = excluded.round,
        paged_at = excluded.paged_at, forced = excluded.forced, ended = excluded.ended,
        handover = excluded.handover, put_off = excluded.put_off, version = escalation_climb.version + 1
"""


def store(climbs: Sequence[Climb]) -> None:
    """Write climbs that begin, begin again or go on."""
    at = from_instant
    rows = [
        (
            c.incident_id, from_json(c.policy), c.priority, at(c.due_at), c.pages_sent, c.level, c.round,
            at(c.paged_at), c.forced, c.ended, from_json(c.handover),
        )
        for c in climbs
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.executemany(_UPSERT, rows)
