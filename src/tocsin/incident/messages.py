"""What a page about an incident says, before any channel puts it into its own form."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tocsin.incident.models import Incident
from tocsin.kernel.durations import in_words

SUBJECT_LENGTH_MAX = 200


def subject_of(incident: Incident) -> str:
    """One line: how bad, what, where: "[P1] Checkout fails · Web shop #412"."""
    tail = f" · {incident.service.name} #{incident.pk}"
    room = SUBJECT_LENGTH_MAX - len(tail) - 5
    title = incident.title if len(incident.title) <= room else incident.title[: room - 1] + "…"
    return f"[{incident.priority}] {title}{tail}"


def lines_of(incident: Incident, zone: str, now: datetime) -> list[str]:
    """What, since when, how much: short facts in the order of use, with times in the reader's zone."""
    opened = incident.opened_at.astimezone(ZoneInfo(zone))
    age = in_words(now - incident.opened_at)
    since = "just now" if age == "now" else f"{age} ago"
    lines = [
        f"{incident.service.name}: {incident.title}",
        f"Since {opened:%H:%M} {zone} ({since}); {incident.impact} impact, {incident.urgency} urgency.",
    ]
    if incident.alerts_firing > 1:
        lines.append(f"{incident.alerts_firing} alerts are firing, {incident.alerts_total} came in all.")
    if incident.description:
        lines.append(incident.description[:500])
    return lines


def details_of(incident: Incident) -> dict[str, Any]:
    """The same facts for machines, as webhooks carry them."""
    return {
        "incident": incident.pk,
        "title": incident.title,
        "service": incident.service_id,
        "priority": incident.priority,
        "urgency": incident.urgency,
        "impact": incident.impact,
        "state": incident.state,
        "opened_at": incident.opened_at.isoformat(),
    }
