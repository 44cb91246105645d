"""After a restore: is the journal whole, what would be sent, and hold it. Imported once Django is set up."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.escalation.hold_actions import hold_climbs, incidents_that_would_page
from tocsin.hooks.holding import hold_events, waiting_events
from tocsin.journal.actions import ORGANISATION, Fact, verify, write
from tocsin.kernel.acting import By
from tocsin.notification.hold_actions import hold_messages, waiting_messages
from tocsin.site.clock import now
from tocsin.site.config import Config

CLI = By("cli", "cli")


def changed_chains(config: Config) -> list[str]:
    """The first bad entry of every chain that was changed, in words."""
    return [f"{one.chain}, entry {one.seq}: {one.why}" for one in verify(config.seal_key)]


def pending() -> tuple[int, int, list[int]]:
    """How many messages wait, how many events for webhooks, and the open incidents that would page somebody."""
    return waiting_messages(), waiting_events(now()), incidents_that_would_page()


def hold_everything(made: datetime) -> list[int]:
    """Send, tell and page nothing that was pending in a backup made at `made`; returns the incidents held."""
    hold_messages(f"restored from a backup of {made:%Y-%m-%d %H:%M} UTC", now())
    hold_events(now())
    return hold_climbs(CLI, now())


def note_restore(made: datetime, held: bool) -> None:
    """Write down that the past ends at `made` and goes on now."""
    with transaction.atomic():
        fact = Fact(ORGANISATION, "instance.restored", {"backup_made_at": made.isoformat(), "held": held})
        write([fact], CLI, now())
