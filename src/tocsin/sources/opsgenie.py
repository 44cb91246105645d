"""Opsgenie's Alert API v2: create, acknowledge, close, note, change the text, by alias or by id."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from tocsin.catalog.rules import IntegrationValue
from tocsin.intake.hot_request import FAST_LANE, Accepted, Answer, Request, lane_of
from tocsin.intake.rules import KEY_LENGTH_MAX, Action, Event, Severity, key_digest
from tocsin.kernel.errors import Refused
from tocsin.sources import reading

NAME = "opsgenie"
forms = False
PREFIXES = ("/v2/alerts", "/jsm/ops/integration/v2/alerts")
TAGS_MAX = 100
PRIORITIES = {
    "P1": Severity.CRITICAL,
    "P2": Severity.ERROR,
    "P3": Severity.WARNING,
    "P4": Severity.INFO,
    "P5": Severity.INFO,
}
# What each address does; the place in this list is the number inside a request's id.
OPERATIONS = ("create", "close", "acknowledge", "notes", "message", "description")
_ACTIONS = {
    "create": Action.TRIGGER,
    "close": Action.RESOLVE,
    "acknowledge": Action.ACKNOWLEDGE,
    "notes": Action.NOTE,
    "message": Action.UPDATE,
    "description": Action.UPDATE,
}
NOT_HERE = (
    *("unacknowledge", "snooze", "escalate", "assign", "tags", "details", "responders", "teams", "actions"),
    *("attachments", "priority"),
)


class _Create(msgspec.Struct, gc=False):
    message: str
    alias: str | None = None
    description: str | None = None
    responders: list[dict[str, Any]] | None = None
    tags: list[str] | None = None
    details: dict[str, Any] | None = None
    entity: str | None = None
    source: str | None = None
    priority: Literal["P1", "P2", "P3", "P4", "P5"] | None = None
    user: str | None = None
    note: str | None = None


class _Act(msgspec.Struct, gc=False):
    """The body of every other request; all of it may be left out."""

    user: str | None = None
    source: str | None = None
    note: str | None = None
    message: str | None = None
    description: str | None = None


class _Meta(msgspec.Struct, gc=False):
    operation: str
    key: str = ""  # the alias, a key made here, or the 32 hex digits of an alert's id
    by_id: bool = False


_create = msgspec.json.Decoder(_Create)
_act = msgspec.json.Decoder(_Act)
_meta = msgspec.json.Decoder(_Meta)


def key_of(request: Request) -> str:
    """The key as `GenieKey KEY`, as Basic, or in the parameter `apiKey`."""
    given = reading.key_in_header(request.header(b"authorization"), ("geniekey", "bearer"))
    return request.parameter("apiKey") if given is None else given


def parts_of(request: Request) -> list[str]:
    """What follows `/v2/alerts` in the path, decoded part by part."""
    segments = request.segments()
    if "alerts" not in segments:
        raise Refused("There is nothing at this address", "an address of the Alert API", status=404)
    tail = segments[segments.index("alerts") + 1 :]
    while tail and tail[-1] == "":
        tail.pop()
    return tail


def accept(request: Request, integration: IntegrationValue, now: datetime) -> Accepted:
    """Check a request that changes something. What Tocsin does not do is refused, never "will be processed"."""
    match request.method, parts_of(request):
        case "POST", []:
            return _accept_create(request.body, integration, now)
        case "POST", [identifier, ("close" | "acknowledge" | "notes") as operation]:
            return _accept_act(operation, identifier, request, integration, now)
        case "PUT", [identifier, ("message" | "description") as operation]:
            return _accept_act(operation, identifier, request, integration, now)
        case "DELETE", [identifier]:
            return _accept_act("close", identifier, request, integration, now)
        case _, [_, operation, *_] if operation in NOT_HERE:
            raise Refused(
                f"Tocsin does not do {operation!r} for a sender; nothing was changed",
                "create, acknowledge, close, notes, message or description",
                "Do it in Tocsin, where people are.",
                status=422,
            )
        case (("POST" | "PUT" | "DELETE"), _):
            raise Refused("There is nothing at this address", "an address of the Alert API", status=404)
    raise Refused(f"{request.method} does nothing here", "GET, POST, PUT or DELETE", status=405)


def _accept_create(body: bytes, integration: IntegrationValue, now: datetime) -> Accepted:
    alert = reading.decode(_create, body)
    if not alert.message.strip():
        raise Refused("Message can not be empty", "a text", where="message", status=422)
    if alert.alias and len(alert.alias) > KEY_LENGTH_MAX:
        raise Refused(
            "The alias is too long", f"at most {KEY_LENGTH_MAX} characters", where="alias", status=422
        )
    if alert.tags and len(alert.tags) > TAGS_MAX:
        raise Refused("There are too many tags", f"at most {TAGS_MAX}", where="tags", status=422)
    key = alert.alias or str(uuid.uuid4())
    meta = _Meta("create", "" if alert.alias else key)
    return _accepted(meta, key_digest(integration.id, key), body, now)


def _accept_act(
    operation: str, identifier: str, request: Request, integration: IntegrationValue, now: datetime
) -> Accepted:
    body = request.body if request.body.strip() else b"{}"
    act = reading.decode(_act, body)
    needed = {"notes": act.note, "message": act.message, "description": act.description}.get(
        operation, "given"
    )
    if not (needed or "").strip():
        where = "note" if operation == "notes" else operation
        raise Refused(f"There is no {where}", "a text", where=where, status=422)
    hexadecimal = id_of(identifier, request.parameter("identifierType"))
    meta = _Meta(operation, hexadecimal or identifier, by_id=hexadecimal is not None)
    return _accepted(meta, hexadecimal or key_digest(integration.id, identifier), body, now)


def id_of(identifier: str, kind: str) -> str | None:
    """The digest that an alert's id stands for; None when the identifier is an alias.

    Unless told otherwise it is taken for an id when it has the shape of one, and for an alias when not.
    """
    if not identifier or len(identifier) > KEY_LENGTH_MAX:
        raise Refused(
            "The identifier is empty or too long", f"at most {KEY_LENGTH_MAX} characters", status=422
        )
    if kind.lower() == "alias":
        return None
    if kind.lower() == "tiny":
        raise Refused("Tocsin gives no tiny ids", "id or alias", where="identifierType", status=422)
    if kind.lower() not in ("", "id"):
        raise Refused(
            f"{kind[:50]!r} is no type of identifier", "id or alias", where="identifierType", status=422
        )
    try:
        return uuid.UUID(identifier).hex
    except ValueError:
        if kind:
            raise Refused(
                f"{identifier[:100]!r} is no alert's id",
                "a UUID",
                "Add identifierType=alias.",
                "identifier",
                422,
            ) from None
        return None


def _accepted(meta: _Meta, digest: str, body: bytes, now: datetime) -> Accepted:
    told = str(request_id(now, OPERATIONS.index(meta.operation), digest))
    said = {"result": "Request will be processed", "took": 0.0, "requestId": told}
    kept = msgspec.json.encode(meta).decode()
    lane = FAST_LANE if len(body) <= 1_024 else lane_of(body, 1, True)
    return Accepted(NAME, 202, msgspec.json.encode(said), body, kept, 1, lane)


def read(request: Request, integration: IntegrationValue, now: datetime) -> Answer:
    """An alert, the list of them, or what became of a request."""
    # Queries live in a file of their own; importing it here keeps the reading of events free of the database.
    from tocsin.sources.opsgenie_queries import answer

    return answer(parts_of(request), request, integration)


def refusal(refused: Refused, request_id: str, request: Request) -> bytes:
    """The body that tells the sender so, as Opsgenie does."""
    said: dict[str, Any] = {"message": str(refused), "took": 0.0, "requestId": request_id}
    if refused.where:
        said["errors"] = {refused.where: refused.what}
    return msgspec.json.encode(said)


# --- a request's id says what it asked for, so that nothing has to be kept to answer "what became of it?" ------------


@dataclass(frozen=True)
class Asked:
    """What a request's id says: when, which operation, and the first 14 hex digits of its alert."""

    at: datetime
    operation: str
    digest: str


def request_id(at: datetime, operation: int, digest: str) -> uuid.UUID:
    """A UUID of version 8: 48 bits of milliseconds, 4 of operation, 14 of chance, 56 of the alert's digest."""
    chance = secrets.randbits(14)
    number = int(at.timestamp() * 1000) << 80
    number |= 0x8 << 76 | operation << 72 | (chance >> 6) << 64
    number |= 0b10 << 62 | (chance & 0x3F) << 56 | int(digest[:14], 16)
    return uuid.UUID(int=number)


def asked(text: str) -> Asked | None:
    """What was asked under this id, None when it is not one of ours."""
    try:
        number = uuid.UUID(text)
    except ValueError:
        return None
    operation = number.int >> 72 & 0xF
    if number.version != 8 or operation >= len(OPERATIONS):
        return None
    at = datetime.fromtimestamp((number.int >> 80) / 1000, UTC)
    return Asked(at, OPERATIONS[operation], f"{number.int & (1 << 56) - 1:014x}")


def is_of(what: Asked, body: bytes, meta: str, integration_id: str) -> bool:
    """Whether an accepted body is the request that `what` asks after."""
    outside = _meta.decode(meta)
    key = outside.key or _create.decode(body).alias or ""
    digest = key if outside.by_id else key_digest(integration_id, key)
    return outside.operation == what.operation and digest.startswith(what.digest)


# --- reading again ----------------------------------------------------------------------------------------------------


def events(body: bytes, meta: str, now: datetime) -> Sequence[Event]:
    """The one event of an accepted body. `now` is when it was received."""
    outside = _meta.decode(meta)
    if outside.operation == "create":
        return [_created(_create.decode(body), body, outside)]
    act = _act.decode(body)
    return [
        Event(
            action=_ACTIONS[outside.operation],
            key=outside.key,
            title=reading.title(act.message or "") if outside.operation == "message" else "",
            description=reading.prose(act.description or "") if outside.operation == "description" else "",
            note=reading.prose(act.note or ""),
            user=reading.title(act.user or act.source or ""),
            raw=reading.raw_of(body),
            key_is_digest=outside.by_id,
        )
    ]


def _created(alert: _Create, body: bytes, outside: _Meta) -> Event:
    fields: dict[str, str] = {}
    for name, value in (
        ("entity", alert.entity),
        ("source", alert.source),
        ("priority", alert.priority),
        ("tags", ", ".join(alert.tags or ())),
        ("responders", ", ".join(filter(None, map(_responder, alert.responders or ())))),
    ):
        if value:
            reading.put(fields, name, value)
    reading.put(fields, "", alert.details or {}, "details")
    return Event(
        action=Action.TRIGGER,
        key=alert.alias or outside.key,
        title=reading.title(alert.message),
        # Without a priority it pages like an error: rather once too often.
        severity=PRIORITIES[alert.priority] if alert.priority else Severity.ERROR,
        description=reading.prose(alert.description or ""),
        fields=fields,
        note=reading.prose(alert.note or ""),
        user=reading.title(alert.user or ""),
        raw=reading.raw_of(body),
    )


def _responder(who: dict[str, Any]) -> str:
    name = who.get("name") or who.get("username") or who.get("id") or ""
    return f"{who.get('type', '')} {name}".strip() if name else ""
