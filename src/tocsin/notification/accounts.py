"""The providers as they are open in this process: read once per version of the configuration.

An account whose settings have not changed stays open, with what its channel remembers. Threads that only send ask for
what is `at_hand`; whoever may ask the database gets it `ready` before.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings as site

from tocsin.catalog.actions import configuration
from tocsin.catalog.rules import Configuration
from tocsin.journal.changes import pending
from tocsin.kernel.errors import Refused
from tocsin.notification.models import Provider
from tocsin.notification.rules import Channel
from tocsin.notification.sealing import unseal
from tocsin.notification.switching import Circuits, Line, State, Switch
from tocsin.notification.vendors import Account, part_of, vendors

CALLBACKS = "/channels"  # below our public address


@dataclass(frozen=True)
class Opened:
    """One provider that is switched on. Without a channel `problem` says why it could not be opened."""

    id: str
    vendor: str
    schemes: tuple[str, ...] = ()
    channel: Channel | None = None
    problem: str = ""


@dataclass(frozen=True)
class Accounts:
    """All of them, in their order, and what serves each scheme."""

    opened: Mapping[str, Opened] = field(default_factory=dict)
    by_scheme: Mapping[str, Channel] = field(default_factory=dict)


CIRCUITS = Circuits()

_lock = threading.Lock()
_read: tuple[Configuration, Accounts] | None = None
_open: dict[str, tuple[object, Opened]] = {}  # by id, with what it was opened from


def ready() -> Accounts:
    """The accounts as the configuration has them now; asks the database when it has changed."""
    global _read  # noqa: PLW0603 - one set of open accounts per process is the point
    config, read = configuration(), _read
    if read is not None and read[0] is config:
        return read[1]
    rows = list(Provider.objects.filter(enabled=True))
    with _lock:
        accounts = _opened_all(rows)
        if not pending():  # what may yet be taken back is nobody else's
            _read = (config, accounts)
    return accounts


def at_hand() -> Accounts:
    """The accounts as they were when this process last had them `ready`; asks the database only the first time."""
    read = _read
    return ready() if read is None else read[1]


def forget() -> None:
    """Know nothing, as at the start: for tests."""
    global _read  # noqa: PLW0603
    with _lock:
        _read = None
        _open.clear()
    CIRCUITS.keep_only(())


def callback_url(provider_id: str) -> str:
    """Our public address for what the provider has to tell us."""
    return f"{site.CONFIG.url}{CALLBACKS}/{provider_id}"


def account_of(row: Provider) -> Account:
    """The account with its secrets in plain text, for its vendor's file alone. Raises Refused."""
    plain = {name: unseal(sealed) for name, sealed in row.secrets_sealed.items()}
    return Account(row.pk, {**row.settings, **plain}, callback_url(row.pk))


def states(now: datetime) -> dict[str, State]:
    """How every provider that is open is on this node, in their order."""
    return {provider: CIRCUITS.state(provider, now) for provider in at_hand().opened}


def channel_through(provider_id: str, address: str) -> Channel | None:
    """This one provider as the channel of `address`, resting as it would among others; None when it is not open."""
    opened, scheme = ready().opened.get(provider_id), address.partition(":")[0]
    if opened is None or opened.channel is None or scheme not in opened.schemes:
        return None
    return Switch(scheme, [Line(opened.id, part_of(opened.channel, scheme))], CIRCUITS)


def _opened_all(rows: list[Provider]) -> Accounts:
    """Open what is new or changed, close what is gone."""
    opened: dict[str, Opened] = {}
    for row in rows:
        print_ = (row.vendor, row.settings, row.secrets_sealed, row.changed_at)
        known = _open.get(row.pk)
        if known is not None and known[0] == print_:
            opened[row.pk] = known[1]
            continue
        CIRCUITS.forget(row.pk)  # as it is now it has not failed yet
        opened[row.pk] = _opened(row)
        _open[row.pk] = (print_, opened[row.pk])
    for gone in _open.keys() - opened.keys():
        del _open[gone]
    CIRCUITS.keep_only(opened)
    lines: dict[str, list[Line]] = {}
    for one in opened.values():
        for scheme in one.schemes if one.channel is not None else ():
            assert one.channel is not None
            lines.setdefault(scheme, []).append(Line(one.id, part_of(one.channel, scheme)))
    return Accounts(opened, {scheme: Switch(scheme, some, CIRCUITS) for scheme, some in lines.items()})


def _opened(row: Provider) -> Opened:
    vendor = vendors().get(row.vendor)
    if vendor is None:
        return Opened(row.pk, row.vendor, problem=f"this version knows no vendor '{row.vendor}'")
    try:
        channel = vendor.open(account_of(row))
    except Refused as refused:
        return Opened(row.pk, row.vendor, tuple(vendor.schemes), problem=str(refused))
    return Opened(row.pk, row.vendor, tuple(vendor.schemes), channel)
