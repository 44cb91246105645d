"""Alerts that flap while messages about them are on their way from several nodes (TRUST A29).

Every alert goes a way of its own, drawn from the seed: when its events come, which node digests them, claims what is
due, hands it over, when it is on the screen, when its answer is written down, and which node died before that. In the
end every message that changes with its incident shows what the last accepted event said, and who was told of what is
over was told that it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, count
from random import Random
from typing import TypeVar

import pytest
from django.db import transaction

from tests.counted import times
from tests.stories.road import READERS, Road
from tests.world import T0, Clock, World
from tocsin.catalog import actions as configuration
from tocsin.engine.attempt import deliver_one
from tocsin.engine.cards import Change, begin, send
from tocsin.engine.duties import duties
from tocsin.engine.traffic import FRESH
from tocsin.escalation.models import Policy
from tocsin.incident import actions as incidents
from tocsin.incident.models import Incident
from tocsin.incident.rules import OPEN, State
from tocsin.intake.models import Alert
from tocsin.intake.rules import AlertState
from tocsin.kernel.acting import by_user
from tocsin.notification import channels
from tocsin.notification.cards import lend_cards, record_card
from tocsin.notification.claimed import Claimed
from tocsin.notification.claiming import claim, release
from tocsin.notification.models import Card, Delivery, Page
from tocsin.notification.reached import surely_told, told_of
from tocsin.notification.recording import record
from tocsin.notification.rules import LEASE, SEND_DEADLINE, DeliveryState, Failed, Kind, Limits, Message, Sent
from tocsin.people.models import Contact
from tocsin.testing.seeded import ids_from

FLAPS = times(usual=100, whole=10_000)  # events of alerts about which a message is on its way
ALERTS = 40  # that flap at the same time
MOMENTS = 30
NODES = 3
DIES = 0.05  # how likely a node dies in one moment
PAUSES = (
    0.0,
    0.1,
    0.4,
    0.4,
    0.4,
    1.0,
    1.0,
    3.0,
    LEASE.total_seconds() + 1,
)  # after the last, others may go on

CY = by_user("cy", "web")

Thing = TypeVar("Thing")
Way = Claimed | Change


@dataclass
class Screen:
    """A channel, and what people see there of each message."""

    name: str
    schemes: tuple[str, ...]
    limits: Limits
    shows: dict[str, str] = field(default_factory=dict)  # by reference: the state that stands there

    def check(self, address: str) -> str:
        return address

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Sent | Failed:
        reference = message.replaces or message.id
        self.shows[reference] = message.state or message.details["state"]
        return Sent(reference)


@dataclass
class Node:
    """What one node has in memory, and forgets when it dies."""

    claimed: list[tuple[Claimed, datetime]] = field(default_factory=list)
    handed: list[tuple[Way, datetime]] = field(default_factory=list)  # not on the screen yet; since when
    answered: list[tuple[Way, Sent | Failed]] = field(default_factory=list)  # not written down yet

    def titles(self) -> Iterator[str]:
        """The alerts that its messages are about."""
        held = chain(self.claimed, self.handed)
        for one in chain((one for one, _ in held), (one for one, _ in self.answered)):
            about = one.made.face if isinstance(one, Change) else one.page.details
            yield str(about["title"])


class Flapping:
    """One world, from its first event until everything rests."""

    def __init__(self, seed: int, road: Road) -> None:
        self.random, self.road = Random(seed), road
        self.nodes = [Node() for _ in range(NODES)]
        # Cards are changed by nodes that lend them, as slowly as messages go.
        work = duties(READERS, b"key", "story", change_cards=lambda now: 0)
        self.duties = [duty for duty in work if not duty.every]
        self.last = dict.fromkeys((f"{seed}-{n}" for n in range(ALERTS)), "resolve")
        self.flaps = self.deaths = 0
        self.reopened: set[int] = set()

    def run(self) -> None:
        acts = [self._look, self._claim, self._hand_over, self._arrive, self._write_down, self._lend]
        for _ in range(MOMENTS):
            self._events()
            self._people()
            for node in self.random.sample(self.nodes, self.random.randint(1, NODES)):
                for act in self.random.sample(acts, self.random.randint(2, len(acts))):
                    act(node)
                if self.random.random() < DIES:
                    self._die(node)
            self.road.sleep(seconds=self.random.choice(PAUSES))
        for node in self.random.sample(self.nodes, NODES):
            while node.claimed or node.handed or node.answered:
                self.random.choice([self._hand_over, self._arrive, self._write_down])(node)
        self.road.live(minutes=4)

    def _events(self) -> None:
        under_way = set(chain.from_iterable(node.titles() for node in self.nodes))
        for key, last in self.last.items():
            if self.random.random() < 0.12:
                other = "trigger" if last == "resolve" else "resolve"
                self.last[key] = other if self.random.random() < 0.85 else last  # senders repeat themselves
                self.road.event(key, self.last[key], title=key)
                self.flaps += key in under_way and self.last[key] == other

    def _people(self) -> None:
        """They take some incidents, and say of some that they were not over."""
        states = list(Incident.objects.order_by("pk").values_list("pk", "state"))
        for number, state in self.random.sample(states, min(6, len(states))):
            act = incidents.reopen if state == State.RESOLVED else incidents.acknowledge
            act(number, CY, self.road.now)
            if act is incidents.reopen:
                self.reopened.add(number)

    # -- what nodes do, each as much of it as chance will have ---------------------------------------------------------

    def _some(self, held: list[Thing]) -> list[Thing]:
        self.random.shuffle(held)
        many = self.random.randint(0, len(held))
        taken, held[:] = held[:many], held[many:]
        return taken

    def _look(self, node: Node) -> None:
        while sum(duty.act(self.road.now) for duty in self.duties):
            pass

    def _claim(self, node: Node) -> None:
        claimed = claim(self.road.now, self.random.choice([5, 100]))
        for one in claimed:
            assert one.page.kind != Kind.OVER or not paged_anew(one.page, self.reopened), (
                "an end is told after it began again"
            )
        node.claimed += [(one, self.road.now) for one in claimed]

    def _hand_over(self, node: Node) -> None:
        """As the sender does: what had to wait is given back."""
        for one, at in self._some(node.claimed):
            if self.road.now - at <= timedelta(seconds=FRESH):
                node.handed.append((one, self.road.now))
            else:
                release([one], self.road.now)

    def _lend(self, node: Node) -> None:
        for lent in lend_cards(self.road.now, self.random.choice([3, 32])):
            if (change := begin(lent, self.road.now, self.random.random())) is not None:
                node.handed.append((change, self.road.now))

    def _arrive(self, node: Node) -> None:
        for one, at in self._some(node.handed):
            node.answered.append((one, self._provider(one, at)))

    def _provider(self, one: Way, since: datetime) -> Sent | Failed:
        """It takes the message and shows it, or refuses it; or its answer gets lost. Whoever sends hangs up at the
        deadline: what has stood still for longer does not arrive any more."""
        if self.road.now - since > SEND_DEADLINE:
            return Failed("no answer within 10 s", perhaps=True)
        fate = self.random.choice(["taken"] * 8 + ["refused", "answer lost"])
        if fate == "refused":
            return Failed("HTTP 500")
        if isinstance(one, Change):
            outcome = send(one, channels.channel_for, self.road.now)
        else:
            outcome = deliver_one(one, lambda: self.road.now).outcome or Failed("not sent")
        return outcome if fate == "taken" else Failed("no answer", perhaps=True)

    def _write_down(self, node: Node) -> None:
        for one, outcome in self._some(node.answered):
            if isinstance(one, Change):
                record_card(one.lent, outcome, one.made.face, self.road.now, self.random.random())
            else:
                record(one, outcome, timedelta(milliseconds=5), self.road.now, self.random.random())

    def _die(self, node: Node) -> None:
        """What it had handed over may be on the screen; nobody will ever say so."""
        for one, at in node.handed:
            if self.random.random() < 0.5:
                self._provider(one, at)
        self.deaths += 1
        for held in (node.claimed, node.handed, node.answered):
            held.clear()


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Where Bo is paged: messages there change with their incidents."""
    chat = Screen("chat", ("fake",), Limits(updates=True))
    monkeypatch.setitem(channels._by_scheme, "fake", chat)
    return chat


@pytest.fixture
def letters(world: World, monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Where Cy is paged, at the same time as Bo: what has gone there stays as it is."""
    letters = Screen("letters", ("letters",), Limits())
    monkeypatch.setitem(channels._by_scheme, "letters", letters)
    Contact.objects.filter(user="cy").update(address="letters:cy")
    Policy.objects.update(levels=[{"notify": ["user:bo", "user:cy"], "timeout": "1h"}])
    configuration.refresh()
    return letters


def paged_anew(word: Page, reopened: set[int]) -> bool:
    """Whether the reader of this word of an end has been sent a page about a newer incident of the same alert since.
    One that ended at the very moment of the word, having begun at it too, is what the word waited for; one that a
    person `reopened` says nothing of the alert."""
    newer = Page.objects.filter(user=word.user_id, kind=Kind.PAGE, incident_id__gt=word.incident_id)
    newer = newer.filter(details__title=word.details["title"], created_at__gte=word.created_at)
    over = Incident.objects.filter(resolved_at=word.created_at).values("pk")
    newer = newer.exclude(incident_id__in=over).exclude(incident_id__in=reopened)
    return newer.exclude(deliveries__state=DeliveryState.SUPPRESSED).exists()


def judge(last: dict[str, str], reopened: set[int], chat: Screen) -> Counter[str]:
    """Everything is, shows and tells what the last event of each alert said; returns what was seen."""
    seen: Counter[str] = Counter()
    newest = {incident.title: incident for incident in Incident.objects.order_by("pk")}
    firing = set(Alert.objects.filter(latest=True, state=AlertState.FIRING).values_list("title", flat=True))
    for key in newest.keys() & last.keys():
        fires = last[key] == "trigger"
        assert (key in firing) is fires, (key, last[key])
        assert (newest[key].state in OPEN) is fires or newest[key].pk in reopened, (key, newest[key].state)
        seen[f"alerts that end with a {last[key]}"] += 1
    states = dict(Incident.objects.values_list("pk", "state"))
    for card in Card.objects.all():
        shown = chat.shows.get(card.reference)
        assert shown == states[card.incident_id], (card.incident_id, states[card.incident_id], shown)
        seen[f"cards that show {shown}"] += 1
    over_now = [number for number, state in states.items() if state == State.RESOLVED]
    sent = Delivery.objects.filter(state=DeliveryState.SENT, incident_id__in=over_now)
    told = set(sent.filter(page__kind=Kind.PAGE, address="letters:cy").values_list("incident_id", flat=True))
    over = set(sent.filter(page__kind=Kind.OVER, address="letters:cy").values_list("incident_id", flat=True))
    pages = [row for row in told_of(states, [Kind.PAGE]) if row.address == "letters:cy"]
    knows = {row.incident_id for row in pages if surely_told(row)}
    knows |= {number for number, state in states.items() if state in OPEN}  # their ends are yet to come
    words = Page.objects.filter(kind=Kind.OVER, user="cy", again_in__in=knows)
    again = set(words.values_list("incident_id", flat=True))  # what a page about a newer one says
    assert told <= over | again, f"Cy was told of {told - over - again} and not of their ends"
    seen["ends told"] += len(over)
    seen["ends not told, for it began again"] += len(again - over)
    return seen


@pytest.mark.counted
def test_a29_whatever_crosses_on_the_way_what_is_shown_in_the_end_is_what_the_last_event_said(
    world: World, clock: Clock, chat: Screen, letters: Screen
) -> None:
    flaps, seen = 0, Counter[str]()
    for seed in count():
        if flaps >= FLAPS:
            break
        clock.now = T0
        with transaction.atomic(), ids_from(Random(seed)):
            one = Flapping(seed, Road(world, clock))
            try:
                one.run()
                seen += judge(one.last, one.reopened, chat)
            except AssertionError as broken:
                raise AssertionError(f"seed {seed}: {broken}") from broken
            flaps += one.flaps
            seen["nodes that died"] += one.deaths
            transaction.set_rollback(True)
    assert len(seen) >= 6, seen  # nothing of it went without being tried
