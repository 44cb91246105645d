"""The pages of webhooks: what they show and do, and who may."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.hooks.conftest import BY, Told
from tests.web.conftest import SignedIn, text_of
from tocsin.engine.hooks import secrets_of
from tocsin.hooks import actions
from tocsin.hooks.actions import find_hook, log_of, send_test
from tocsin.hooks.holding import hold_events
from tocsin.hooks.models import Hook
from tocsin.incident.actions import resolve
from tocsin.incident.models import Incident
from tocsin.web import hooks as pages

FORM = {"name": "Service desk", "id": "desk", "events": ["incident.opened"]}
PAGES = ("", "/edit", "/delete")
DEEDS = ("/switch", "/rotate", "/end-old", "/test", "/delete", "/edit")


@pytest.fixture
def ada(signed_in: SignedIn) -> Client:
    """An administrator's browser."""
    return signed_in("ada")


def test_without_a_webhook_the_page_says_what_they_are_for(told: Told, ada: Client) -> None:
    shown = text_of(ada.get("/settings/webhooks"))
    assert "No webhook yet" in shown and "posted there once, in order" in shown


def test_a_webhook_is_made_tested_and_its_log_is_read(told: Told, ada: Client) -> None:
    assert ada.get("/new/webhook").status_code == 200
    answer = ada.post("/new/webhook", FORM | {"address": told.faults.url()})
    assert answer.status_code == 302, text_of(answer)
    page = ada.get("/settings/webhooks/desk")
    assert secrets_of(find_hook("desk"), told.now)[0] in page.content.decode()
    assert "Nothing was sent yet" in text_of(page)
    ada.post("/settings/webhooks/desk/test")
    assert "waits for its turn" in text_of(ada.get("/settings/webhooks/desk"))
    told.tell()
    shown = text_of(ada.get("/settings/webhooks/desk"))
    assert "test arrived" in shown and "1 attempt" in shown
    (message,) = log_of(find_hook("desk"))
    assert ada.post(f"/settings/webhooks/desk/again/{message.uid}").status_code == 302
    told.tell()
    assert [each["id"] for each in told.documents] == [str(message.uid)] * 2
    assert told.documents[0]["event"] == "test"
    assert "Service desk" in text_of(ada.get("/settings/webhooks"))


def test_mistakes_stand_beside_their_fields(told: Told, ada: Client) -> None:
    wrong = ada.post("/new/webhook", FORM | {"address": "mailto:ada@example.com"})
    assert wrong.status_code == 422 and "begins with https://" in text_of(wrong)
    none = ada.post("/new/webhook", FORM | {"events": [], "address": told.faults.url()})
    assert "Choose at least one event." in text_of(none)
    assert not Hook.objects.exists()
    told.hook()
    assert "There is a webhook with this id already" in text_of(
        ada.post("/new/webhook", FORM | {"address": told.faults.url()})
    )


def test_a_secret_is_rotated_with_both_shown_until_the_old_one_is_ended(told: Told, ada: Client) -> None:
    first = secrets_of(told.hook(), told.now)[0]
    ada.post("/settings/webhooks/desk/rotate")
    second, old = secrets_of(find_hook("desk"), told.now)
    page = ada.get("/settings/webhooks/desk").content.decode()
    assert old == first and first in page and second in page
    ada.post("/settings/webhooks/desk/end-old")
    page = ada.get("/settings/webhooks/desk").content.decode()
    assert first not in page and second in page
    audit = ada.get("/settings/audit").content.decode()
    assert "made a new secret for webhook" in audit
    assert first not in audit and second not in audit


def test_a_webhook_is_edited_switched_off_and_on_and_deleted(told: Told, ada: Client) -> None:
    told.hook()
    ada.post(
        "/settings/webhooks/desk/edit",
        {"name": "Desk 2", "address": told.faults.url(), "events": ["incident.closed"], "teams": ["web"]},
    )
    row = find_hook("desk")
    assert (row.name, row.events, row.teams) == ("Desk 2", ["incident.closed"], ["web"])
    ada.post("/settings/webhooks/desk/switch", {"enabled": "no"})
    assert "it is told nothing" in text_of(ada.get("/settings/webhooks/desk"))
    ada.post("/settings/webhooks/desk/switch", {"enabled": "yes"})
    assert find_hook("desk").enabled
    assert ada.get("/settings/webhooks/desk/delete").status_code == 200
    ada.post("/settings/webhooks/desk/delete")
    assert not Hook.objects.exists()


def test_how_a_failing_receiver_is_stands_on_the_page(told: Told, ada: Client) -> None:
    told.hook(path="/status?code=500")
    send_test("desk", BY, told.now)
    told.tell()
    shown = text_of(ada.get("/settings/webhooks/desk"))
    assert "Nothing has arrived since" in shown and "HTTP 500" in shown and "tried again from" in shown


def test_the_log_says_of_each_event_what_became_of_it_and_leads_to_its_incident(
    told: Told, ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.hook(events=("incident.opened", "incident.resolved"))
    told.event("one")
    told.look()
    number = Incident.objects.get().pk
    told.tell()
    page = ada.get("/settings/webhooks/desk")
    assert f'href="/incidents/{number}"' in page.content.decode()
    assert re.search(r"incident.opened #\d+ arrived after \d+ ms", text_of(page))
    Hook.objects.update(address=told.faults.url("/status?code=404"))
    resolve(number, BY, told.now)
    told.tell()
    assert "given up: HTTP 404" in text_of(ada.get("/settings/webhooks/desk"))
    send_test("desk", BY, told.now)
    hold_events(told.now)
    assert "held back, as a backup was restored" in text_of(ada.get("/settings/webhooks/desk"))
    assert "1 event waiting" not in text_of(ada.get("/settings/webhooks"))

    monkeypatch.setattr(actions, "LOG_MAX", 2)
    monkeypatch.setattr(pages, "LOG_MAX", 2)
    first = ada.get("/settings/webhooks/desk")
    assert "incident.opened #" not in text_of(first)
    older = re.search(r'href="(\?before=\d+)"', first.content.decode())
    assert older is not None
    assert "incident.opened #" in text_of(ada.get(f"/settings/webhooks/desk{older[1]}"))
    assert ada.get("/settings/webhooks/desk?before=x").status_code == 200
    assert "Nothing older" in text_of(ada.get("/settings/webhooks/desk?before=1"))


@pytest.mark.parametrize("who", ["mo", "bo", "sam"])
def test_only_administrators_see_or_change_webhooks(told: Told, signed_in: SignedIn, who: str) -> None:
    row = told.hook()
    send_test("desk", BY, told.now)
    uid = log_of(row)[0].uid
    browser = signed_in(who)
    for address in (
        "/settings/webhooks",
        "/new/webhook",
        *(f"/settings/webhooks/desk{each}" for each in PAGES),
    ):
        assert browser.get(address).status_code == 403, address
    for each in (*DEEDS, f"/again/{uid}"):
        assert browser.post(f"/settings/webhooks/desk{each}").status_code == 403, each
    assert browser.post("/new/webhook", FORM | {"address": told.faults.url()}).status_code == 403
    assert find_hook("desk").nonce == row.nonce
    assert Client().get("/settings/webhooks").status_code == 302
