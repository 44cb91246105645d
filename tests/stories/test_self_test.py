"""Somebody tests how they are reached: what arrives, what does not, and what is remembered of it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.answering.actions import answer
from tocsin.journal.models import Entry
from tocsin.kernel.acting import by_user
from tocsin.kernel.errors import Refused
from tocsin.notification.actions import test_rules as begin
from tocsin.notification.hearing import Receipt, Written
from tocsin.notification.models import Delivery
from tocsin.notification.rules import DeliveryState, Kind, Limits
from tocsin.notification.rules.self_test import TEST_LASTS, TESTS_PER_HOUR_MAX, Came
from tocsin.notification.self_test import (
    SelfTest,
    end_tests,
    find_by_token,
    latest,
    say_by_code,
    say_reached,
    say_whether_it_rang,
)
from tocsin.people.models import Contact

BO = by_user("bo", "web")


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    Contact.objects.create(
        user=world.bo, name="second", address="fake:bo-second", verified_at=clock.now, worked_at=clock.now
    )
    return Road(world, clock)


def result(road: Road) -> SelfTest:
    found = latest("bo", road.now)
    assert found is not None
    return found


def how(road: Road) -> dict[str, Came]:
    return {way.contact: way.came for way in result(road).ways}


def code_in(outbox: Outbox, who: str) -> str:
    found = re.search(r"(\d{3} \d{3})", outbox.to(who)[-1].lines[0])
    assert found
    return found[1]


def test_each_message_has_a_link_and_a_code_of_its_own(road: Road, outbox: Outbox) -> None:
    assert latest("bo", road.now) is None
    begin("bo", BO, road.now)
    assert set(how(road).values()) == {Came.WAITING}
    road.look()
    assert set(how(road).values()) == {Came.ACCEPTED}
    assert not result(road).settled
    first, second = outbox.to("bo")[0], outbox.to("bo-second")[0]
    assert first.kind == Kind.TEST
    assert first.link != second.link
    assert code_in(outbox, "bo") != code_in(outbox, "bo-second")

    opened = find_by_token(first.link.rpartition("/")[2])
    assert opened is not None
    assert how(road)["fake"] is Came.ACCEPTED, "who only looks has said nothing"
    say_reached(opened, "link", road.now)
    say_by_code("bo", code_in(outbox, "bo-second"), BO, road.now)
    assert how(road) == {"fake": Came.REACHED, "second": Came.REACHED}
    assert result(road).passed
    assert result(road).verdict == "Both contacts were reached."
    assert Delivery.objects.filter(page__kind=Kind.TEST, state=DeliveryState.CONFIRMED).count() == 2
    reached = Entry.objects.filter(kind="contact.reached").order_by("seq")
    assert [(each.data["contact"], each.data["through"]) for each in reached] == [
        ("fake", "link"),
        ("second", "code"),
    ]


def test_what_fails_says_why_and_what_to_do(road: Road, outbox: Outbox) -> None:
    outbox.fail("bo-second", "the mailbox does not exist", again=False)
    begin("bo", BO, road.now)
    road.look()
    (way,) = [each for each in result(road).ways if each.came is Came.FAILED]
    assert (way.contact, way.said) == ("second", "It did not go: the mailbox does not exist.")
    assert way.mend
    assert result(road).verdict == "0 of 2 reached: 2 were not."


def test_the_providers_receipt_counts_and_the_persons_word_counts_more(road: Road, outbox: Outbox) -> None:
    outbox.limits = Limits(receipt_within=timedelta(minutes=2), rings=True)
    begin("bo", BO, road.now)
    road.look()
    fake, _ = Delivery.objects.filter(page__kind=Kind.TEST).order_by("contact")
    answer(Receipt(True, str(fake.pk)), "", road.now)
    assert how(road) == {"fake": Came.DELIVERED, "second": Came.ACCEPTED}
    road.live(minutes=3)
    assert how(road)["second"] is Came.UNCONFIRMED
    say_whether_it_rang("bo", fake.pk, False, BO, road.now)
    assert how(road)["fake"] is Came.SILENT
    say_whether_it_rang("bo", fake.pk, True, BO, road.now)
    assert how(road)["fake"] is Came.REACHED
    assert [each.kind for each in Entry.objects.filter(kind__startswith="contact.").order_by("seq")][-2:] == [
        "contact.silent",
        "contact.reached",
    ]


def test_who_writes_the_code_back_says_so_too(road: Road, outbox: Outbox) -> None:
    begin("bo", BO, road.now)
    road.look()
    told = answer(Written("fake:bo-second", code_in(outbox, "bo-second"), id="sms 1"), "sms", road.now)
    assert told.text == "It is noted that the test reached you."
    assert how(road) == {"fake": Came.ACCEPTED, "second": Came.REACHED}


def test_a_test_ends_and_what_came_of_it_is_written_down_once(road: Road, outbox: Outbox) -> None:
    outbox.fail("bo-second", "HTTP 500", times=100)
    begin("bo", BO, road.now)
    road.live(minutes=2)
    say_by_code("bo", code_in(outbox, "bo"), BO, road.now)
    road.sleep(seconds=TEST_LASTS.total_seconds())
    assert end_tests(road.now) == 1
    assert end_tests(road.now) == 0
    (ended,) = Entry.objects.filter(kind="contacts.test_ended")
    assert ended.data == {"user": "bo", "reached": ["fake"], "failed": ["second"]}
    assert result(road).over
    assert result(road).verdict == "1 of 2 reached: 1 was not."


def test_what_waits_when_a_test_ends_is_not_sent_later(road: Road, outbox: Outbox) -> None:
    begin("bo", BO, road.now)
    road.sleep(seconds=TEST_LASTS.total_seconds())
    end_tests(road.now)
    road.look()
    assert outbox.people == []


def test_a_code_is_nobody_elses_and_an_old_one_says_nothing(road: Road, outbox: Outbox) -> None:
    begin("bo", BO, road.now)
    road.look()
    code = code_in(outbox, "bo")
    with pytest.raises(Refused, match="has this code"):
        say_by_code("cy", code, by_user("cy", "web"), road.now)
    delivery = find_by_token(outbox.to("bo")[0].link.rpartition("/")[2])
    assert delivery is not None
    with pytest.raises(Refused, match="message of a test"):
        say_whether_it_rang("cy", delivery.pk, True, by_user("cy", "web"), road.now)
    with pytest.raises(Refused, match="does not ring"):
        say_whether_it_rang("bo", delivery.pk, True, BO, road.now)
    road.sleep(days=2)
    with pytest.raises(Refused, match="has this code"):
        say_by_code("bo", code, BO, road.now)
    with pytest.raises(Refused, match="too old"):
        say_reached(delivery, "link", road.now)


@pytest.mark.parametrize("token", ["", "x", "a" * 43, "é" * 43, "A" * 400])
def test_no_other_link_opens_anything(road: Road, token: str) -> None:
    assert find_by_token(token) is None


def test_a_link_whose_proof_is_changed_opens_nothing(road: Road, outbox: Outbox) -> None:
    begin("bo", BO, road.now)
    road.look()
    token = outbox.to("bo")[0].link.rpartition("/")[2]
    assert find_by_token(token) is not None
    assert find_by_token(token[:-2] + ("AA" if token[-2:] != "AA" else "BB")) is None


def test_nobody_is_rung_by_tests_without_end(road: Road) -> None:
    for _ in range(TESTS_PER_HOUR_MAX):
        begin("bo", BO, road.now)
    with pytest.raises(Refused, match="within the hour") as refused:
        begin("bo", BO, road.now)
    assert refused.value.status == 429
    road.sleep(hours=1)
    begin("bo", BO, road.now)


def test_the_message_is_in_its_readers_language(road: Road, outbox: Outbox, world: World) -> None:
    world.bo.language = "de"
    world.bo.save()
    begin("bo", BO, road.now)
    road.look()
    message = outbox.to("bo")[0]
    assert message.language == "de"
    assert message.lines[0].startswith("Der Code dieses Tests ist ")
