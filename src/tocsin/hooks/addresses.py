"""The secrets that sign for contacts and places. Each is derived from its address, until it is changed here: then from
the address and a text, with the secret from before beside it for a day, as a webhook's is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tocsin.catalog.snapshot import per_configuration
from tocsin.hooks.actions import BOTH_KEYS, still_signs
from tocsin.hooks.models import AddressSecret
from tocsin.journal.changes import changing, did, record
from tocsin.kernel.acting import By
from tocsin.kernel.ids import digest, new_secret


@dataclass(frozen=True)
class Nonces:
    """What an address's secrets are made of: "" is the one that is derived from the address alone."""

    nonce: str = ""
    old: str = ""
    old_until: datetime | None = None

    def still_old(self, now: datetime) -> bool:
        """Whether the secret from before signs as well."""
        return self.old_until is not None and now < self.old_until

    def at(self, now: datetime) -> list[str]:
        """Those that sign, the new one first."""
        return [self.nonce, self.old] if self.still_old(now) else [self.nonce]


_known: Mapping[str, Nonces] = {}  # as this process read them last


@per_configuration
def _changed() -> Mapping[str, Nonces]:
    """The addresses, by digest, whose secret was ever changed."""
    global _known  # noqa: PLW0603
    rows = AddressSecret.objects.all()
    _known = {row.pk: Nonces(row.nonce, row.old_nonce, row.old_until) for row in rows}
    return _known


def secrets_at(address: str) -> Nonces:
    """What the secrets of the address, in its plain form, are made of."""
    return _changed().get(digest(address), Nonces())


def nonces_of(address: str, now: datetime) -> list[str]:
    """What signs for the address at `now`, the new one first."""
    return secrets_at(address).at(now)


def known_nonces(address: str, now: datetime) -> list[str]:
    """The same as far as this process knows, without asking the database: for when that is what is broken."""
    return _known.get(digest(address), Nonces()).at(now)


def rotate_address(address: str, noun: str, of: Mapping[str, str], by: By, now: datetime) -> None:
    """A new secret signs for the address from now on, and for BOTH_KEYS the one from before as well. `of` says of which
    `noun` it is, for the journal. Refused while one is on its way out."""
    with changing():
        row, _ = AddressSecret.objects.select_for_update().get_or_create(pk=digest(address))
        if row.old_until is not None and now < row.old_until:
            raise still_signs()
        row.nonce, row.old_nonce, row.old_until = new_secret(), row.nonce, now + BOTH_KEYS
        row.save()
        record([did(f"{noun}.secret_rotated", **of, until=row.old_until)], by, now)


def end_old_of_address(address: str, noun: str, of: Mapping[str, str], by: By, now: datetime) -> None:
    """The secret from before the last rotation signs nothing any more, as of now."""
    with changing():
        ended = AddressSecret.objects.filter(pk=digest(address), old_until__gt=now)
        if ended.update(old_nonce="", old_until=None):
            record([did(f"{noun}.old_secret_ended", **of)], by, now)
