"""An alert, a page in chat, a button pressed there: the whole way, with the chats' own signatures and forms."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from tests.channels.conftest import LOOPBACK
from tests.patience import PATIENCE
from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.channels.mattermost import Mattermost
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.reach import Reach
from tocsin.channels.slack import Slack
from tocsin.channels.telegram import Telegram
from tocsin.incident.rules import State
from tocsin.kernel.acting import By
from tocsin.notification import accounts, vendors
from tocsin.notification.hearing import Callback
from tocsin.notification.models import Delivery, Rule
from tocsin.notification.providers import ProviderValue, save_provider
from tocsin.people.models import Contact
from tocsin.testing.fakes import Fake, Mood
from tocsin.testing.fakes import mattermost as mm
from tocsin.testing.fakes import slack as sl
from tocsin.testing.fakes import telegram as tg
from tocsin.web import callbacks

pytestmark = pytest.mark.django_db

BY = By("cli", "test")


@dataclass(frozen=True)
class Place:
    """One chat, Bo's address in it, and the request it makes when somebody presses a button of a message."""

    chat: Any
    bo: str
    press: Callable[[str, str, datetime], Callback]  # (reference, verb, now), by Bo
    press_as_stranger: Callable[[str, str, datetime], Callback]


def slack_place(chat: sl.FakeSlack) -> Place:
    def press(who: str) -> Callable[[str, str, datetime], Callback]:
        return lambda reference, verb, now: chat.press(reference, f"tocsin_{verb}", who, now)

    return Place(chat, "slack:U024BE7LH", press("U024BE7LH"), press("U0STRANGER"))


def mattermost_place(chat: mm.FakeMattermost) -> Place:
    def press(who: str) -> Callable[[str, str, datetime], Callback]:
        return lambda reference, verb, now: chat.press(reference, verb, who)

    return Place(chat, f"mattermost:{'b' * 26}", press("b" * 26), press("s" * 26))


def telegram_place(chat: tg.FakeTelegram) -> Place:
    def press(who: int) -> Callable[[str, str, datetime], Callback]:
        return lambda reference, verb, now: chat.press(reference, verb.title(), who)

    return Place(chat, "telegram:4711", press(4711), press(666))


@pytest.fixture(autouse=True)
def doors_on_the_storys_clock(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.site.clock.now", lambda: clock.now)
    callbacks.REFUSED.forget()


@pytest.fixture
def vendors_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The real vendors, which may call this machine."""
    outgoing = Outgoing(Reach.of(LOOPBACK), deadline=PATIENCE)
    known = {vendor.kind: vendor for vendor in (Slack(outgoing), Mattermost(outgoing), Telegram(outgoing))}
    monkeypatch.setattr(vendors, "_vendors", known)
    accounts.forget()
    yield
    accounts.forget()
    outgoing.close()


@pytest.fixture(params=["slack", "mattermost", "telegram"])
def place(request: pytest.FixtureRequest, world: World, clock: Clock, vendors_here: None) -> Iterator[Place]:
    """A chat with an account, in which Bo is paged."""
    chat: Fake
    if request.param == "slack":
        chat = slack = sl.FakeSlack()
        given = {"bot_token": sl.TOKEN, "signing_secret": sl.SECRET, "api_url": f"{chat.url}/api/"}
        here = slack_place(slack)
    elif request.param == "mattermost":
        chat = mattermost = mm.FakeMattermost()
        given = {"url": chat.url, "bot_token": mm.TOKEN, "command_token": mm.COMMAND_TOKEN}
        here = mattermost_place(mattermost)
    else:
        chat = telegram = tg.FakeTelegram()
        given = {"bot_token": tg.TOKEN, "webhook_secret": tg.SECRET, "api_url": chat.url}
        here = telegram_place(telegram)
    save_provider(ProviderValue("chat", request.param, given=given), BY, clock.now)
    Contact.objects.create(user=world.bo, name="chat", address=here.bo, verified_at=clock.now)
    Rule.objects.filter(user=world.bo).update(contact="chat")
    yield here
    chat.stop()


@pytest.fixture
def road(world: World, clock: Clock) -> Road:
    return Road(world, clock)


def call(callback: Callback) -> Any:
    """What the chat gets for its request, through the program's own door."""
    headers = {name: value for name, value in callback.headers.items() if name != "content-type"}
    return Client().post(
        "/channels/chat",
        callback.body,
        content_type=callback.headers["content-type"],
        headers=headers,
    )


def test_a_page_in_chat_is_acknowledged_by_its_button(place: Place, road: Road) -> None:
    road.event("db-1", title="<!channel> @all [Checkout](https://evil.example) fails")
    road.look()
    delivery = Delivery.objects.get(address=place.bo)
    assert delivery.state == "confirmed"
    assert set(place.chat.messages) == {delivery.reference}

    answered = call(place.press(delivery.reference, "acknowledge", road.now))

    assert answered.status_code == 200
    incident = road.incident()
    assert incident.state == State.ACKNOWLEDGED
    assert incident.acknowledged_by == "user:bo"
    road.live(minutes=10)
    assert "Bo Lind has it, since 09:00 UTC." in json.dumps(place.chat.messages[delivery.reference])
    assert not Delivery.objects.filter(page__user="cy").exists()
    road.event("db-1", "resolve")
    road.live(minutes=1)
    shown = json.dumps(place.chat.messages[delivery.reference])
    assert "It is over" in shown
    assert "Escalate" not in shown
    assert set(place.chat.messages) == {delivery.reference}  # one message from the beginning to the end


def test_a_strangers_press_changes_nothing(place: Place, road: Road) -> None:
    road.event("db-1")
    road.look()
    reference = Delivery.objects.get(address=place.bo).reference
    assert call(place.press_as_stranger(reference, "acknowledge", road.now)).status_code == 200
    assert road.incident().state == State.TRIGGERED


def test_a_forged_press_is_refused(place: Place, road: Road) -> None:
    road.event("db-1")
    road.look()
    genuine = place.press(Delivery.objects.get(address=place.bo).reference, "acknowledge", road.now)
    forged = Callback(
        genuine.method,
        genuine.url,
        headers={
            **genuine.headers,
            "x-slack-signature": "v0=" + "0" * 64,
            "x-telegram-bot-api-secret-token": "another-secret-of-letters",
        },
        body=genuine.body.replace(b'"seal"', b'"sea1"'),
    )
    assert call(forged).status_code in (400, 403)
    assert road.incident().state == State.TRIGGERED


def test_a_chat_that_drops_its_answer_and_then_is_well_gets_the_page_again(place: Place, road: Road) -> None:
    place.chat.mood = Mood.DROPS
    road.event("db-1")
    road.look()
    assert Delivery.objects.get(address=place.bo).state == "due"
    place.chat.mood = Mood.WELL
    road.live(minutes=1)
    assert Delivery.objects.get(address=place.bo).state == "confirmed"
    assert len(place.chat.messages) <= 2  # the worst case is a repeat, never a loss


def test_somebody_is_paged_by_mentioning_them(
    world: World, clock: Clock, outbox: Outbox, vendors_here: None, road: Road
) -> None:
    """`/tocsin page @cy …`: the chat says whom it means by an address."""
    given = {"bot_token": sl.TOKEN, "signing_secret": sl.SECRET, "api_url": "http://127.0.0.1:49151/api/"}
    save_provider(ProviderValue("chat", "slack", given=given), BY, clock.now)
    for user, address in ((world.bo, "slack:U024BE7LH"), (world.cy, "slack:U0CYCYCYC")):
        Contact.objects.create(user=user, name="chat", address=address, verified_at=clock.now)
    text = "page <@U0CYCYCYC|cy> The shop is down"
    body = urlencode(
        {"command": "/tocsin", "text": text, "user_id": "U024BE7LH", "trigger_id": "T1"}
    ).encode()

    answered = call(sl.signed(body, "application/x-www-form-urlencoded", clock.now))

    assert "is open" in answered.json()["text"]
    road.look()
    assert road.incident().title == "The shop is down"
    assert outbox.people == ["cy"]


def test_what_is_told_besides_the_answer_reaches_who_pressed(
    world: World, clock: Clock, vendors_here: None, road: Road
) -> None:
    """Slack shows nothing of an answer, so it is called."""
    chat = sl.FakeSlack()
    try:
        given = {"bot_token": sl.TOKEN, "signing_secret": sl.SECRET, "api_url": f"{chat.url}/api/"}
        save_provider(ProviderValue("chat", "slack", given=given), BY, clock.now)
        Contact.objects.create(user=world.bo, name="chat", address="slack:U024BE7LH", verified_at=clock.now)
        Rule.objects.filter(user=world.bo).update(contact="chat")
        road.event("db-1")
        road.look()
        reference = Delivery.objects.get(contact="chat").reference
        call(chat.press(reference, "tocsin_acknowledge", "U024BE7LH", clock.now))
        command = {"command": "/tocsin", "text": "open", "user_id": "U024BE7LH", "trigger_id": "T1"}
        call(chat.form(command, clock.now))
        callbacks.AFTERWARDS.settle()
        (whisper,) = chat.whispers
        assert "it is yours" in whisper["text"]
        assert [window["trigger_id"] for window in chat.windows] == ["T1"]
    finally:
        chat.stop()
