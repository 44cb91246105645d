"""A person's contacts for the reader: what each is worth, since when, and whether a code can be entered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from tocsin.notification.book import everybody
from tocsin.notification.channels import is_served, scheme_of
from tocsin.notification.models import Delivery
from tocsin.notification.rules import DeliveryState, Kind
from tocsin.people.models import Contact, User
from tocsin.people.rules import CODE_LIFE, Standing, needs_proof

VOUCHING = {
    "engine": "the upgrade from a version that asked for no proof",
    "cli": "the command line",
    "file": "the organisation file",
    "user:command-line": "the command line",
}


@dataclass(frozen=True)
class Way:
    """One contact. `code` is what became of the last code, "" when none is open; `code_lost`: it did not go."""

    contact: Contact
    address: str
    standing: Standing
    vouched_by: str = ""
    code: str = ""
    code_lost: bool = False
    wrong: str = ""  # what is wrong with the digits just entered

    @property
    def needs_proof(self) -> bool:
        return needs_proof(self.contact.address)

    @property
    def unserved(self) -> str:
        """The beginning of an address that nothing delivers to yet; "" for one that something does."""
        return "" if is_served(self.contact.address) else scheme_of(self.contact.address)

    @property
    def can_be_proved(self) -> bool:
        return self.needs_proof and self.standing is not Standing.VERIFIED


def ways_of(person: User, addresses: Mapping[str, str] | None = None) -> list[Way]:
    """The person's contacts, with `addresses` by name where they are shown otherwise than in full."""
    shown = addresses or {}
    return [
        Way(row, shown.get(row.name, row.address), row.as_value().standing, _vouched_by(row))
        for row in person.contacts.all()
    ]


def own_ways(person: User, now: datetime, wrong: Mapping[str, str] | None = None) -> list[Way]:
    """The same for the person, with the codes that are open."""
    codes = _codes(person, now)
    mistakes = wrong or {}
    return [
        Way(
            way.contact,
            way.address,
            way.standing,
            way.vouched_by,
            *codes.get((way.contact.name, way.contact.address), ("", False)),
            mistakes.get(way.contact.name, ""),
        )
        for way in ways_of(person)
    ]


def _vouched_by(row: Contact) -> str:
    if not row.vouched_by or row.verified_at is not None:
        return ""
    kind, _, key = row.vouched_by.partition(":")
    if row.vouched_by not in VOUCHING and kind == "user" and key in (people := everybody()):
        return people[key].name
    return VOUCHING.get(row.vouched_by, row.vouched_by)


def _codes(person: User, now: datetime) -> dict[tuple[str, str], tuple[str, bool]]:
    """What became of the last code to each contact, as long as it opens something; and whether it did not go."""
    rows = Delivery.objects.filter(page__user=person, page__kind=Kind.CODE, due_at__gt=now - CODE_LIFE)
    said: dict[tuple[str, str], tuple[str, bool]] = {}
    for name, address, state, error in rows.order_by("due_at").values_list(
        "contact", "address", "state", "error"
    ):
        words = {
            DeliveryState.SENT: "A code was sent there.",
            DeliveryState.CONFIRMED: "A code was sent there.",
            DeliveryState.UNDELIVERABLE: f"The code did not go: {error}.",
        }
        lost = state == DeliveryState.UNDELIVERABLE
        said[name, address] = words.get(DeliveryState(state), "A code is on its way."), lost
    return said


@dataclass(frozen=True)
class Reached:
    """How well somebody is reached: how many contacts count, and which do not."""

    sound: int
    failing: tuple[str, ...]
    unverified: tuple[str, ...]


def reached(contacts: Iterable[Contact]) -> Reached:
    """The same of rows that were read already."""
    known = [(row.name, row.as_value()) for row in contacts]
    return Reached(
        sum(value.is_sound for _, value in known),
        tuple(name for name, value in known if value.standing is Standing.FAILING),
        tuple(name for name, value in known if value.standing is Standing.UNVERIFIED),
    )
