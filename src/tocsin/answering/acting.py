"""Do to an incident what a press or an answer asks for: one place for links, buttons, codes and commands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from tocsin.answering.rules.standing import Press
from tocsin.catalog.calendars import next_open
from tocsin.escalation.actions import escalate_now
from tocsin.escalation.rules import HANDOVER_LENGTH_MAX, Handover
from tocsin.incident import actions, describing
from tocsin.incident.holding import called_since
from tocsin.incident.models import Incident
from tocsin.incident.rules import State
from tocsin.incident.rules.snoozing import Reader, snooze_until
from tocsin.incident.transitions import Outcome
from tocsin.kernel.acting import By, by_user
from tocsin.notification.links import ActLink, use_act_link
from tocsin.notification.models import Delivery, Page
from tocsin.notification.receipts import confirm
from tocsin.notification.rules import ActVerb, DeliveryState
from tocsin.people.models import User
from tocsin.people.rules import May


def press_of(link: ActLink, incident: Incident) -> Press:
    """What using `link` meets, as the rules see it."""
    press = press_by(link.user, incident, link.verb)
    return Press(
        press.verb,
        press.state,
        press.allowed,
        press.mine,
        press.snoozed,
        press.called,
        link.used_at,
        link.expires_at,
    )


def press_by(user: User, incident: Incident, verb: ActVerb) -> Press:
    """The same for somebody who is known by other means than a link."""
    mine = incident.acknowledged_by == f"user:{user.pk}"
    called = not mine and called_since(incident, user.pk)
    return Press(verb, State(incident.state), user.may(May.ACT), mine, incident.snoozed, called)


def use(
    link: ActLink, now: datetime, *, handover: Handover | None = None, text: str = "", through: str = "link"
) -> Outcome | None:
    """Use the link and do what it says, both or neither; None when it was used before. Raises Refused.

    Who pressed has read the message: that is the best receipt there is.
    """
    with transaction.atomic():
        if not use_act_link(link, now):
            return None
        by = by_user(link.user.pk, through)
        outcome = do(link.verb, link.incident_id, by, now, handover=handover, text=text)
    read([link.page], now)
    return outcome


def do(
    verb: ActVerb,
    incident_id: int,
    by: By,
    now: datetime,
    *,
    handover: Handover | None = None,
    text: str = "",
) -> Outcome:
    """Do what `verb` says, with the `text` that goes with it: the note, until when it rests, what the next people
    read first. Who was overtaken by somebody else is told why nothing changed. Raises Refused."""
    if verb is ActVerb.ESCALATE:
        climb = escalate_now(
            incident_id, by, now, handover or Handover(help_needed=text[:HANDOVER_LENGTH_MAX])
        )
        return Outcome(climb.incident, True)
    if verb is ActVerb.RESOLVE:
        return actions.resolve(incident_id, by, now, text)
    if verb is ActVerb.NOTE:
        return Outcome(describing.add_note(incident_id, text, by, now), True)
    if verb is ActVerb.SNOOZE:
        return actions.snooze(incident_id, until(text, by, now), by, now)
    with transaction.atomic():
        outcome = actions.acknowledge(incident_id, by, now)
        if text.strip():
            describing.add_note(incident_id, text, by, now)
    return outcome


def until(text: str, by: By, now: datetime) -> datetime:
    """The instant that `text` says, by the clocks of whoever said it. Raises Refused."""
    zone = (
        User.objects.filter(pk=by.user_id).values_list("timezone", flat=True).first() if by.user_id else None
    )
    return snooze_until(text, Reader(zone or "UTC", next_open), now)


def read(pages: Sequence[Page], now: datetime) -> None:
    """Note that these messages arrived, for whoever answers one has read it."""
    sent = Delivery.objects.filter(page__in=pages, state=DeliveryState.SENT).values_list("pk", flat=True)
    for delivery in list(sent):
        confirm(delivery, now)
