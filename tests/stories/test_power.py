"""The power goes: what did not wait for the disk is done again from what did."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.test import Client

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.intake.models import Inbox
from tocsin.notification.rules import ActVerb

PUBLIC_URL = "http://127.0.0.1:8000"


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    return Road(world, clock)


def test_a_page_that_left_before_its_incident_was_on_the_disk_comes_once_more(
    road: Road, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.site.clock.now", lambda: road.now)
    road.event("db", title="Database down")
    with transaction.atomic():
        road.look()
        transaction.set_rollback(True)  # as the disk has it after a power cut: accepted, and nothing since
    assert (outbox.people, Inbox.objects.count()) == (["bo"], 1)
    road.live(seconds=1)
    assert outbox.people == ["bo", "bo"]
    lost, again = (
        next(act.url for act in message.acts if act.verb == ActVerb.ACKNOWLEDGE).removeprefix(PUBLIC_URL)
        for message in outbox.to("bo")
    )
    said = Client().get(lost)
    assert (said.status_code, b"look at the incident there" in said.content) == (404, True)
    assert Client().post(again, follow=True).status_code == 200
    assert road.incident().state == "acknowledged"
    assert road.told(road.incident()).count("incident.opened") == 1
