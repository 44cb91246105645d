"""A small organisation made from a seed: people, rules, schedules, a policy, services."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from tocsin.catalog import actions as catalog
from tocsin.catalog.models import Integration, Service
from tocsin.escalation.models import Policy
from tocsin.intake.rules import Action, Event, Reader, Severity
from tocsin.kernel.durations import format_duration
from tocsin.notification.models import Rule
from tocsin.people.models import Contact, Membership, Team, User
from tocsin.testing.simulated_schedules import TARGETS, condition, make_schedules

BEGINS = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SCHEMES = ("sim-mail", "sim-hook")
SEVERITIES = tuple(Severity)


def seconds(count: float) -> timedelta:
    """A span of so many seconds."""
    return timedelta(seconds=count)


@dataclass(frozen=True)
class SimulatedWorld:
    """What the simulation needs to know of it; the rest is in the tables."""

    people: tuple[str, ...]
    integrations: tuple[str, ...]


def make_world(random: Random, now: datetime) -> SimulatedWorld:
    """Store an organisation drawn from `random`, in the caller's transaction."""
    people = tuple(f"p{n}" for n in range(random.randint(2, 4)))
    for name in people:
        user = User.objects.create(id=name, name=name.upper(), email=f"{name}@example.com", created_at=now)
        _reach(random, user, now)
    make_schedules(random, people, now)
    team = Team.objects.create(id="team", name="Team")
    for position, name in enumerate(random.sample(people, random.randint(1, len(people)))):
        Membership.objects.create(team=team, user_id=name, position=position)
    Policy.objects.create(
        id="policy", name="Policy", levels=_levels(random, people), repeat=random.randint(0, 2)
    )
    integrations = []
    for number in range(random.randint(1, 2)):
        service = Service.objects.create(
            id=f"s{number}",
            name=f"Service {number}",
            tier=random.randint(1, 3),
            policy=random.choice(["policy", "policy", "policy", ""]),
            group_by=random.choice([None, [], ["region"]]),
            group_window=seconds(random.choice([60, 600])),
            resolve_delay=seconds(random.choice([0, 0, 30])),
            ack_timeout=random.choice([None, seconds(120), seconds(600)]),
        )
        integrations.append(f"i{number}")
        Integration.objects.create(
            id=f"i{number}",
            service=service,
            type="events",
            key_digest=f"{number}" * 64,
            key_sealed="",
            created_at=now,
        )
    organisation = catalog.organisation()
    organisation.fallback_id = random.choice([people[0], None])
    organisation.save()
    User.objects.filter(pk=people[-1]).update(role="admin")
    catalog.refresh()
    return SimulatedWorld(people, tuple(integrations))


def _reach(random: Random, user: User, now: datetime) -> None:
    """Zero to three contacts, and rules that use some of them after some delay."""
    names = [f"c{n}" for n in range(random.choice([0, 1, 1, 2, 2, 3]))]
    for name in names:
        address = f"{random.choice(SCHEMES)}:{user.pk}-{name}"
        Contact.objects.create(user=user, name=name, address=address, vouched_by="engine")
    for urgency in ("high", "low"):
        for position, name in enumerate(random.sample(names, random.randint(0, len(names)))):
            delay = seconds(random.choice([0, 0, 20, 90]))
            Rule.objects.create(user=user, urgency=urgency, position=position, contact=name, delay=delay)


def _levels(random: Random, people: Sequence[str]) -> list[dict[str, object]]:
    targets = [*(f"user:{name}" for name in people), "team:team", "user:nobody", *TARGETS]
    return [
        {
            "notify": random.sample(targets, random.randint(1, 2)),
            "timeout": format_duration(seconds(random.choice([30, 60, 150]))),
            **condition(random),
        }
        for _ in range(random.randint(0, 3) or 1)
    ]


def body_of(key: str, action: str, severity: str, region: str) -> bytes:
    """The JSON of one event, as a sender posts it."""
    return json.dumps({"key": key, "action": action, "severity": severity, "region": region}).encode()


def _read(body: bytes, meta: str, received_at: datetime) -> Sequence[Event]:
    data = json.loads(body)
    return [
        Event(
            action=Action(data["action"]),
            key=data["key"],
            title=f"{data['key']} is {data['severity']}",
            severity=Severity(data["severity"]),
            fields={"region": data["region"]},
        )
    ]


READERS: Mapping[str, Reader] = {"simulated": _read}
