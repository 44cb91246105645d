"""Places: chat rooms and webhooks that a policy can name, where many read what one is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tocsin.catalog.actions import per_configuration
from tocsin.journal.actions import Fact
from tocsin.journal.changes import changing, did, record, saved
from tocsin.kernel.acting import By
from tocsin.kernel.errors import conflict, not_found
from tocsin.kernel.ids import check_slug
from tocsin.notification.channels import check_address
from tocsin.notification.models import Page
from tocsin.notification.models import Place as Row
from tocsin.people.checking import check_language, check_name
from tocsin.people.speaking import house_language

PLACES_MAX = 500


@dataclass(frozen=True)
class Place:
    """A place as it stands: what it is called, the address that its messages go to, and the language they are in."""

    id: str
    name: str
    address: str
    language: str


@per_configuration
def places() -> Mapping[str, Place]:
    """Every place by its id, as the configuration is now."""
    return {
        row.pk: Place(row.pk, str(row), row.address, row.language or house_language())
        for row in Row.objects.all()
    }


def language_of(page: Page) -> str:
    """The language of whoever a page is for: a person's, a place's."""
    if page.user is not None:
        return page.user.language
    place = find(page.place) if page.place else None
    return place.language if place is not None else house_language()


def find(place_id: str) -> Place | None:
    """The place; None when there is none of that id."""
    return places().get(place_id)


def find_place(place_id: str) -> Row:
    """The place. Raises Refused."""
    row = Row.objects.filter(pk=place_id).first()
    if row is None:
        raise not_found("place", place_id)
    return row


def save_place(place_id: str, name: str, address: str, by: By, now: datetime, language: str = "") -> Row:
    """Make the place or change it; without a language it is told in the house's. Raises Refused."""
    with changing():
        saving = Places([place_id])
        row = saving.save(place_id, name, address, language)
        saving.store(by, now)
    return row


def delete_place(place_id: str, by: By, now: datetime, *, named_by: Sequence[str]) -> None:
    """Forget the place. Refused while policies name it: `named_by` lists these (escalation knows them)."""
    if named_by:
        raise conflict(
            f"Place {place_id} is named by policy {', '.join(named_by)}",
            "Take it out of these policies first.",
        )
    with changing():
        find_place(place_id).delete()
        record([did("place.deleted", place=place_id)], by, now)


class Places:
    """Changes to the places `ids`: `save` decides about one, `store` writes all. Inside one transaction of the
    caller's."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._rows = Row.objects.select_for_update().order_by("pk").in_bulk(list(ids))
        self._count = Row.objects.count()
        self._changed: dict[str, Row] = {}
        self._facts: list[Fact] = []

    def save(self, place_id: str, name: str, address: str, language: str = "") -> Row:
        """Make the place or change it. Raises Refused."""
        row = self._rows.get(check_slug(place_id, "id"))
        before = _as_data(row) if row else None
        if row is None and self._count >= PLACES_MAX:
            raise conflict(f"There are {PLACES_MAX} places", "Delete those that nobody names.")
        if name:
            check_name(name)
        plain = check_address(address)
        if row is None:
            row = self._rows[place_id] = Row(id=place_id)
            self._count += 1
        row.name, row.address = name.strip(), plain
        row.language = check_language(language) if language else ""
        self._changed[place_id] = row
        self._facts += saved("place", place_id, before, _as_data(row), personal=("address",))
        return row

    def store(self, by: By, now: datetime) -> None:
        """Write."""
        for row in self._changed.values():
            row.save()
        record(self._facts, by, now)


def _as_data(row: Row) -> dict[str, Any]:
    """The place for the journal; its address may let anybody write there, so it is not repeated."""
    return {"name": row.name, "address": row.address, "language": row.language}
