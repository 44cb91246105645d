"""What became of every message: the numbers add up, each leads to its list, and not everybody reads them."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.world import T0, Clock, Outbox, World
from tocsin.notification.actions import Call, page_people, quiet
from tocsin.notification.claiming import claim
from tocsin.notification.models import Delivery
from tocsin.notification.recording import record
from tocsin.notification.rules import Failed, Sent
from tocsin.notification.totals import Which, messages_of, totals

pytestmark = pytest.mark.django_db


def _messages(world: World, clock: Clock) -> None:
    """One of each: sent, confirmed, undeliverable, suppressed, waiting."""
    calls = [
        Call(user.pk, number, "high", "a test", f"Look {number}")
        for number, user in enumerate(world.people, 1)
    ]
    page_people(calls, clock.now)
    quiet([4], "acknowledged by user:bo", clock.now)
    outcomes = {1: Sent("x"), 2: Sent("y", confirmed=True), 3: Failed("no such mailbox", again=False)}
    for one in claim(clock.now):
        if (outcome := outcomes.get(one.page.incident_id or 0)) is not None:
            record(one, outcome, clock.now - clock.now, clock.now, 0.5)


def test_the_numbers_add_up(world: World, outbox: Outbox, clock: Clock) -> None:
    _messages(world, clock)
    sums = totals(T0, clock.forward(minutes=1))
    assert sums.adds_up
    assert {which.value: count for which, count in sums.numbers.items()} == {
        "accepted": 5, "suppressed": 1, "due": 4, "sent": 2, "undeliverable": 1, "waiting": 1,
        "confirmed": 1, "unconfirmed": 1,
    }  # fmt: skip
    for which in Which:
        assert messages_of(T0, clock.now, which).count() == sums[which]
    assert totals(clock.now, clock.forward(days=1))[Which.ACCEPTED] == 0


def test_each_number_is_a_door_to_its_list(world: World, outbox: Outbox) -> None:
    from tocsin.site.clock import now

    clock = Clock(now())  # the pages read the same
    _messages(world, clock)
    client = Client()
    client.force_login(world.ada)
    shown = client.get("/messages").content.decode()
    assert "do not add up" not in shown
    assert '<a href="/console" aria-current="page">Messages</a>' in shown, "it is behind that door"
    for which in Which:
        assert f"/messages/{which.value}?span=24h" in shown
        assert client.get(f"/messages/{which.value}").status_code == 200
    listed = client.get("/messages/undeliverable").content.decode()
    assert "did not go: no such mailbox" in listed
    assert "#3" in listed
    assert "not needed: acknowledged by Bo Lind" in client.get("/messages/suppressed").content.decode()
    assert client.get("/messages/everything").status_code == 404
    assert client.get("/messages/sent?page=99").status_code == 200
    assert Delivery.objects.count() == 5


def test_who_may_not_read_everybodys_messages_may_not_count_them(world: World) -> None:
    client = Client()
    client.force_login(world.bo)
    assert client.get("/messages").status_code == 403
    assert client.get("/messages/sent").status_code == 403
    assert Client().get("/messages").status_code == 302
