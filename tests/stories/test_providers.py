"""Accounts with bad days, at three in the morning: who is asked, who is told, and what the incident says of it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.pretend import pretend as pretend  # noqa: PLC0414 - a fixture
from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.catalog.actions import refresh
from tocsin.kernel.acting import By
from tocsin.notification.models import Attempt, Delivery, Page, Rule
from tocsin.notification.providers import ProviderValue, save_provider, set_provider_enabled
from tocsin.people.models import Contact
from tocsin.testing.pretend import DEAD, NOBODY_THERE, behaviour, busy

BY = By("cli", "test")

pytestmark = pytest.mark.usefixtures("pretend")


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    """Bo is paged through accounts first, and four minutes later by the channel that needs none."""
    Contact.objects.filter(user_id="bo").delete()
    Contact.objects.create(user_id="bo", name="phone", address="pretend:bo", vouched_by="user:ada")
    Contact.objects.create(user_id="bo", name="fake", address="fake:bo", vouched_by="user:ada")
    Rule.objects.filter(user_id="bo").delete()
    for position, (contact, minutes) in enumerate((("phone", 0), ("fake", 4))):
        Rule.objects.create(
            user_id="bo", urgency="high", position=position, contact=contact, delay=timedelta(minutes=minutes)
        )
    for position, name in enumerate(("first", "second"), 1):
        save_provider(ProviderValue(name, "pretend", given={"token": "t"}, position=position), BY, clock.now)
    refresh()
    return Road(world, clock)


def tries() -> list[tuple[str, str]]:
    return list(Attempt.objects.order_by("pk").values_list("provider", "outcome"))


def sent_at() -> datetime:
    at = Delivery.objects.get(contact="phone").sent_at
    assert at is not None
    return at


def test_when_the_first_account_is_dead_the_second_takes_the_page_at_once(road: Road) -> None:
    behaviour("first").always = DEAD
    road.event("db")
    road.look()
    assert [who for who, _ in behaviour("second").sent] == ["bo"]
    assert tries() == [("first", "HTTP 503"), ("second", "sent")]
    assert sent_at() == road.now


def test_a_hundred_pages_through_a_dead_first_account_lose_none_and_double_none(road: Road) -> None:
    behaviour("first").always = DEAD
    for number in range(100):
        road.event(f"db-{number}")
        road.look()
        road.sleep(milliseconds=100)
    arrived = [message.id for _, message in behaviour("second").sent]
    assert len(arrived) == len(set(arrived)) == Delivery.objects.filter(contact="phone").count()
    assert behaviour("first").asked <= 6  # three failures, and a try after each rest


def test_when_the_first_is_well_again_it_is_found_by_one_message(road: Road) -> None:
    behaviour("first").always = DEAD
    for number in range(4):
        road.event(f"db-{number}")
        road.look()
    behaviour("first").always = None
    road.sleep(seconds=6)
    road.event("later")
    road.look()
    assert len(behaviour("first").sent) == 1


def test_an_account_that_asks_for_patience_is_not_called_before_and_the_page_goes_on_at_once(
    road: Road,
) -> None:
    set_provider_enabled("second", False, BY, road.now)
    behaviour("first").script.append(busy(timedelta(seconds=120)))
    road.event("db")
    road.live(seconds=30)
    assert behaviour("first").asked == 1
    assert Delivery.objects.get(contact="fake").state == "sent"  # long before its four minutes
    road.event("again")
    road.live(seconds=60)
    assert behaviour("first").asked == 1


def test_when_every_account_is_dead_the_next_channel_is_used_within_a_minute(
    road: Road, outbox: Outbox
) -> None:
    behaviour("first").always = behaviour("second").always = DEAD
    road.event("db")
    began = road.now
    road.live(minutes=1)
    assert outbox.people[:1] == ["bo"]
    at = Delivery.objects.get(contact="fake").sent_at
    assert at is not None
    assert at - began <= timedelta(minutes=1)
    assert Delivery.objects.get(contact="phone").attempts <= 5


def test_a_number_that_does_not_exist_says_nothing_against_the_account(road: Road, outbox: Outbox) -> None:
    behaviour("first").always = NOBODY_THERE
    road.event("db")
    road.look()
    assert behaviour("second").asked == 0
    assert outbox.people == ["bo"]


def test_without_any_account_the_person_is_reached_otherwise_and_the_page_says_why(
    road: Road, outbox: Outbox
) -> None:
    for name in ("first", "second"):
        set_provider_enabled(name, False, BY, road.now)
    road.event("db")
    road.look()
    assert outbox.people == ["bo"]
    error = Delivery.objects.get(contact="phone").error
    assert (
        error
        == "no provider is set up for pretend: an administrator adds one under Settings, Ways to reach people"
    )
    assert not Page.objects.filter(user_id="bo", undeliverable_at__isnull=False).exists()


def test_the_incident_says_which_account_took_the_message(road: Road) -> None:
    from django.test import Client

    from tocsin.people.models import User

    behaviour("first").script.append(DEAD)
    road.event("db")
    road.look()
    client = Client()
    client.force_login(User.objects.get(pk="ada"))
    page = client.get(f"/incidents/{road.incident().pk}").content.decode()
    assert "through second" in page
    assert "first: HTTP 503" in page
