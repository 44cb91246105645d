"""Acting from a message: looking shows, pressing acts, once, for one person, for a day."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.test import Client

from tests.stories.road import Road
from tests.web.conftest import SignedIn, text_of
from tests.world import Outbox
from tocsin.incident import actions
from tocsin.incident.actions import acknowledge, resolve
from tocsin.incident.models import Incident
from tocsin.journal.models import Entry
from tocsin.kernel.acting import by_user
from tocsin.notification.models import Delivery
from tocsin.notification.rules import ActVerb
from tocsin.people.models import User


@pytest.fixture
def links(road: Road, outbox: Outbox) -> dict[ActVerb, str]:
    """The links in Bo's message about the one open incident, by what they do."""
    road.event("one", title="Checkout fails")
    road.look()
    return {act.verb: act.url.removeprefix("http://127.0.0.1:8000") for act in outbox.to("bo")[0].acts}


def state() -> str:
    return Incident.objects.get().state


def test_looking_shows_the_incident_and_who_one_acts_as(links: dict[ActVerb, str]) -> None:
    said = text_of(Client().get(links[ActVerb.ACKNOWLEDGE]))
    assert "P1 Checkout fails" in said
    assert "You act as Bo Lind" in said
    assert "Nothing happens until you press" in said


def test_resolving_from_a_message_says_that_the_alert_still_fires(links: dict[ActVerb, str]) -> None:
    said = text_of(Client().post(links[ActVerb.RESOLVE], follow=True))
    assert "You resolved it." in said
    assert "1 alert still fires. Its next event opens a new incident." in said


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_scanners_and_previews_never_act(links: dict[ActVerb, str], method: str) -> None:
    client = Client(headers={"Sec-Purpose": "prefetch"})
    for link in links.values():
        for _ in range(10):
            getattr(client, method)(link)
    assert state() == "triggered"
    assert not Entry.objects.filter(through="link").exists()


def test_pressing_acknowledges_without_a_session_and_says_so(links: dict[ActVerb, str]) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post(links[ActVerb.ACKNOWLEDGE], follow=True)
    assert answer.redirect_chain[0][1] == 303
    assert "You acknowledged it. It is yours, and nobody else is paged." in text_of(answer)
    assert state() == "acknowledged"
    entry = Entry.objects.get(kind="incident.acknowledged")
    assert (entry.who, entry.through) == ("user:bo", "link")
    assert not Client().cookies.get("session")


def test_the_message_counts_as_arrived_once_its_button_was_pressed(links: dict[ActVerb, str]) -> None:
    Client().get(links[ActVerb.ACKNOWLEDGE])
    assert Delivery.objects.get().state == "sent"
    Client().post(links[ActVerb.ACKNOWLEDGE])
    assert Delivery.objects.get().state == "confirmed"


def test_pressing_twice_is_harmless_and_says_the_same(links: dict[ActVerb, str]) -> None:
    for _ in range(3):
        answer = Client().post(links[ActVerb.ACKNOWLEDGE], follow=True)
        assert "You acknowledged it" in text_of(answer)
    assert Entry.objects.filter(kind="incident.acknowledged").count() == 1


def test_resolving_from_the_message(links: dict[ActVerb, str]) -> None:
    assert "You resolved it" in text_of(Client().post(links[ActVerb.RESOLVE], follow=True))
    assert state() == "resolved"
    assert "It is resolved already" in text_of(Client().get(links[ActVerb.ACKNOWLEDGE]))
    assert "<form" not in Client().get(links[ActVerb.ACKNOWLEDGE]).content.decode()


def test_escalating_from_the_message_shows_whom_it_wakes_and_carries_the_note(
    links: dict[ActVerb, str], road: Road, outbox: Outbox
) -> None:
    assert "Pages at once: level 2: Cy Tran, Bo Lind." in text_of(Client().get(links[ActVerb.ESCALATE]))
    answer = Client().post(links[ActVerb.ESCALATE], {"help_needed": "a DBA"}, follow=True)
    assert "You escalated it" in text_of(answer)
    road.look()
    assert outbox.to("cy")[0].note == "Help needed: a DBA"
    Client().post(links[ActVerb.ESCALATE], {"help_needed": "again"})
    assert Entry.objects.filter(kind="climb.pushed").count() == 1


def test_a_note_that_is_too_long_is_kept_for_mending(links: dict[ActVerb, str]) -> None:
    answer = Client().post(links[ActVerb.ESCALATE], {"tried": "kept " * 500})
    assert "kept kept" in answer.content.decode()
    assert "at most 2000 characters" in text_of(answer)
    assert not Entry.objects.filter(kind="climb.pushed").exists()


def test_who_comes_second_is_told_who_has_it(links: dict[ActVerb, str], road: Road) -> None:
    acknowledge(road.incident().pk, by_user("cy", "web"), road.now)
    answer = Client().get(links[ActVerb.ACKNOWLEDGE])
    assert "Cy Tran has it already. You need not do anything." in text_of(answer)
    assert "You act as" not in text_of(answer)
    Client().post(links[ActVerb.ACKNOWLEDGE])
    assert Incident.objects.get().acknowledged_by == "user:cy"


def test_a_link_works_for_a_day(links: dict[ActVerb, str], road: Road) -> None:
    road.sleep(hours=23, minutes=59)
    assert "You act as Bo Lind" in text_of(Client().get(links[ActVerb.ACKNOWLEDGE]))
    road.sleep(minutes=1)
    answer = Client().post(links[ActVerb.ACKNOWLEDGE])
    assert answer.status_code == 410
    assert "This link has expired" in text_of(answer)
    assert state() == "triggered"


def test_a_used_link_does_not_act_again_after_the_acknowledgement_ran_out(
    links: dict[ActVerb, str], road: Road
) -> None:
    Client().post(links[ActVerb.ACKNOWLEDGE])
    road.live(minutes=31)
    assert state() == "triggered"
    answer = Client().post(links[ActVerb.ACKNOWLEDGE])
    assert answer.status_code == 410
    assert "nobody has the incident now" in text_of(answer)
    assert state() == "triggered"


def test_a_link_of_somebody_who_left_does_nothing(links: dict[ActVerb, str]) -> None:
    User.objects.filter(pk="bo").update(is_active=False)
    answer = Client().post(links[ActVerb.ACKNOWLEDGE])
    assert answer.status_code == 403
    assert state() == "triggered"


def test_a_link_of_somebody_whose_role_shrank_does_nothing(links: dict[ActVerb, str]) -> None:
    User.objects.filter(pk="bo").update(role="stakeholder")
    assert Client().post(links[ActVerb.RESOLVE]).status_code == 403
    assert state() == "triggered"


@pytest.mark.parametrize("token", ["x", "A" * 44, "A" * 5_000, "%00", "..%2f", "é", "AAAA%3D"])
def test_guesses_open_nothing(token: str, db: None) -> None:
    for method in ("get", "post"):
        answer = getattr(Client(), method)(f"/a/{token}")
        assert answer.status_code == 404


def test_a_link_changed_in_one_place_opens_nothing(links: dict[ActVerb, str]) -> None:
    link = links[ActVerb.ACKNOWLEDGE]
    for place in range(len("/a/"), len(link) - 1):
        changed = link[:place] + ("A" if link[place] != "A" else "B") + link[place + 1 :]
        assert Client().post(changed).status_code == 404, place
    assert state() == "triggered"


def test_another_website_cannot_press(links: dict[ActVerb, str]) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
        assert Client().post(links[ActVerb.RESOLVE], headers=headers).status_code == 403
    assert state() == "triggered"


def test_the_page_leaks_its_address_to_nobody(links: dict[ActVerb, str]) -> None:
    answer = Client().get(links[ActVerb.ACKNOWLEDGE])
    assert answer["Referrer-Policy"] == "same-origin"
    assert "no-store" in answer["Cache-Control"]
    assert "http://" not in answer.content.decode().replace("http://www.w3.org", "")


def test_a_signed_in_reader_acts_as_the_links_person_not_as_themselves(
    links: dict[ActVerb, str], signed_in: SignedIn
) -> None:
    signed_in("cy").post(links[ActVerb.ACKNOWLEDGE])
    assert Incident.objects.get().acknowledged_by == "user:bo"


def test_an_incident_resolved_meanwhile_is_said(links: dict[ActVerb, str], road: Road) -> None:
    resolve(road.incident().pk, by_user("cy", "web"), road.now)
    for link in links.values():
        answer = Client().post(link)
        assert "It is resolved already. There is nothing left to do here." in text_of(answer)


def test_while_the_database_is_away_a_press_is_said_not_to_be_done_and_can_be_repeated(
    links: dict[ActVerb, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("no answer from the canary database")

    with monkeypatch.context() as patched:
        patched.setattr(actions, "acknowledge", away)
        answer = Client().post(links[ActVerb.ACKNOWLEDGE])
    assert answer.status_code == 503
    assert "NOT DONE" in text_of(answer)
    assert "canary" not in text_of(answer)
    assert state() == "triggered"
    assert "You acknowledged it" in text_of(Client().post(links[ActVerb.ACKNOWLEDGE], follow=True))
