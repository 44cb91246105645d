"""The first steps, and the test alert that goes through the real intake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from django.http import HttpRequest

from tests.stories.road import Road
from tests.web.conftest import SignedIn, text_of
from tests.world import KEY, World
from tocsin.catalog.actions import refresh, rotate_key
from tocsin.catalog.models import Integration, Organisation
from tocsin.kernel.acting import ENGINE
from tocsin.kernel.errors import Refused
from tocsin.web import first_steps


@pytest.fixture
def key(road: Road) -> str:
    """The shop's key, made and sealed as the product does it."""
    _, plain = rotate_key(road.world.integration.pk, ENGINE, road.now)
    refresh()
    return plain


@pytest.fixture
def sent_events(road: Road, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Takes test alerts as the intake would, into the story's inbox."""
    taken: list[dict[str, Any]] = []

    def take(request: HttpRequest, event: Mapping[str, Any]) -> None:
        taken.append(dict(event))
        road.event(event["dedup_key"], title=event["payload"]["summary"])

    monkeypatch.setattr(first_steps, "send_event", take)
    return taken


def test_the_lines_to_copy_hold_the_real_key_for_those_who_may_see_it(key: str, signed_in: SignedIn) -> None:
    body = signed_in("mo").get("/").content.decode()
    assert body.count(key) == 3
    assert "Alertmanager, webhook" in body
    assert "/v2/enqueue" in body
    for name in ("bo", "sam"):
        assert key not in signed_in(name).get("/").content.decode()


def test_the_steps_go_when_they_are_done_and_stay_in_the_demo(
    key: str, road: Road, signed_in: SignedIn
) -> None:
    road.event("one")
    road.look()
    assert "First steps" not in text_of(signed_in("mo").get("/"))
    Organisation.objects.update(demo=True)
    assert "Send a test alert" in text_of(signed_in("bo").get("/"))
    assert "Send a test alert" not in text_of(signed_in("sam").get("/"))


def test_a_world_without_anything_is_led_through(world: World, signed_in: SignedIn) -> None:
    world.shop.delete()
    said = text_of(signed_in("ada").get("/"))
    assert "Add the first service" in said
    assert "Draw the ladder" in said
    assert "all paging works" not in said


def test_a_test_alert_leads_to_the_incident_it_opens(
    key: str, sent_events: list[dict[str, Any]], road: Road, signed_in: SignedIn
) -> None:
    client = signed_in("bo")
    answer = client.post("/test-alert", follow=True)
    assert "The test alert is accepted" in text_of(answer)
    assert b'http-equiv="refresh"' in answer.content
    assert sent_events[0]["routing_key"] == key
    waiting = answer.redirect_chain[0][0]
    road.look()
    assert client.get(waiting)["Location"] == f"/incidents/{road.incident().pk}"
    assert "Test alert, sent by Bo Lind" in text_of(client.get(waiting, follow=True))


def test_waiting_for_the_incident_ends_with_words(key: str, signed_in: SignedIn) -> None:
    answer = signed_in("bo").get("/test-alert/shop-events/test-x?looks=15")
    assert "nothing has picked it up" in text_of(answer)
    assert b"refresh" not in answer.content


def test_without_a_way_in_the_button_says_so(road: Road, signed_in: SignedIn) -> None:
    Integration.objects.update(enabled=False)
    answer = signed_in("bo").post("/test-alert")
    assert answer.status_code == 409
    assert "No integration is switched on" in text_of(answer)


def test_an_intake_that_is_away_is_said(key: str, signed_in: SignedIn) -> None:
    client = signed_in("bo")
    answer = client.post("/test-alert", SERVER_NAME="127.0.0.1", SERVER_PORT="9")
    assert answer.status_code == 503
    assert "The intake could not be reached" in text_of(answer)


def test_a_key_that_cannot_be_opened_shows_no_lines(road: Road, signed_in: SignedIn) -> None:
    body = signed_in("mo").get("/").content.decode()
    assert KEY not in body
    with pytest.raises(Refused):
        first_steps.reveal_key(road.world.integration)
