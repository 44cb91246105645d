"""The call that pages somebody about an incident."""

from __future__ import annotations

from datetime import datetime

from tocsin.incident.messages import details_of
from tocsin.incident.models import Incident
from tocsin.incident.worded import telling, words_of
from tocsin.notification.actions import Call
from tocsin.people.models import User


def call_for(incident: Incident, user: User, reason: str, now: datetime, note: str = "") -> Call:
    """What pages `user` about `incident`."""
    said = words_of(telling(incident, user, now, reason, note))
    return Call(
        user_id=user.pk,
        incident_id=incident.pk,
        urgency=incident.urgency,
        reason=reason,
        subject=said.subject,
        lines=said.lines,
        details=details_of(incident, reason),
        note=said.note,
        trouble=said.trouble,
    )
