"""The promises P1-P8 as checks against the tables and against what the outside world saw."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Q, Sum

from tocsin.escalation.models import Climb
from tocsin.incident.models import Incident
from tocsin.incident.rules import OPEN, State
from tocsin.intake.models import Alert, Inbox, Tally
from tocsin.intake.rules import AlertState, key_digest
from tocsin.journal import actions as journal
from tocsin.journal.models import Entry
from tocsin.notification.actions import Claimed
from tocsin.notification.models import Delivery, Page
from tocsin.notification.rules import DeliveryState

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
    states: dict[int, str] = field(default_factory=dict)
    entries: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def accepted(self, integration: str, key: str, action: str) -> None:
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
        if answered is not None and now > answered + QUIET_WITHIN and one.page.created_at < answered:
            raise PromiseBroken(f"P6: a page of #{number} was sent {now - answered} after it was answered")

    def allow_repeat(self, delivery: UUID) -> None:
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


def check_step(seen: Seen, now: datetime, somebody_alive: bool) -> None:
    """What must hold at every instant. Raises PromiseBroken."""
    _accepted_is_kept(seen)
    _answers(seen, now)
    _everyone_has_a_next_step()
    if somebody_alive:
        late = Climb.objects.filter(due_at__lt=now - LATE - timedelta(minutes=1))
        if climb := late.first():
            raise PromiseBroken(f"P4: #{climb.incident_id} was due at {climb.due_at}")
    lost = Page.objects.filter(quieted_at=None, undeliverable_at=None).annotate(
        hopeful=Count(
            "deliveries",
            filter=~Q(deliveries__state__in=[DeliveryState.UNDELIVERABLE, DeliveryState.SUPPRESSED]),
        )
    )
    if page := lost.filter(hopeful=0).first():
        raise PromiseBroken(f"P2: page {page.pk} reaches nobody and nobody else was told")
    grown = Entry.objects.count()
    if grown < seen.entries:
        raise PromiseBroken("the journal has shrunk")
    seen.entries = grown


def _accepted_is_kept(seen: Seen) -> None:
    waiting = Inbox.objects.count()
    told = Tally.objects.aggregate(all=Sum("count"))["all"] or 0
    if waiting + told != seen.events:
        raise PromiseBroken(f"P1: {seen.events} accepted, {waiting} waiting, {told} accounted for")


def _answers(seen: Seen, now: datetime) -> None:
    """Remember since when each incident is answered, to hold later messages against it."""
    for number, state in Incident.objects.values_list("id", "state"):
        if state == State.TRIGGERED:
            seen.quiet_since.pop(number, None)
        elif seen.states.get(number) != state:
            seen.quiet_since[number] = now
        seen.states[number] = state


def _everyone_has_a_next_step() -> None:
    """An open incident that nobody has: somebody is about to be looked for, or everybody has been told."""
    stuck = Incident.objects.filter(state=State.TRIGGERED, needs_climb=False).exclude(
        Q(climb__due_at__isnull=False) | Q(climb__ended__in=["exhausted", "nobody"])
    )
    if incident := stuck.first():
        raise PromiseBroken(f"P8: #{incident.pk} is triggered and nothing will happen to it")


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
