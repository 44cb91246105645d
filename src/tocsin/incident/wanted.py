"""Incidents that need somebody, taken with one plain statement: this stands between every alert and its page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import connection, models

from tocsin.catalog.models import Service
from tocsin.catalog.snapshot import per_configuration
from tocsin.incident.models import Incident
from tocsin.journal.columns import from_instant, locking, to_instant

_FIELDS = [field.attname for field in Incident._meta.concrete_fields]
_INSTANTS = {
    place
    for place, field in enumerate(Incident._meta.concrete_fields)
    if isinstance(field, models.DateTimeField)
}
_TAKE = f"""
    SELECT {", ".join(_FIELDS)} FROM incident_incident
    WHERE needs_climb AND (resolve_at IS NULL OR resolve_at > %s) ORDER BY priority, id LIMIT %s
"""
_TAKEN = "UPDATE incident_incident SET needs_climb = %s WHERE id = %s"


@per_configuration
def _services() -> Mapping[str, Service]:
    return {service.pk: service for service in Service.objects.all()}


def take_wanted(now: datetime, limit: int) -> list[Incident]:
    """The incidents nobody has begun to look for somebody for, the worst first; locked, and marked as begun.
    Those that another node holds are left to it, and those that have healed already are left to be resolved."""
    services = _services()
    with connection.cursor() as cursor:
        cursor.execute(_TAKE + locking("incident_incident"), [from_instant(now), limit])
        rows = cursor.fetchall()
        cursor.executemany(_TAKEN, [(False, row[0]) for row in rows])
    found = []
    for row in rows:
        values = [to_instant(value) if place in _INSTANTS else value for place, value in enumerate(row)]
        incident = Incident.from_db(connection.alias, _FIELDS, values)
        if (service := services.get(incident.service_id)) is not None:
            incident.service = service
        found.append(incident)
    return found
