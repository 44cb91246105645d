"""The whole configuration as one shared snapshot, read again when it has changed.

Its version is the number of the last entry of the journal's chain "organisation", and that entry's hash tells
snapshots apart: nothing has to be counted up beside it. Who asks gets the shared snapshot, and at most one caller a
second looks whether the chain has grown.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import TypeVar

from tocsin.catalog.models import Integration, Organisation, Service
from tocsin.catalog.rules import Configuration, matrix_from
from tocsin.journal import changes
from tocsin.journal.actions import ORGANISATION
from tocsin.journal.models import Head
from tocsin.journal.rules import GENESIS

LOOK_EVERY = 1.0  # seconds between two looks at the chain's head
T = TypeVar("T")


@dataclass(frozen=True)
class _Shared:
    configuration: Configuration
    head: str  # hash of the chain's last entry when it was read
    looked_at: float  # monotonic; not the product's time, only the age of a copy


_shared: _Shared | None = None
_reading = threading.Lock()
_own = threading.local()  # what this thread sees inside a transaction that has changed the configuration


def configuration() -> Configuration:
    """Everything intake and escalation need to know. At most `LOOK_EVERY` old, mostly without a query.

    Inside a transaction that has itself changed the configuration: the state as changed, shared with nobody.
    """
    if changes.pending():
        return _own_view()
    return fresh_or_none() or _look()


def fresh_or_none() -> Configuration | None:
    """The shared snapshot when it need not be looked at again, else None. Never queries: for an event loop,
    which on None calls `configuration()` in a thread."""
    shared = _shared
    if (
        shared is None
        or shared.looked_at <= changes.changed_at()
        or time.monotonic() - shared.looked_at > LOOK_EVERY
    ):
        return None
    return shared.configuration


def as_it_stands() -> Configuration:
    """The configuration as the tables have it at this instant: one small query, and the rest when it has changed.

    For whoever is about to refuse something because it is not known: another node may have just made it.
    """
    global _shared  # noqa: PLW0603
    with _reading:
        if _shared is not None:
            _shared = replace(_shared, looked_at=float("-inf"))
    return configuration()


def refresh() -> Configuration:
    """Read everything again, whatever is known, and return it."""
    forget()
    return configuration()


def forget() -> None:
    """Know nothing, as at the start: for tests, whose database forgets too."""
    global _shared  # noqa: PLW0603 - one snapshot per process is the point
    _shared = None
    _own.__dict__.clear()


def per_configuration(read: Callable[[], T]) -> Callable[[], T]:
    """A reader whose answer is kept for as long as the configuration is the same: for what every page needs."""
    kept: tuple[Configuration, T] | None = None

    @wraps(read)
    def current() -> T:
        nonlocal kept
        config, known = configuration(), kept
        if known is not None and known[0] is config:
            return known[1]
        kept = known = (config, read())
        return known[1]

    return current


def _look() -> Configuration:
    """The shared snapshot, read again when the chain has grown."""
    global _shared  # noqa: PLW0603
    with _reading:
        if known := fresh_or_none():  # another thread looked while this one waited
            return known
        began = time.monotonic()
        head, version = _head()
        if _shared is not None and _shared.head == head:
            current = _shared.configuration
        else:
            current = _read(version)
        _shared = _Shared(current, head, began)
        return current


def _own_view() -> Configuration:
    head, version = _head()
    if getattr(_own, "head", None) != head:
        _own.configuration, _own.head = _read(version), head
    view: Configuration = _own.configuration
    return view


def _head() -> tuple[str, int]:
    row = Head.objects.filter(chain=ORGANISATION).values_list("hash", "seq").first()
    return row or (GENESIS, 0)


def _read(version: int) -> Configuration:
    services = {row.id: row.as_value() for row in Service.objects.all()}
    integrations, by_key = {}, {}
    for row in Integration.objects.all():
        integrations[row.id] = by_key[row.key_digest] = row.as_value()
    settings_row = Organisation.objects.order_by("pk").first()
    return Configuration(
        version=version,
        services=services,
        integrations=integrations,
        by_key=by_key,
        matrix=matrix_from(settings_row.matrix if settings_row else {}),
        fallback=settings_row.fallback_id if settings_row else None,
    )
