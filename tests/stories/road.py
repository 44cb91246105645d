"""What the stories tell with: events into the inbox, every duty until nothing is due, messages sent."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from tests.world import Clock, World
from tocsin.engine.attempt import deliver_one
from tocsin.engine.duties import duties
from tocsin.engine.waits import waits_of
from tocsin.incident.models import Incident
from tocsin.intake.models import Inbox
from tocsin.intake.rules import Action, Event, Severity
from tocsin.journal.models import Entry
from tocsin.notification.claiming import claim, next_delivery_at
from tocsin.notification.recording import record

LOOKS_MAX = 1_000


def read_plain(body: bytes, meta: str, received_at: datetime) -> list[Event]:
    """Events written as the stories write them; a story about a vendor's format is told with the vendor's bytes."""
    return [_event(dict(event)) for event in json.loads(body)]


def _event(data: dict[str, Any]) -> Event:
    at = data.pop("at", None)
    return Event(
        action=Action(data.pop("action")),
        severity=Severity(data.pop("severity", "critical")),
        happened_at=datetime.fromisoformat(at) if at else None,
        **data,
    )


READERS = {"plain": read_plain}


class Road:
    """The whole road on a clock that the story moves."""

    def __init__(self, world: World, clock: Clock) -> None:
        self.world, self.clock = world, clock
        self.duties = [duty for duty in duties(READERS, b"key", "story") if not duty.every]
        self.waits = waits_of(self.duties)

    @property
    def now(self) -> datetime:
        return self.clock.now

    def event(self, key: str, action: str = "trigger", title: str = "Checkout fails", **more: Any) -> None:
        self.events([{"key": key, "action": action, "title": title, **more}])

    def events(self, events: list[dict[str, Any]], lane: int = 0) -> None:
        """One accepted request, in the inbox."""
        Inbox.objects.create(
            integration_id=self.world.integration.id,
            source="plain",
            lane=lane,
            received_at=self.now,
            body=json.dumps(events).encode(),
        )

    def look(self) -> None:
        """Everything that is due at this instant happens."""
        for _ in range(LOOKS_MAX):
            if not self.decide() + self.send():
                return
        raise AssertionError("the duties never come to rest")

    def decide(self) -> int:
        """One look of every duty, and nothing is sent; returns how much was done."""
        return sum(duty.act(self.now) for duty in self.duties)

    def send(self) -> int:
        claimed = claim(self.now)
        for one in claimed:
            result = deliver_one(one, lambda: self.now)
            assert result.outcome is not None
            record(one, result.outcome, timedelta(milliseconds=5), self.now, jitter=0.5)
        return len(claimed)

    def live(self, **span: float) -> None:
        """Let time pass, with the engine running: everything happens at its own instant."""
        end = self.now + timedelta(**span)
        self.look()
        while (due := self._next()) is not None and due <= end:
            self.clock.now = max(due, self.now)
            self.look()
        self.clock.now = end

    def _next(self) -> datetime | None:
        return min(filter(None, (*self.waits().values(), next_delivery_at())), default=None)

    def sleep(self, **span: float) -> None:
        """Let time pass with the engine stopped."""
        self.clock.forward(**span)

    def incident(self) -> Incident:
        """The only incident there is."""
        return Incident.objects.get()

    def told(self, incident: Incident) -> list[str]:
        """The kinds of everything on the incident's timeline, in order."""
        return list(Entry.objects.filter(chain=incident.chain).order_by("seq").values_list("kind", flat=True))
