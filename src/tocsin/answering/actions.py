"""Answer what was heard: find who said it, do what they asked as they may, and give back words."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext, override

from tocsin.answering import receipts
from tocsin.answering.commanding import commanded
from tocsin.answering.once import first_time
from tocsin.answering.people import language_at, people_at
from tocsin.answering.pressing import heard_before, nothing_known, pressed, stranger
from tocsin.answering.reports import Said, alike, report
from tocsin.answering.words import named, nothing_was_done
from tocsin.answering.writing import written
from tocsin.catalog.actions import configuration
from tocsin.kernel.errors import Refused
from tocsin.notification.bundling import Other, together
from tocsin.notification.channels import channel_word
from tocsin.notification.hearing import (
    AskedAgain,
    Commanded,
    Heard,
    Pressed,
    Receipt,
    Reported,
    Told,
    Tone,
    Written,
)
from tocsin.notification.links import message_of
from tocsin.notification.models import Delivery
from tocsin.notification.rules import Kind

CHAT = "chat"  # in TOCSIN_REPORTS: whoever is in a chat may report, with an account here or without


def answer(heard: Heard, provider_id: str, now: datetime) -> Told:
    """Do what `heard`, verified to come from the provider, asks for; says what became of it in words.

    Every refusal is told, none is raised: whoever answers at night shall read why nothing was done. What the provider
    says twice is done once.
    """
    if isinstance(heard, Receipt):
        return receipts.noted(heard, now)
    if isinstance(heard, AskedAgain):
        return said_again(heard)
    with override(language_at(heard.address)):
        try:
            with transaction.atomic():
                return _answered(heard, provider_id, now)
        except Refused as refused:
            return Told(nothing_was_done(refused), Tone.NOT_DONE, about=refused.where)


def _answered(heard: Pressed | Written | Commanded | Reported, provider_id: str, now: datetime) -> Told:
    if isinstance(heard, Pressed):
        return pressed(heard, provider_id, now)
    if isinstance(heard, Written):
        return written(heard, provider_id, now)
    if isinstance(heard, Commanded) and heard.verb.strip().casefold() != "open":
        return commanded(heard, provider_id, now)
    return reported(_as_report(heard) if isinstance(heard, Commanded) else heard, provider_id, now)


def said_again(heard: AskedAgain) -> Told:
    """What the message says, for whom it was sent to and nobody else; which changes nothing."""
    delivery = receipts.delivery_of(heard.delivery)
    if delivery is None:
        return nothing_known()
    if delivery.address != heard.address:
        return stranger()
    besides = Delivery.objects.filter(told_with=delivery.pk).select_related("page").order_by("due_at")
    others = [
        Other(one.page.incident_id or 0, one.page.subject, one.page.kind == Kind.OVER) for one in besides
    ]
    return Told(message=together(message_of(delivery.page, delivery.pk), others))


def _as_report(command: Commanded) -> Reported:
    """`open shop The checkout fails` and `open The checkout fails`: the first word may be a service's id."""
    first, _, rest = command.rest.strip().partition(" ")
    service = first.casefold() if rest.strip() and first.casefold() in configuration().services else ""
    title = rest.strip() if service else command.rest.strip()
    return Reported(
        command.address, title, service=service, place=command.place, name=command.name, id=command.id
    )


def reported(heard: Reported, provider_id: str, now: datetime) -> Told:
    """Open an incident with somebody's own words, and tell them its number. Raises Refused."""
    people = people_at(heard.address)
    user = people[0] if len(people) == 1 else None
    if user is None and CHAT not in settings.CONFIG.reports:
        return Told(
            gettext("Nothing was opened: only people with an account here may report."), Tone.NOT_DONE
        )
    if not first_time(provider_id, heard.id, now):
        return heard_before()
    near = alike(f"{heard.title} {heard.text}")
    said = Said(
        title=heard.title,
        text=heard.text,
        through=channel_word(heard.address),
        service=heard.service,
        urgent=heard.urgent,
        user=user,
        address=heard.address,
        name=heard.name,
    )
    made = report(said, now)
    thanks = gettext("Thank you. %(incident)s is open, and you are told how it goes on.")
    words = [thanks % {"incident": named(made.incident)}]
    if near:
        words.append(gettext("It may be the same as %(incident)s.") % {"incident": named(near[0])})
    return Told(" ".join(words))
