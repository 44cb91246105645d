"""Services and integrations over REST, in the words of the organisation file."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from django.conf import settings
from ninja import Query, Status
from pydantic import BaseModel, Field

from tocsin.api.auth import Asked
from tocsin.api.paging import Listing, Paged, page_of
from tocsin.api.room import Room
from tocsin.api.words import Duration, Name, Sent, Slug, SlugInPath, shown
from tocsin.catalog import actions
from tocsin.catalog.actions import (
    DESCRIPTION_LENGTH_MAX,
    KEY_LENGTH_MAX,
    KEY_LENGTH_MIN,
    WORKAROUND_LENGTH_MAX,
)
from tocsin.catalog.models import Integration, Service
from tocsin.catalog.rules import (
    GROUP_FIELDS_MAX,
    TIER_MAX,
    Grouping,
    IntegrationType,
    ServiceValue,
    UrgencyFrom,
)
from tocsin.escalation.policy_actions import policy_ids
from tocsin.people.actions import NAME_LENGTH_MAX
from tocsin.people.rules import May

room = Room("services and integrations")


# -- services -------------------------------------------------------------------------------------------------------


class GroupingBody(Sent):
    """Alerts whose `by` fields are equal join one incident while less than `window` has passed since the last."""

    by: Annotated[list[str], Field(max_length=GROUP_FIELDS_MAX)] = []
    window: Duration = timedelta(minutes=10)


class ServiceBody(Sent):
    """What customers or teams depend on. `grouping` null: every alert its own incident; `ack_timeout` null: never.
    `restricted`: its incidents are read only by whom they concern, from the start."""

    name: Name
    description: Annotated[str, Field(max_length=DESCRIPTION_LENGTH_MAX)] = ""
    workaround: Annotated[
        str,
        Field(
            max_length=WORKAROUND_LENGTH_MAX,
            description="What is known to help until it is mended; messages about its incidents say it.",
        ),
    ] = ""
    team: Slug | None = None
    policy: Slug | None = None
    tier: Annotated[int, Field(strict=True, ge=1, le=TIER_MAX)] = 3
    urgency: UrgencyFrom = UrgencyFrom.SEVERITY
    grouping: GroupingBody | None = None
    resolve_delay: Duration = timedelta(0)
    ack_timeout: Duration | None = timedelta(minutes=30)
    restricted: Annotated[bool, Field(strict=True)] = False


class ServiceOut(ServiceBody):
    id: str


@room.get("/services", may=May.SEE, answer=Listing[ServiceOut])
def list_services(request: Asked, paged: Query[Paged]) -> Listing[ServiceOut]:
    """By id."""
    return page_of(Service.objects.all(), paged, show_service)


@room.get("/services/{id}", may=May.SEE, answer=ServiceOut)
def show_one_service(request: Asked, id: SlugInPath) -> ServiceOut:
    """One service."""
    return show_service(actions.find_service(id))


@room.put("/services/{id}", may=May.CONFIGURE, answer=ServiceOut)
def save_service(request: Asked, id: SlugInPath, body: ServiceBody) -> Status[ServiceOut]:
    """Makes the service, or replaces all that it says: what is left out gets its default."""
    new = not Service.objects.filter(pk=id).exists()
    value = ServiceValue(
        id=id,
        name=body.name,
        tier=body.tier,
        team=body.team,
        policy=body.policy,
        urgency=body.urgency,
        grouping=Grouping(tuple(body.grouping.by), body.grouping.window) if body.grouping else None,
        resolve_delay=body.resolve_delay,
        ack_timeout=body.ack_timeout,
        restricted=body.restricted,
        workaround=body.workaround,
    )
    row = actions.save_service(value, body.description, request.auth.by, request.now, policies=policy_ids())
    return Status(201 if new else 200, show_service(row))


@room.delete("/services/{id}", may=May.CONFIGURE)
def delete_service(request: Asked, id: SlugInPath) -> Status[None]:
    """Forgets the service. Refused while it has incidents or alerts: they would be lost with it."""
    actions.delete_service(id, request.auth.by, request.now)
    return Status(204, None)


def show_service(row: Service) -> ServiceOut:
    """A service in the words of the file."""
    value = row.as_value()
    grouping = value.grouping and GroupingBody(by=list(value.grouping.by), window=value.grouping.window)
    return shown(ServiceOut, value, description=row.description, grouping=grouping)


# -- integrations ---------------------------------------------------------------------------------------------------


class IntegrationBody(Sent):
    """A sender's way in. `key` left out: the one there is stays, or one is made."""

    service: Slug
    type: IntegrationType
    name: Annotated[str, Field(max_length=NAME_LENGTH_MAX)] = ""
    enabled: Annotated[bool, Field(strict=True)] = True
    key: Annotated[str, Field(min_length=KEY_LENGTH_MIN, max_length=KEY_LENGTH_MAX)] | None = None


class IntegrationOut(BaseModel):
    """`key` is said once: in the answer that made it."""

    id: str
    service: str
    type: IntegrationType
    name: str
    enabled: bool
    created_at: datetime
    last_event_at: datetime | None
    key: str | None


class KeyOut(BaseModel):
    """A key in plain text, and the address where a sender uses it."""

    key: str
    url: str


@room.get("/integrations", may=May.SEE, answer=Listing[IntegrationOut])
def list_integrations(request: Asked, paged: Query[Paged]) -> Listing[IntegrationOut]:
    """By id, without their keys."""
    return page_of(Integration.objects.all(), paged, show_integration)


@room.get("/integrations/{id}", may=May.SEE, answer=IntegrationOut)
def show_one_integration(request: Asked, id: SlugInPath) -> IntegrationOut:
    """One integration, without its key."""
    return show_integration(actions.find_integration(id))


@room.put("/integrations/{id}", may=May.CONFIGURE, answer=IntegrationOut)
def save_integration(request: Asked, id: SlugInPath, body: IntegrationBody) -> Status[IntegrationOut]:
    """Makes the integration and says its key once, or replaces all that it says and keeps its key."""
    new = not Integration.objects.filter(pk=id).exists()
    by, now = request.auth.by, request.now
    row, made = actions.save_integration(id, body.service, body.type, body.name, body.key, by, now)
    if row.enabled != body.enabled:
        row = actions.set_enabled(id, body.enabled, by, now)
    return Status(201 if new else 200, show_integration(row, made))


@room.delete("/integrations/{id}", may=May.CONFIGURE)
def delete_integration(request: Asked, id: SlugInPath) -> Status[None]:
    """Forgets the integration and its key. Refused when alerts came through it: switch it off instead."""
    actions.delete_integration(id, request.auth.by, request.now)
    return Status(204, None)


@room.post("/integrations/{id}/rotate", may=May.CONFIGURE, answer=IntegrationOut)
def rotate_key(request: Asked, id: SlugInPath) -> IntegrationOut:
    """A fresh key, said once; the old one opens nothing from now on."""
    return show_integration(*actions.rotate_key(id, request.auth.by, request.now))


@room.get("/integrations/{id}/key", may=May.SEE_KEYS, answer=KeyOut)
def show_key(request: Asked, id: SlugInPath) -> KeyOut:
    """The key again, for whoever sets up a sender."""
    key = actions.reveal_key(actions.find_integration(id))
    return KeyOut(key=key, url=f"{settings.CONFIG.url}/hooks/{key}")


def show_integration(row: Integration, key: str | None = None) -> IntegrationOut:
    """An integration, with its `key` when that was made just now."""
    return shown(IntegrationOut, row, service=row.service_id, key=key)
