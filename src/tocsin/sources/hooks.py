"""`/hooks/KEY`: the key stands in the path, and the vendor is named there or known by the shape of the body."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from tocsin.catalog.rules import IntegrationValue
from tocsin.intake.hot_request import Accepted, Answer, Request
from tocsin.kernel.errors import Refused
from tocsin.sources import alertmanager, generic, reading

PREFIX = "/hooks/"
forms = True


class _Shape(msgspec.Struct, gc=False):
    """As much of a body as tells who sent it."""

    version: msgspec.Raw = msgspec.Raw()
    groupKey: msgspec.Raw = msgspec.Raw()
    alerts: msgspec.Raw = msgspec.Raw()


class _Item(msgspec.Struct, gc=False):
    labels: dict[str, str]
    summary: Any = None
    title: Any = None
    message: Any = None


_shape = msgspec.json.Decoder(_Shape)
_items = msgspec.json.Decoder(list[_Item])


def _parts(request: Request) -> tuple[str, str]:
    """The key, and what follows it."""
    key, _, rest = request.path.removeprefix(PREFIX).partition("/")
    return key, rest


def key_of(request: Request) -> str:
    """The key, which is the first part of the path after /hooks/; "" when there is none."""
    return _parts(request)[0]


def accept(request: Request, integration: IntegrationValue, now: datetime) -> Accepted:
    """The events of a request, by the path behind its key, else by what its body looks like. Raises Refused for a
    method, a path or a body that nothing here reads."""
    _, rest = _parts(request)
    if _is_api(rest):
        return alertmanager.accept(msgspec.structs.replace(request, path="/" + rest), integration, now)
    if request.method != "POST":
        raise Refused(f"{request.method} does nothing here", "POST", status=405)
    if rest.rstrip("/") == "alertmanager":
        return alertmanager.accept_webhook(request.body)
    if rest.rstrip("/") in ("generic", "json"):
        return generic.accept(request, integration, now)
    if rest:
        raise Refused(
            f"Nothing here reads {rest[:50]!r}",
            "/hooks/KEY, /hooks/KEY/alertmanager or /hooks/KEY/generic",
            "Leave out what follows the key: the sender is known by what it sends.",
            status=404,
        )
    return _by_shape(request, integration, now)


def _by_shape(request: Request, integration: IntegrationValue, now: datetime) -> Accepted:
    body = request.body
    if body.lstrip()[:1] == b"[":
        try:
            items = _items.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return generic.accept(request, integration, now)
        if any(item.summary or item.title or item.message for item in items):
            return generic.accept(request, integration, now)
        return alertmanager.accept_post(body)
    shape = reading.decode(_shape, body)
    if bytes(shape.alerts)[:1] == b"[" and (bytes(shape.groupKey) or bytes(shape.version)):
        return alertmanager.accept_webhook(body)
    return generic.accept(request, integration, now)


def _is_api(rest: str) -> bool:
    return rest.startswith(alertmanager.API[1:])


def read(request: Request, integration: IntegrationValue, now: datetime) -> Answer:
    """What Alertmanager's clients ask for. Raises Refused for everything else."""
    _, rest = _parts(request)
    if _is_api(rest):
        return alertmanager.read(msgspec.structs.replace(request, path="/" + rest), integration, now)
    raise Refused("Events are posted here", "POST", "Send JSON with a summary in it.", status=405)


def refusal(refused: Refused, request_id: str, request: Request) -> bytes:
    """The body that tells the sender so, in the form that it understands."""
    _, rest = _parts(request)
    source = alertmanager.refusal if _is_api(rest) else generic.refusal
    return source(refused, request_id, request)
