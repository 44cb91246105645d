"""What Alertmanager's API v2 tells about the alerts of one integration. Reads only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from tocsin.catalog.rules import IntegrationValue
from tocsin.intake.hot_request import Answer, Request
from tocsin.intake.models import Alert
from tocsin.intake.rules import AlertState
from tocsin.kernel.errors import Refused, not_found
from tocsin.sources.alertmanager import ANNOTATION, RESOLVE_TIMEOUT, fingerprint

ALERTS_MAX = 10_000
FILTERS_MAX = 20
PATTERN_LENGTH_MAX = 200
VERSION_NAMES = ("branch", "buildDate", "buildUser", "goVersion", "revision", "version")
WILDCARDS_MAX = 2  # a pattern with more could take very long on a long value
_MATCHER = re.compile(r'\s*"?([^"=!~\s{}]+)"?\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^"]*?))\s*\Z')
_PLAIN_PATTERN = re.compile(r"(?:[^\\()\[\]{}*+?^$|.]|\\[^\w]|\.[*+]?|\||\[[\w .:-]+\])*\Z")


def answer(what: str, request: Request, integration: IntegrationValue, now: datetime) -> Answer:
    """Answer a GET of the API; what is asked beyond it is refused in words."""
    if what == "alerts":
        return Answer(200, msgspec.json.encode(_alerts(request, integration, now)))
    if what == "alerts/groups":
        return Answer(200, msgspec.json.encode(_groups(request, integration, now)))
    if what == "status":
        return Answer(200, msgspec.json.encode(_status(now)))
    if what == "receivers":
        return Answer(200, msgspec.json.encode([{"name": integration.service}]))
    if what == "silences":
        return Answer(200, b"[]")
    if what.startswith("silence/"):
        raise not_found("silence", what.removeprefix("silence/")[:64])
    raise Refused(
        "There is nothing at this address", "alerts, alerts/groups, receivers or status", status=404
    )


def _alerts(request: Request, integration: IntegrationValue, now: datetime) -> list[dict[str, Any]]:
    parameters = request.parameters()
    if parameters.get("active", ["true"])[-1] == "false":
        return []  # every alert here is active: nothing silences or inhibits it
    matches = [_matcher(text) for text in parameters.get("filter", [])[:FILTERS_MAX]]
    receiver = parameters.get("receiver", [""])[-1]
    if receiver and not _pattern(receiver).fullmatch(integration.service):
        return []
    rows = Alert.objects.filter(integration=integration.id, latest=True, state=AlertState.FIRING)
    out = []
    for row in rows.order_by("-id")[:ALERTS_MAX]:
        labels = {name: str(value) for name, value in row.fields.items() if "." not in name}
        if all(matches_labels(labels) for matches_labels in matches):
            out.append(_alert(row, labels, integration, now))
    return out


def _alert(
    row: Alert, labels: Mapping[str, str], integration: IntegrationValue, now: datetime
) -> dict[str, Any]:
    annotations = {
        name.removeprefix(ANNOTATION): value
        for name, value in row.fields.items()
        if name.startswith(ANNOTATION)
    }
    return {
        "annotations": annotations,
        "endsAt": (row.ends_at or now + RESOLVE_TIMEOUT).isoformat(),
        "fingerprint": fingerprint(dict(labels)),
        "receivers": [{"name": integration.service}],
        "startsAt": row.first_seen_at.isoformat(),
        "status": {"inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active"},
        "updatedAt": row.last_seen_at.isoformat(),
        "generatorURL": next((address for text, address in row.links if text == "Source"), ""),
        "labels": labels,
    }


def _groups(request: Request, integration: IntegrationValue, now: datetime) -> list[dict[str, Any]]:
    alerts = _alerts(request, integration, now)
    if not alerts:
        return []
    return [{"alerts": alerts, "labels": {}, "receiver": {"name": integration.service}}]


def _status(now: datetime) -> dict[str, Any]:
    config = "# This is Tocsin, which speaks Alertmanager's API v2 here. It is configured in its own pages.\n"
    return {
        "cluster": {"name": "tocsin", "peers": [], "status": "disabled"},
        "config": {"original": config},
        "uptime": now.isoformat(),
        "versionInfo": dict.fromkeys(VERSION_NAMES, "tocsin"),
    }


def _matcher(text: str) -> Callable[[Mapping[str, str]], bool]:
    """What `name="value"` and its sisters (`!=`, `=~`, `!~`) ask of labels. Raises Refused."""
    shape = _MATCHER.match(text)
    if shape is None:
        raise Refused(f"{text[:100]!r} is no matcher", 'one such as alertname="Down"', where="filter")
    name, operator, quoted, bare = shape.groups()
    value = (
        re.sub(r"\\(.)", r"\1", quoted)
        if quoted is not None and "~" not in operator
        else quoted or bare or ""
    )
    if operator == "=":
        return lambda labels: labels.get(name, "") == value
    if operator == "!=":
        return lambda labels: labels.get(name, "") != value
    pattern = _pattern(value.replace("\\\\", "\\"))
    if operator == "=~":
        return lambda labels: pattern.fullmatch(labels.get(name, "")) is not None
    return lambda labels: pattern.fullmatch(labels.get(name, "")) is None


def _pattern(text: str) -> re.Pattern[str]:
    """A regular expression that cannot take long: words, `|`, character sets and a few `.*`. Raises Refused."""
    wild = text.count("*") + text.count("+")
    if len(text) > PATTERN_LENGTH_MAX or not _PLAIN_PATTERN.match(text) or wild > WILDCARDS_MAX:
        raise Refused(
            f"The pattern {text[:100]!r} is too rich",
            f"words, |, [sets] and at most {WILDCARDS_MAX} times .* or .+",
            "Ask for more and choose on your side.",
            "filter",
        )
    try:
        return re.compile(text, re.DOTALL)
    except re.error:
        raise Refused(f"{text[:100]!r} is no regular expression", where="filter") from None
