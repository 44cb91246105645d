"""Which message goes next, and what becomes of it.

One node at a time works through the queue of a webhook, under a lease. A message waits until the one before it about
the same incident has arrived or was given up, so a receiver hears of each incident in order.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from tocsin.hooks.models import Hook, Message
from tocsin.hooks.rules import ATTEMPTS_MAX, OFF_AFTER, MessageState, again_at, rest_until
from tocsin.hooks.saving import drop_waiting
from tocsin.journal.changes import did, record
from tocsin.journal.crashing import point
from tocsin.kernel.acting import ENGINE
from tocsin.notification.rules import Failed, Sent

KEPT_FOR = timedelta(days=14)  # what is done with
KEPT_MAX = 10_000  # of it, for one webhook
SWEEP_MAX = 500
TRIES_MAX = 30  # of one message that are kept


def due_hooks(now: datetime) -> list[str]:
    """The webhooks for which something can be sent at `now`."""
    well = Hook.objects.filter(Q(rest_until=None) | Q(rest_until__lte=now))
    due = _sendable(now).filter(hook=OuterRef("pk"))
    return list(well.filter(Exists(due)).order_by("pk").values_list("pk", flat=True))


def next_message(hook_id: str, now: datetime) -> Message | None:
    """The message to send now; None when none is due, or its webhook rests."""
    due = _sendable(now).select_related("hook").filter(hook_id=hook_id)
    due = due.filter(Q(hook__rest_until=None) | Q(hook__rest_until__lte=now))
    return due.order_by("next_at", "pk").first()


def _sendable(now: datetime) -> QuerySet[Message]:
    """What is due and waits for nothing about the same incident."""
    earlier = Message.objects.filter(
        hook=OuterRef("hook"), chain=OuterRef("chain"), next_at__isnull=False, pk__lt=OuterRef("pk")
    )
    return Message.objects.filter(~Exists(earlier), next_at__lte=now)


def record_message(
    message: Message, outcome: Sent | Failed, took: timedelta, now: datetime, jitter: float
) -> bool:
    """Write down what became of an attempt, and what follows from it for the message and for its webhook.

    Returns whether nothing has arrived there for OFF_AFTER, so that the webhook should be switched off.
    """
    with transaction.atomic():
        hook = Hook.objects.select_for_update().filter(pk=message.hook_id).first()
        row = Message.objects.select_for_update().filter(pk=message.pk).first()
        if hook is None or row is None:
            return False  # deleted meanwhile
        said = "sent" if isinstance(outcome, Sent) else outcome.why[:500]
        took_ms = int(took.total_seconds() * 1000)
        row.tries = [*row.tries, {"at": now.isoformat(), "took_ms": took_ms, "outcome": said}][-TRIES_MAX:]
        row.attempts += 1
        if isinstance(outcome, Sent):
            row.state, row.next_at, row.sent_at = MessageState.SENT, None, now
            hook.failures, hook.failing_since, hook.rest_until = 0, None, None
        else:
            if row.state == MessageState.WAITING:
                row.next_at = again_at(row.attempts, outcome.after, now, jitter) if outcome.again else None
                row.state = MessageState.WAITING if row.next_at is not None else MessageState.FAILED
            hook.failures, hook.failing_since = hook.failures + 1, hook.failing_since or now
            if outcome.again:
                hook.rest_until = rest_until(hook.failures, outcome.after, now)
        row.save(update_fields=["state", "next_at", "sent_at", "attempts", "tries"])
        hook.save(update_fields=["failures", "failing_since", "rest_until"])
        point("webhook: before the record commits")
        return hook.enabled and _is_dead(hook, now)


def switch_off_failing(hook_id: str, why: str, now: datetime) -> tuple[Hook, int] | None:
    """Nothing has arrived for so long that nobody can be listening: tell it nothing any more.

    Returns the webhook and how many messages were given up; None when it is off, or doing better, already. Inside
    `changing()` of the caller's, who tells people.
    """
    row = Hook.objects.select_for_update().filter(pk=hook_id, enabled=True).first()
    if row is None or not _is_dead(row, now):
        return None
    row.enabled, row.off_why = False, why[:500]
    row.save(update_fields=["enabled", "off_why"])
    dropped = drop_waiting(row)
    record([did("webhook.switched_off", webhook=row.pk, why=row.off_why)], ENGINE, now)
    return row, dropped


def _is_dead(row: Hook, now: datetime) -> bool:
    """Nothing has arrived for OFF_AFTER, and it was not this program that was away for most of it."""
    long = row.failing_since is not None and now - row.failing_since >= OFF_AFTER
    return long and row.failures >= ATTEMPTS_MAX


def forget_old(now: datetime, limit: int = SWEEP_MAX) -> int:
    """Delete messages that are long done with, and those before the latest KEPT_MAX of a webhook; returns how many."""
    done = Message.objects.filter(next_at=None)
    old = done.filter(made_at__lt=now - KEPT_FOR).order_by("made_at")
    keys = list(old.values_list("pk", flat=True)[:limit])
    for hook in Hook.objects.all():
        more = done.filter(hook=hook).order_by("-pk")[KEPT_MAX : KEPT_MAX + limit]
        keys += list(more.values_list("pk", flat=True))[: limit - len(keys)]
    if keys:
        Message.objects.filter(pk__in=keys, next_at=None).delete()
    return len(keys)
