"""Ask a source the way the hot path does: unpack, clean, accept; then read the stored body again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from tocsin import sources
from tocsin.catalog.rules import IntegrationType, IntegrationValue
from tocsin.intake.hot_body import check_type, clean, unpacked
from tocsin.intake.rules import Event
from tocsin.sources import Accepted, Request

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEY = "0123456789abcdef0123456789abcdef"
SHOP = IntegrationValue("shop-events", "shop", IntegrationType.EVENTS, "Shop events")
JSON = {b"content-type": b"application/json"}


def ask(path: str, body: Any, method: str = "POST", headers: dict[bytes, bytes] | None = None) -> Accepted:
    """What the source of `path` says to `body` (bytes as they are, anything else as JSON). Raises Refused."""
    path, _, query = path.partition("?")
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(method, path, query, JSON if headers is None else headers, raw)
    source = sources.source_of(path)
    assert source is not None
    if raw:
        check_type(request, source.forms)
    request = Request(method, path, query, request.headers, clean(unpacked(request)))
    return source.accept(request, SHOP, NOW)


def events(path: str, body: Any, method: str = "POST") -> list[Event]:
    """The events that the digest will read from what was accepted."""
    accepted = ask(path, body, method)
    return list(sources.READERS[accepted.source](accepted.body, accepted.meta, NOW))


def event(path: str, body: Any, method: str = "POST") -> Event:
    (only,) = events(path, body, method)
    return only
