"""Change how people are reached, prove that an address is theirs, and keep what is found out about it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Lower

from tocsin.journal.changes import changing, did, record
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, conflict, not_found
from tocsin.kernel.ids import digest
from tocsin.people.models import Contact, ContactCode, User
from tocsin.people.rules import (
    CODE_DIGITS,
    CODE_LIFE,
    CODE_TRIES_MAX,
    Asked,
    May,
    Standing,
    code_of,
    is_code,
    needs_proof,
    too_many,
)
from tocsin.people.saving import Contacts, Left


def save_contacts(
    user_id: str,
    contacts: Mapping[str, str],
    by: By,
    now: datetime,
    *,
    check_address: Callable[[str], str],
) -> list[Left]:
    """Make these all the person's ways to be reached; returns the addresses that were paged and are gone.

    Who writes their own has to prove what is new (`prove_contact`); who writes another's vouches for all of it. Who may
    not edit people cannot take an address that is another's. `check_address` returns the plain form of an address or
    raises Refused; the channels know, and live above.
    """
    own = by.user_id == user_id and by.through != "file"
    with changing():
        saving = Contacts([user_id], check_address)
        user = User.objects.filter(pk=user_id).first()
        if user is None:
            raise not_found("person", user_id)
        if own and not user.may(May.PEOPLE):
            _check_nobody_elses(user, saving.added(user_id, contacts))
        saving.save(user_id, contacts, "" if own else by.who)
        saving.store(by, now)
    return saving.left


def _check_nobody_elses(user: User, addresses: set[str]) -> None:
    """Raises Refused, in words that do not say whose it is."""
    listed = [each for each in addresses if needs_proof(each)]
    letters = [each.lower() for each in listed if each.startswith("mailto:")]  # mailboxes in whatever case
    mailboxes = [each.partition(":")[2] for each in letters]
    others = Contact.objects.exclude(user=user).annotate(small=Lower("address"))
    taken = others.filter(Q(address__in=listed) | Q(small__in=letters))
    if taken.exists() or User.objects.filter(email__in=mailboxes).exclude(pk=user.pk).exists():
        raise conflict(
            "An address here cannot be added by you",
            "An administrator can add one that several people share.",
        )


def ask_code(user_id: str, name: str, by: By, now: datetime) -> tuple[Contact, str]:
    """Make a code that proves the contact; returns that and the nonce of the code, which whoever sends it turns into
    digits (`digits`). Raises Refused when there is nothing to prove, or too many codes were asked for."""
    with changing():
        contact = find_contact(user_id, name)
        if not needs_proof(contact.address):
            raise conflict(f"'{name}' needs no proof", "Messages to it do not leave this program.")
        if contact.as_value().standing is Standing.VERIFIED:
            raise conflict(f"'{name}' is verified")
        codes, day, print_ = ContactCode.objects, now - timedelta(days=1), digest(contact.address)
        codes.filter(made_at__lt=day - timedelta(days=1)).delete()
        mine = codes.filter(user=user_id, made_at__gt=day)
        asked = Asked(
            mine.filter(contact=name, made_at__gt=now - timedelta(hours=1)).count(),
            codes.filter(address_digest=print_, made_at__gt=day).count(),
            mine.count(),
        )
        if why := too_many(asked):
            raise Refused(why, mend="Wait a while, then ask again.", status=429)
        nonce = secrets.token_hex(32)
        codes.create(user_id=user_id, contact=name, address_digest=print_, nonce=nonce, made_at=now)
        record([did("contact.code_made", user=user_id, contact=name)], by, now)
    return contact, nonce


def digits(nonce: str, address: str) -> str:
    """The code that `ask_code` made for `address`."""
    key = sha256(b"tocsin contact code\0" + settings.SECRET_KEY.encode()).digest()
    return code_of(nonce, address, key)


def prove_contact(user_id: str, name: str, typed: str, by: By, now: datetime) -> Contact:
    """The contact, verified because `typed` are the digits last sent there. Raises Refused; each wrong try counts."""
    with changing():
        contact = find_contact(user_id, name)
        code = (
            ContactCode.objects.select_for_update()
            .filter(user=user_id, contact=name, address_digest=digest(contact.address))
            .order_by("-made_at", "-pk")
            .first()
        )
        if code is None or code.used_at is not None or now >= code.made_at + CODE_LIFE:
            raise conflict(f"No code for '{name}' is open", "Have a new one sent.")
        if code.tries >= CODE_TRIES_MAX:
            raise Refused("This code was mistyped too often", mend="Have a new one sent.", status=429)
        if right := is_code(typed, digits(code.nonce, contact.address)):
            code.used_at = contact.verified_at = now
            contact.worked_at = contact.worked_at or now
            contact.failing_since, contact.failing_why = None, ""
            contact.save()
        else:
            code.tries += 1  # stays counted: the refusal comes after the commit
        code.save()
        kind = "contact.verified" if right else "contact.code_wrong"
        record([did(kind, user=user_id, contact=name)], by, now)
    if not right:
        left = CODE_TRIES_MAX - code.tries
        raise Refused(
            "These are not the digits of the latest code",
            f"{CODE_DIGITS} digits",
            f"{left} more {'try' if left == 1 else 'tries'}." if left else "Have a new one sent.",
            "code",
        )
    return contact


def find_contact(user_id: str, name: str) -> Contact:
    """The contact. Raises Refused."""
    row = Contact.objects.filter(user=user_id, name=name).first()
    if row is None:
        raise not_found("contact", name)
    return row


def note_contacts(changed: Sequence[tuple[Contact, str]], by: By, now: datetime) -> None:
    """Keep what was found out about contacts: each with the journal's word for it ("failing", "works again",
    "worked"). In the caller's `changing` transaction."""
    Contact.objects.bulk_update(
        [row for row, _ in changed], ["worked_at", "failing_since", "failing_why"], batch_size=100
    )
    said = {"failing": "contact.failing", "works again": "contact.recovered", "worked": "contact.worked"}
    record(
        [
            did(
                said[word],
                user=row.user_id,
                contact=row.name,
                **({"why": row.failing_why} if row.failing_why else {}),
            )
            for row, word in changed
        ],
        by,
        now,
    )
