"""The pages of accounts with vendors and of places: what they show, what they never show, and who may."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.pretend import pretend as pretend  # noqa: PLC0414 - a fixture
from tests.web.conftest import SignedIn, text_of
from tests.world import Clock, World
from tocsin.engine.attempt import deliver_due
from tocsin.escalation.models import Policy
from tocsin.kernel.acting import By
from tocsin.notification.accounts import ready
from tocsin.notification.channels import channel_for
from tocsin.notification.models import Delivery, Page, Place, Provider
from tocsin.notification.providers import find_provider, providers
from tocsin.notification.rules import Message
from tocsin.notification.sealing import unseal
from tocsin.people.models import Contact
from tocsin.testing.pretend import DEAD, Pretend, behaviour

BY = By("cli", "test")
CANARY = "canary-d41d"
FORM = {"name": "Night line", "id": "night", "settings.token": CANARY, "settings.sender": "Ops"}

pytestmark = pytest.mark.usefixtures("pretend", "world")


@pytest.fixture
def ada(signed_in: SignedIn) -> Client:
    """An administrator's browser."""
    return signed_in("ada")


def add(ada: Client, **more: str) -> None:
    answer = ada.post("/settings/ways/add/pretend", FORM | more)
    assert answer.status_code == 302, text_of(answer)


def test_without_an_account_the_page_says_what_to_do_and_what_is_there_anyway(ada: Client) -> None:
    shown = text_of(ada.get("/settings/ways"))
    assert "No account yet" in shown
    assert "Add an account Pretend pretend:" in shown


def test_an_account_is_added_from_what_its_vendor_asks_for(ada: Client) -> None:
    page = ada.get("/settings/ways/add/pretend")
    assert "http://127.0.0.1:8000/channels/pretend" in text_of(page)
    assert 'type="password" name="settings.token"' in page.content.decode()
    add(ada)
    row = find_provider("night")
    assert unseal(row.secrets_sealed["token"]) == CANARY
    assert row.settings == {"sender": "Ops"}
    for address in ("/settings/ways", "/settings/ways/night", "/settings/audit"):
        page = ada.get(address)
        assert page.status_code == 200
        assert CANARY not in page.content.decode()
    assert "Ready; nothing was sent through it yet." in text_of(ada.get("/settings/ways/night"))


def test_only_of_a_vendor_that_calls_us_it_is_said_where(
    ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(ada)
    said = {
        "/settings/ways/add/pretend": "Where Pretend calls us",
        "/settings/ways/night": "Where it calls us",
    }
    address = "Stands in the address that the vendor calls"
    assert all(words in text_of(ada.get(page)) for page, words in said.items())
    assert address in text_of(ada.get("/settings/ways/add/pretend"))
    monkeypatch.setattr(Pretend, "hears", False)
    assert not any(words in text_of(ada.get(page)) for page, words in said.items())
    assert address not in text_of(ada.get("/settings/ways/add/pretend"))


def test_mistakes_stand_beside_their_fields_and_secrets_are_not_sent_back(ada: Client) -> None:
    answer = ada.post("/settings/ways/add/pretend", FORM | {"settings.token": f"{CANARY} two"})
    assert answer.status_code == 422
    assert "The token has a space in it. Expected one word." in text_of(answer)
    assert CANARY not in answer.content.decode()
    assert 'value="Ops"' in answer.content.decode()
    missing = ada.post("/settings/ways/add/pretend", FORM | {"settings.token": ""})
    assert missing.status_code == 422
    assert not Provider.objects.exists()
    add(ada)
    twice = ada.post("/settings/ways/add/pretend", FORM)
    assert "There is a provider with this id already" in text_of(twice)


def test_an_empty_secret_keeps_the_one_there_is(ada: Client) -> None:
    add(ada)
    assert "Kept; write a new one to replace it." in text_of(ada.get("/settings/ways/night"))
    ada.post("/settings/ways/night", {"name": "Night", "settings.token": "", "settings.sender": "Late"})
    row = find_provider("night")
    assert (row.name, row.settings["sender"]) == ("Night", "Late")
    assert unseal(row.secrets_sealed["token"]) == CANARY
    ada.post(
        "/settings/ways/night", {"name": "Night", "settings.token": "another", "settings.sender": "Late"}
    )
    assert unseal(find_provider("night").secrets_sealed["token"]) == "another"


def test_the_order_is_changed_by_asking_one_earlier(ada: Client) -> None:
    add(ada)
    assert "Ask it earlier" not in text_of(ada.get("/settings/ways"))  # there is no other
    add(ada, id="day", name="Day line")
    assert text_of(ada.get("/settings/ways")).count("Ask it earlier") == 1
    assert [(row.pk, row.position) for row in providers()] == [("night", 1), ("day", 2)]
    ada.post("/settings/ways/day/earlier")
    assert [row.pk for row in providers()] == ["day", "night"]
    ada.post("/settings/ways/day/earlier")
    assert [row.pk for row in providers()] == ["day", "night"]


def test_an_account_is_switched_off_and_on(ada: Client) -> None:
    add(ada)
    ada.post("/settings/ways/night/switch", {"enabled": "no"})
    assert "Switched off: it is not asked, and not heard." in text_of(ada.get("/settings/ways/night"))
    assert "night" not in ready().opened
    ada.post("/settings/ways/night/switch", {"enabled": "yes"})
    assert "night" in ready().opened


def test_a_test_says_whether_it_was_taken(ada: Client, world: World) -> None:
    add(ada)
    assert "You have no contact that it serves." in text_of(ada.get("/settings/ways/night"))
    Contact.objects.create(user=world.ada, name="pager", address="pretend:ada")
    assert "your contact pager: pretend:ada" in text_of(ada.get("/settings/ways/night"))
    taken = ada.post("/settings/ways/night/test", {"to": "pretend:ada"}, follow=True)
    assert "Night line took the test." in text_of(taken)
    behaviour("night").always = DEAD
    failed = ada.post("/settings/ways/night/test", {"to": "pretend:ada"}, follow=True)
    assert "The test did not go: HTTP 503." in text_of(failed)
    elsewhere = ada.post("/settings/ways/night/test", {"to": "pretend:bo"})
    assert elsewhere.status_code == 400
    assert len(behaviour("night").sent) == 1


def test_how_it_is_and_what_it_did_stand_on_the_page(ada: Client, world: World, clock: Clock) -> None:
    add(ada)
    page = Page.objects.create(
        user=world.bo, incident_id=None, urgency="high", reason="a test", subject="Look", created_at=clock.now
    )
    Delivery.objects.create(
        page=page, contact="c", address="pretend:bo", urgent=True, due_at=clock.now, next_at=clock.now
    )
    deliver_due(clock.now, 10, lambda: clock.now, lambda: 0.5)
    assert "Works." in text_of(ada.get("/settings/ways"))
    assert "in the last hour 1 sent, 0 failed" in text_of(ada.get("/settings/ways"))
    behaviour("night").always = DEAD
    for _ in range(3):
        channel_for("pretend:bo").send("pretend:bo", "Bo", Message("m", "Look"), clock.now)
    assert "after failures (HTTP 503)." in text_of(ada.get("/settings/ways"))
    assert "Rests until" in text_of(ada.get("/settings/ways/night"))


def test_an_account_is_deleted_after_saying_what_that_means(ada: Client) -> None:
    add(ada)
    assert "Nothing else serves pretend:" in text_of(ada.get("/settings/ways/night/delete"))
    add(ada, id="day", name="Day line")
    assert "Nothing else serves" not in text_of(ada.get("/settings/ways/night/delete"))
    ada.post("/settings/ways/night/delete")
    assert [row.pk for row in providers()] == ["day"]


def test_who_may_not_change_settings_sees_no_account(signed_in: SignedIn, ada: Client) -> None:
    add(ada)
    for name in ("mo", "bo", "sam"):
        assert signed_in(name).get("/settings/ways").status_code == 403
        assert signed_in(name).post("/settings/ways/night/switch", {"enabled": "no"}).status_code == 403
    assert find_provider("night").enabled


# -- places --------------------------------------------------------------------------------------------------------


def test_places_are_made_changed_and_deleted_by_who_writes_policies(signed_in: SignedIn) -> None:
    mo = signed_in("mo")
    assert "No place yet" in text_of(mo.get("/places"))
    mo.post("/new/place", {"name": "Operations", "id": "ops", "address": "pretend:Ops"})
    shown = text_of(mo.get("/places"))
    assert "Operations nothing is set up for pretend: place:ops · pretend:ops" in shown
    mo.post("/places/ops", {"name": "Ops room", "address": "pretend:ops"})
    assert str(Place.objects.get()) == "Ops room"
    wrong = mo.post("/new/place", {"name": "Roof", "id": "", "address": "pigeon:roof"})
    assert wrong.status_code == 422
    assert "Nothing is known that delivers to 'pigeon:roof'" in text_of(wrong)
    mo.post("/places/ops/delete")
    assert not Place.objects.exists()


def test_a_place_that_a_policy_names_stays(signed_in: SignedIn, world: World) -> None:
    mo = signed_in("mo")
    mo.post("/new/place", {"name": "Operations", "id": "ops", "address": "pretend:ops"})
    levels = [{"notify": ["place:ops"], "timeout": "5m"}]
    Policy.objects.create(id="loud", name="Loud", levels=levels, repeat=0)
    assert "It cannot be deleted: it is named by policy loud." in text_of(mo.get("/places/ops/delete"))
    assert mo.post("/places/ops/delete").status_code == 409
    assert Place.objects.exists()


def test_who_does_not_write_policies_sees_no_place(signed_in: SignedIn) -> None:
    assert signed_in("bo").get("/places").status_code == 403
    assert signed_in("sam").post("/new/place", {"name": "x", "address": "pretend:x"}).status_code == 403


def test_a_contact_that_waits_for_an_account_says_so_to_its_owner(ada: Client, world: World) -> None:
    Contact.objects.create(user=world.ada, name="pager", address="pretend:ada", vouched_by="user:ada")
    assert "not working nothing is set up for pretend: yet" in text_of(ada.get("/me"))
    add(ada)
    assert "for pretend: yet" not in text_of(ada.get("/me"))
