"""A button of a message, pressed by somebody whom its provider knows by an address."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext

from tocsin.answering import acting
from tocsin.answering.once import first_time
from tocsin.answering.people import behind
from tocsin.answering.receipts import delivery_of
from tocsin.answering.rules.standing import Standing, standing
from tocsin.answering.words import done_words, named, next_people, nothing_done, standing_words
from tocsin.incident.models import Incident
from tocsin.incident.readers import sight_of, viewer_of
from tocsin.incident.rules import State
from tocsin.incident.rules.restricting import Sight
from tocsin.kernel.acting import by_user
from tocsin.notification.channels import channel_word
from tocsin.notification.hearing import Pressed, Told, Tone
from tocsin.notification.rules import ActVerb, Kind
from tocsin.people.models import User


def pressed(press: Pressed, provider_id: str, now: datetime) -> Told:
    """Do what the button says, about the incident as it is now. In the caller's transaction. Raises Refused."""
    delivery = delivery_of(press.delivery)
    incident = incident_of(delivery.incident_id) if delivery is not None else None
    if delivery is None or incident is None:
        return nothing_known()
    user = behind(press.address, delivery.page.user_id)
    if user is None:
        return stranger()
    if delivery.page.kind == Kind.SHADOW and user.pk == delivery.page.user_id:
        return only_a_copy()
    if not first_time(provider_id, press.id, now):
        return _heard_before(press.verb, incident, user, now)
    told = act(press.verb, incident, user, channel_word(press.address), press.text, now)
    if delivery.page.user_id == user.pk:
        acting.read([delivery.page], now)
    return told


def heard_before() -> Told:
    """The provider says again what it has said."""
    return Told(gettext("That was heard before, and is not done twice."), Tone.NOT_DONE)


def stranger() -> Told:
    """Nobody is known by the address."""
    return Told(gettext("Nobody here is known by this address, so nothing was done."), Tone.NOT_DONE)


def nothing_known() -> Told:
    """What it is about is gone."""
    return Told(gettext("This message is about nothing that is still known."), Tone.NOT_DONE)


def only_a_copy() -> Told:
    """Who learns does not act."""
    return Told(gettext("Nothing was done. You were sent a copy, to learn from."), Tone.NOT_DONE)


def _heard_before(verb: ActVerb, incident: Incident, user: User, now: datetime) -> Told:
    """What is so by now, for whoever missed the first answer."""
    meets = standing(acting.press_by(user, incident, verb), now)
    if meets is Standing.OPEN:
        return heard_before()
    return Told(standing_words(meets, incident, user, now), Tone.NOT_DONE)


def act(verb: ActVerb, incident: Incident, user: User, through: str, text: str, now: datetime) -> Told:
    """Do `verb` for somebody who is known, and say what became of it. A room shows the number of what is restricted to
    many: of them only who reads it or was paged acts. Raises Refused."""
    if sight_of(incident, viewer_of(user)) is Sight.NOTHING:
        shut = gettext("Nothing was done: only who was paged about %(incident)s, or reads it, can act on it.")
        return Told(shut % {"incident": named(incident)}, Tone.NOT_DONE)
    meets = standing(acting.press_by(user, incident, verb), now)
    if meets is not Standing.OPEN:
        return Told(standing_words(meets, incident, user, now), Tone.NOT_DONE)
    woken = next_people(incident, now) if verb is ActVerb.ESCALATE else ""
    outcome = acting.do(verb, incident.pk, by_user(user.pk, through), now, text=text)
    if not outcome.changed:
        return Told(nothing_done(outcome.incident, outcome.why), Tone.NOT_DONE)
    minor = verb is ActVerb.NOTE and outcome.incident.state != State.TRIGGERED
    return Told(done_words(verb, outcome.incident, user, now, woken), minor=minor)


def incident_of(incident_id: int | None) -> Incident | None:
    """The incident with whom it concerns; None when there is none."""
    rows = Incident.objects.select_related("service", "assigned")
    return rows.filter(pk=incident_id).first() if incident_id is not None else None
