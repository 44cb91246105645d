"""A provider takes a message, and says later whether it arrived: or does not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.catalog import actions as configuration
from tocsin.incident import actions as incidents
from tocsin.kernel.acting import by_user
from tocsin.notification.claiming import claim
from tocsin.notification.models import Delivery, Page, Rule
from tocsin.notification.receipts import confirm, find_told, refute
from tocsin.notification.recording import record
from tocsin.notification.rules import DeliveryState, Failed, Limits, Sent
from tocsin.people.models import Contact

WITHIN = timedelta(seconds=90)


@pytest.fixture
def texts(world: World, monkeypatch: pytest.MonkeyPatch) -> Outbox:
    """Bo is reached by text, and five minutes later as everybody is. The provider promises a receipt."""
    from tocsin.notification import channels

    kept = Outbox(name="text", schemes=("text",), limits=Limits(receipt_within=WITHIN))
    monkeypatch.setitem(channels._by_scheme, "text", kept)
    Contact.objects.create(user=world.bo, name="phone", address="text:bo", verified_at=world.bo.created_at)
    Rule.objects.filter(user=world.bo).delete()
    for urgency in ("high", "low"):
        for position, (contact, after) in enumerate([("phone", 0), ("fake", 240)]):
            delay = timedelta(seconds=after)
            Rule.objects.create(
                user=world.bo, urgency=urgency, position=position, contact=contact, delay=delay
            )
    configuration.refresh()
    return kept


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox, texts: Outbox) -> Road:
    return Road(world, clock)


def _text() -> Delivery:
    return Delivery.objects.get(address="text:bo")


def test_without_a_receipt_the_next_channel_goes_after_what_the_channel_promises(
    road: Road, outbox: Outbox, texts: Outbox
) -> None:
    road.event("db")
    road.live(seconds=89)
    assert (texts.people, outbox.people) == (["bo"], [])
    road.live(seconds=2)
    assert (texts.people, outbox.people) == (["bo"], ["bo"])
    assert (_text().state, _text().error) == (DeliveryState.SENT, "no receipt in time")
    assert road.told(road.incident())[-2:] == ["page.unconfirmed", "page.sent"]
    road.live(seconds=120)
    assert (texts.people, outbox.people) == (["bo"], ["bo"])


def test_a_receipt_in_time_leaves_the_next_channel_its_delay(
    road: Road, outbox: Outbox, texts: Outbox
) -> None:
    road.event("db")
    road.live(seconds=30)
    assert find_told("", texts.sent and _text().reference) == _text()
    assert confirm(_text().pk, road.now)
    assert not confirm(_text().pk, road.now)
    road.live(seconds=200)
    assert outbox.people == []
    assert _text().state == DeliveryState.CONFIRMED
    road.live(seconds=15)
    assert outbox.people == ["bo"]


def test_a_refusal_that_comes_later_is_a_failure(road: Road, outbox: Outbox, texts: Outbox) -> None:
    road.event("db")
    road.live(seconds=10)
    assert refute(_text().pk, "the number is switched off", road.now)
    assert not refute(_text().pk, "again", road.now)
    road.look()
    assert outbox.people == ["bo"]
    assert (_text().state, _text().error) == (DeliveryState.UNDELIVERABLE, "the number is switched off")


def test_when_the_last_channel_did_not_arrive_the_next_level_is_paged_at_once(
    road: Road, outbox: Outbox, texts: Outbox
) -> None:
    outbox.fail("bo", "no such mailbox", again=False)
    road.event("db")
    road.live(seconds=10)
    refute(_text().pk, "the number is switched off", road.now)
    road.look()
    assert "cy" in outbox.people
    assert Page.objects.filter(user="bo", undeliverable_at=road.now).exists()


def test_what_arrives_after_all_is_noted(road: Road, texts: Outbox) -> None:
    road.event("db")
    road.live(seconds=10)
    refute(_text().pk, "expired", road.now)
    road.live(seconds=60)
    assert confirm(_text().pk, road.now)
    assert _text().state == DeliveryState.CONFIRMED
    assert road.told(road.incident())[-1] == "page.confirmed"


def test_a_receipt_may_overtake_the_record_of_its_message(road: Road, texts: Outbox) -> None:
    road.event("db")
    for duty in road.duties:
        duty.act(road.now)
    (one,) = [each for each in claim(road.now) if each.address == "text:bo"]
    assert confirm(one.id, road.now)
    record(one, Sent("x", receipt_within=WITHIN), timedelta(0), road.now, 0.5)
    assert _text().state == DeliveryState.CONFIRMED
    road.live(seconds=95)
    assert "page.unconfirmed" not in road.told(road.incident())


def test_a_receipt_spares_the_retry_of_what_seemed_to_fail(road: Road, texts: Outbox) -> None:
    texts.fail("bo", "no answer from the provider")
    road.event("db")
    road.look()
    assert _text().state == DeliveryState.DUE
    assert confirm(_text().pk, road.now)
    road.live(seconds=100)
    assert (texts.people, _text().state) == ([], DeliveryState.CONFIRMED)


def test_a_receipt_is_stronger_than_the_answer_that_got_lost(road: Road, texts: Outbox) -> None:
    road.event("db")
    for duty in road.duties:
        duty.act(road.now)
    (one,) = [each for each in claim(road.now) if each.address == "text:bo"]
    confirm(one.id, road.now)
    record(one, Failed("timed out"), timedelta(seconds=10), road.now, 0.5)
    assert _text().state == DeliveryState.CONFIRMED


def test_who_has_answered_is_not_sent_the_next_channel(road: Road, outbox: Outbox, texts: Outbox) -> None:
    road.event("db")
    road.look()
    incidents.acknowledge(road.incident().pk, by_user("bo", "link"), road.now)
    road.live(seconds=100)
    assert outbox.people == []
    assert _text().error == "no receipt in time"
    assert not refute(_text().pk, "", road.now) or outbox.people == []
