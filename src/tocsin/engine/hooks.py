"""Sends what webhooks wait for: each webhook's queue by itself, in a thread of its own, by one node at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import connection

from tocsin.channels import signing
from tocsin.channels.webhook import Webhook
from tocsin.engine.workers import Workers
from tocsin.hooks.actions import old_nonce
from tocsin.hooks.models import Hook, Message
from tocsin.hooks.sending import due_hooks, next_message, record_message
from tocsin.journal.actions import release_lease, take_lease
from tocsin.journal.crashing import point
from tocsin.notification.rules import Failed, Sent
from tocsin.telling.hooks import switch_off_and_tell

QUEUES_MAX = 8  # worked through at once; one that hangs holds up its own
ROUND = timedelta(seconds=30)  # then the next webhook has its turn
LEASE = timedelta(seconds=25)  # longer than one attempt; after a death another node waits no longer than this
RENEW = timedelta(seconds=5)  # of it are gone before it is taken again

_log = structlog.get_logger("tocsin.engine.hooks")


class Hooks:
    """`look` begins to work through the queues that are due; `jitter` gives a number in [0, 1)."""

    def __init__(
        self, webhook: Webhook, node: str, clock: Callable[[], datetime], jitter: Callable[[], float]
    ) -> None:
        self._webhook, self._node, self._clock, self._jitter = webhook, node, clock, jitter
        self._room = threading.Semaphore(QUEUES_MAX)
        self._busy: set[str] = set()
        self._workers: Workers[str] = Workers(self._apart)

    def look(self, now: datetime) -> int:
        """Begin with the queues that are due at `now`; returns how many."""
        begun = 0
        for hook in due_hooks(now):
            if hook in self._busy:
                continue
            if not self._room.acquire(blocking=False):
                break
            self._busy.add(hook)
            self._workers.hand(hook)
            begun += 1
        return begun

    def _apart(self, hook: str) -> None:
        try:
            self.work_through(hook)
        except Exception:
            # Nothing was recorded of the message under way, so it goes once more, under the same id.
            _log.exception("a webhook's queue could not be worked through", webhook=hook)
        finally:
            self._busy.discard(hook)
            self._room.release()
            connection.close()

    def work_through(self, hook: str) -> int:
        """Send what is due for one webhook, until nothing is, it fails, or its round is over; returns how many."""
        began, sent = self._clock(), 0
        if take_lease(_lease(hook), self._node, began, LEASE) is None:
            return 0
        taken = began
        try:
            while (now := self._clock()) - began < ROUND:
                if now - taken >= RENEW:
                    if take_lease(_lease(hook), self._node, now, LEASE) is None:
                        break  # this node was asleep, and another has begun
                    taken = now
                message = next_message(hook, now)
                if message is None:
                    break
                started = time.monotonic()
                outcome = post(self._webhook, message, now)
                took = timedelta(seconds=time.monotonic() - started)
                sent += 1
                point("webhook: handed over")
                over = record_message(message, outcome, took, self._clock(), self._jitter())
                if over and isinstance(outcome, Failed):
                    switch_off_and_tell(hook, outcome.why, self._clock())
        finally:
            release_lease(_lease(hook), self._node, self._clock())
        return sent


def post(webhook: Webhook, message: Message, now: datetime) -> Sent | Failed:
    """Hand the message to its receiver, signed with every secret that is valid at `now`; never raises."""
    headers = {"Tocsin-Event": message.event}
    try:
        return webhook.post(
            message.hook.address,
            message.body.encode(),
            str(message.uid),
            signing.signatures(secrets_of(message.hook, now), message.body.encode(), now),
            now,
            headers,
        )
    except Exception as error:
        _log.exception("a webhook failed in an unforeseen way", webhook=message.hook_id)
        return Failed(f"the channel failed: {type(error).__name__}")


def secrets_of(hook: Hook, now: datetime) -> list[str]:
    """The secrets that sign for the webhook at `now`, the new one first."""
    nonces = [hook.nonce, old_nonce(hook, now)]
    return [signing.secret_of_hook(hook.pk, nonce) for nonce in nonces if nonce]


def _lease(hook: str) -> str:
    return f"hook {hook}"[:64]
