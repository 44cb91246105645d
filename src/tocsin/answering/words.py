"""What people are told back, in words."""

from __future__ import annotations

from tocsin.answering.rules.standing import Standing
from tocsin.incident.actions import by_word
from tocsin.incident.models import Incident
from tocsin.notification.rules import ActVerb
from tocsin.people.models import User

DONE = {
    ActVerb.ACKNOWLEDGE: "You acknowledged it. It is yours, and nobody else is paged.",
    ActVerb.RESOLVE: "You resolved it. Nothing more is sent.",
    ActVerb.ESCALATE: "You escalated it. The next level is paged.",
    ActVerb.SNOOZE: "You snoozed it.",
    ActVerb.NOTE: "Your note stands on the timeline.",
}


def done_words(verb: ActVerb, incident_id: int) -> str:
    """What was just done, with the number of the incident."""
    return f"#{incident_id}: {DONE[verb]}"


def nothing_done(incident: Incident, why: str) -> str:
    """Somebody was faster."""
    return f"#{incident.pk}: nothing changed, because {why}."


def standing_words(meets: Standing, incident: Incident, user: User) -> str:
    """Why a press does nothing, with the number of the incident."""
    holder = by_word(incident.acknowledged_by) if incident.acknowledged_by else "Nobody"
    told = {
        Standing.NOT_ALLOWED: f"{user.name} may not act on incidents.",
        Standing.OVER: f"It is {incident.state} already. There is nothing left to do.",
        Standing.TAKEN: f"{holder} has it already. You need not do anything.",
        Standing.MINE: "You have it already.",
        Standing.DONE: "You did that before, and it holds.",
        Standing.USED: "You did that before, and nobody has it now. Look at the newest message about it.",
        Standing.EXPIRED: "That has expired: it works for a day.",
    }
    return f"#{incident.pk}: {told[meets]}"
