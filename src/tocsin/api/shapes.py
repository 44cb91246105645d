"""Incidents, alerts and facts as the API says them."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from tocsin.api.messages import DeliveryOut
from tocsin.api.words import Data, shown, shown_links
from tocsin.incident.messages import name_of
from tocsin.incident.models import Incident, Reader
from tocsin.incident.readers import may_read
from tocsin.incident.rules import State
from tocsin.incident.rules.restricting import Viewer
from tocsin.intake.models import Alert
from tocsin.journal.models import Entry
from tocsin.kernel.urgency import Impact, Priority, Urgency


class IncidentOut(BaseModel):
    """What people work on. `number` is what they say: #412. `restricted`: only whom it concerns reads it. `fires_on`:
    it is over while alerts of it still fire; their next event opens a new incident, or joins one of the same group
    that is open by then."""

    number: int
    title: str
    service: str
    state: State
    urgency: Urgency
    impact: Impact
    priority: Priority
    assigned: str | None
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str
    ack_expires_at: datetime | None
    snoozed: bool
    resolved_at: datetime | None
    closed_at: datetime | None
    alerts_total: int
    alerts_firing: int
    fires_on: bool
    restricted: bool
    version: int


class AlertOut(BaseModel):
    """A deduplicated condition; `count` is how often its sender repeated it, `why` why it is in its incident."""

    id: int
    integration: str
    service: str
    incident: int | None
    key: str
    state: str
    title: str
    severity: str
    urgency: Urgency
    description: str
    fields: Data
    links: list[list[str]]
    count: int
    first_seen_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None
    why: str


class AlertInFull(AlertOut):
    """An alert with the raw payloads that were kept of it: the first and the latest."""

    samples: list[Data]


class NextStep(BaseModel):
    """Whom the incident pages if nobody answers before `at`. `opens`: it waits for this instant, because every level is
    for other hours and this one opens then."""

    at: datetime
    level: int
    round: int
    people: list[str]
    opens: bool


class ReaderOut(BaseModel):
    """Somebody who reads a restricted incident, and who named them: `user:bo`. Administrators are not listed."""

    user: str
    by: str
    at: datetime


class IncidentInFull(IncidentOut):
    """An incident with its newest alerts and deliveries, and what happens next. `readers`: of a restricted one."""

    description: str
    readers: list[ReaderOut]
    alerts: list[AlertOut]
    deliveries: list[DeliveryOut]
    next_steps: list[NextStep]


class OutcomeOut(BaseModel):
    """`changed` is false when it was so already; `why` says more."""

    changed: bool
    why: str
    incident: IncidentOut


class EntryOut(BaseModel):
    """One fact of the journal."""

    seq: int
    kind: str
    happened_at: datetime
    written_at: datetime
    who: str
    through: str
    data: Data


def show_incident(incident: Incident) -> IncidentOut:
    """An incident as a list shows it; people and services by their ids."""
    return shown(
        IncidentOut,
        incident,
        number=incident.pk,
        service=incident.service_id,
        assigned=incident.assigned_id,
    )


def show_to(incident: Incident, viewer: Viewer) -> IncidentOut:
    """The same to who acted on it. Of a restricted one they may have done so without reading it, as whoever is paged
    can: then it has neither its title nor its service."""
    said = show_incident(incident)
    if may_read(incident, viewer):
        return said
    return said.model_copy(update={"title": name_of(incident), "service": ""})


def show_reader(row: Reader) -> ReaderOut:
    return ReaderOut(user=row.user_id, by=row.by, at=row.at)


def show_alert(alert: Alert) -> AlertOut:
    """An alert without its payloads."""
    return shown(
        AlertOut,
        alert,
        integration=alert.integration_id,
        service=alert.service_id,
        incident=alert.incident_id,
        links=shown_links(alert.links),
    )


def show_entry(entry: Entry) -> EntryOut:
    """A fact of the journal, as it is stored."""
    return shown(EntryOut, entry)
