"""Tell the places of a level: what is told there reaches many, and counts as nobody."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.utils.translation import gettext, override

from tocsin.incident.messages import details_of
from tocsin.incident.models import Incident
from tocsin.incident.worded import Telling, words_of
from tocsin.notification.actions import Call
from tocsin.notification.places import Place, places
from tocsin.notification.rules import Kind
from tocsin.people.speaking import told

ZONE = "UTC"  # a room has readers in many


def tellings(
    incident: Incident, named: Collection[str], people: Collection[str], reason: str, note: str, now: datetime
) -> list[Call]:
    """What each place is told, and who is paged by name."""
    if not named:
        return []
    known = places()
    who = [] if incident.restricted else people
    return [_call(incident, known[key], who, reason, note, now) for key in named if key in known]


def _call(
    incident: Incident, place: Place, people: Collection[str], reason: str, note: str, now: datetime
) -> Call:
    with override(place.language):
        paged = [gettext("Paged now: %(who)s.") % {"who": ", ".join(people)}] if people else []
        note = told(note)
    said = words_of(Telling(incident, now, place.name, ZONE, place.language, reason, note))
    return Call(
        user_id=None,
        place=place.id,
        incident_id=incident.pk,
        urgency=incident.urgency,
        reason=reason,
        subject=said.subject,
        lines=[*said.lines, *paged],
        details=details_of(incident, reason) | {"place": place.id},
        note=said.note,
        trouble=said.trouble,
        kind=Kind.PLACE,
        through=(place.id, place.address),
    )
