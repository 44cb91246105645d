"""What came in, over REST: alerts, changes, requests that wait or could not be digested; and a test alert."""

from __future__ import annotations

import json
import secrets
from datetime import datetime
from typing import Annotated

from django.db.models.functions import Length
from ninja import Query
from pydantic import BaseModel, Field

from tocsin.api.auth import Asked
from tocsin.api.paging import BY_NUMBER, Listing, Paged, page_of
from tocsin.api.room import Room
from tocsin.api.shapes import AlertOut, show_alert
from tocsin.api.words import Data, Sent, Slug, shown, shown_links
from tocsin.catalog.models import Integration
from tocsin.incident.models import alerts_not_hidden
from tocsin.intake.hot_request import Request
from tocsin.intake.hot_store import Item, store
from tocsin.intake.models import Alert, Change, Inbox
from tocsin.intake.rules import AlertState
from tocsin.kernel.errors import Refused, not_found
from tocsin.people.rules import May
from tocsin.sources import generic

room = Room("what came in")


class AlertFilter(Paged):
    state: AlertState | None = None
    service: Slug | None = None
    integration: Slug | None = None
    without_incident: Annotated[
        bool, Field(description="Only those that are in no incident; each says why")
    ] = False


class ChangeOut(BaseModel):
    """A deployment or another change that a sender told about: context beside what broke after it."""

    id: int
    integration: str
    service: str
    title: str
    fields: Data
    links: list[list[str]]
    happened_at: datetime
    received_at: datetime


class ChangeFilter(Paged):
    service: Slug | None = None


class InboxOut(BaseModel):
    """An accepted request that is not digested yet, or (`quarantined_at`) that could not be. Its body stays here."""

    id: int
    integration: str
    source: str
    received_at: datetime
    size: int
    quarantined_at: datetime | None
    problem: str


class InboxFilter(Paged):
    quarantined: bool | None = None


class TestAlertToSend(Sent):
    """`integration` left out: the way in of the most critical service."""

    integration: Slug | None = None


class TestAlertOut(BaseModel):
    """It is stored, and takes the road that every alert takes. `key` is its alert's."""

    integration: str
    service: str
    key: str


@room.get("/alerts", may=May.SEE, answer=Listing[AlertOut])
def list_alerts(request: Asked, wanted: Query[AlertFilter]) -> Listing[AlertOut]:
    """The newest first."""
    rows = Alert.objects.filter(alerts_not_hidden(request.auth.viewer))
    for column in ("state", "service", "integration"):
        if (value := getattr(wanted, column)) is not None:
            rows = rows.filter(**{column: value})
    if wanted.without_incident:
        rows = rows.filter(incident=None)
    return page_of(rows, wanted, show_alert, BY_NUMBER, newest_first=True)


@room.get("/changes", may=May.SEE, answer=Listing[ChangeOut])
def list_changes(request: Asked, wanted: Query[ChangeFilter]) -> Listing[ChangeOut]:
    """The newest first."""
    rows = Change.objects.all()
    if wanted.service is not None:
        rows = rows.filter(service=wanted.service)
    return page_of(rows, wanted, _show_change, BY_NUMBER, newest_first=True)


@room.get("/inbox", may=May.AUDIT, answer=Listing[InboxOut])
def list_inbox(request: Asked, wanted: Query[InboxFilter]) -> Listing[InboxOut]:
    """Accepted requests that wait, and those set aside because nobody could digest them; the oldest first."""
    rows = Inbox.objects.defer("body").annotate(size=Length("body"))
    if wanted.quarantined is not None:
        rows = rows.filter(quarantined_at__isnull=not wanted.quarantined)
    return page_of(rows, wanted, _show_inbox, BY_NUMBER)


@room.post("/test-alert", may=May.SEND_TEST, answer=TestAlertOut, status=202)
def send_test_alert(request: Asked, body: TestAlertToSend | None = None) -> TestAlertOut:
    """Stores a critical alert as if a sender had sent it: checked, durable, and then somebody is paged."""
    integration = _way_in(body.integration if body else None)
    key = f"test-{secrets.token_hex(6)}"
    event = {"summary": f"Test alert, sent by {request.auth.user.name}", "severity": "critical", "key": key}
    asked = Request("POST", "/", "", {}, json.dumps(event).encode())
    accepted = generic.accept(asked, integration.as_value(), request.now)
    store([Item(integration.pk, accepted, generic, asked, lambda answer: None)], request.now)
    return TestAlertOut(integration=integration.pk, service=integration.service_id, key=key)


def _way_in(wanted: str | None) -> Integration:
    """The integration. Raises Refused."""
    rows = Integration.objects.order_by("service__tier", "id")
    if wanted is not None and not (rows := rows.filter(pk=wanted)):
        raise not_found("integration", wanted)
    row = rows.filter(enabled=True).first()
    if row is None:
        raise Refused(
            "No integration is switched on", "one that takes the alert", "Switch one on.", status=409
        )
    return row


def _show_change(change: Change) -> ChangeOut:
    return shown(
        ChangeOut,
        change,
        integration=change.integration_id,
        service=change.service_id,
        links=shown_links(change.links),
    )


def _show_inbox(row: Inbox) -> InboxOut:
    return shown(InboxOut, row, integration=row.integration_id)
