"""Make webhooks and change them, rotate their secrets, test them, send again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tocsin.catalog.models import Service
from tocsin.hooks.collecting import document, newest
from tocsin.hooks.models import Hook, Message, Position
from tocsin.hooks.rules import EVENTS, TEST, MessageState
from tocsin.journal.changes import changing, did, record, saved
from tocsin.journal.waking import wake
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, conflict, not_found
from tocsin.kernel.ids import check_slug, new_secret
from tocsin.notification.channels import check_address, scheme_of
from tocsin.people.checking import check_name
from tocsin.people.models import Team

HOOKS_MAX = 50
FILTERS_MAX = 500
BOTH_KEYS = timedelta(hours=24)  # after a rotation the secret from before signs as well
TESTS_WAITING_MAX = 10
LOG_MAX = 100  # messages that are shown


@dataclass(frozen=True)
class HookValue:
    """A webhook as it is to be. No services and no teams: it is told of all."""

    name: str
    address: str
    events: Sequence[str]
    services: Sequence[str] = ()
    teams: Sequence[str] = ()
    enabled: bool = True


def find_hook(hook_id: str) -> Hook:
    """The webhook. Raises Refused."""
    row = Hook.objects.filter(pk=hook_id).first()
    if row is None:
        raise not_found("webhook", hook_id)
    return row


def save_hook(hook_id: str, value: HookValue, by: By, now: datetime) -> Hook:
    """Make the webhook or change it; one that is switched on is told of what happens from now on. Raises Refused."""
    with changing():
        row = Hook.objects.select_for_update().filter(pk=check_slug(hook_id, "id")).first()
        if row is None and Hook.objects.count() >= HOOKS_MAX:
            raise conflict(f"There are {HOOKS_MAX} webhooks", "Delete those that nobody needs.")
        address = _check(value)
        before = _as_data(row) if row else None
        was_on = row is not None and row.enabled
        if row is None:
            row = Hook(id=hook_id, created_at=now, nonce=new_secret())
        if row.address != address:
            row.failures, row.failing_since, row.rest_until = 0, None, None
        row.name, row.address, row.enabled = value.name.strip(), address, value.enabled
        row.events = [each for each in EVENTS if each in value.events]
        row.services, row.teams = sorted(set(value.services)), sorted(set(value.teams))
        if value.enabled and not was_on:
            _begin(row)
        row.save()
        if was_on and not value.enabled:
            drop_waiting(row)
        record(saved("webhook", row.pk, before, _as_data(row), personal=("address",)), by, now)
    return row


def set_hook_enabled(hook_id: str, enabled: bool, by: By, now: datetime) -> Hook:
    """Tell it nothing any more, or tell it again, of what happens from now on. Raises Refused."""
    row = find_hook(hook_id)
    value = HookValue(row.name, row.address, row.events, row.services, row.teams, enabled)
    return save_hook(hook_id, value, by, now)


def delete_hook(hook_id: str, by: By, now: datetime) -> None:
    """Forget the webhook, its secrets and its messages."""
    with changing():
        find_hook(hook_id).delete()
        record([did("webhook.deleted", webhook=hook_id)], by, now)


def rotate(hook_id: str, by: By, now: datetime) -> Hook:
    """A new secret signs from now on, and for BOTH_KEYS the one from before as well. Refused while one is on its way
    out: a third would leave receivers with the first one out."""
    with changing():
        row = _locked(hook_id)
        if old_nonce(row, now):
            raise conflict(
                "Its secret was changed a short while ago, and the one from before still signs",
                "End that one first, once every receiver has the new one.",
            )
        row.nonce, row.old_nonce, row.old_until = new_secret(), row.nonce, now + BOTH_KEYS
        row.save(update_fields=["nonce", "old_nonce", "old_until"])
        record([did("webhook.rotated", webhook=row.pk, until=row.old_until)], by, now)
    return row


def end_old(hook_id: str, by: By, now: datetime) -> Hook:
    """The secret from before the last rotation signs nothing any more, as of now."""
    with changing():
        row = _locked(hook_id)
        if old_nonce(row, now):
            row.old_nonce, row.old_until = "", None
            row.save(update_fields=["old_nonce", "old_until"])
            record([did("webhook.old_secret_ended", webhook=row.pk)], by, now)
    return row


def old_nonce(row: Hook, now: datetime) -> str:
    """What the secret from before is made of while it still signs; "" when there is none."""
    return row.old_nonce if row.old_until is not None and now < row.old_until else ""


def send_test(hook_id: str, by: By, now: datetime) -> Message:
    """Queue a test event, which goes although the webhook is switched off or rests. Raises Refused."""
    with changing():
        row = _locked(hook_id)
        if row.messages.filter(event=TEST, next_at__isnull=False).count() >= TESTS_WAITING_MAX:
            raise conflict(
                f"{TESTS_WAITING_MAX} tests are waiting", "Look in the log what became of the first."
            )
        message = Message(hook=row, event=TEST, made_at=now, next_at=now)
        message.chain = f"{TEST}:{message.uid}"  # so that it waits for nothing
        kind, _, name = by.who.partition(":")
        who = {"kind": kind, "id": name or None, "name": None, "through": by.through}
        message.body = document(message, happened_at=now, sequence=None, by=who, incident=None, detail={})
        message.save()
        row.rest_until = None
        row.save(update_fields=["rest_until"])
        record([did("webhook.tested", webhook=row.pk)], by, now)
        wake("duties")
    return message


def send_again(hook_id: str, uid: UUID, by: By, now: datetime) -> Message:
    """Queue a message anew, under the same id. Raises Refused while it waits anyway, or the webhook is off."""
    with changing():
        row = _locked(hook_id)
        message = row.messages.select_for_update().filter(uid=uid).first()
        if message is None:
            raise not_found("message", str(uid))
        if message.state == MessageState.WAITING:
            raise conflict("It waits to be sent already", "Look again in a moment.")
        if not row.enabled and message.event != TEST:
            raise conflict(f"{row} is switched off", "Switch it on first, or send a test.")
        message.state, message.next_at, message.attempts = MessageState.WAITING, now, 0
        message.save(update_fields=["state", "next_at", "attempts"])
        row.rest_until = None
        row.save(update_fields=["rest_until"])
        record([did("webhook.sent_again", webhook=row.pk, message=str(uid))], by, now)
        wake("duties")
    return message


def log_of(row: Hook) -> list[Message]:
    """The latest messages, the last made first."""
    return list(row.messages.order_by("-pk")[:LOG_MAX])


def drop_waiting(row: Hook) -> int:
    """Give up what waits for a webhook that was switched off; returns how many. In the caller's transaction."""
    waiting = row.messages.filter(next_at__isnull=False).exclude(event=TEST)
    return waiting.update(state=MessageState.DROPPED, next_at=None)


def _begin(row: Hook) -> None:
    """Facts from now on are told. Where no other webhook was on, nobody has kept the position."""
    row.after, row.off_why, row.skipped = newest(), "", 0
    row.failures, row.failing_since, row.rest_until = 0, None, None
    if not Hook.objects.filter(enabled=True).exists():
        Position.objects.update_or_create(pk=1, defaults={"entry": row.after})


def _locked(hook_id: str) -> Hook:
    row = Hook.objects.select_for_update().filter(pk=hook_id).first()
    if row is None:
        raise not_found("webhook", hook_id)
    return row


def _check(value: HookValue) -> str:
    """The address in its plain form. Raises Refused."""
    check_name(value.name)
    if scheme_of(value.address) not in ("https", "http"):
        raise Refused(
            "That is no address of a webhook", "an address that begins with https://", where="address"
        )
    address = check_address(value.address)
    if not value.events:
        raise Refused("No event is chosen", "at least one", where="events")
    for each in value.events:
        if each not in EVENTS:
            raise Refused(f"There is no event {each[:60]!r}", f"one of {', '.join(EVENTS)}", where="events")
    _known(value.services, Service.objects.values_list("pk", flat=True), "service", "services")
    _known(value.teams, Team.objects.values_list("pk", flat=True), "team", "teams")
    return address


def _known(named: Sequence[str], known: Iterable[str], noun: str, where: str) -> None:
    if len(named) > FILTERS_MAX:
        raise Refused(f"{len(named)} {where}", f"at most {FILTERS_MAX}", where=where)
    if named and (missing := sorted(set(named) - set(known))):
        raise Refused(f"There is no {noun} {missing[0][:64]!r}", f"the id of a {noun}", where=where)


def _as_data(row: Hook) -> dict[str, Any]:
    """The webhook for the journal; who knows its address may be able to write there, so it is not repeated."""
    return {
        "name": row.name,
        "address": row.address,
        "events": list(row.events),
        "services": list(row.services),
        "teams": list(row.teams),
        "enabled": row.enabled,
    }
