"""Webhooks of the organisation over REST: what they are told, their secrets, and what became of each event."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from ninja import Query, Status
from pydantic import BaseModel, Field

from tocsin.api.auth import Asked
from tocsin.api.paging import BY_NUMBER, Listing, Paged, page_of
from tocsin.api.room import Room
from tocsin.api.words import Name, Sent, Slug, SlugInPath
from tocsin.channels.signing import secret_of_hook
from tocsin.hooks import actions
from tocsin.hooks.actions import find_hook, old_nonce
from tocsin.hooks.models import Hook, Message
from tocsin.hooks.rules import EVENTS, MessageState
from tocsin.hooks.saving import FILTERS_MAX, HookValue
from tocsin.notification.channels import ADDRESS_LENGTH_MAX
from tocsin.people.rules import May

room = Room("webhooks")

EventName = Annotated[str, Field(max_length=48)]


class WebhookBody(Sent):
    """`events` are the types of events that are told. `services` and `teams` choose whose incidents: of one of these
    services, or of a service of one of these teams; both empty: all."""

    name: Name
    address: Annotated[str, Field(min_length=1, max_length=ADDRESS_LENGTH_MAX)]
    events: Annotated[list[EventName], Field(min_length=1, max_length=len(EVENTS))]
    services: Annotated[list[Slug], Field(max_length=FILTERS_MAX)] = []
    teams: Annotated[list[Slug], Field(max_length=FILTERS_MAX)] = []
    enabled: Annotated[bool, Field(strict=True)] = True


class WebhookOut(BaseModel):
    """`failing_since` is when the first failed since one arrived, `off_why` why it was switched off by itself,
    `waiting` how many events wait, and `skipped` how many were left out as too many waited."""

    id: str
    name: str
    address: str
    events: list[str]
    services: list[str]
    teams: list[str]
    enabled: bool
    failing_since: datetime | None
    off_why: str
    waiting: int
    skipped: int
    old_secret_until: datetime | None


class WebhookSecrets(BaseModel):
    """What signs now. `old` is the secret from before the last rotation, which signs as well until `old_until`."""

    secret: str
    old: str | None
    old_until: datetime | None


class MessageTry(BaseModel):
    """One attempt; `outcome` is "sent", or why not in words."""

    at: datetime
    took_ms: int
    outcome: str


class WebhookMessage(BaseModel):
    """One event for a webhook: its id is the document's, and the same in each attempt."""

    id: UUID
    event: str
    state: MessageState
    made_at: datetime
    next_at: datetime | None
    sent_at: datetime | None
    tries: list[MessageTry]


@room.get("/webhooks", may=May.SETTINGS, answer=Listing[WebhookOut])
def list_webhooks(request: Asked, paged: Query[Paged]) -> Listing[WebhookOut]:
    """By id."""
    return page_of(Hook.objects.order_by("pk"), paged, lambda row: show_webhook(row, request.now))


@room.get("/webhooks/{id}", may=May.SETTINGS, answer=WebhookOut)
def show_one_webhook(request: Asked, id: SlugInPath) -> WebhookOut:
    """One webhook, without its secrets."""
    return show_webhook(find_hook(id), request.now)


@room.put("/webhooks/{id}", may=May.SETTINGS, answer=WebhookOut)
def save_webhook(request: Asked, id: SlugInPath, body: WebhookBody) -> Status[WebhookOut]:
    """Makes the webhook, or replaces all that it says but its secrets. It is told of what happens from then on."""
    new = not Hook.objects.filter(pk=id).exists()
    value = HookValue(body.name, body.address, body.events, body.services, body.teams, body.enabled)
    row = actions.save_hook(id, value, request.auth.by, request.now)
    return Status(201 if new else 200, show_webhook(row, request.now))


@room.delete("/webhooks/{id}", may=May.SETTINGS)
def delete_webhook(request: Asked, id: SlugInPath) -> Status[None]:
    """Forgets the webhook, its secrets and its messages."""
    actions.delete_hook(id, request.auth.by, request.now)
    return Status(204, None)


@room.get("/webhooks/{id}/secrets", may=May.SETTINGS, answer=WebhookSecrets)
def show_webhook_secrets(request: Asked, id: SlugInPath) -> WebhookSecrets:
    """What signs for the webhook now."""
    return _secrets(find_hook(id), request.now)


@room.post("/webhooks/{id}/rotate", may=May.SETTINGS, answer=WebhookSecrets)
def rotate_webhook(request: Asked, id: SlugInPath) -> WebhookSecrets:
    """Makes a new secret; the one from before signs as well for 24 hours. Refused while an earlier one still does."""
    return _secrets(actions.rotate(id, request.auth.by, request.now), request.now)


@room.post("/webhooks/{id}/end-old", may=May.SETTINGS, answer=WebhookSecrets)
def end_old_webhook_secret(request: Asked, id: SlugInPath) -> WebhookSecrets:
    """The secret from before signs nothing any more."""
    return _secrets(actions.end_old(id, request.auth.by, request.now), request.now)


@room.post("/webhooks/{id}/test", may=May.SETTINGS, answer=WebhookMessage, status=202)
def test_webhook(request: Asked, id: SlugInPath) -> Status[WebhookMessage]:
    """Queues a test event, which goes although the webhook is switched off."""
    return Status(202, show_message(actions.send_test(id, request.auth.by, request.now)))


@room.get("/webhooks/{id}/messages", may=May.SETTINGS, answer=Listing[WebhookMessage])
def list_webhook_messages(request: Asked, id: SlugInPath, paged: Query[Paged]) -> Listing[WebhookMessage]:
    """The latest first. What is done with is kept for 14 days."""
    return page_of(find_hook(id).messages.all(), paged, show_message, BY_NUMBER, newest_first=True)


@room.post("/webhooks/{id}/messages/{message}/again", may=May.SETTINGS, answer=WebhookMessage, status=202)
def send_webhook_message_again(request: Asked, id: SlugInPath, message: UUID) -> Status[WebhookMessage]:
    """Queues a message anew, under the same id. Refused while it waits anyway, or the webhook is switched off."""
    return Status(202, show_message(actions.send_again(id, message, request.auth.by, request.now)))


def show_webhook(row: Hook, now: datetime) -> WebhookOut:
    """A webhook with how it is."""
    return WebhookOut(
        id=row.pk,
        name=row.name,
        address=row.address,
        events=row.events,
        services=row.services,
        teams=row.teams,
        enabled=row.enabled,
        failing_since=row.failing_since,
        off_why=row.off_why,
        waiting=row.messages.filter(next_at__isnull=False).count(),
        skipped=row.skipped,
        old_secret_until=row.old_until if old_nonce(row, now) else None,
    )


def show_message(row: Message) -> WebhookMessage:
    """A message with every attempt at it."""
    return WebhookMessage(
        id=row.uid,
        event=row.event,
        state=MessageState(row.state),
        made_at=row.made_at,
        next_at=row.next_at,
        sent_at=row.sent_at,
        tries=[MessageTry(**each) for each in row.tries],
    )


def _secrets(row: Hook, now: datetime) -> WebhookSecrets:
    old = old_nonce(row, now)
    return WebhookSecrets(
        secret=secret_of_hook(row.pk, row.nonce),
        old=secret_of_hook(row.pk, old) if old else None,
        old_until=row.old_until if old else None,
    )
