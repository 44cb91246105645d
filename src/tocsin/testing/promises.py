"""The promises P1-P8 as checks against the tables and against what the outside world saw."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from tocsin.incident.models import Incident
from tocsin.incident.rules import OPEN, State
from tocsin.intake.models import Alert, Inbox
from tocsin.intake.rules import AlertState, key_digest
from tocsin.journal import actions as journal
from tocsin.journal.columns import from_instant, to_instant
from tocsin.notification.claimed import Claimed
from tocsin.notification.models import Delivery
from tocsin.notification.rules import DeliveryState, Kind

LATE = timedelta(seconds=2)  # P4
QUIET_WITHIN = timedelta(seconds=2)  # P6


class PromiseBroken(AssertionError):
    """One of the promises does not hold; the text says which, where, and how to see it again."""


@dataclass
class Seen:
    """What the outside world knows: what was accepted, what arrived, what may arrive twice."""

    events: int = 0
    last: dict[tuple[str, str], str] = field(default_factory=dict)  # key -> last trigger or resolve
    receipts: Counter[UUID] = field(default_factory=Counter)
    repeats: Counter[UUID] = field(default_factory=Counter)
    quiet_since: dict[int, datetime] = field(default_factory=dict)
    updated: dict[tuple[int | None, str | None], datetime] = field(
        default_factory=dict
    )  # the newest that arrived
    states: dict[int, str] = field(default_factory=dict)
    well_since: datetime | None = None  # since when at least one node has been well
    entries: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def accepted(self, integration: str, key: str, action: str) -> None:
        """Note an event that intake has answered with 2xx."""
        self.events += 1
        self.counts["events"] += 1
        if action in ("trigger", "resolve"):
            self.last[integration, key_digest(integration, key)] = action

    def received(self, one: Claimed, now: datetime) -> None:
        """A provider has the message. Checks that it was not early, not doubled, not after an answer."""
        self.counts["messages"] += 1
        self.receipts[one.id] += 1
        if now < one.due_at:
            raise PromiseBroken(f"P4: delivery {one.id} went {one.due_at - now} early")
        if self.receipts[one.id] > 1 + self.repeats[one.id]:
            raise PromiseBroken(f"P3: delivery {one.id} went {self.receipts[one.id]} times")
        number = one.page.incident_id
        answered = self.quiet_since.get(number) if number is not None else None
        if one.page.kind == Kind.OVER:
            return  # word that it is over goes after it
        if answered is not None and now > answered + QUIET_WITHIN and one.page.created_at < answered:
            raise PromiseBroken(f"P6: a page of #{number} was sent {now - answered} after it was answered")
        if one.page.kind == Kind.UPDATE:
            self._in_order(one)

    def _in_order(self, one: Claimed) -> None:
        """An update is never older than the one that its person got before; a repeat of what got lost may be."""
        whom, made = (one.page.incident_id, one.page.user_id), one.page.created_at
        self.counts["updates"] += 1
        if self.receipts[one.id] == 1 and made < self.updated.get(whom, made):
            raise PromiseBroken(f"P7: {whom[1]} got an older update of #{whom[0]} after a newer one")
        self.updated[whom] = max(made, self.updated.get(whom, made))

    def allow_repeat(self, delivery: UUID) -> None:
        """Let this delivery reach its person once more: what became of an attempt is not known."""
        self.repeats[delivery] += 1

    def allow_repeats_of_what_is_in_flight(self) -> None:
        """A node died: each delivery that any node holds may be repeated once."""
        held = Delivery.objects.filter(state=DeliveryState.SENDING).values_list("pk", flat=True)
        self.repeats.update(held)

    def answered(self, incident: int, now: datetime) -> None:
        """Somebody acknowledged or resolved, and was told that it is so."""
        self.quiet_since[incident] = now

    def asked_again(self, incident: int) -> None:
        """Somebody escalated by hand: pages follow although it is acknowledged."""
        self.quiet_since.pop(incident, None)


# These run after every step of every seed, so they are written as the few statements they need.
_EARLIEST = """
    SELECT MIN(received_at) AS due FROM intake_inbox WHERE quarantined_at IS NULL
    UNION ALL SELECT MIN(opened_at) FROM incident_incident WHERE needs_climb
    UNION ALL SELECT MIN(due_at) FROM escalation_climb WHERE due_at IS NOT NULL
    UNION ALL SELECT MIN(ack_expires_at) FROM incident_incident WHERE state = 'acknowledged'
    UNION ALL SELECT MIN(resolve_at) FROM incident_incident WHERE state IN ('triggered', 'acknowledged')
    UNION ALL SELECT MIN(ends_at) FROM intake_alert WHERE state = 'firing'
    UNION ALL SELECT MIN(undeliverable_at) FROM notification_page WHERE passed_on_at IS NULL
    UNION ALL SELECT MIN(receipt_by) FROM notification_delivery WHERE state = 'sent' AND unconfirmed_at IS NULL
    UNION ALL SELECT MIN(update_at) FROM incident_incident
    UNION ALL SELECT MIN(next_at) FROM notification_card
    UNION ALL SELECT MIN(alarm_at) FROM escalation_climb
"""
_DELIVERIES = " UNION ALL SELECT MIN(next_at) FROM notification_delivery WHERE state IN ('due', 'sending')"
_STANDING = """
    SELECT (SELECT COUNT(*) FROM intake_inbox), (SELECT SUM(count) FROM intake_tally),
           (SELECT COUNT(*) FROM journal_entry)
"""
_WITHOUT_NEXT_STEP = """
    SELECT i.id FROM incident_incident i LEFT JOIN escalation_climb c ON c.incident_id = i.id
    WHERE i.state = 'triggered' AND NOT i.needs_climb AND c.due_at IS NULL
      AND (c.ended IS NULL OR c.ended NOT IN ('exhausted', 'nobody'))
"""
_HOPELESS = """
    SELECT p.id FROM notification_page p
    WHERE p.kind = 'page' AND p.quieted_at IS NULL AND p.undeliverable_at IS NULL AND NOT EXISTS
      (SELECT 1 FROM notification_delivery d WHERE d.page_id = p.id
        AND (d.state NOT IN ('undeliverable', 'suppressed') OR d.told_with IS NOT NULL))
"""
_LATE = "SELECT incident_id, due_at FROM escalation_climb WHERE due_at < %s"


def _rows(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def earliest_due(but_deliveries: bool = False) -> datetime | None:
    """The earliest instant at which any duty, or the sender, has something to do; in the past when it waits."""
    found = (
        to_instant(at)
        for (at,) in _rows(_EARLIEST + ("" if but_deliveries else _DELIVERIES))
        if at is not None
    )
    return min(filter(None, found), default=None)


def check_step(seen: Seen, now: datetime, somebody_alive: bool) -> None:
    """What must hold at every instant. Raises PromiseBroken."""
    ((waiting, told, entries),) = _rows(_STANDING)
    if waiting + (told or 0) != seen.events:
        raise PromiseBroken(f"P1: {seen.events} accepted, {waiting} waiting, {told} accounted for")
    if entries < seen.entries:
        raise PromiseBroken("the journal has shrunk")
    seen.entries = entries
    for number, state in _rows("SELECT id, state FROM incident_incident"):
        if state == State.TRIGGERED:
            seen.quiet_since.pop(number, None)
        elif seen.states.get(number) != state:
            seen.quiet_since[number] = now
        seen.states[number] = state
    for (number,) in _rows(_WITHOUT_NEXT_STEP):
        raise PromiseBroken(f"P8: #{number} is triggered and nothing will happen to it")
    for (page,) in _rows(_HOPELESS):
        raise PromiseBroken(f"P2: page {page} reaches nobody and nobody else was told")
    late = from_instant(now - LATE)
    if somebody_alive and seen.well_since is not None and now - seen.well_since > LATE:
        for number, due in _rows(_LATE, late):
            raise PromiseBroken(f"P4: #{number} was due at {due}")
    seen.well_since = (seen.well_since or now) if somebody_alive else None


def check_at_rest(seen: Seen, now: datetime, seal_key: bytes) -> None:
    """What must hold once faults are over and everything has come to rest. Raises PromiseBroken."""
    check_step(seen, now, True)
    if Inbox.objects.filter(quarantined_at=None).exists():
        raise PromiseBroken("P1: events are left in the inbox")
    waiting = Delivery.objects.filter(state__in=[DeliveryState.DUE, DeliveryState.SENDING])
    if stuck := waiting.filter(next_at__lte=now).first():
        raise PromiseBroken(f"P2: delivery {stuck.pk} never went")
    taken = Delivery.objects.filter(state__in=[DeliveryState.SENT, DeliveryState.CONFIRMED])
    for delivery in taken.values_list("pk", flat=True):
        if not seen.receipts[delivery]:
            raise PromiseBroken(f"P2: delivery {delivery} is recorded as sent and never was")
    if unsaid := Delivery.objects.filter(state=DeliveryState.SUPPRESSED, error="").first():
        raise PromiseBroken(f"P8: delivery {unsaid.pk} was suppressed without a reason")
    _order(seen)
    _incidents_agree()
    while journal.seal(seal_key, now):
        pass
    if broken := journal.verify(seal_key):
        raise PromiseBroken(f"the journal does not hold: {broken[0]}")


def _order(seen: Seen) -> None:
    """P7: each key stands as its last event left it."""
    states = {
        (alert.integration_id, alert.key_digest): alert.state for alert in Alert.objects.filter(latest=True)
    }
    for (integration, key), action in seen.last.items():
        state = states.get((integration, key))
        expected = AlertState.FIRING if action == "trigger" else AlertState.RESOLVED
        if state != expected:
            raise PromiseBroken(f"P7: the last event was a {action}, the alert is {state}")


def _incidents_agree() -> None:
    """The counters of an incident are those of its alerts, and an open one has something that fires."""
    firing: dict[int, int] = defaultdict(int)
    for number in Alert.objects.filter(state=AlertState.FIRING, incident__isnull=False).values_list(
        "incident_id", flat=True
    ):
        firing[number] += 1
    for incident in Incident.objects.all():
        if incident.alerts_firing != firing[incident.pk]:
            raise PromiseBroken(
                f"#{incident.pk} says {incident.alerts_firing} alerts fire; it is {firing[incident.pk]}"
            )
        if incident.state in OPEN and not firing[incident.pk]:
            raise PromiseBroken(f"#{incident.pk} is open and nothing fires")
