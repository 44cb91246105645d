"""The help desk: one question, what is known already, and the words as they are; without an account where allowed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from django.conf import settings
from django.test import Client

from tests.stories.road import Road
from tests.web.conftest import SignedIn, text_of
from tests.world import Clock, World
from tocsin.answering.models import Report
from tocsin.answering.reports import tell_reporters
from tocsin.incident.actions import acknowledge, open_incident
from tocsin.incident.models import Incident
from tocsin.journal.models import Entry
from tocsin.kernel.acting import by_user
from tocsin.notification.models import Delivery

WORDS = {"words": "The tills show an error\r\nSince lunch, in both shops.", "urgency": "high"}


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, reports=("public",)))


def asked(client: Client, clock: Clock) -> dict[str, str]:
    """The form as it was shown, read for ten seconds."""
    html = client.get("/report").content.decode()
    since = re.search(r'name="since" value="([^"]+)"', html)
    assert since is not None
    clock.forward(seconds=10)
    return WORDS | {"since": since[1]}


def test_anybody_with_an_account_reports_in_their_own_words(road: Road, signed_in: SignedIn) -> None:
    sam = signed_in("sam")
    assert "What is wrong?" in text_of(sam.get("/report"))
    assert 'href="/report"' in sam.get("/").content.decode()
    answer = sam.post("/report", WORDS, follow=True)
    assert "Thank you." in text_of(answer) and "Reported by Sam Weiss" in text_of(answer)
    said = Report.objects.get()
    assert (said.title, said.user_id, said.incident.urgency) == ("The tills show an error", "sam", "high")
    entry = Entry.objects.filter(chain=said.incident.chain).earliest("seq")
    assert (entry.kind, entry.who, entry.through) == ("incident.reported", "user:sam", "web")


def test_it_pages_by_the_services_policy(road: Road, signed_in: SignedIn) -> None:
    signed_in("sam").post("/report", WORDS)
    road.look()
    assert Delivery.objects.get().page.user_id == "bo"


def test_what_is_open_already_is_shown_first_and_can_be_followed(road: Road, signed_in: SignedIn) -> None:
    known = open_incident("shop", "The tills fail", by=by_user("bo", "web"), now=road.now)
    sam = signed_in("sam")
    shown = sam.post("/report", WORDS)
    assert "Is it one of these?" in text_of(shown) and "The tills fail" in text_of(shown)
    assert "Since lunch" in shown.content.decode()  # what was typed is kept
    assert Incident.objects.count() == 1
    answer = sam.post("/report", WORDS | {"follow": str(known.pk)}, follow=True)
    assert f"Your words are with #{known.pk}" in text_of(answer)
    assert Incident.objects.count() == 1
    acknowledge(known.pk, by_user("bo", "web"), road.now)
    tell_reporters(road.now)
    assert Delivery.objects.get().address == "mailto:sam@example.com"


def test_none_of_them_opens_a_new_one(road: Road, signed_in: SignedIn) -> None:
    open_incident("shop", "The tills fail", by=by_user("bo", "web"), now=road.now)
    signed_in("sam").post("/report", WORDS | {"sure": "1"})
    assert Incident.objects.count() == 2


def test_what_cannot_be_followed_is_said_beside_the_words(road: Road, signed_in: SignedIn) -> None:
    answer = signed_in("sam").post("/report", WORDS | {"follow": "999"})
    assert "#999 is not open" in text_of(answer)
    assert not Report.objects.exists()


def test_an_empty_report_and_a_strange_service_are_refused_beside_the_field(
    road: Road, signed_in: SignedIn
) -> None:
    sam = signed_in("sam")
    for change in ({"words": " \r\n "}, {"service": "elsewhere"}, {"words": "x" * 6_000}):
        assert sam.post("/report", WORDS | change).status_code == 200
    assert not Incident.objects.exists()


def test_without_an_account_it_leads_to_the_sign_in(world: World) -> None:
    for answer in (Client().get("/report"), Client().post("/report", WORDS)):
        assert answer.status_code == 302 and "next=" in answer["Location"]
    assert not Incident.objects.exists()


def test_the_public_form_takes_reports_and_shows_nothing_of_what_is_known(
    road: Road, public: None, clock: Clock
) -> None:
    open_incident("shop", "The tills fail", by=by_user("bo", "web"), now=road.now)
    client = Client()
    assert "Web shop" not in text_of(client.get("/report"))
    answer = client.post("/report", asked(client, clock))
    assert "Thank you" in text_of(answer) and "The tills fail" not in text_of(answer)
    said = Report.objects.get()
    assert said.user is None and "127.0.0.1" not in said.address
    assert Entry.objects.filter(chain=said.incident.chain).earliest("seq").who == "reporter"
    acknowledge(said.incident_id, by_user("bo", "web"), road.now)
    tell_reporters(road.now)
    assert not Delivery.objects.exists()  # there is nowhere to tell them


@pytest.mark.parametrize(
    "change", [{"website": "https://spam.example"}, {"since": ""}, {"since": "x:y"}, {"follow": "1"}]
)
def test_machines_open_nothing_through_the_public_form(
    road: Road, public: None, clock: Clock, change: dict[str, str]
) -> None:
    client = Client()
    given = asked(client, clock) | change
    client.post("/report", given if "follow" not in change else WORDS | change)
    assert not Incident.objects.exists()


def test_too_fast_and_too_old_is_asked_again(road: Road, public: None, clock: Clock) -> None:
    client = Client()
    given = asked(client, clock)
    for seconds in (-9, 60 * 60 * 25):
        clock.forward(seconds=seconds)
        assert "too fast or too old" in text_of(client.post("/report", given))
    assert not Incident.objects.exists()


def test_one_address_may_not_flood(road: Road, public: None, clock: Clock) -> None:
    client = Client()
    given = asked(client, clock)
    for _ in range(10):
        client.post("/report", given)
    assert "reported often" in text_of(client.post("/report", given))
    assert Incident.objects.count() == 10
    assert "Thank you" in text_of(client.post("/report", given, REMOTE_ADDR="203.0.113.9"))


def test_level_one_links_and_declines(road: Road, signed_in: SignedIn) -> None:
    known = open_incident("shop", "The tills fail", by=by_user("bo", "web"), now=road.now)
    sam, bo = signed_in("sam"), signed_in("bo")
    sam.post("/report", WORDS | {"sure": "1"})
    sam.post("/report", {"words": "Paint the door", "urgency": "low"})
    same, door = Incident.objects.exclude(pk=known.pk).order_by("pk")
    for address in (f"/incidents/{same.pk}/same-as", f"/incidents/{door.pk}/decline"):
        assert sam.post(address, {"incident": str(known.pk), "reason": "x"}).status_code == 403
        assert bo.get(address).status_code == 200
    assert f"follow #{known.pk}" in text_of(
        bo.post(f"/incidents/{same.pk}/same-as", {"incident": str(known.pk)}, follow=True)
    )
    said = text_of(bo.post(f"/incidents/{door.pk}/decline", {"reason": "ask the caretaker"}, follow=True))
    assert "declined" in said and "ask the caretaker" in said
    assert sorted(Report.objects.values_list("became", flat=True)) == ["declined", "linked"]
