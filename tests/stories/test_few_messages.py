"""The worst minutes: thousands of alerts at once, or after an hour in which nothing ran. Few messages, the worst
first."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from tests.stories.turns import Turns
from tests.world import Clock, World
from tocsin.catalog import actions as configuration
from tocsin.catalog.models import Integration, Service
from tocsin.catalog.rules import IntegrationType
from tocsin.channels.twilio.channel import CALL_LIMITS
from tocsin.escalation.models import Climb
from tocsin.incident.models import Incident
from tocsin.intake.models import Inbox, Tally
from tocsin.notification import channels
from tocsin.notification.models import Delivery, Page, Rule
from tocsin.notification.rules import DeliveryState, Kind, Limits, Message, Sent
from tocsin.notification.rules.throttling import STORM
from tocsin.notification.totals import totals
from tocsin.people.models import Contact

SERVICES, ALERTS = 300, 5_000
LESSER = SERVICES - 1
WINDOW, CALL_WINDOW = timedelta(minutes=10), timedelta(minutes=15)


@dataclass
class Way:
    """A channel that notes when it was given what: `{scheme}:{person}`."""

    scheme: str
    limits: Limits
    clock: Clock
    got: dict[str, list[tuple[datetime, Message]]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.name, self.schemes = self.scheme, (self.scheme,)

    def check(self, address: str) -> str:
        return address

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Sent:
        self.got[address.partition(":")[2]].append((self.clock.now, message))
        return Sent(f"{self.scheme}-{len(self.got)}")

    def most_within(self, span: timedelta) -> int:
        """The most that anybody got within any such span."""
        return max(
            sum(at - span < other <= at for other, _ in some) for some in self.got.values() for at, _ in some
        )

    def first(self, priority: str) -> datetime:
        """When the first message said something of this priority."""
        return min(at for some in self.got.values() for at, one in some if f"[{priority}]" in one.subject)


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Iterator[tuple[Way, Way]]:
    """What is read, and what rings."""
    read = Way("fake", Limits(storm=STORM, gathers=True), clock)
    ring = Way("ring", Limits(rates=CALL_LIMITS.rates, storm=CALL_LIMITS.storm, loud=True), clock)
    for way in (read, ring):
        monkeypatch.setitem(channels._by_scheme, way.scheme, way)
    yield read, ring


@pytest.fixture
def road(world: World, clock: Clock, ways: tuple[Way, Way]) -> Turns:
    """Three hundred services, all on one person first, who is called after two minutes; one of them is critical."""
    for who in ("bo", "cy", "ada"):
        Contact.objects.create(user_id=who, name="ring", address=f"ring:{who}", vouched_by="user:ada")
        Rule.objects.create(
            user_id=who, urgency="high", position=1, contact="ring", delay=timedelta(minutes=2)
        )
    Service.objects.bulk_create(
        Service(
            id=f"s{n}",
            name=f"Service {n}",
            tier=3 if n else 1,
            policy="web",
            group_by=[],
            group_window=timedelta(hours=2),
        )
        for n in range(SERVICES)
    )
    Integration.objects.bulk_create(
        Integration(
            id=f"s{n}",
            service_id=f"s{n}",
            type=IntegrationType.EVENTS,
            key_digest=f"{n:064}",
            key_sealed="",
            created_at=clock.now,
        )
        for n in range(SERVICES)
    )
    configuration.refresh()
    return Turns(world, clock)


def _send(road: Turns, numbers: range, action: str = "trigger") -> None:
    """The alerts of these numbers, on the services around; the first of these is the critical one, and left out."""
    by_service: dict[int, list[int]] = defaultdict(list)
    for n in numbers:
        by_service[1 + n % LESSER].append(n)
    for service, some in by_service.items():
        _accept(road, service, [_event(n, action) for n in some])


CRITICAL = {"key": "db", "action": "trigger", "title": "The database is down", "severity": "critical"}


def _event(n: int, action: str) -> dict[str, object]:
    return {"key": f"a{n}", "action": action, "title": f"Check {n} fails", "severity": "error"}


def _accept(road: Turns, service: int, events: list[dict[str, object]]) -> None:
    Inbox.objects.create(
        integration_id=f"s{service}", source="plain", received_at=road.now, body=json.dumps(events).encode()
    )


def test_a_storm_over_three_hundred_services_is_five_messages_in_ten_minutes(
    road: Turns, ways: tuple[Way, Way]
) -> None:
    read, ring = ways
    began, critical_at = road.now, None
    for second in range(60):
        _send(road, range(second * ALERTS // 60, (second + 1) * ALERTS // 60))
        if second == 40:
            _accept(road, 0, [CRITICAL])
            critical_at = road.now
        road.live(seconds=1)
    road.live(minutes=14)

    assert sum(Tally.objects.values_list("count", flat=True)) == ALERTS + 1
    assert Incident.objects.count() == SERVICES
    assert critical_at is not None and read.first("P1") - critical_at <= timedelta(seconds=10)
    assert read.most_within(WINDOW) <= 5
    assert ring.most_within(CALL_WINDOW) <= 3
    told = Delivery.objects.filter(page__user="bo", page__created_at__lt=began + timedelta(minutes=3))
    pages = told.filter(page__kind=Kind.PAGE, address="fake:bo")
    assert set(pages.values_list("incident_id", flat=True)) == set(
        Incident.objects.values_list("pk", flat=True)
    )
    assert not pages.filter(state=DeliveryState.DUE).exists(), (
        "each was told, most of them in a message with others"
    )
    assert totals(began, road.now + timedelta(hours=1)).adds_up


def test_an_hour_without_the_engine_is_made_up_for_in_few_messages(
    road: Turns, ways: tuple[Way, Way]
) -> None:
    read, ring = ways
    _send(road, range(LESSER))
    road.live(seconds=30)
    assert Climb.objects.filter(due_at__isnull=False).count() == LESSER

    road.sleep(hours=1)  # every climb falls due; senders go on, and a third of it heals
    healed = set(
        Incident.objects.filter(service__in=[f"s{n}" for n in range(1, 101)]).values_list("pk", flat=True)
    )
    _send(road, range(LESSER, ALERTS))
    _accept(road, 0, [CRITICAL])
    for n in range(100):
        _send(road, range(n, ALERTS, LESSER), "resolve")
    back = road.now
    road.live(minutes=10)

    assert not Inbox.objects.exists()
    assert read.first("P1") == back
    assert read.most_within(WINDOW) <= 5
    assert ring.most_within(CALL_WINDOW) <= 3
    assert set(Incident.objects.filter(state="resolved").values_list("pk", flat=True)) == healed
    paged = Page.objects.filter(kind=Kind.PAGE, created_at__gte=back)
    levels: dict[int | None, set[datetime]] = defaultdict(set)
    for incident, at in paged.values_list("incident_id", "created_at"):
        levels[incident].add(at)
    assert levels.keys().isdisjoint(healed), "what healed meanwhile pages nobody"
    for instants in levels.values():
        assert all(after - before >= timedelta(minutes=1) for before, after in pairwise(sorted(instants)))
