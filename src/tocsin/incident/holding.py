"""Who has an incident: what they are called, and whether somebody was paged after they took it."""

from __future__ import annotations

from tocsin.incident.models import Incident
from tocsin.incident.rules import (
    State,
)
from tocsin.notification.models import Page
from tocsin.notification.rules import Kind
from tocsin.people.models import User


def by_word(who: str) -> str:
    """Who did something, for a sentence: the person's name when it was a person."""
    kind, _, name = who.partition(":")
    if kind == "user":
        return User.objects.filter(pk=name).values_list("name", flat=True).first() or name
    return f"{kind} {name}".strip()


def called_since(incident: Incident, user_id: str | None) -> bool:
    """Whether this person was paged about it after somebody took it: it was passed on, and they may take it."""
    if user_id is None or incident.state != State.ACKNOWLEDGED or incident.acknowledged_at is None:
        return False
    calls = Page.objects.filter(incident_id=incident.pk, user=user_id, kind=Kind.PAGE)
    return calls.filter(created_at__gt=incident.acknowledged_at).exists()
