"""The real rules and actions on a virtual clock, among faults, with the promises checked after every step.

A seed draws an organisation, its senders, how its people answer, what its providers do to messages, how many nodes
there are and when they stall or die. Each node looks with the engine's own look; what is due is counted here once
more, so that a duty which is not given its turn is noticed. Nodes take turns on one database: what is simulated is
everything between two transactions (and the loss of one), not two transactions at the same instant; that is for
tests with real threads.

A broken promise raises PromiseBroken, whose text holds the seed; the same seed replays the same steps.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from random import Random
from uuid import UUID

from django.db import transaction

from tocsin.engine.cards import Change, begin
from tocsin.engine.duties import duties
from tocsin.engine.health import Health
from tocsin.engine.loop import Engine
from tocsin.engine.waits import waits_of
from tocsin.escalation.actions import escalate_now
from tocsin.incident import actions as incidents
from tocsin.intake.models import Inbox
from tocsin.journal import crashing
from tocsin.kernel.acting import by_user
from tocsin.kernel.errors import Refused
from tocsin.notification.cards import lend_cards, record_card
from tocsin.notification.claimed import Claimed
from tocsin.notification.claiming import claim, release, still_wanted
from tocsin.notification.receipts import confirm, refute
from tocsin.notification.recording import record
from tocsin.notification.rules import Failed, Kind, Limits, Sent
from tocsin.testing.promises import PromiseBroken, Seen, check_at_rest, check_step, earliest_due
from tocsin.testing.seeded import ids_from
from tocsin.testing.simulated_channels import (
    Screens,
    check_cards,
    check_ends,
    check_updates,
    simulated_channels,
)
from tocsin.testing.simulated_schedules import change_schedule, check_who_was_paged
from tocsin.testing.simulated_world import BEGINS, READERS, SEVERITIES, body_of, make_world, seconds

EVENTS = 14  # from senders, in one seed
SPAN = timedelta(minutes=12)  # in which they come
CALM = timedelta(minutes=45)  # without faults at the end, in which everything must come to rest
STEPS_MAX = 20_000
SEAL_KEY = b"simulated"


class Crash(BaseException):
    """A node dies here; not an Exception, so that nothing in the program can catch it and go on."""


@dataclass
class Node:
    """One node of the simulated house: its engine, and until when it is down or stands still."""

    name: str
    engine: Engine
    health: Health
    down_until: datetime = BEGINS
    paused_until: datetime = BEGINS
    life: int = 0  # rises when it dies, so that what it held in memory is gone
    dies_in: int = 0  # crash points until it dies; 0: it does not


@dataclass(order=True)
class Happening:
    """What happens at an instant; at the same one, in the order of `number`."""

    at: datetime
    number: int
    act: Callable[[], None] = field(compare=False)


class Simulation:
    """One seed, from the first event until everything rests."""

    def __init__(self, seed: int) -> None:
        self.seed, self.random, self.now = seed, Random(seed), BEGINS
        self.queue: list[Happening] = []
        self.steps = 0
        self.numbers = count()
        self.seen = Seen()
        self.faults = True
        self.outage: dict[str, datetime] = {}
        self.screens = Screens()
        every = duties(READERS, SEAL_KEY, "simulated", change_cards=self._change_cards)
        work = [duty for duty in every if not duty.every]
        waits = waits_of(work)
        self.nodes = [
            Node(f"n{n}", Engine(work, lambda: self.now, health, waits), health)
            for n, health in enumerate(Health() for _ in range(self.random.randint(1, 3)))
        ]
        self.turn: Node | None = None
        self.log: list[str] = []

    def run(self) -> Counter[str]:
        """Play it; returns how often what happened. Raises PromiseBroken."""
        with (
            transaction.atomic(),
            ids_from(self.random),
            _crash_points(self._at_point),
            simulated_channels(self.random) as self.channels,
        ):
            self.world = make_world(self.random, self.now)
            self._plan_events()
            self._plan_changes()
            self._plan_faults()
            self._until(BEGINS + SPAN)
            self._calm()
            self._until(BEGINS + SPAN + CALM)
            try:
                check_at_rest(self.seen, self.now, SEAL_KEY)
                check_who_was_paged()
                check_cards(self.screens)
                check_ends()
                check_updates()
            except PromiseBroken as broken:
                raise self._told(broken) from broken
            transaction.set_rollback(True)
        return self.seen.counts

    # -- what will happen ------------------------------------------------------------------------------------------

    def _at(self, at: datetime, act: Callable[[], None]) -> None:
        heapq.heappush(self.queue, Happening(at, next(self.numbers), act))

    def _later(self, least: float, most: float, act: Callable[[], None]) -> None:
        self._at(self.now + seconds(self.random.uniform(least, most)), act)

    def _plan_events(self) -> None:
        keys = [f"k{n}" for n in range(self.random.randint(1, 6))]
        for _ in range(EVENTS):
            key = self.random.choice(keys)
            action = self.random.choice(["trigger", "trigger", "trigger", "resolve", "acknowledge"])
            severity, region = self.random.choice(SEVERITIES), self.random.choice(["eu", "us"])
            integration = self.random.choice(self.world.integrations)
            lane = self.random.choice([0, 0, 0, 1])
            send = partial(self._accept, integration, key, action, severity, region, lane)
            self._later(0, SPAN.total_seconds(), send)

    def _plan_changes(self) -> None:
        """In some worlds people change their schedules meanwhile."""
        for _ in range(self.random.choice([0, 0, 1, 4])):
            self._later(0, SPAN.total_seconds(), self._change)

    def _change(self) -> None:
        try:
            self._say(change_schedule(self.random, self.world.people, BEGINS, self.now))
        except Refused as refused:
            self._say(f"refused: {refused}")

    def _plan_faults(self) -> None:
        for scheme in ("sim-mail", "sim-hook"):
            if self.random.random() < 0.5:
                begin = self.random.uniform(0, SPAN.total_seconds())
                until = BEGINS + seconds(begin + self.random.uniform(5, 300))
                self._at(BEGINS + seconds(begin), partial(self.outage.__setitem__, scheme, until))
        for node in self.nodes:
            for _ in range(self.random.randint(0, 3)):
                self._later(0, SPAN.total_seconds(), partial(self._trouble, node))

    def _trouble(self, node: Node) -> None:
        """A node is told to die at one of its next crash points, or stalls for longer than a lease."""
        if self.random.random() < 0.6:
            node.dies_in = self.random.randint(1, 6)
        else:
            node.paused_until = self.now + seconds(self.random.uniform(1, 60))
            self._say(f"{node.name} stalls until {node.paused_until:%H:%M:%S}")

    def _calm(self) -> None:
        """Faults end; every node is well."""
        self.faults = False
        self.outage.clear()
        for node in self.nodes:
            node.dies_in, node.paused_until = 0, min(node.paused_until, self.now)
        self._wake()

    # -- time ------------------------------------------------------------------------------------------------------

    def _until(self, end: datetime) -> None:
        while True:
            due = earliest_due()
            at = self.queue[0].at if self.queue else end
            if due is not None and max(due, self.now) < at:
                at, wake = max(due, self.now), True
            else:
                wake = False
            if at >= end:
                self.now = end
                return
            self.steps += 1
            if self.steps > STEPS_MAX:
                raise self._told(PromiseBroken("it never comes to rest"))
            self.now = at
            try:
                if wake:
                    self._look_all(end)
                else:
                    heapq.heappop(self.queue).act()
                check_step(self.seen, self.now, any(self._alive(node) for node in self.nodes))
            except PromiseBroken as broken:
                raise self._told(broken) from broken

    def _look_all(self, end: datetime) -> None:
        """Something is due: every node that is well looks, in some order; when none is, time passes until one is."""
        alive = [node for node in self.nodes if self._alive(node)]
        if not alive:
            self.now = min(end, *(self._back_at(node) for node in self.nodes))
        for node in self.random.sample(alive, len(alive)):
            self._look(node)

    def _wake(self) -> None:
        for node in self.nodes:
            lost = (
                self.faults and self.random.random() < 0.1
            )  # a hint that got lost: the node looks a second later
            self._later(0, 1 if lost else 0.02, partial(self._look, node))

    def _alive(self, node: Node) -> bool:
        return self.now >= self._back_at(node)

    def _back_at(self, node: Node) -> datetime:
        return max(node.down_until, node.paused_until)

    # -- acts ------------------------------------------------------------------------------------------------------

    def _accept(self, integration: str, key: str, action: str, severity: str, region: str, lane: int) -> None:
        row = Inbox.objects.create(
            integration_id=integration,
            source="simulated",
            lane=lane,
            received_at=self.now,
            body=body_of(key, action, severity, region),
        )
        self._say(f"{integration} sends {action} {key} {severity} (#{row.pk}, lane {lane})")
        self.seen.accepted(integration, key, action)
        self._wake()

    def _look(self, node: Node) -> None:
        """One pass of a node's engine and sender."""
        if not self._alive(node):
            return
        with self._turn_of(node):
            while (due := earliest_due(but_deliveries=True)) is not None and due <= self.now:
                moved = node.engine.look() == timedelta(0)
                if node.health.failing:
                    raise PromiseBroken(f"duties fail: {node.health.failing}")
                if not moved:
                    raise PromiseBroken("something is due and no duty moves it on")
            for one in claim(self.now):
                wait = self.random.choice([0.0, 0.0, 0.1, 0.7]) if self.faults else 0.0
                self._at(self.now + seconds(wait), partial(self._hand_over, node, one, node.life))

    def _hand_over(self, node: Node, one: Claimed, life: int) -> None:
        """The sender gives a message to its provider, unless the node died or stalls, or it is not wanted any more."""
        if node.life != life or self.now < node.down_until:
            return
        if self.now < node.paused_until:
            self._at(node.paused_until, partial(self._hand_over, node, one, life))
            return
        with self._turn_of(node):
            if not still_wanted(one, self.now):
                self._say(f"{node.name} gives {one.address} back")
                release([one], self.now)
                return
            outcome, took = self._provider(one)
            self._later(took, took, partial(self._finish, node, one, life, outcome))

    def _provider(self, one: Claimed) -> tuple[Sent | Failed, float]:
        """What the provider does with it: takes it, refuses it, hangs, or takes it and says otherwise."""
        scheme = one.address.partition(":")[0]
        if self.outage.get(scheme, BEGINS) > self.now:
            answer = self.random.choice(["refuse", "hang"])
        else:
            answer = (
                self.random.choice(["take"] * 9 + ["refuse", "never", "drop the reply"])
                if self.faults
                else "take"
            )
        self._say(f"{one.address} gets {one.id.hex[:6]} try {one.attempt}: {answer}")
        self.seen.counts[f"provider: {answer}"] += 1
        if answer in ("take", "drop the reply"):
            for each in (one, *one.others):
                self.seen.received(each, self.now)
            self.screens.received(one, self.channels[scheme].limits, self.now)
            self._answer(one)
        if answer == "take":
            return self._taken(one, self.channels[scheme].limits), self.random.uniform(0.001, 0.3)
        if answer == "never":
            return Failed("no such number", again=False), 0.05
        if answer == "drop the reply":
            for each in (one, *one.others):
                self.seen.allow_repeat(each.id)
        unknown = answer in ("hang", "drop the reply")
        return Failed(answer, perhaps=unknown), 10.0 if answer == "hang" else 0.2

    def _taken(self, one: Claimed, limits: Limits) -> Sent:
        """The provider has it; it may say later what became of it, or say nothing more."""
        if limits.receipt_within is not None and not self.random.random() < 0.3:
            said = self.random.choice(["arrived", "arrived", "did not arrive"])
            self._later(0.01, 60, partial(self._receipt, one.id, said))
        sure = limits.receipt_within is None and self.random.random() < 0.5
        return Sent(one.id.hex, sure, receipt_within=limits.receipt_within, changeable=limits.updates)

    def _receipt(self, delivery: UUID, said: str) -> None:
        node = self.random.choice(self.nodes)
        if not self._alive(node):
            self._later(1, 5, partial(self._receipt, delivery, said))  # the provider calls again
            return
        with self._turn_of(node):
            self._say(f"the provider says that {delivery.hex[:6]} {said}")
            known = confirm(delivery, self.now) if said == "arrived" else refute(delivery, said, self.now)
            self.seen.counts[f"receipt: {said}"] += known
            self._wake()

    def _change_cards(self, now: datetime) -> int:
        """The duty of whoever has its turn: begins changes, which land after a while, or never."""
        node, lent = self.turn, lend_cards(now)
        assert node is not None
        for one in lent:
            if (change := begin(one, now, self.random.random())) is not None:
                wait = seconds(self.random.choice([0.01, 0.2, 3.0]))
                self._at(now + wait, partial(self._land, node, change, node.life))
        return len(lent)

    def _land(self, node: Node, change: Change, life: int) -> None:
        """A change of a card comes to its provider, unless its node died before it was sent."""
        if node.life != life or self.now < node.down_until:
            return
        if self.now < node.paused_until:
            self._at(node.paused_until, partial(self._land, node, change, life))
            return
        answer = self.random.choice(["take"] * 6 + ["refuse", "drop the reply"]) if self.faults else "take"
        self.seen.counts[f"card: {answer}"] += 1
        assert change.made.message is not None
        self._say(f"the card {change.lent.delivery.hex[:6]} says {change.made.message.state}: {answer}")
        if answer != "refuse":
            self.screens.shown[change.lent.delivery] = change.made.message.state
        outcome = Sent() if answer == "take" else Failed(answer)
        self._later(0.01, 0.3, partial(self._landed, node, change, life, outcome))

    def _landed(self, node: Node, change: Change, life: int, outcome: Sent | Failed) -> None:
        if node.life != life or self.now < node.down_until:
            return
        if self.now < node.paused_until:
            self._at(node.paused_until, partial(self._landed, node, change, life, outcome))
            return
        with self._turn_of(node):
            record_card(change.lent, outcome, change.made.face, self.now, self.random.random())

    def _finish(self, node: Node, one: Claimed, life: int, outcome: Sent | Failed) -> None:
        if node.life != life or self.now < node.down_until:
            return
        if self.now < node.paused_until:
            self._at(node.paused_until, partial(self._finish, node, one, life, outcome))
            return
        with self._turn_of(node):
            record(one, outcome, seconds(0.1), self.now, self.random.random())

    def _answer(self, one: Claimed) -> None:
        """The person may press a button of the message, some time later."""
        if one.page.incident_id is None or one.page.user_id is None or one.page.kind != Kind.PAGE:
            return
        if self.random.random() < 0.55:
            return
        verb = self.random.choice(["acknowledge", "acknowledge", "acknowledge", "resolve", "escalate"])
        user, number = one.page.user_id, one.page.incident_id
        self._later(1, 240, partial(self._press, user, number, verb))

    def _press(self, user: str, incident: int, verb: str) -> None:
        by = by_user(user, "link")
        self._say(f"{user} presses {verb} on #{incident}")
        node = self.random.choice(self.nodes)
        if not self._alive(node):
            self._later(
                1, 5, partial(self._press, user, incident, verb)
            )  # the page does not load; tried again
            return
        with self._turn_of(node):
            try:
                if verb == "escalate":
                    escalate_now(incident, by, self.now)
                    self.seen.asked_again(incident)
                else:
                    act = incidents.acknowledge if verb == "acknowledge" else incidents.resolve
                    act(incident, by, self.now)
                    self.seen.answered(incident, self.now)
            except Refused as refused:
                self._say(f"refused: {refused}")
            self._wake()

    # -- nodes that die --------------------------------------------------------------------------------------------

    @contextmanager
    def _turn_of(self, node: Node) -> Iterator[None]:
        """What happens inside is done by `node`, which may die of it: its transaction is undone, its memory gone."""
        before, self.turn = self.turn, node
        try:
            yield
        except Crash:
            node.life += 1
            node.down_until = self.now + seconds(self.random.uniform(1, 20))
            self.seen.counts["crashes"] += 1
            self.seen.allow_repeats_of_what_is_in_flight()
            self._at(node.down_until, partial(self._look, node))
        finally:
            self.turn = before

    def _at_point(self, name: str) -> None:
        node = self.turn
        if node is not None and self.faults and node.dies_in:
            node.dies_in -= 1
            if node.dies_in == 0:
                self._say(f"{node.name} dies at {name!r}")
                raise Crash(name)

    def _say(self, text: str) -> None:
        self.log.append(f"{self.now:%H:%M:%S.%f} {text}")

    def _told(self, broken: PromiseBroken) -> PromiseBroken:
        """The same break with the seed that replays it and what led there."""
        tail = "\n  ".join(self.log[-15:])
        return PromiseBroken(f"seed {self.seed}, step {self.steps}, {self.now:%H:%M:%S}: {broken}\n  {tail}")


@contextmanager
def _crash_points(handler: Callable[[str], None]) -> Iterator[None]:
    before, crashing.handler = crashing.handler, handler
    try:
        yield
    finally:
        crashing.handler = before
