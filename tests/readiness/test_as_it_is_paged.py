"""What is proved is what happens: incidents are opened for real, and the engine pages as the proof has said."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import pytest

from tests.world import Clock, Outbox, World
from tocsin.escalation.actions import climb_due, pass_on_unreachable, start_climbs
from tocsin.escalation.models import Climb
from tocsin.escalation.policy_actions import save_policy
from tocsin.escalation.rules import policy_from
from tocsin.incident.actions import open_incident
from tocsin.kernel.acting import By
from tocsin.kernel.urgency import Urgency
from tocsin.notification.models import Delivery
from tocsin.notification.rule_actions import save_rules
from tocsin.notification.rules import Step
from tocsin.oncall.actions import save_schedule
from tocsin.oncall.rules import schedule_from
from tocsin.people.models import Contact
from tocsin.readiness.actions import arrangement
from tocsin.readiness.rules import FOLLOWED, prove

CLI = By("cli", "cli")
TARGETS = ("schedule:web", "schedule:web/next", "schedule:web/previous", "user:bo", "user:sam", "team:web")


def arrange(chance: Random, world: World, clock: Clock) -> None:
    """A schedule that changes hands often, a policy over it, and people with rules of their own."""
    users = [chance.choice(["ada", "bo", "cy", "mo", None]) for _ in range(4)]
    hours = [{"from": f"{chance.randrange(0, 12):02}:00", "to": f"{chance.randrange(12, 24):02}:00"}]
    layers = [
        {
            "rotation": "hourly",
            "every": chance.choice([1, 5]),
            "start": "2026-03-01",
            "users": users,
            "restrict": some,
        }
        for some in ([], hours)[: chance.choice([1, 2])]
    ]
    data = {"id": "web", "timezone": "Europe/Madrid", "layers": layers}
    save_schedule(schedule_from(data), None, CLI, clock.now)
    levels = [
        {
            "notify": chance.sample(TARGETS, chance.choice([1, 2])),
            "timeout": chance.choice(["7m", "25m", "2h"]),
        }
        for _ in range(chance.choice([1, 2, 3]))
    ]
    policy = {"id": "web", "name": "Web", "levels": levels, "repeat": chance.choice([0, 2])}
    save_policy(policy_from(policy), None, CLI, clock.now)
    for user in ("ada", "bo", "cy", "mo"):
        wait = chance.choice([timedelta(0), timedelta(minutes=3), timedelta(minutes=40)])
        save_rules(user, {Urgency.HIGH: [Step("fake", wait)]}, CLI, clock.now)


def let_happen(start: datetime) -> list[timedelta]:
    """After how long each person's first message is due, if nobody answers an incident that opens at `start`."""
    incident = open_incident("shop", "Nobody answers this", urgency=Urgency.HIGH, by=CLI, now=start)
    start_climbs(start)
    now = start
    while True:
        while pass_on_unreachable(now):
            climb_due(now)
        due = Climb.objects.get(pk=incident.pk).due_at
        if due is None or due - start >= FOLLOWED:
            break
        now = due
        climb_due(now)
    climb = Climb.objects.get(pk=incident.pk)
    deliveries = Delivery.objects.filter(incident_id=incident.pk)
    if climb.ended:  # the fallback was told; that does not count
        deliveries = deliveries.exclude(page__reason__startswith="fallback")
    first: dict[str, datetime] = {}
    for user, at in deliveries.values_list("page__user_id", "due_at"):
        first[user] = min(at, first.get(user, at))
    return sorted(at - start for at in first.values())


@pytest.mark.parametrize("seed", range(12))
def test_the_engine_pages_as_was_proved(world: World, clock: Clock, outbox: Outbox, seed: int) -> None:
    chance = Random(seed)
    arrange(chance, world, clock)
    Contact.objects.filter(user="sam").delete()
    there = arrangement()
    for _ in range(3):
        start = clock.now + timedelta(minutes=chance.randrange(0, 3 * 24 * 60))
        waits = let_happen(start)
        for people in (1, 2, 3):
            (proof,) = prove(
                there, start, start + timedelta(microseconds=1), people, None, ["shop"], [Urgency.HIGH]
            )
            assert proof.worst == (waits[people - 1] if len(waits) >= people else None), (start, people)
