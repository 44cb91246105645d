"""The statements that write a batch: many rows each, without a model instance's cost per column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any

from django.db import connection

from tocsin.incident.models import Incident
from tocsin.intake.models import Alert
from tocsin.intake.rules import AlertState
from tocsin.journal.columns import from_instant, from_json, locking, to_instant, to_json


@dataclass(slots=True)
class AlertRow:
    """One row of alerts, loaded or new (`id` None), without the weight of a model: a storm makes thousands."""

    integration_id: str
    service_id: str
    key: str
    key_digest: str
    title: str
    severity: str
    urgency: str
    first_seen_at: datetime
    last_seen_at: datetime
    last_seq: int
    id: int | None = None
    incident_id: int | None = None
    latest: bool = True
    state: str = AlertState.FIRING
    description: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    links: list[Sequence[str]] = field(default_factory=list)
    count: int = 1
    resolved_at: datetime | None = None
    ended_at: datetime | None = None
    ends_at: datetime | None = None
    samples: list[Mapping[str, Any]] = field(default_factory=list)
    why: str = ""
    incident: Incident | None = None  # where a new row goes, before that incident has a number


INSTANTS = ("first_seen_at", "last_seen_at", "resolved_at", "ended_at", "ends_at")
COLUMNS = tuple(one.name for one in fields(AlertRow) if one.name != "incident")


def load_latest(integration_id: str, digests: Sequence[str]) -> Iterator[AlertRow]:
    """The latest alerts of these keys, locked, in the order of their ids."""
    marks = ", ".join(["%s"] * len(digests))
    lock = " FOR UPDATE" if connection.features.has_select_for_update else ""
    with connection.cursor() as cursor:
        # Not by the bare id: to have that order, SQLite would walk all alerts that the integration ever had.
        cursor.execute(
            f"SELECT {', '.join(COLUMNS)} FROM intake_alert"
            f" WHERE integration_id = %s AND latest AND key_digest IN ({marks}) ORDER BY id + 0{lock}",
            [integration_id, *digests],
        )
        rows = cursor.fetchall()
    return (_row(values) for values in rows)


def _row(values: Sequence[Any]) -> AlertRow:
    row = AlertRow(*values)
    row.latest = bool(row.latest)
    row.fields, row.links, row.samples = to_json(row.fields), to_json(row.links), to_json(row.samples)
    for name in INSTANTS:
        setattr(row, name, to_instant(getattr(row, name)))
    return row


def load_ended(now: datetime, limit: int) -> list[AlertRow]:
    """Firing alerts whose sender stopped repeating them, locked."""
    rows = Alert.objects.ended(now).select_for_update(skip_locked=True)
    return [AlertRow(*row) for row in rows.values_list(*COLUMNS)[:limit]]


@dataclass(frozen=True)
class Received:
    """One accepted request, taken from the inbox."""

    id: int
    integration_id: str
    source: str
    lane: int
    received_at: datetime
    meta: str
    body: bytes


def take_received(limit: int, now: datetime, only: int | None = None) -> list[Received]:
    """The next waiting requests that nobody else holds, what is critical or small first; locked."""
    where, values = ("AND id = %s", [only]) if only is not None else ("", [])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, integration_id, source, lane, received_at, meta, body FROM intake_inbox"
            f" WHERE quarantined_at IS NULL {where} ORDER BY lane, id LIMIT {int(limit)}{locking('intake_inbox')}",
            values,
        )
        rows = cursor.fetchall()
    return [
        Received(id_, integration, source, lane, to_instant(at) or now, meta, bytes(body))
        for id_, integration, source, lane, at, meta, body in rows
    ]


def done_with(rows: Sequence[Received], now: datetime) -> None:
    """Take digested requests out of the inbox, and note when their senders were heard."""
    with connection.cursor() as cursor:
        cursor.executemany("DELETE FROM intake_inbox WHERE id = %s", [(row.id,) for row in rows])
        cursor.executemany(
            "UPDATE catalog_integration SET last_event_at = %s WHERE id = %s",
            [
                (from_instant(now), integration)
                for integration in sorted({row.integration_id for row in rows})
            ],
        )


_INSERT = """
    INSERT INTO intake_alert (integration_id, service_id, incident_id, key, key_digest, latest, state, title,
        severity, urgency, description, fields, links, count, first_seen_at, last_seen_at, resolved_at, ends_at,
        ended_at, last_seq, samples, why)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_UPDATE = """
    UPDATE intake_alert SET latest = %s, state = %s, title = %s, severity = %s, urgency = %s, description = %s,
        fields = %s, links = %s, count = %s, last_seen_at = %s, resolved_at = %s, ends_at = %s, ended_at = %s,
        last_seq = %s, samples = %s, why = %s WHERE id = %s
"""
_TALLY = """
    INSERT INTO intake_tally (day, integration_id, effect, count) VALUES (%s, %s, %s, %s)
    ON CONFLICT (day, integration_id, effect) DO UPDATE SET count = intake_tally.count + excluded.count
"""


def insert_alerts(alerts: Iterable[AlertRow]) -> None:
    """Store new alerts; their ids are not needed any more."""
    at, text = from_instant, from_json
    rows = [
        (
            a.integration_id, a.service_id, a.incident_id, a.key, a.key_digest, a.latest, str(a.state), a.title,
            str(a.severity), str(a.urgency), a.description, text(a.fields), text(a.links), a.count,
            at(a.first_seen_at), at(a.last_seen_at), at(a.resolved_at), at(a.ends_at), at(a.ended_at), a.last_seq,
            text(a.samples), a.why,
        )
        for a in alerts
    ]  # fmt: skip
    _many(_INSERT, rows)


def update_alerts(alerts: Iterable[AlertRow]) -> None:
    """Store what changed in alerts that exist."""
    at, text = from_instant, from_json
    rows = [
        (
            a.latest, str(a.state), a.title, str(a.severity), str(a.urgency), a.description, text(a.fields),
            text(a.links), a.count, at(a.last_seen_at), at(a.resolved_at), at(a.ends_at), at(a.ended_at), a.last_seq,
            text(a.samples), a.why, a.id,
        )
        for a in alerts
    ]  # fmt: skip
    _many(_UPDATE, rows)


def add_to_tally(counts: Mapping[tuple[str, str], int], day: date) -> None:
    """Add to the day's numbers, in one order everywhere, so that two nodes never wait for each other in a ring."""
    _many(
        _TALLY,
        [(day, integration, str(what), count) for (integration, what), count in sorted(counts.items())],
    )


def _many(statement: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(statement, rows)
