"""Who is up and at work is not woken again by the same trouble; by the worst they are."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.catalog import actions as configuration
from tocsin.escalation.actions import escalate_now
from tocsin.incident import actions as incidents
from tocsin.incident.models import Incident
from tocsin.kernel.acting import by_user
from tocsin.notification import awake
from tocsin.notification.models import Delivery, Rule
from tocsin.notification.rules import Limits
from tocsin.people.models import Contact

BO, MO = by_user("bo", "link"), by_user("mo", "web")


@pytest.fixture
def calls(world: World, monkeypatch: pytest.MonkeyPatch) -> Outbox:
    """Bo is called, and sent a message, both at once."""
    from tocsin.notification import channels

    kept = Outbox(name="call", schemes=("call",), limits=Limits(loud=True))
    monkeypatch.setitem(channels._by_scheme, "call", kept)
    Contact.objects.create(user=world.bo, name="phone", address="call:bo", verified_at=world.bo.created_at)
    Rule.objects.filter(user=world.bo).delete()
    world.shop.tier = 3
    world.shop.save()
    configuration.refresh()
    return kept


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox, calls: Outbox) -> Road:
    return Road(world, clock)


def _open(road: Road, title: str) -> Incident:
    incident = incidents.open_incident("shop", title, by=MO, now=road.now)
    road.look()
    return incident


def test_whoever_has_acknowledged_gets_the_rest_quietly_by_one_way(
    road: Road, outbox: Outbox, calls: Outbox
) -> None:
    first = _open(road, "Checkout fails")
    assert (calls.people, outbox.people) == (["bo"], ["bo"])
    incidents.acknowledge(first.pk, BO, road.now)
    road.live(minutes=5)
    _open(road, "Cart fails too")
    assert (calls.people, outbox.people) == (["bo"], ["bo", "bo"])
    quiet = outbox.to("bo")[-1]
    assert quiet.lines[-1].startswith("You are up for the same service or policy")
    assert not Delivery.objects.latest("due_at").urgent


def test_it_ends_by_itself(road: Road, outbox: Outbox, calls: Outbox) -> None:
    incidents.acknowledge(_open(road, "Checkout fails").pk, BO, road.now)
    road.live(minutes=20)
    _open(road, "Something else")
    assert calls.people == ["bo", "bo"]


def test_the_worst_is_loud_all_the_same(road: Road, calls: Outbox, world: World) -> None:
    incidents.acknowledge(_open(road, "Checkout fails").pk, BO, road.now)
    world.shop.tier = 1
    world.shop.save()
    configuration.refresh()
    assert _open(road, "All is down").priority == "P1"
    assert calls.people == ["bo", "bo"]


def test_what_was_theirs_and_is_nobodys_again_is_loud(road: Road, calls: Outbox, world: World) -> None:
    from datetime import timedelta

    world.shop.ack_timeout = timedelta(minutes=5)
    world.shop.save()
    configuration.refresh()
    incidents.acknowledge(_open(road, "Checkout fails").pk, BO, road.now)
    road.live(minutes=6)
    assert calls.people == ["bo", "bo"]


def test_what_somebody_escalates_by_hand_is_loud(road: Road, calls: Outbox) -> None:
    incidents.acknowledge(_open(road, "Checkout fails").pk, BO, road.now)
    second = _open(road, "Cart fails too")
    assert calls.people == ["bo"]
    road.live(minutes=1)
    for _ in range(3):
        escalate_now(second.pk, MO, road.now)
        road.look()
    assert calls.people.count("bo") >= 2


def test_another_service_is_loud(road: Road, calls: Outbox, world: World) -> None:
    from tocsin.catalog.models import Service
    from tocsin.escalation.models import Policy

    Policy.objects.create(id="other", name="Other", levels=[{"notify": ["user:bo"], "timeout": "5m"}])
    Service.objects.create(id="mail", name="Mail", tier=3, policy="other")
    configuration.refresh()
    incidents.acknowledge(_open(road, "Checkout fails").pk, BO, road.now)
    incidents.open_incident("mail", "Mail is slow", by=MO, now=road.now)
    road.look()
    assert calls.people == ["bo", "bo"]


def test_while_nobody_is_awake_nothing_is_asked(
    road: Road, django_assert_num_queries: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awake, "_perhaps", True)
    assert awake.awake_people(road.now) == {}
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert awake.awake_people(road.now) == {}


def test_the_button_says_so_and_is_for_who_may_act(road: Road, world: World, calls: Outbox) -> None:
    incident = _open(road, "Checkout fails")
    for user, status in ((world.bo, 303), (world.sam, 403)):
        client = Client()
        client.force_login(user)
        assert client.post(f"/incidents/{incident.pk}/awake").status_code == status
    assert "incident.awake" in road.told(incident)
