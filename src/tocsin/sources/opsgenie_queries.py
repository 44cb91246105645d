"""What Opsgenie's Alert API tells about the alerts of one integration. Reads only."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import msgspec

from tocsin.catalog.rules import IntegrationValue
from tocsin.incident.rules import State
from tocsin.intake.hot_request import Answer, Request
from tocsin.intake.models import Alert, AlertQuerySet, Inbox
from tocsin.intake.rules import AlertState, key_digest
from tocsin.kernel.errors import Refused, not_found
from tocsin.sources.opsgenie import NAME, Asked, asked, id_of, is_of

PAGE_MAX = 100
OFFSET_MAX = 20_000
SAME_MOMENT = timedelta(seconds=1)  # a request's id is made a moment before its row is stamped
DONE = {
    "create": "Created alert",
    "close": "Closed alert",
    "acknowledge": "Acknowledged alert",
    "notes": "Added note to alert",
    "message": "Updated message",
    "description": "Updated description",
}
_STATUS = re.compile(r"status\s*[:=]\s*(open|closed)\s*\Z", re.IGNORECASE)


def answer(parts: list[str], request: Request, integration: IntegrationValue) -> Answer:
    """Answer a GET below `/v2/alerts`. Raises Refused."""
    match parts:
        case []:
            rows = _query(request, integration)
            start = _number(request, "offset", 0, OFFSET_MAX)
            size = _number(request, "limit", 20, PAGE_MAX)
            found = rows.select_related("incident__assigned").order_by("-id")[start : start + size]
            return _said([_alert(row, integration) for row in found])
        case ["count"]:
            return _said({"count": _query(request, integration).count()})
        case ["requests", number]:
            if (what := asked(number)) is None:
                raise not_found("request", number[:64])
            return _said(_became(what, integration), number)
        case [identifier]:
            kind = request.parameter("identifierType")
            return _said(_alert(_find(identifier, kind, integration), integration, whole=True))
    raise Refused(
        "There is nothing to read at this address", "an alert, the list, count or requests", status=404
    )


def _said(data: Any, number: str = "") -> Answer:
    said = {"data": data, "took": 0.0, "requestId": number or str(uuid.uuid4())}
    return Answer(200, msgspec.json.encode(said))


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.parameter(name)
    if not text:
        return default
    if not text.isdecimal() or len(text) > 9 or int(text) > most:
        raise Refused(f"{name} is {text[:20]!r}", f"a number from 0 to {most}", where=name, status=422)
    return int(text)


def _alerts(integration: IntegrationValue) -> AlertQuerySet:
    return Alert.objects.that_fired().filter(integration=integration.id, latest=True)


def _query(request: Request, integration: IntegrationValue) -> AlertQuerySet:
    """The alerts that `query` asks for: all of them, or those of one status. Raises Refused for anything richer."""
    text = request.parameter("query").strip()
    rows = _alerts(integration)
    if not text:
        return rows
    status = _STATUS.match(text)
    if status is None:
        raise Refused(
            "This query is not understood", "status:open or status:closed", where="query", status=422
        )
    state = AlertState.FIRING if status[1].lower() == "open" else AlertState.RESOLVED
    return rows.filter(state=state)


def _find(identifier: str, kind: str, integration: IntegrationValue) -> Alert:
    digest = id_of(identifier, kind) or key_digest(integration.id, identifier)
    row = _alerts(integration).filter(key_digest=digest).select_related("incident__assigned").first()
    if row is None:
        raise not_found("alert", identifier[:100])
    return row


def _became(what: Asked, integration: IntegrationValue) -> dict[str, Any]:
    """What became of a request. While it waits, and when it had nothing to act on, it says that it did not succeed:
    Opsgenie's own client then asks again."""
    row = _alerts(integration).filter(key_digest__startswith=what.digest).first()
    problem = _problem(what, integration) or ("" if row else "Alert does not exist")
    said: dict[str, Any] = {
        "success": not problem,
        "isSuccess": not problem,
        "action": what.operation.capitalize(),
        "integrationId": integration.id,
        "status": problem or DONE[what.operation],
        "alertId": str(uuid.UUID(row.key_digest)) if row and not problem else "",
        "alias": row.key if row and not problem else "",
    }
    if row and not problem:
        said["processedAt"] = row.last_seen_at.isoformat()
    return said


def _problem(what: Asked, integration: IntegrationValue) -> str:
    """Why a request is not done: it waits, or could not be digested; "" when it is neither."""
    came_then = Inbox.objects.filter(
        integration_id=integration.id,
        received_at__gte=what.at - SAME_MOMENT,
        received_at__lte=what.at + SAME_MOMENT,
    )
    if came_then.filter(quarantined_at=None).exists():
        return "It is waiting to be processed"
    for row in came_then.filter(source=NAME):
        if is_of(what, bytes(row.body), row.meta, integration.id):
            return f"It could not be processed: {row.problem}. It is kept, and people were paged about it"
    return ""


def _alert(row: Alert, integration: IntegrationValue, whole: bool = False) -> dict[str, Any]:
    incident = row.incident
    owner = getattr(incident, "assigned", None)
    said: dict[str, Any] = {
        "id": str(uuid.UUID(row.key_digest)),
        "tinyId": str(row.pk),
        "alias": row.key,
        "message": row.title,
        "status": "open" if row.state == AlertState.FIRING else "closed",
        "acknowledged": incident is not None and incident.state == State.ACKNOWLEDGED,
        "isSeen": False,
        "tags": [tag for tag in str(row.fields.get("tags", "")).split(", ") if tag],
        "snoozed": False,
        "count": row.count,
        "lastOccurredAt": row.last_seen_at.isoformat(),
        "createdAt": row.first_seen_at.isoformat(),
        "updatedAt": (row.resolved_at or row.last_seen_at).isoformat(),
        "source": row.fields.get("source", ""),
        "owner": owner.email if owner else "",
        "priority": row.fields.get("priority", incident.priority if incident else "P3"),
        "responders": [],
        "integration": {"id": integration.id, "name": integration.name, "type": "API"},
    }
    if whole:
        own = {"tags", "source", "priority", "entity", "responders"}
        said["entity"] = row.fields.get("entity", "")
        said["description"] = row.description
        said["actions"] = []
        said["details"] = {name: value for name, value in row.fields.items() if name not in own}
    return said
