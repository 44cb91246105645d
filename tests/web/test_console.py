"""The message console: what would have gone out, in full, with buttons that work."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.stories.road import Road
from tests.web.conftest import SignedIn, text_of
from tocsin.catalog.models import Organisation
from tocsin.channels.console import Console
from tocsin.incident.models import Incident
from tocsin.notification import channels
from tocsin.people.models import Contact


@pytest.fixture
def console(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody is reached through the message console."""
    monkeypatch.setitem(channels._by_scheme, "console", Console())
    for contact in Contact.objects.all():
        Contact.objects.filter(pk=contact.pk).update(address=f"console:{contact.user_id}")


def demo() -> None:
    Organisation.objects.update(demo=True)


def test_an_empty_console_says_what_arrives_here(console: None, signed_in: SignedIn) -> None:
    assert "No messages yet" in text_of(signed_in("bo").get("/console"))


def test_in_the_demo_one_watches_the_page_climb_and_answers_from_the_message(
    console: None, road: Road, signed_in: SignedIn
) -> None:
    demo()
    road.event("one", title="Checkout fails")
    road.live(minutes=5, seconds=1)
    client = signed_in("ada")
    answer = client.get("/console")
    said = text_of(answer)
    assert said.index("to Cy Tran") < said.rindex("to Bo Lind")
    assert "[P1] Checkout fails · Web shop #" in said
    link = re.search(r'href="(/a/[^"]+)"[^>]*>Acknowledge', answer.content.decode())
    assert link is not None
    assert "You acknowledged it" in text_of(Client().post(link[1], follow=True))
    assert Incident.objects.get().state == "acknowledged"
    assert "in hand" in text_of(client.get("/console"))


def test_outside_the_demo_everybody_sees_only_their_own(
    console: None, road: Road, signed_in: SignedIn
) -> None:
    road.event("one")
    road.look()
    assert "/a/" in signed_in("bo").get("/console").content.decode()
    for other in ("cy", "ada", "sam"):
        assert "/a/" not in signed_in(other).get("/console").content.decode()


def test_what_goes_elsewhere_is_not_shown(road: Road, outbox: object, signed_in: SignedIn) -> None:
    demo()
    road.event("one")
    road.look()
    assert "No messages yet" in text_of(signed_in("bo").get("/console"))


def test_buttons_go_once_the_incident_is_over(console: None, road: Road, signed_in: SignedIn) -> None:
    road.event("one")
    road.look()
    signed_in("bo").post(f"/incidents/{road.incident().pk}/resolve")
    body = signed_in("bo").get("/console").content.decode()
    assert "/a/" not in body
    assert "resolved" in body


def test_older_messages_are_a_page_away(console: None, road: Road, signed_in: SignedIn) -> None:
    for number in range(40):
        road.event(f"k{number}", title=f"Thing {number:02}")
        road.live(seconds=1)
    client = signed_in("bo")
    body = client.get("/console").content.decode()
    older = re.search(r'href="(/console\?before=[^"]+)"', body)
    assert older is not None
    seen = set(re.findall(r"Thing \d\d", body)) | set(
        re.findall(r"Thing \d\d", client.get(older[1]).content.decode())
    )
    assert len(seen) == 40
    assert client.get("/console?before=nonsense").status_code == 200
