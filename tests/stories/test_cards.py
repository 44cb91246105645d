"""A message in chat changes as its incident does, and the last thing it says is what is so."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from tests.patience import eventually
from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.channels.chatting import acts_of
from tocsin.engine.cards import Cards, begin, send
from tocsin.escalation.actions import escalate_now
from tocsin.incident import actions as incidents
from tocsin.incident import cards, describing
from tocsin.kernel.acting import by_user
from tocsin.kernel.urgency import Impact
from tocsin.notification.cards import Lent, lend_cards, record_card
from tocsin.notification.claiming import claim
from tocsin.notification.models import Card
from tocsin.notification.recording import record
from tocsin.notification.rules import LEASE, Failed, Limits, Sent

BO, CY = by_user("bo", "link"), by_user("cy", "web")


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    outbox.limits = Limits(updates=True)
    return Road(world, clock)


def _changes(outbox: Outbox, who: str = "bo") -> list[str]:
    return [message.state for message in outbox.to(who) if message.replaces]


def test_a_card_follows_its_incident_to_the_end(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.live(seconds=10)
    assert _changes(outbox) == []  # it says what is so already
    incidents.acknowledge(road.incident().pk, CY, road.now)
    road.live(seconds=10)
    (first,) = outbox.to("bo")[1:]
    assert (first.replaces, first.state, first.urgent) == ("fake-1", "acknowledged", False)
    assert "Cy Tran has it, since 09:00 UTC." in first.lines
    assert [str(act.verb) for act in first.acts if act.verb == "acknowledge"] == []
    describing.classify(road.incident().pk, impact=Impact.MINOR, by=CY, now=road.now)
    road.live(seconds=10)
    incidents.resolve(road.incident().pk, CY, road.now)
    road.live(seconds=10)
    assert _changes(outbox) == ["acknowledged", "acknowledged", "resolved"]
    assert outbox.to("bo")[-1].acts == ()
    incidents.reopen(road.incident().pk, CY, road.now)
    road.live(seconds=10)
    assert _changes(outbox)[-1] == "triggered"


def test_a_card_says_when_and_not_how_long_ago(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.live(seconds=10)
    road.sleep(days=1)
    incidents.snooze(road.incident().pk, road.now + timedelta(hours=26), CY, road.now)
    road.live(seconds=10)
    card = outbox.to("bo")[-1]
    assert "Cy Tran put it off until Wed 11:00 UTC." in card.lines
    assert any(line.startswith("Since Mon 09:00 UTC; ") for line in card.lines)
    assert not any("ago" in line for line in card.lines)


def test_a_card_offers_to_take_it_to_whom_it_is_passed_on_and_not_to_who_has_it(
    road: Road, outbox: Outbox
) -> None:
    road.event("db")
    road.live(seconds=10)
    incidents.acknowledge(road.incident().pk, by_user("bo", "web"), road.now)
    road.live(seconds=10)
    escalate_now(road.incident().pk, by_user("bo", "web"), road.now)
    road.live(seconds=10)
    for who, offered in (("cy", True), ("bo", False)):
        card = outbox.to(who)[-1]
        assert ("acknowledge" in [act.verb for act in acts_of(card)]) is offered, who


def test_many_changes_in_a_second_are_one(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.live(seconds=10)
    number = road.incident().pk
    describing.rename(number, "Checkout is down", CY, road.now)
    incidents.acknowledge(number, CY, road.now)
    incidents.resolve(number, CY, road.now)
    road.live(seconds=10)
    assert _changes(outbox) == ["resolved"]


def test_of_many_who_were_paged_at_once_some_are_named_and_the_first_level_never(
    road: Road, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "NAMES_MAX", 1)
    road.world.policy.levels[0]["notify"] = ["user:bo", "user:cy"]
    road.world.policy.save()
    road.event("db")
    road.live(seconds=10)
    describing.rename(road.incident().pk, "Checkout is down", CY, road.now)
    road.live(seconds=10)
    assert _changes(outbox) == ["triggered"]
    assert not any("Paged last" in line for message in outbox.to("bo") for line in message.lines)
    road.live(minutes=5)
    assert any("Paged last: Bo Lind (level 2 of policy Web)." in message.lines for message in outbox.to("bo"))


def test_the_next_level_is_said_and_a_later_message_follows_the_first(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.live(minutes=5, seconds=10)
    assert any("Paged last: Bo Lind, Cy Tran (level 2 of policy Web)." in m.lines for m in outbox.to("bo"))
    again = [message for message in outbox.to("bo") if not message.replaces]
    assert [message.parent for message in again] == ["", "fake-1"]


def test_what_happened_while_the_message_was_on_its_way_is_shown(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.look()
    incidents.acknowledge(road.incident().pk, CY, road.now)
    road.live(seconds=5)
    assert _changes(outbox) == ["acknowledged"]


def test_a_receiver_that_was_away_gets_the_last_state_once(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.live(seconds=10)
    outbox.fail("bo", "HTTP 500", times=12)
    for act in (incidents.acknowledge, incidents.resolve):
        act(road.incident().pk, CY, road.now)
        road.live(minutes=2)
    road.live(minutes=10)
    assert _changes(outbox) == ["resolved"]
    assert Card.objects.get(address="fake:bo").error == ""


def test_a_card_whose_message_is_gone_is_left_alone(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.live(seconds=10)
    outbox.fail("bo", "message_not_found", again=False)
    incidents.acknowledge(road.incident().pk, CY, road.now)
    road.live(minutes=5)
    assert (_changes(outbox), Card.objects.get().error) == ([], "message_not_found")


@pytest.mark.parametrize("seed", range(40))
def test_two_nodes_never_leave_an_older_state_on_top(road: Road, outbox: Outbox, seed: int) -> None:
    """Each node may stall between its send and its record, and both may die; the card ends as the incident does."""
    random = Random(seed)
    road.event("db")
    road.live(seconds=10)
    number = road.incident().pk
    held: list[tuple[Lent, Sent | Failed, object]] = []

    def node() -> None:
        for lent in lend_cards(road.now):
            if (change := begin(lent, road.now, 0.5)) is not None:
                held.append((lent, send(change, lambda address: outbox, road.now), change.made.face))

    for _ in range(12):
        act = random.choice([incidents.acknowledge, incidents.resolve, incidents.reopen])
        act(number, CY, road.now)
        road.sleep(seconds=random.choice([0.5, 1, 2, LEASE.total_seconds() + 1]))
        node()
        random.shuffle(held)
        while held and random.random() < 0.6:
            lent, outcome, face = held.pop()
            if random.random() < 0.8:  # else it died before it could say so
                record_card(lent, outcome, face, road.now, 0.5)  # type: ignore[arg-type]
    held.clear()
    road.live(minutes=4, seconds=30)
    incident = road.incident()
    shown = [message for message in outbox.to("bo") if message.replaces or message.id]
    assert (shown[-1].state or "triggered") == incident.state
    assert not Card.objects.filter(next_at__isnull=False).exists()


@pytest.mark.parametrize("becomes", ["sent", "its answer gets lost", "its node dies"])
def test_a_message_that_is_repeated_and_lands_on_its_card_late_is_changed_once_more(
    road: Road, outbox: Outbox, becomes: str
) -> None:
    """Where a message takes the place of the one with its number, as a browser's notification does."""
    road.event("db")
    road.decide()
    (slow,) = claim(road.now)
    road.sleep(seconds=LEASE.total_seconds() + 1)
    (repeated,) = claim(road.now)
    record(slow, Sent("n1", changeable=True), timedelta(seconds=9), road.now, 0.5)
    incidents.acknowledge(road.incident().pk, CY, road.now)
    road.live(seconds=3)
    assert _changes(outbox) == ["acknowledged"]  # and now the repeated one is put on top of it
    if becomes == "sent":
        record(repeated, Sent("n1", changeable=True), timedelta(seconds=4), road.now, 0.5)
    elif becomes == "its answer gets lost":
        record(repeated, Failed("no answer", perhaps=True), timedelta(seconds=4), road.now, 0.5)
    road.live(seconds=LEASE.total_seconds() + 1)
    assert _changes(outbox) == ["acknowledged", "acknowledged"]
    assert not Card.objects.filter(next_at__isnull=False).exists()


@pytest.mark.usefixtures("transactional_db")
def test_the_program_changes_cards_in_threads_of_their_own(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.live(seconds=10)
    incidents.acknowledge(road.incident().pk, CY, road.now)
    road.sleep(seconds=5)
    assert Cards(lambda: road.now, lambda: 0.5).look(road.now) == 1
    eventually(Card.objects.filter(next_at=None).exists, rest=0.01)
    assert _changes(outbox) == ["acknowledged"]
    assert Card.objects.get().changed_at - road.now < timedelta(seconds=1)
