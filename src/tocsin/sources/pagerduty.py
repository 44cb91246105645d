"""PagerDuty's Events API v2, its change events, and the first version that old clients still speak."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from tocsin.catalog.rules import IntegrationValue
from tocsin.intake.hot_request import FAST_LANE, Accepted, Answer, Request, lane_of
from tocsin.intake.rules import KEY_LENGTH_MAX, Action, Event, Severity
from tocsin.kernel.errors import Refused
from tocsin.sources import reading

NAME = "pagerduty"
forms = False
PATHS = {"/v2/enqueue": "v2", "/v2/change/enqueue": "change", "/generic/2010-04-15/create_event.json": "v1"}
SEVERITIES = [severity.value for severity in Severity]
CHANGED = b'{"status":"success","message":"Change event processed"}'


class _Link(msgspec.Struct, gc=False):
    href: str | None = None
    src: str | None = None
    text: str | None = None
    alt: str | None = None


class _Payload(msgspec.Struct, gc=False):
    summary: str | None = None
    source: str | None = None
    severity: str | None = None
    timestamp: str | int | float | None = None
    component: str | None = None
    group: str | None = None
    class_: str | None = msgspec.field(name="class", default=None)
    custom_details: Any = None


class _Event(msgspec.Struct, gc=False):
    event_action: Literal["trigger", "acknowledge", "resolve"]
    dedup_key: str | None = None
    payload: _Payload | None = None
    client: str | None = None
    client_url: str | None = None
    links: list[_Link] | None = None
    images: list[_Link] | None = None


class _Change(msgspec.Struct, gc=False):
    payload: _Payload
    links: list[_Link] | None = None
    images: list[_Link] | None = None


class _First(msgspec.Struct, gc=False):
    """An event of the first version."""

    event_type: Literal["trigger", "acknowledge", "resolve"]
    incident_key: str | None = None
    description: str | None = None
    details: Any = None
    client: str | None = None
    client_url: str | None = None


class _Keys(msgspec.Struct, gc=False):
    routing_key: str = ""
    service_key: str = ""


_keys = msgspec.json.Decoder(_Keys)
_event = msgspec.json.Decoder(_Event)
_change = msgspec.json.Decoder(_Change)
_first = msgspec.json.Decoder(_First)


def key_of(request: Request) -> str:
    """The key of the integration, which stands in the body."""
    keys = reading.decode(_keys, request.body)
    name, key = ("routing_key", keys.routing_key)
    if PATHS.get(request.path) == "v1":
        name, key = ("service_key", keys.service_key)
    if not key.strip():
        raise Refused(f"'{name}' is missing or blank", "the key of an integration", where=name)
    return key


def accept(request: Request, integration: IntegrationValue, now: datetime) -> Accepted:
    """Check an event; a trigger without a key of its own is given one, which the answer tells."""
    kind = PATHS.get(request.path)
    if kind is None:
        raise Refused("There is nothing at this address", " or ".join(PATHS), status=404)
    if request.method != "POST":
        raise Refused(f"{request.method} does nothing here", "POST", status=405)
    body = _without_key(request.body, key_of(request))
    if kind == "change":
        change = reading.decode(_change, body)
        _needed(change.payload.summary, "payload.summary")
        return Accepted(NAME, 202, CHANGED, body, '{"kind":"change"}')
    if kind == "v1":
        first = reading.decode(_first, body)
        key, meta = _key(first.event_type, first.incident_key, "incident_key", {"kind": "v1"})
        if first.event_type == "trigger":
            _needed(first.description, "description")
        said = {"status": "success", "message": "Event processed", "incident_key": key}
        return Accepted(NAME, 200, msgspec.json.encode(said), body, meta, 1, lane_of(body, 1, True))
    event = reading.decode(_event, body)
    key, meta = _key(event.event_action, event.dedup_key, "dedup_key", {})
    if event.event_action == "trigger":
        _check(event.payload)
    said = {"status": "success", "message": "Event processed", "dedup_key": key}
    lane = FAST_LANE if len(body) <= 1_024 else lane_of(body, 1, True)
    return Accepted(NAME, 202, msgspec.json.encode(said), body, meta, 1, lane)


def _key(action: str, given: str | None, name: str, meta: dict[str, str]) -> tuple[str, str]:
    """The deduplication key, and the meta text that keeps one made here."""
    if given:
        if len(given) > KEY_LENGTH_MAX:
            raise Refused(f"'{name}' is too long", f"at most {KEY_LENGTH_MAX} characters", where=name)
        return given, msgspec.json.encode(meta).decode() if meta else ""
    if action != "trigger":
        raise Refused(f"'{name}' is missing or blank", f"the key of the alert to {action}", where=name)
    key = secrets.token_hex(16)
    return key, msgspec.json.encode({**meta, "key": key}).decode()


def _check(payload: _Payload | None) -> None:
    if payload is None:
        raise Refused("'payload' is missing", "summary, source and severity", where="payload")
    _needed(payload.summary, "payload.summary")
    _needed(payload.source, "payload.source")
    _needed(payload.severity, "payload.severity")
    if str(payload.severity).lower() not in SEVERITIES:
        raise Refused(
            "'payload.severity' is invalid", f"one of {', '.join(SEVERITIES)}", where="payload.severity"
        )


def _needed(value: str | None, where: str) -> None:
    if not value or not value.strip():
        raise Refused(f"'{where}' is missing or blank", "a text", where=where)


def _without_key(body: bytes, key: str) -> bytes:
    """The body as it is kept: what opens the integration is struck out, so that no row and no page shows it."""
    quoted = b'"%s"' % key.encode()
    if quoted in body:
        return body.replace(quoted, b'"*"')
    whole = reading.raw_of(body)  # the key was written with escapes
    if not isinstance(whole, dict):
        raise Refused("The body cannot be read twice alike", "plain JSON", where="body")
    return msgspec.json.encode({**whole, "routing_key": "*", "service_key": "*"})


def read(request: Request, integration: IntegrationValue, now: datetime) -> Answer:
    """Raises Refused: nothing is read here."""
    raise Refused(f"{request.method} does nothing here", "POST", status=405)


def refusal(refused: Refused, request_id: str, request: Request) -> bytes:
    """The body that tells the sender so, as PagerDuty does."""
    return msgspec.json.encode(
        {
            "status": "invalid event",
            "message": "Event object is invalid",
            "errors": [str(refused)],
            "request_id": request_id,
        }
    )


# --- reading again ----------------------------------------------------------------------------------------------------


def events(body: bytes, meta: str, now: datetime) -> Sequence[Event]:
    """The one event of an accepted body. `now` is when it was received."""
    outside = msgspec.json.decode(meta, type=dict[str, str]) if meta else {}
    kind = outside.get("kind", "v2")
    if kind == "change":
        return [_change_event(_change.decode(body), body, now)]
    if kind == "v1":
        return [_first_event(_first.decode(body), body, outside.get("key", ""))]
    event = _event.decode(body)
    payload = event.payload or _Payload()
    fields: dict[str, str] = {}
    happened_at = _put_payload(fields, payload, now)
    links = _links(event.client, event.client_url, event.links, event.images)
    for name, value in (("client", event.client), ("client_url", event.client_url)):
        if value:
            reading.put(fields, name, value, "event")
    return [
        Event(
            action=Action(event.event_action),
            key=event.dedup_key or outside.get("key", ""),
            title=reading.title(payload.summary or ""),
            severity=reading.severity_of(payload.severity),
            description=reading.prose(payload.custom_details)
            if isinstance(payload.custom_details, str)
            else "",
            fields=fields,
            links=links,
            # A resolve often repeats the payload of its trigger: the time in it says nothing about the end.
            happened_at=happened_at if event.event_action == "trigger" else None,
            user=reading.title(event.client or ""),
            raw=_raw(body),
        )
    ]


def _change_event(change: _Change, body: bytes, now: datetime) -> Event:
    fields: dict[str, str] = {}
    happened_at = _put_payload(fields, change.payload, now)
    return Event(
        action=Action.CHANGE,
        key="",
        title=reading.title(change.payload.summary or ""),
        severity=Severity.INFO,
        fields=fields,
        links=_links(None, None, change.links, change.images),
        happened_at=happened_at,
        raw=_raw(body),
    )


def _first_event(first: _First, body: bytes, made: str) -> Event:
    fields: dict[str, str] = {}
    if first.client:
        reading.put(fields, "client", first.client)
    if isinstance(first.details, dict):
        reading.put(fields, "", first.details, "details")
    elif first.details not in (None, ""):
        reading.put(fields, "details", first.details)
    return Event(
        action=Action(first.event_type),
        key=first.incident_key or made,
        title=reading.title(first.description or ""),
        severity=Severity.CRITICAL
        if first.event_type == "trigger"
        else Severity.ERROR,  # v1 knows no severities
        fields=fields,
        links=_links(first.client, first.client_url, None, None),
        raw=_raw(body),
    )


def _put_payload(fields: dict[str, str], payload: _Payload, now: datetime) -> datetime | None:
    for name, value in (
        ("source", payload.source),
        ("component", payload.component),
        ("group", payload.group),
        ("class", payload.class_),
    ):
        if value:
            reading.put(fields, name, value)
    happened_at = reading.put_time(fields, "timestamp", payload.timestamp, now)
    if isinstance(payload.custom_details, dict):
        reading.put(fields, "", payload.custom_details, "custom_details")
    elif payload.custom_details not in (None, ""):
        reading.put(fields, "custom_details", payload.custom_details)
    return happened_at


def _links(
    client: str | None, client_url: str | None, links: list[_Link] | None, images: list[_Link] | None
) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    reading.add_link(out, client or "", client_url)
    for link in links or ():
        reading.add_link(out, link.text or "", link.href)
    for image in images or ():
        reading.add_link(out, image.alt or "image", image.href or image.src)
    return out


def _raw(body: bytes) -> Any:
    """The payload as it came, without the place of the key."""
    whole = reading.raw_of(body)
    if isinstance(whole, dict):
        whole.pop("routing_key", None)
        whole.pop("service_key", None)
    return whole
