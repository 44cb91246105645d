"""Tell the places of a level: what is told there reaches many, and counts as nobody."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from tocsin.incident.messages import details_of, lines_of, subject_of
from tocsin.incident.models import Incident
from tocsin.notification.actions import Call
from tocsin.notification.places import places
from tocsin.notification.rules import Kind

ZONE = "UTC"  # a room has readers in many


def tellings(
    incident: Incident, named: Collection[str], people: Collection[str], reason: str, note: str, now: datetime
) -> list[Call]:
    """What each place is told, and who is paged by name."""
    if not named:
        return []
    known = places()
    paged = [f"Paged now: {', '.join(people)}."] if people else []
    return [
        Call(
            user_id=None,
            place=key,
            incident_id=incident.pk,
            urgency=incident.urgency,
            reason=reason,
            subject=subject_of(incident),
            lines=[*lines_of(incident, ZONE, now), *paged],
            details=details_of(incident) | {"reason": reason, "place": key},
            note=note,
            kind=Kind.PLACE,
            through=(key, known[key].address),
        )
        for key in named
        if key in known
    ]
