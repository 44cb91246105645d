"""Incidents, alerts and facts as the API says them."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from tocsin.api.messages import DeliveryOut
from tocsin.api.words import Data
from tocsin.incident.models import Incident
from tocsin.incident.rules import State
from tocsin.intake.models import Alert
from tocsin.journal.models import Entry
from tocsin.kernel.urgency import Impact, Priority, Urgency


class IncidentOut(BaseModel):
    """What people work on. `number` is what they say: #412. `fires_on`: it is over while alerts of it still fire;
    their next event opens a new incident, or joins one of the same group that is open by then."""

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
    resolved_at: datetime | None
    closed_at: datetime | None
    alerts_total: int
    alerts_firing: int
    fires_on: bool
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
    """Whom the incident pages if nobody answers before `at`."""

    at: datetime
    level: int
    round: int
    people: list[str]


class IncidentInFull(IncidentOut):
    """An incident with its newest alerts and deliveries, and what happens next."""

    description: str
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
    return IncidentOut(
        number=incident.pk,
        title=incident.title,
        service=incident.service_id,
        state=State(incident.state),
        urgency=Urgency(incident.urgency),
        impact=Impact(incident.impact),
        priority=Priority(incident.priority),
        assigned=incident.assigned_id,
        opened_at=incident.opened_at,
        acknowledged_at=incident.acknowledged_at,
        acknowledged_by=incident.acknowledged_by,
        ack_expires_at=incident.ack_expires_at,
        resolved_at=incident.resolved_at,
        closed_at=incident.closed_at,
        alerts_total=incident.alerts_total,
        alerts_firing=incident.alerts_firing,
        fires_on=incident.fires_on,
        version=incident.version,
    )


def show_alert(alert: Alert) -> AlertOut:
    return AlertOut(
        id=alert.pk,
        integration=alert.integration_id,
        service=alert.service_id,
        incident=alert.incident_id,
        key=alert.key,
        state=alert.state,
        title=alert.title,
        severity=alert.severity,
        urgency=Urgency(alert.urgency),
        description=alert.description,
        fields=alert.fields,
        links=[[str(part) for part in link] for link in alert.links],
        count=alert.count,
        first_seen_at=alert.first_seen_at,
        last_seen_at=alert.last_seen_at,
        resolved_at=alert.resolved_at,
        why=alert.why,
    )


def show_entry(entry: Entry) -> EntryOut:
    return EntryOut(
        seq=entry.seq,
        kind=entry.kind,
        happened_at=entry.happened_at,
        written_at=entry.written_at,
        who=entry.who,
        through=entry.through,
        data=entry.data,
    )
