"""Alertmanager: its webhook (version 4), and its API v2, so that Prometheus itself and amtool can talk to us."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from tocsin.catalog.rules import IntegrationValue
from tocsin.intake.hot_request import FEW_EVENTS, Accepted, Answer, Request, lane_of
from tocsin.intake.rules import EVENTS_PER_BODY_MAX, KEY_LENGTH_MAX, Action, Event
from tocsin.kernel.durations import LONGEST
from tocsin.kernel.errors import Refused
from tocsin.sources import reading

NAME = "alertmanager"
forms = False
API = "/api/v2/"
RESOLVE_TIMEOUT = timedelta(minutes=5)  # an alert without an end resolves then unless it is sent again
FUTURE_MAX = LONGEST  # an end further away than this is brought nearer
YEAR_UNSET = 1  # Go's zero time, "0001-01-01T00:00:00Z", means that nothing was set
ANNOTATION = "annotations."  # label names hold no dot, so these can be told apart again
TITLES = ("summary", "title", "message")
TEXTS = ("description", "message")
PAGES = ("runbook_url", "runbook", "dashboard_url", "dashboard")


class _Alert(msgspec.Struct, gc=False):
    labels: dict[str, str]
    annotations: dict[str, str] | None = None
    startsAt: str | None = None
    endsAt: str | None = None
    generatorURL: str | None = None
    status: Literal["firing", "resolved"] | None = None
    fingerprint: str | None = None


class _Webhook(msgspec.Struct, gc=False):
    alerts: list[_Alert]
    status: Literal["firing", "resolved"] | None = None
    externalURL: str | None = None


class _Pieces(msgspec.Struct, gc=False):
    alerts: list[msgspec.Raw]


_post = msgspec.json.Decoder(list[_Alert])
_webhook = msgspec.json.Decoder(_Webhook)
_pieces = msgspec.json.Decoder(list[msgspec.Raw])
_webhook_pieces = msgspec.json.Decoder(_Pieces)


def key_of(request: Request) -> str:
    """The key in the header (Bearer, or Basic as password or name), or the parameter `key`."""
    given = reading.key_in_header(request.header(b"authorization"), ("bearer", "geniekey", "token"))
    return request.parameter("key") if given is None else given


def accept(request: Request, integration: IntegrationValue, now: datetime) -> Accepted:
    """Check alerts posted to the API, or a silence, which is refused in plain words."""
    what = request.path.removeprefix(API)
    if what != "alerts":
        if what.startswith("silence"):
            raise Refused(
                "Silences cannot be made here yet",
                "nothing at this address but GET",
                "Resolve or reassign the incident in Tocsin instead.",
                status=501,
            )
        status = 405 if what in ("status", "receivers", "alerts/groups") else 404
        raise Refused("Nothing is posted to this address", "POST /api/v2/alerts", status=status)
    if request.method != "POST":
        raise Refused(f"{request.method} does nothing here", "GET or POST", status=405)
    return accept_post(request.body)


def accept_post(body: bytes) -> Accepted:
    """Check a list of alerts as Prometheus posts it. Answered 200 with nothing, which amtool insists on."""
    alerts = reading.decode(_post, body)
    _check(alerts)
    return Accepted(NAME, 200, b"", body, '{"kind":"api"}', len(alerts), _lane(body, alerts))


def accept_webhook(body: bytes) -> Accepted:
    """Check the message of a webhook receiver: it may mix firing and resolved alerts."""
    message = reading.decode(_webhook, body)
    _check(message.alerts)
    for number, alert in enumerate(message.alerts):
        if alert.fingerprint and len(alert.fingerprint) > KEY_LENGTH_MAX:
            where = f"$.alerts[{number}].fingerprint"
            raise Refused("A fingerprint is too long", f"at most {KEY_LENGTH_MAX} characters", where=where)
    answer = msgspec.json.encode({"status": "accepted", "events": len(message.alerts)})
    return Accepted(NAME, 202, answer, body, "", len(message.alerts), _lane(body, message.alerts))


def _check(alerts: Sequence[_Alert]) -> None:
    if len(alerts) > EVENTS_PER_BODY_MAX:
        raise Refused(
            f"{len(alerts)} alerts are too many", f"at most {EVENTS_PER_BODY_MAX}", "Send them in parts."
        )
    for number, alert in enumerate(alerts):
        if not alert.labels:
            raise Refused("An alert has no labels", "at least one", where=f"$[{number}].labels")


def _lane(body: bytes, alerts: Sequence[_Alert]) -> int:
    urgent = len(alerts) > FEW_EVENTS and any(
        reading.pages_high(alert.labels.get("severity")) for alert in alerts
    )
    return lane_of(body, len(alerts), urgent)


def read(request: Request, integration: IntegrationValue, now: datetime) -> Answer:
    """What amtool asks for: alerts, their groups, receivers, silences (there are none) and the state of things."""
    # Queries live in a file of their own; importing it here keeps the reading of events free of the database.
    from tocsin.sources.alertmanager_queries import answer

    return answer(request.path.removeprefix(API), request, integration, now)


def refusal(refused: Refused, request_id: str, request: Request) -> bytes:
    """A JSON text, as Alertmanager's own clients read it."""
    return msgspec.json.encode(f"{refused} (request {request_id})")


# --- reading again ----------------------------------------------------------------------------------------------------


def events(body: bytes, meta: str, now: datetime) -> Sequence[Event]:
    """The events of an accepted body. `now` is when it was received: an alert without an end lasts from then."""
    if meta:
        alerts, pieces, common = _post.decode(body), _pieces.decode(body), None
    else:
        common = _webhook.decode(body)
        alerts, pieces = common.alerts, _webhook_pieces.decode(body).alerts
    return [_event(alert, bytes(piece), common, now) for alert, piece in zip(alerts, pieces, strict=True)]


def _event(alert: _Alert, piece: bytes, common: _Webhook | None, now: datetime) -> Event:
    annotations = alert.annotations or {}
    fields: dict[str, str] = {}
    for name, value in alert.labels.items():
        reading.put(fields, name, value)
    for name, value in annotations.items():
        reading.put(fields, ANNOTATION + name, value)
    happened_at = reading.put_time(fields, "alert.startsAt", _set(alert.startsAt), now)
    links: list[tuple[str, str]] = []
    reading.add_link(links, "Source", alert.generatorURL)
    for name in PAGES:
        reading.add_link(links, name.removesuffix("_url").capitalize(), annotations.get(name))
    resolved, ends_at = _end(alert, common, now)
    if common is not None:
        reading.add_link(links, "Alertmanager", common.externalURL)
    return Event(
        action=Action.RESOLVE if resolved else Action.TRIGGER,
        key=(alert.fingerprint if common is not None else None) or key_of_labels(alert.labels),
        title=reading.title(_title(alert.labels, annotations)),
        severity=reading.severity_of(alert.labels.get("severity")),
        description=reading.prose(next((annotations[n] for n in TEXTS if annotations.get(n)), "")),
        fields=fields,
        links=links,
        # Of a resolve the time is its end: a trigger from before it, come late, must not open anything.
        happened_at=reading.believable(_set(alert.endsAt), now) if resolved else happened_at,
        ends_at=ends_at,
        raw=reading.raw_of(piece),
    )


def _end(alert: _Alert, common: _Webhook | None, now: datetime) -> tuple[bool, datetime | None]:
    """Whether the alert is over, and when it is over by itself unless it is sent again."""
    if common is not None:
        return (alert.status or common.status) == "resolved", None
    ends_at = reading.instant(_set(alert.endsAt))
    if ends_at is None:
        return False, now + RESOLVE_TIMEOUT
    return (True, None) if ends_at <= now else (False, min(ends_at, now + FUTURE_MAX))


def _set(value: str | None) -> str | None:
    """A time, or None for Go's zero time."""
    return None if not value or value.startswith(f"{YEAR_UNSET:04d}-") else value


def _title(labels: dict[str, str], annotations: dict[str, str]) -> str:
    for name in TITLES:
        if annotations.get(name, "").strip():
            return annotations[name]
    name = labels.get("alertname") or ", ".join(f"{k}={v}" for k, v in sorted(labels.items()))
    place = labels.get("instance") or labels.get("job")
    return f"{name} on {place}" if place else name


def key_of_labels(labels: dict[str, str]) -> str:
    """What identifies an alert posted to the API: all of its labels, in whatever order they came."""
    parts = [part for pair in sorted(labels.items()) for part in pair]
    return hashlib.blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()


def fingerprint(labels: dict[str, Any]) -> str:
    """The number that Prometheus and Alertmanager show for a set of labels: FNV-1a over names and values."""
    total = 0xCBF29CE484222325
    for name, value in sorted(labels.items()):
        for byte in b"%s\xff%s\xff" % (name.encode(), str(value).encode()):
            total = ((total ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{total:016x}"
