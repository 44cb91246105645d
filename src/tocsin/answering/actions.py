"""Answer what was heard: find who said it, do what they asked as they may, and give back words."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tocsin.answering import acting
from tocsin.answering.people import behind
from tocsin.answering.rules.standing import Standing, standing
from tocsin.answering.words import done_words, nothing_done, standing_words
from tocsin.incident.models import Incident
from tocsin.kernel.acting import by_user
from tocsin.kernel.errors import Refused
from tocsin.notification.delivering import channel_word
from tocsin.notification.hearing import Heard, Pressed, Receipt, Told, Tone
from tocsin.notification.models import Delivery
from tocsin.notification.receipts import confirm, find_told, refute


def answer(heard: Heard, provider_id: str, now: datetime) -> Told:
    """Do what `heard`, verified to come from the provider, asks for; says what became of it in words.

    Every refusal is told, none is raised: whoever answers at night shall read why nothing was done.
    """
    if isinstance(heard, Receipt):
        return _receipt(heard, now)
    if isinstance(heard, Pressed):
        return _pressed(heard, now)
    return Told("Nothing here understands that.", Tone.NOT_DONE)


def _receipt(receipt: Receipt, now: datetime) -> Told:
    found = find_told(receipt.delivery, receipt.reference)
    if found is not None and receipt.arrived:
        confirm(found.pk, now)
    elif found is not None:
        refute(found.pk, receipt.why, now)
    return Told(tone=Tone.SILENT)


def _pressed(pressed: Pressed, now: datetime) -> Told:
    """A button of a message: for who is behind the address, about the incident as it is now."""
    delivery = _delivery(pressed.delivery)
    incident = (
        Incident.objects.select_related("service", "assigned").filter(pk=delivery.incident_id or 0).first()
        if delivery is not None
        else None
    )
    if delivery is None or incident is None:
        return Told("This message is about nothing that is still known.", Tone.NOT_DONE)
    user = behind(pressed.address, delivery.page.user_id)
    if user is None:
        return Told("Nobody here is known by this address, so nothing was done.", Tone.NOT_DONE)
    meets = standing(acting.press_by(user, incident, pressed.verb), now)
    if meets is not Standing.OPEN:
        return Told(standing_words(meets, incident, user), Tone.NOT_DONE)
    by = by_user(user.pk, channel_word(pressed.address)[:16])
    try:
        outcome = acting.do(pressed.verb, incident.pk, by, now, text=pressed.text)
    except Refused as refused:
        return Told(str(refused), Tone.NOT_DONE)
    if delivery.page.user_id == user.pk:
        acting.read([delivery.page], now)
    if not outcome.changed:
        return Told(nothing_done(incident, outcome.why), Tone.NOT_DONE)
    return Told(done_words(pressed.verb, incident.pk))


def _delivery(id_: str, reference: str = "") -> Delivery | None:
    """The message that is meant, by its id or by the provider's name for it; None when nothing is."""
    rows = Delivery.objects.select_related("page")
    if id_:
        try:
            return rows.filter(pk=UUID(id_)).first()
        except ValueError:
            return None
    return rows.filter(reference=reference).first() if reference else None
