"""Make webhooks and change them, rotate their secrets, test them, send again."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from tocsin.hooks.collecting import document
from tocsin.hooks.models import Hook, Message
from tocsin.hooks.rules import TEST, MessageState
from tocsin.hooks.saving import HookChanges, HookValue
from tocsin.journal.changes import changing, did, record
from tocsin.journal.waking import wake
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, conflict, not_found
from tocsin.kernel.ids import new_secret

BOTH_KEYS = timedelta(hours=24)  # after a rotation the secret from before signs as well
TESTS_WAITING_MAX = 10
LOG_MAX = 30  # messages that are shown at once


def find_hook(hook_id: str) -> Hook:
    """The webhook. Raises Refused."""
    row = Hook.objects.filter(pk=hook_id).first()
    if row is None:
        raise not_found("webhook", hook_id)
    return row


def save_hook(hook_id: str, value: HookValue, by: By, now: datetime) -> Hook:
    """Make the webhook or change it; one that is switched on is told of what happens from now on. Raises Refused."""
    with changing():
        changes = HookChanges([hook_id])
        row = changes.save(hook_id, value, now)
        changes.store(by, now)
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
            raise still_signs()
        row.nonce, row.old_nonce, row.old_until = new_secret(), row.nonce, now + BOTH_KEYS
        row.save(update_fields=["nonce", "old_nonce", "old_until"])
        record([did("webhook.rotated", webhook=row.pk, until=row.old_until)], by, now)
    return row


def still_signs() -> Refused:
    """The refusal to change a secret again so soon."""
    return conflict(
        "Its secret was changed a short while ago, and the one from before still signs",
        "End that one first, once every receiver has the new one.",
    )


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


def log_of(row: Hook, before: int | None = None) -> list[Message]:
    """The latest messages, or the latest before the one of that number; the last made first."""
    messages = row.messages.all() if before is None else row.messages.filter(pk__lt=before)
    return list(messages.order_by("-pk")[:LOG_MAX])


def _locked(hook_id: str) -> Hook:
    row = Hook.objects.select_for_update().filter(pk=hook_id).first()
    if row is None:
        raise not_found("webhook", hook_id)
    return row
