"""The pages of a test of somebody's contacts. Its person is bo; ada looks after people."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.stories.road import Road
from tests.web.conftest import text_of as said_by
from tests.web_config.conftest import Reader
from tests.world import Clock, Outbox, World
from tocsin.notification.models import SelfTestReply
from tocsin.notification.rules import Limits
from tocsin.people.models import Contact


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    Contact.objects.create(user=world.bo, name="second", address="fake:bo-second", verified_at=clock.now)
    Contact.objects.create(user=world.bo, name="third", address="fake:bo-third")
    return Road(world, clock)


def text_of(response: Any) -> str:
    return said_by(response)


def link_of(outbox: Outbox, who: str) -> str:
    return "/t/" + outbox.to(who)[-1].link.rpartition("/")[2]


def code_of(outbox: Outbox, who: str) -> str:
    found = re.search(r"\d{3} \d{3}", outbox.to(who)[-1].lines[0])
    assert found
    return found[0]


def test_each_contact_is_listed_with_what_became_of_its_message(
    reader: Reader, world: World, road: Road, outbox: Outbox
) -> None:
    bo = reader(world.bo)
    assert "Never tested." in text_of(bo.get("/me"))
    assert "Test now" in text_of(bo.get("/me/test"))
    outbox.fail("bo-second", "the mailbox does not exist", again=False)
    assert bo.post("/me/test").headers["Location"] == "/me/test"
    page = bo.get("/me/test")
    assert "It is on its way." in text_of(page)
    assert 'data-live="console"' in page.content.decode()
    road.look()
    shown = text_of(bo.get("/me/test", headers={"HX-Request": "true"}))
    assert "fake accepted" in shown
    assert "Its provider took it. Has it arrived?" in shown
    assert "It did not go: the mailbox does not exist. " in shown
    assert "Correct the address" in shown
    assert "third" in shown and "It is not verified, so nothing goes there but its code." in shown

    wrong = bo.post("/me/test/code", {"code": "12"})
    assert wrong.status_code == 422
    assert "No message of your test has this code" in text_of(wrong)
    done = bo.post("/me/test/code", {"code": code_of(outbox, "bo")}, follow=True)
    assert "fake reached you." in text_of(done)
    assert "1 of 2 reached: 1 was not." in text_of(done)
    assert "data-live" not in done.content.decode(), "nothing more is waited for"
    assert "1 of 2 reached: 1 was not." in text_of(bo.get("/me"))


def test_looking_at_the_link_says_nothing_and_pressing_says_that_it_arrived(
    reader: Reader, world: World, road: Road, outbox: Outbox
) -> None:
    reader(world.bo).post("/me/test")
    road.look()
    scanner, link = reader(None), link_of(outbox, "bo")
    for _ in range(20):
        assert scanner.get(link).status_code == scanner.head(link).status_code == 200
    assert not SelfTestReply.objects.exists()
    shown = scanner.get(link)
    assert "Did this test reach you?" in text_of(shown)
    assert "no-store" in shown.headers["Cache-Control"]
    pressed = scanner.post(link)
    assert pressed.status_code == 303
    assert "It is noted that the test reached you." in text_of(scanner.get(pressed.headers["Location"]))
    assert scanner.post(link).status_code == 303, "twice is once"
    assert SelfTestReply.objects.count() == 1


def test_another_site_cannot_press_and_a_made_up_link_opens_nothing(
    reader: Reader, world: World, road: Road, outbox: Outbox
) -> None:
    reader(world.bo).post("/me/test")
    road.look()
    foreign = reader(None).post(link_of(outbox, "bo"), headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert not SelfTestReply.objects.exists()
    assert reader(None).get("/t/" + "A" * 43).status_code == 404
    assert reader(None).get("/t/" + "A" * 300).status_code == 404


def test_the_link_speaks_its_persons_language_and_ends_after_a_day(
    reader: Reader, world: World, road: Road, outbox: Outbox
) -> None:
    world.bo.language = "fr"
    world.bo.save()
    reader(world.bo).post("/me/test")
    road.look()
    link = link_of(outbox, "bo")
    assert "Ce test t'est-il parvenu" in text_of(reader(None).get(link))
    road.sleep(days=1)
    assert reader(None).get(link).status_code == 410
    assert reader(None).post(link).status_code == 410
    assert not SelfTestReply.objects.exists()


def test_what_rings_is_asked_after(reader: Reader, world: World, road: Road, outbox: Outbox) -> None:
    outbox.limits = Limits(rings=True)
    bo = reader(world.bo)
    bo.post("/me/test")
    road.look()
    page = bo.get("/me/test")
    assert "Did it ring?" in text_of(page)
    address = next(iter(re.findall(r'action="(/me/test/[0-9a-f-]+/rang)"', page.content.decode())))
    assert reader(world.ada).post(address, {"rang": "yes"}).status_code == 404, "it is nobody else's"
    said = bo.post(address, {"rang": "no"}, follow=True)
    assert "It did not ring." in text_of(said)
    said = bo.post(address, {"rang": "yes"}, follow=True)
    assert "It reached its person." in text_of(said)
    assert "and it rang" in text_of(reader(None).get(link_of(outbox, "bo-second")))


def test_who_looks_after_people_sees_the_result_and_does_not_speak_for_them(
    reader: Reader, world: World, road: Road, outbox: Outbox
) -> None:
    ada = reader(world.ada)
    assert "Never tested." in text_of(ada.get("/people/bo"))
    ada.post("/people/bo/test")
    road.look()
    shown = ada.get("/people/bo/test")
    assert "by Ada" in text_of(shown)
    assert "It reached me" not in text_of(shown)
    ada_own = ada.post("/me/test/code", {"code": code_of(outbox, "bo")})
    assert ada_own.status_code == 422
    assert "0 of 2 reached so far." in text_of(ada.get("/people/bo"))


def test_nobody_else_sees_or_begins_anothers_test(reader: Reader, world: World, road: Road) -> None:
    for outsider in (world.cy, world.sam):
        client = reader(outsider)
        assert client.get("/people/bo/test").status_code == 403
        assert client.post("/people/bo/test").status_code == 403
        assert "tested" not in text_of(client.get("/people/bo"))
    assert reader(None).get("/me/test").status_code == 302


def test_tests_without_end_are_refused_in_words(reader: Reader, world: World, road: Road) -> None:
    bo = reader(world.bo)
    for _ in range(10):
        bo.post("/me/test")
    assert "10 tests were sent to Bo Lind within the hour" in text_of(bo.post("/me/test", follow=True))
