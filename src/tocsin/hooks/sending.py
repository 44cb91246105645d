"""Which message goes next, and what becomes of it.

One node at a time works through the queue of a webhook, under a lease. A message waits until the one before it about
the same incident has arrived or was given up, so a receiver hears of each incident in order.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from tocsin.hooks.models import Hook, Message
from tocsin.hooks.rules import OFF_AFTER, MessageState, again_at, rest_until
from tocsin.hooks.saving import drop_waiting
from tocsin.journal.changes import did, record
from tocsin.kernel.acting import ENGINE
from tocsin.notification.rules import Failed, Sent

KEPT_FOR = timedelta(days=14)  # what is done with
SWEEP_MAX = 500
TRIES_MAX = 30  # of one message that are kept


def due_hooks(now: datetime) -> list[str]:
    """The webhooks for which something can be sent at `now`."""
    waiting = Message.objects.filter(hook=OuterRef("pk"), next_at__lte=now)
    well = Q(rest_until=None) | Q(rest_until__lte=now)
    return list(Hook.objects.filter(well, Exists(waiting)).order_by("pk").values_list("pk", flat=True))


def next_message(hook_id: str, now: datetime) -> Message | None:
    """The message to send now; None when none is due, or its webhook rests."""
    earlier = Message.objects.filter(
        hook_id=hook_id, chain=OuterRef("chain"), next_at__isnull=False, pk__lt=OuterRef("pk")
    )
    due = Message.objects.select_related("hook").filter(hook_id=hook_id, next_at__lte=now)
    due = due.filter(Q(hook__rest_until=None) | Q(hook__rest_until__lte=now))
    return due.filter(~Exists(earlier)).order_by("pk").first()


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
        return hook.enabled and hook.failing_since is not None and now - hook.failing_since >= OFF_AFTER


def switch_off_failing(hook_id: str, why: str, now: datetime) -> tuple[Hook, int] | None:
    """Nothing has arrived for so long that nobody can be listening: tell it nothing any more.

    Returns the webhook and how many messages were given up; None when it is off, or doing better, already. Inside
    `changing()` of the caller's, who tells people.
    """
    row = Hook.objects.select_for_update().filter(pk=hook_id, enabled=True).first()
    if row is None or row.failing_since is None or now - row.failing_since < OFF_AFTER:
        return None
    row.enabled, row.off_why = False, why[:500]
    row.save(update_fields=["enabled", "off_why"])
    dropped = drop_waiting(row)
    record([did("webhook.switched_off", webhook=row.pk, why=row.off_why)], ENGINE, now)
    return row, dropped


def forget_old(now: datetime, limit: int = SWEEP_MAX) -> int:
    """Delete messages that are long done with; returns how many."""
    old = Message.objects.filter(next_at=None, made_at__lt=now - KEPT_FOR).order_by("made_at")
    keys = list(old.values_list("pk", flat=True)[:limit])
    if keys:
        Message.objects.filter(pk__in=keys, next_at=None).delete()
    return len(keys)
