"""What a card shows: an incident as it is at the moment, not as it was when its message was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext, override

from tocsin.incident.holding import by_word, called_since
from tocsin.incident.messages import details_of
from tocsin.incident.models import Incident
from tocsin.incident.rules import OPEN, State
from tocsin.incident.worded import Telling, words_of
from tocsin.notification.cards import Lent
from tocsin.notification.links import message_of
from tocsin.notification.models import Delivery, Page
from tocsin.notification.places import language_of
from tocsin.notification.rules import ActVerb, Kind, Message
from tocsin.people.reasons import reason_words
from tocsin.people.speaking import clock_words

NAMES_MAX = 5


@dataclass(frozen=True)
class Remade:
    """The message that takes the place of a card's, and what it will show; `message` None: it shows that already."""

    to_name: str
    message: Message | None
    face: Mapping[str, Any]


def remake(one: Lent, now: datetime) -> Remade | None:
    """The card's message anew; None when its incident is gone."""
    incident = Incident.objects.select_related("service", "assigned").filter(pk=one.incident_id).first()
    delivery = Delivery.objects.select_related("page", "page__user").filter(pk=one.delivery).first()
    if incident is None or delivery is None:
        return None
    page = delivery.page
    language = language_of(page)
    with override(language):
        told = _told(incident)
    face = face_of(incident, told)
    to_name = page.user.name if page.user is not None else ""
    if one.sure and _shows(one.face, face):
        return Remade(to_name, None, face)
    zone = page.user.timezone if page.user is not None else "UTC"
    who = page.user.name if page.user is not None else page.place
    said = words_of(Telling(incident, now, who, zone, language, page.reason, stays=True))
    fresh = Page(
        id=page.pk,
        incident_id=page.incident_id,
        user=page.user,
        urgency=page.urgency,
        kind=page.kind,
        reason=page.reason,
        subject=said.subject,
        lines=[_standing(incident, zone, language, now), *said.lines, *told],
        details=details_of(incident, page.reason),
        note=page.note,
        created_at=page.created_at,
    )
    message = message_of(fresh, UUID(str(delivery.pk)))
    acts = tuple(act for act in message.acts if _makes_sense(act.verb, incident, page))
    state = incident.shown_state
    return Remade(
        to_name, replace(message, acts=acts, state=state, replaces=one.reference, urgent=False), face
    )


def face_of(incident: Incident, told: Sequence[str] = ()) -> dict[str, Any]:
    """What a card shows of an incident: when this has changed, the card changes."""
    holder = incident.assigned.name if incident.assigned is not None else incident.acknowledged_by
    return {
        "state": incident.shown_state,
        "title": details_of(incident)["title"],
        "priority": incident.priority,
        "alerts": incident.alerts_firing,
        "holder": holder if incident.state != State.TRIGGERED else "",
        "told": list(told),
    }


def _shows(had: Mapping[str, Any], face: Mapping[str, Any]) -> bool:
    """Whether a card with the face `had` shows `face`. A message that was never changed shows who was paged by being
    there, and nobody who has it."""
    if "told" in had:
        return dict(had) == dict(face)
    return not face["holder"] and all(
        had.get(name) == face[name] for name in ("state", "title", "priority", "alerts")
    )


def _standing(incident: Incident, zone: str, language: str, now: datetime) -> str:
    """How it stands, in one sentence."""
    acknowledged = incident.state == State.ACKNOWLEDGED
    at = incident.acknowledged_at if acknowledged else incident.resolved_at
    ends = incident.ack_expires_at if incident.snoozed else None
    with override(language):
        clock = {"time": f"{clock_words(ends or at or now, ZoneInfo(zone), now)} {zone}"}
        if incident.state == State.TRIGGERED:
            return gettext("Nobody has it yet.")
        if not acknowledged:
            closed = incident.state == State.CLOSED
            over = (
                gettext("It is over: closed at %(time)s.")
                if closed
                else gettext("It is over: resolved at %(time)s.")
            )
            return over % clock
        who = incident.assigned.name if incident.assigned is not None else by_word(incident.acknowledged_by)
        has = (
            gettext("%(who)s put it off until %(time)s.")
            if ends is not None
            else gettext("%(who)s has it, since %(time)s.")
        )
        return has % (clock | {"who": who or gettext("Somebody")})


def _told(incident: Incident) -> list[str]:
    """Who was paged last, in one line; [] while only the first level was, whose message this is."""
    if incident.state not in OPEN or incident.restricted:
        return []
    pages = Page.objects.filter(incident_id=incident.pk, kind=Kind.PAGE).order_by("-created_at", "user__name")
    # One more than are named, who usually shows that somebody was paged before.
    rows = list(pages.values_list("created_at", "user__name", "reason")[: NAMES_MAX + 1])
    if not rows:
        return []
    last, _, reason = rows[0]
    if rows[-1][0] == last and (len(rows) <= NAMES_MAX or not pages.filter(created_at__lt=last).exists()):
        return []
    names = [name for at, name, _ in rows[:NAMES_MAX] if at == last and name is not None]
    return [
        gettext("Paged last: %(who)s (%(reason)s).")
        % {"who": ", ".join(names), "reason": reason_words(reason)}
    ]


def _makes_sense(verb: ActVerb, incident: Incident, page: Page) -> bool:
    if incident.state not in OPEN:
        return False
    if page.user_id != incident.assigned_id and called_since(incident, page.user_id):
        return True
    return incident.shown_state != State.ACKNOWLEDGED or verb is not ActVerb.ACKNOWLEDGE
