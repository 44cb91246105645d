"""Change how people are reached, with what has to be sent because of it: a code to prove an address, and word to an
address that is not paged any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext, override

from tocsin.journal.changes import changing
from tocsin.journal.waking import wake
from tocsin.kernel.acting import By
from tocsin.kernel.zones import zone
from tocsin.notification.channels import check_address
from tocsin.notification.models import Delivery, Page
from tocsin.notification.rules import Kind, Message
from tocsin.people import contacts
from tocsin.people.models import Contact, User
from tocsin.people.rules import CODE_LIFE, Language, in_groups
from tocsin.people.saving import Left
from tocsin.people.speaking import moment_words

CONTACTS_PAGE = "/me/contacts"


def save_contacts(user_id: str, wanted: Mapping[str, str], by: By, now: datetime) -> None:
    """Make these all the person's contacts; those that they had and that are gone are told so. Raises Refused."""
    with changing():
        tell_left(contacts.save_contacts(user_id, wanted, by, now, check_address=check_address), by, now)


def send_code(user_id: str, name: str, by: By, now: datetime) -> Contact:
    """Send a fresh code to a contact, and to that alone. Raises Refused when there is nothing to prove, or too many
    were sent."""
    with changing():
        contact, nonce = contacts.ask_code(user_id, name, by, now)
        details = {"nonce": nonce, "address": contact.address}
        _send(
            Left(user_id, name, contact.address),
            Kind.CODE,
            "Your code for Tocsin",
            [],
            f"code asked for by {by.who}",
            now,
            details,
        )
    return contact


def code_message(page: Page, delivery_id: str) -> Message:
    """What is said with a code. Its digits are made here, at the moment of sending, and stored nowhere."""
    code = contacts.digits(page.details["nonce"], page.details["address"])
    language = page.user.language if page.user is not None else Language.ENGLISH
    with override(language):
        subject = gettext("Your code for Tocsin is %(code)s") % {"code": in_groups(code)}
        enter = gettext("Enter it where your contacts are, within %(count)s minutes. Then pages come here.")
        lines = (
            enter % {"count": int(CODE_LIFE.total_seconds() / 60)},
            gettext(
                "Nobody ever asks you for it. If you did not ask for it, do nothing: without it nothing comes here."
            ),
        )
    return Message(
        id=delivery_id,
        subject=subject,
        lines=lines,
        language=language,
        link=settings.CONFIG.url + CONTACTS_PAGE,
        kind=Kind.CODE,
        urgent=False,
    )


def tell_left(left: Sequence[Left], by: By, now: datetime) -> None:
    """Tell addresses that were paged that they are not any more, in case that was not their person's doing. In the
    caller's transaction."""
    if not left:
        return
    people = User.objects.in_bulk({each.user_id for each in left} | {by.user_id or ""})
    changed_by = people[by.user_id].name if by.user_id in people else ""
    for each in left:
        person = people[each.user_id]
        with override(person.language):
            subject, lines = _left_words(each, person, changed_by, each.user_id == by.user_id, now)
        _send(each, Kind.NOTICE, subject, lines, "change of contacts", now, {"path": CONTACTS_PAGE})


def _left_words(left: Left, person: User, who: str, own: bool, now: datetime) -> tuple[str, list[str]]:
    """What an address is told that is not paged any more. `who` changed it: "" for somebody without a name."""
    said = {
        "who": who or gettext("The administration of Tocsin"),
        "time": moment_words(now, zone(person.timezone)),
        "zone": person.timezone,
        "person": person.name,
    }
    gone = gettext(
        "%(who)s changed or removed it on %(time)s (%(zone)s). Pages for %(person)s do not come here any more."
    )
    mend = (
        gettext("If that was not you, sign in, change it back, and tell your administrator at once.")
        if own
        else gettext("If you do not know why, ask them, or tell your administrator.")
    )
    changed = gettext("The contact '%(contact)s' of %(person)s was changed")
    return changed % {"contact": left.contact, "person": person.name}, [gone % said, mend]


def _send(
    to: Left,
    kind: Kind,
    subject: str,
    lines: Sequence[str],
    reason: str,
    now: datetime,
    details: Mapping[str, Any],
) -> None:
    """One message to one address, whatever the person's rules say."""
    page = Page.objects.create(
        user_id=to.user_id,
        urgency="low",
        kind=kind,
        reason=reason[:300],
        subject=subject[:300],
        lines=list(lines),
        details=dict(details),
        created_at=now,
    )
    Delivery.objects.create(
        page=page, contact=to.contact, address=to.address, urgent=False, due_at=now, next_at=now
    )
    wake("deliveries")
