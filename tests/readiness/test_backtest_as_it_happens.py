"""What a backtest says of a changed organisation is what happens with it: the same troubles come in again through the
real intake, people do the same at the same instants, and the engine pages as was replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import Random

import pytest
from django.db import transaction

from tests.stories.road import Road
from tests.stories.turns import Turns
from tests.world import Clock, Outbox, World
from tocsin.catalog.actions import refresh
from tocsin.escalation.actions import escalate_now
from tocsin.incident.actions import acknowledge, reopen, resolve, snooze
from tocsin.incident.describing import assign, classify
from tocsin.incident.models import Incident
from tocsin.kernel.acting import By, by_user
from tocsin.kernel.errors import Refused
from tocsin.kernel.urgency import Urgency
from tocsin.notification.models import Page
from tocsin.organisation.actions import apply
from tocsin.organisation.plan import plan
from tocsin.organisation.reading import File
from tocsin.readiness.actions import Backtest, replay

CLI = By("cli", "cli")
INCIDENTS = 25  # of each seed
MINUTE = timedelta(minutes=1)
ANSWERS = ("acknowledge", "snooze")
NOW = """
schedules:
  - id: web-primary
    timezone: Europe/Madrid
    layers:
      - {rotation: daily, start: 2026-02-02T09:00, users: [bo, cy, [bo, mo]]}
      - {rotation: weekly, start: 2026-02-02T09:00, users: [mo], restrict: [{from: "12:00", to: "14:00"}]}
policies:
  - {id: web, name: Web, repeat: 1, levels: [{notify: ["schedule:web-primary"], timeout: 5m},
     {notify: ["schedule:web-primary/next", "user:cy"], timeout: 10m}]}
services:
  - {id: shop, name: Web shop, team: web, policy: web, ack_timeout: 30m}
"""
CHANGED = """
users:
  - {id: sam, name: Sam Weiss, email: sam@example.com, role: responder, contacts: {}}
calendars:
  - {id: office, timezone: Europe/Madrid, hours: [{days: [mon-fri], from: "09:00", to: "17:00"}]}
schedules:
  - id: web-primary
    timezone: America/New_York
    layers:
      - {rotation: hourly, every: 7, start: 2026-02-02T09:00, users: [cy, [mo, sam], null, sam]}
policies:
  - {id: web, name: Web, repeat: 2, levels: [{notify: ["schedule:web-primary"], timeout: 3m},
     {notify: ["user:bo"], timeout: 7m, when: {calendar: office}},
     {notify: ["schedule:web-primary/previous", "team:web"], timeout: 12m}]}
"""


@dataclass(frozen=True)
class Deed:
    """What somebody does about the incident of `key`; `who` says whom it is about, or by whom."""

    at: datetime
    key: int
    verb: str
    who: str = ""
    lasts: timedelta = timedelta(0)


def deeds(chance: Random, start: datetime, verbs: Mapping[str, int]) -> list[Deed]:
    """Weeks of trouble, in order."""
    found = []
    for key in range(INCIDENTS):
        at = start + chance.random() * timedelta(days=14)
        found.append(Deed(at, key, chance.choice(["critical", "warning"])))
        for verb in chance.choices(list(verbs), list(verbs.values()), k=chance.choice([1, 2, 4, 8])):
            at += chance.choice([2, 6, 14, 50]) * chance.random() * MINUTE
            who = chance.choice(["bo", "cy", "mo"])
            found.append(Deed(at, key, verb, who, chance.randrange(15, 90) * MINUTE))
        found.append(Deed(at + chance.random() * timedelta(hours=2), key, "resolve"))
    return sorted(found, key=lambda deed: deed.at)


def lived(road: Road, todo: Sequence[Deed], answers: Mapping[Deed, str]) -> dict[Deed, str]:
    """Everything of `todo` happens, with the engine running; returns who answered. Whoever `answers` says does, if
    they were paged, else the last who was: as a backtest takes it."""
    numbers: dict[int, int] = {}
    answered: dict[Deed, str] = {}
    for deed in todo:
        road.live(seconds=(deed.at - road.now).total_seconds())
        if deed.key not in numbers:
            road.event(f"key-{deed.key}", severity=deed.verb)
            road.look()
            numbers[deed.key] = Incident.objects.latest("id").pk
            continue
        number = numbers[deed.key]
        if deed.verb in ANSWERS and Incident.objects.get(pk=number).state != "triggered":
            continue  # what becomes of it depends on who answered before
        paged = list(Page.objects.filter(incident_id=number).order_by("created_at", "id"))
        who = answers.get(deed, deed.who)
        if who not in {page.user_id for page in paged}:
            latest = [page.user_id for page in paged if page.created_at == paged[-1].created_at]
            who = sorted(latest)[0]
        by = by_user(who, "web")
        acts: dict[str, Callable[[], object]] = {
            "acknowledge": partial(acknowledge, number, by, road.now),
            "snooze": partial(snooze, number, road.now + deed.lasts, by, road.now),
            "escalate": partial(escalate_now, number, CLI, road.now),
            "assign": partial(assign, number, deed.who, CLI, road.now),
            "worse": partial(classify, number, urgency=Urgency.HIGH, by=CLI, now=road.now),
            "resolve": partial(resolve, number, CLI, road.now),
            "reopen": partial(reopen, number, CLI, road.now),
        }
        try:
            acts[deed.verb]()
        except Refused:
            continue
        answered[deed] = who
        road.look()
    road.live(hours=3)
    return answered


def paged() -> list[list[tuple[datetime, str]]]:
    """Who was paged for each incident, in order."""
    found = []
    for number in Incident.objects.order_by("id").values_list("id", flat=True):
        rows = Page.objects.filter(incident_id=number, kind="page")
        found.append(sorted(rows.values_list("created_at", "user_id")))
    return found


def told(found: Backtest) -> list[list[tuple[datetime, str]]]:
    return [sorted(each.paged) for each in found.replayed]


@contextmanager
def undone(clock: Clock) -> Iterator[None]:
    """What happens within has never happened."""
    now = clock.now
    try:
        with transaction.atomic():
            yield
            raise InterruptedError
    except InterruptedError:
        clock.now = now
        refresh()


def declare(text: str, now: datetime) -> None:
    apply(plan([File("organisation.yaml", text)]), CLI, now)
    refresh()


VERBS = {"acknowledge": 6, "escalate": 2, "snooze": 1, "worse": 1, "resolve": 2, "reopen": 2}


@pytest.mark.parametrize("seed", range(3))
def test_what_is_replayed_is_what_happens(world: World, clock: Clock, outbox: Outbox, seed: int) -> None:
    start = clock.now
    todo = deeds(Random(seed), start + timedelta(hours=1), VERBS)
    declare(NOW, clock.now)
    with undone(clock):
        answers = lived(Turns(world, clock), todo, {})
        changed = replay([File("organisation.yaml", CHANGED)], start, clock.now)
    declare(CHANGED, clock.now)
    lived(Turns(world, clock), todo, answers)
    for replayed, past, happened in zip(told(changed), changed.past, paged(), strict=True):
        assert replayed == happened, past.searches


@pytest.mark.parametrize("seed", range(3, 6))
def test_the_same_organisation_replays_to_the_past_itself(
    world: World, clock: Clock, outbox: Outbox, seed: int
) -> None:
    start = clock.now
    declare(NOW, clock.now)
    lived(Turns(world, clock), deeds(Random(seed), start + timedelta(hours=1), VERBS | {"assign": 2}), {})
    same = replay([File("organisation.yaml", NOW)], start, clock.now)
    assert told(same) == [sorted(each.paged) for each in same.past] == paged()
    assert all(
        (each.pages_before, each.nights_before) == (each.pages_after, each.nights_after)
        for each in same.tallies
    )
