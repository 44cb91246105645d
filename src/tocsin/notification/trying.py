"""Send a test message through one provider, now, and say what became of it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime
from uuid import uuid4

import structlog
from django.utils.translation import gettext, override

from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, conflict
from tocsin.notification.accounts import CIRCUITS, ready
from tocsin.notification.channels import scheme_of
from tocsin.notification.deadline import within
from tocsin.notification.models import Place, Provider
from tocsin.notification.providers import find_provider, note_test, vendor_of
from tocsin.notification.rules import SEND_DEADLINE, Failed, Kind, Message, Sent
from tocsin.notification.vendors import part_of
from tocsin.people.models import Contact, User

_log = structlog.get_logger("tocsin.notification.trying")

_one_at_a_time = (
    threading.Lock()
)  # whoever asks waits for the network, and must not take every thread with it


def targets(provider: Provider, user_id: str) -> Mapping[str, str]:
    """Where a person may send a test through the provider: their own contacts, and places; address -> what it is."""
    schemes = vendor_of(provider.vendor).schemes
    found = {
        address: f"your contact {name}"
        for name, address in Contact.objects.filter(user_id=user_id).values_list("name", "address")
        if scheme_of(address) in schemes
    }
    for place in Place.objects.all():
        if scheme_of(place.address) in schemes:
            found.setdefault(place.address, f"the place {place}")
    return found


def first_target(provider_id: str, user_id: str) -> str:
    """The first address where a person may send a test through the provider, their own before a place. Raises Refused
    when there is none."""
    found = next(iter(targets(find_provider(provider_id), user_id)), "")
    if not found:
        raise conflict(
            f"There is nowhere to send a test through {provider_id}",
            "Add a contact of yours, or a place, that it serves.",
        )
    return found


def try_provider(provider_id: str, address: str, user: User, by: By, now: datetime) -> Sent | Failed:
    """What the provider made of a test message to `address`, which is the person's own or a place; it is sent although
    the provider may be resting, and what it makes of it counts. Takes up to SEND_DEADLINE. Raises Refused."""
    row = find_provider(provider_id)
    if address not in targets(row, user.pk):
        raise Refused(
            "This address is neither yours nor a place",
            "one of your contacts that the provider serves",
            where="to",
        )
    opened = ready().opened.get(provider_id)
    if opened is None or opened.channel is None:
        why = opened.problem if opened is not None else "it is switched off"
        raise conflict(f"Provider {provider_id} cannot send: {why}", "Mend that first.")
    if not _one_at_a_time.acquire(blocking=False):
        raise conflict("Another test is on its way", "Wait for it, then try again.")
    with override(user.language):
        subject = gettext("Test: this is how Tocsin reaches you")
        line = gettext("Nothing is wrong. %(who)s asked to test %(what)s.") % {"who": user.name, "what": row}
    message = Message(str(uuid4()), subject, [line], kind=Kind.TEST, language=user.language)
    try:
        with within(SEND_DEADLINE.total_seconds()):
            outcome = part_of(opened.channel, scheme_of(address)).send(address, user.name, message, now)
    except Refused as refused:
        outcome = Failed(str(refused), again=False)
    except Exception as error:
        _log.exception("a channel failed in an unforeseen way", provider=provider_id)
        outcome = Failed(f"the channel failed: {type(error).__name__}")
    finally:
        _one_at_a_time.release()
    CIRCUITS.ask(provider_id, now)
    CIRCUITS.answered(provider_id, outcome, now, now)
    note_test(provider_id, "sent" if isinstance(outcome, Sent) else outcome.why, by, now)
    return outcome
