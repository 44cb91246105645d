"""What people add to an incident: a note, a better title, whose it is, how bad it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from tocsin.catalog.actions import configuration
from tocsin.incident.calling import call_for
from tocsin.incident.models import Incident
from tocsin.incident.readers import name_readers
from tocsin.incident.rules import (
    NOTE_LENGTH_MAX,
    OPEN,
    TITLE_LENGTH_MAX,
    State,
)
from tocsin.incident.transitions import Outcome, locked, save, triggered_again
from tocsin.journal.actions import Fact, write
from tocsin.journal.waking import wake
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, not_found
from tocsin.kernel.phrases import phrase
from tocsin.kernel.urgency import Impact, Urgency, priority_of
from tocsin.notification.actions import page_people
from tocsin.notification.updating import take_back_updates
from tocsin.people.models import User


def add_note(incident_id: int, text: str, by: By, now: datetime) -> Incident:
    """Put a note on the timeline. Raises Refused when it is empty or too long."""
    text = text.strip()
    if not text:
        raise Refused(phrase("The note is empty"), phrase("some words"), where="note")
    check_note(text)
    with transaction.atomic():
        incident = locked(incident_id, by, unread=True)
        write([Fact(incident.chain, "incident.noted", {"text": text})], by, now)
        wake(f"incident:{incident.pk}")
    return incident


def check_note(text: str) -> None:
    """Raises Refused when the note is too long."""
    if len(text) > NOTE_LENGTH_MAX:
        raise Refused(
            phrase("The note is too long"),
            phrase("at most %(count)s characters", count=NOTE_LENGTH_MAX),
            where="note",
        )


def rename(incident_id: int, title: str, by: By, now: datetime) -> Outcome:
    """Give the incident a better title."""
    title = title.strip()
    if not title or len(title) > TITLE_LENGTH_MAX:
        raise Refused("That is no title", f"1 to {TITLE_LENGTH_MAX} characters", where="title")
    with transaction.atomic():
        incident = locked(incident_id, by)
        if incident.title == title:
            return Outcome(incident, False, "it is called so already")
        data = {"title": title, "before": incident.title}
        save(incident, {"title": title}, "incident.renamed", data, by, now)
    return Outcome(incident, True)


def assign(incident_id: int, user_id: str | None, by: By, now: datetime) -> Outcome:
    """Give the incident to somebody (None: to nobody). The person is paged, unless it is who did it."""
    with transaction.atomic():
        incident = locked(incident_id, by)
        if user_id is not None and not User.objects.people().filter(pk=user_id, is_active=True).exists():
            raise not_found("active person", user_id)
        if incident.assigned_id == user_id:
            return Outcome(incident, False, "it is assigned so already")
        before = incident.assigned_id
        save(
            incident,
            {"assigned_id": user_id},
            "incident.assigned",
            {"user": user_id, "before": before},
            by,
            now,
        )
        name_readers(incident, [user_id], "assigned", by, now)
        if user_id is not None and user_id != by.user_id and incident.state in OPEN:
            page_people([call_for(incident, User.objects.get(pk=user_id), f"assigned by {by.who}", now)], now)
    return Outcome(incident, True)


def classify(
    incident_id: int, *, urgency: Urgency | None = None, impact: Impact | None = None, by: By, now: datetime
) -> Outcome:
    """Change how bad it is. Raising the urgency of one that nobody has pages again, by the louder rules; where only its
    priority rises, who was paged is told."""
    with transaction.atomic():
        incident = locked(incident_id, by)
        new_urgency, new_impact = urgency or Urgency(incident.urgency), impact or Impact(incident.impact)
        if (new_urgency, new_impact) == (incident.urgency, incident.impact):
            return Outcome(incident, False, "it is classified so already")
        before = {"urgency": incident.urgency, "impact": incident.impact, "priority": incident.priority}
        fields = graded(new_urgency, new_impact)
        worse = new_urgency.worse_than(Urgency(incident.urgency))
        if worse and incident.state == State.TRIGGERED:
            fields["needs_climb"] = True
            take_back_updates([incident.pk], "it is worse, and paged anew", now)
        elif fields["priority"] < incident.priority and incident.state == State.TRIGGERED:
            fields["update_at"] = now
        save(
            incident, fields, "incident.classified", fields_for_journal(fields) | {"before": before}, by, now
        )
    return Outcome(incident, True)


def worsen(incident: Incident, urgency: Urgency, why: str, by: By, now: datetime) -> bool:
    """Raise a locked incident to `urgency` and find somebody anew, even when somebody had acknowledged the lesser
    trouble: what joins never hides. False when it is no worse. In the caller's transaction."""
    if not urgency.worse_than(Urgency(incident.urgency)) or incident.state not in OPEN:
        return False
    take_back_updates([incident.pk], "it is worse, and paged anew", now)
    had = incident.acknowledged_by
    fields = triggered_again() | graded(urgency, Impact(incident.impact))
    data = {"why": why, "priority": fields["priority"], "urgency": fields["urgency"], "had": had}
    save(incident, fields, "incident.worsened", data, by, now)
    return True


def graded(urgency: Urgency, impact: Impact) -> dict[str, Any]:
    """The columns that say how bad an incident is."""
    priority = priority_of(configuration().matrix, impact, urgency)
    return {"urgency": urgency, "impact": impact, "priority": priority}


def fields_for_journal(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) for name, value in fields.items() if name in ("urgency", "impact", "priority")}
