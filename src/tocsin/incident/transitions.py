"""What the verbs of an incident share: its locked row, whether the verb may go on, and how its change is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tocsin.incident.holding import called_since
from tocsin.incident.models import Incident
from tocsin.incident.readers import refuse_unread, refuse_unseen, viewer_by
from tocsin.incident.rules import (
    Not,
    Nothing,
    State,
    Verb,
    transition,
)
from tocsin.journal.actions import Fact, write
from tocsin.journal.crashing import point
from tocsin.journal.waking import wake
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, not_found
from tocsin.notification.cards import touch_cards


@dataclass(frozen=True)
class Outcome:
    """What became of it: `changed` False means that it was so already, and `why` tells."""

    incident: Incident
    changed: bool
    why: str = ""


def locked(incident_id: int, by: By, *, unread: bool = False) -> Incident:
    """The row, for whoever may read it; `unread`: also for who was paged about it and may answer unread. Raises Refused
    for everybody else as for one that is not there."""
    rows = Incident.objects.select_for_update(of=("self",)).select_related("service")
    incident = rows.filter(pk=incident_id).first()
    if incident is None:
        raise not_found("incident", incident_id)
    if unread:
        refuse_unseen(incident, by)
    elif incident.restricted:
        refuse_unread(incident, viewer_by(by))
    return incident


def claimed(rows: Any, limit: int) -> list[Incident]:
    return list(rows.select_for_update(skip_locked=True, of=("self",)).select_related("service")[:limit])


def nothing_to_do(incident: Incident, verb: Verb, by: By | None = None) -> Nothing | None:
    """None when the verb may go on. Raises Refused when it cannot be done at all."""
    mine = by is not None and (
        incident.acknowledged_by == by.who or (by.user_id is not None and incident.assigned_id == by.user_id)
    )
    called = by is not None and called_since(incident, by.user_id)
    answer = transition(State(incident.state), verb, snoozed=incident.snoozed, mine=mine, called=called)
    if isinstance(answer, Not):
        raise Refused(f"#{incident.pk} cannot {verb}: {answer.why}", status=409)
    return answer if isinstance(answer, Nothing) else None


def triggered_again() -> dict[str, Any]:
    return {
        "state": State.TRIGGERED,
        "acknowledged_at": None,
        "acknowledged_by": "",
        "ack_expires_at": None,
        "snoozed": False,
        "needs_climb": True,
    }


def save(
    incident: Incident, fields: Mapping[str, Any], kind: str, data: Mapping[str, Any], by: By, now: datetime
) -> None:
    """Store a transition, its journal entry and its wake-ups."""
    for name, value in fields.items():
        setattr(incident, name, value)
    incident.version += 1
    incident.save(update_fields=[*fields, "version"])
    write([Fact(incident.chain, kind, data)], by, now)
    touch_cards([incident.pk], now)
    wake("duties", "now", f"incident:{incident.pk}")
    point("incident: before commit")
