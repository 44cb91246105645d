"""Hold back every event that waits: after a restore, most of them have been told long ago."""

from __future__ import annotations

from datetime import datetime

from tocsin.hooks.collecting import collect, newest
from tocsin.hooks.models import Hook, Message, Position
from tocsin.hooks.rules import MessageState
from tocsin.journal.changes import changing


def waiting_events(now: datetime) -> int:
    """How many events wait for webhooks; what the journal says and nobody has read yet is read for it."""
    while collect(now):
        pass
    return Message.objects.filter(next_at__isnull=False).count()


def hold_events(now: datetime) -> int:
    """Send none of those that wait; each stays in the log, from where it can be sent. Returns how many."""
    with changing():
        held = waiting_events(now)
        Message.objects.filter(next_at__isnull=False).update(state=MessageState.HELD, next_at=None)
        Hook.objects.update(failures=0, failing_since=None, rest_until=None)  # how its receiver was, long ago
        Position.objects.update(entry=newest())
    return held
