"""New incidents in one plain statement: a storm opens many at once, and every page waits for its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.db import connection, models

from tocsin.catalog.snapshot import configuration
from tocsin.incident.models import Incident
from tocsin.journal.columns import from_instant

ROWS_MAX = 500  # in one statement: both databases take more values than these have
_FIELDS = [field for field in Incident._meta.concrete_fields if not field.primary_key]
_INSTANTS = {field.attname for field in _FIELDS if isinstance(field, models.DateTimeField)}
_NAMES = [field.attname for field in _FIELDS]


def insert_incidents(incidents: Sequence[Incident]) -> None:
    """Store incidents that are new, and give each its number; those of a restricted service are restricted from the
    start. In the caller's transaction."""
    services = configuration().services
    for incident in incidents:
        service = services.get(incident.service_id)
        incident.restricted = service is not None and service.restricted
    for start in range(0, len(incidents), ROWS_MAX):
        some = incidents[start : start + ROWS_MAX]
        with connection.cursor() as cursor:
            cursor.execute(_statement(len(some)), [value for one in some for value in _values(one)])
            numbers = sorted(number for (number,) in cursor.fetchall())
        for incident, number in zip(some, numbers, strict=True):
            incident.pk = number
            incident._state.adding, incident._state.db = False, connection.alias


@lru_cache(maxsize=ROWS_MAX)
def _statement(rows: int) -> str:
    marks = f"({', '.join(['%s'] * len(_NAMES))})"
    names = ", ".join(_NAMES)
    return f"INSERT INTO incident_incident ({names}) VALUES {', '.join([marks] * rows)} RETURNING id"


def _values(incident: Incident) -> list[Any]:
    row = incident.__dict__
    return [from_instant(row[name]) if name in _INSTANTS else _plain(row[name]) for name in _NAMES]


def _plain(value: Any) -> Any:
    """Words such as an urgency as the text that they are."""
    return str(value) if isinstance(value, str) else value
