"""Accounts with vendors over REST: what is said, what is never said, and who may ask."""

from __future__ import annotations

import pytest

from tests.api.conftest import Program
from tests.pretend import pretend as pretend  # noqa: PLC0414 - a fixture
from tests.world import Outbox, World
from tocsin.notification.providers import ProviderValue
from tocsin.notification.vendors import Account
from tocsin.people.models import Contact
from tocsin.testing.pretend import DEAD, behaviour

PROVIDER = {"vendor": "pretend", "name": "Main", "settings": {"token": "canary-9e21", "sender": "Ops"}}

pytestmark = pytest.mark.usefixtures("pretend", "outbox")


def test_what_an_account_needs_is_said(ada: Program) -> None:
    (vendor,) = ada.get("/vendors").body["items"]
    assert (vendor["kind"], vendor["schemes"]) == ("pretend", ["pretend"])
    assert [(each["name"], each["secret"]) for each in vendor["fields"]] == [
        ("token", True),
        ("sender", False),
    ]


def test_a_provider_is_made_changed_and_shown_without_its_secret(ada: Program) -> None:
    made = ada.put("/providers/main", PROVIDER)
    assert made.status == 201
    assert made.body["settings"] == {"sender": "Ops"}
    assert made.body["secrets"] == ["token"]
    assert made.body["callback_url"] == "http://127.0.0.1:8000/channels/main"
    assert made.body["health"] == "well"
    again = ada.put("/providers/main", {"vendor": "pretend", "position": 3})
    assert (again.status, again.body["position"], again.body["secrets"]) == (200, 3, ["token"])
    for answer in (made, again, ada.get("/providers"), ada.get("/providers/main"), ada.get("/organisation")):
        assert "canary-9e21" not in answer.text


def test_a_mistake_is_told_beside_its_field_and_without_the_secret(ada: Program) -> None:
    answer = ada.put("/providers/main", {"vendor": "pretend", "settings": {"token": "canary 9e21"}})
    assert (answer.status, answer.error["where"]) == (400, "settings.token")
    assert "canary" not in answer.text


def test_a_test_goes_to_ones_own_contact_and_says_what_became_of_it(ada: Program, world: World) -> None:
    ada.put("/providers/main", PROVIDER)
    assert ada.post("/providers/main/test", {"to": "pretend:ada"}).error["where"] == "to"
    Contact.objects.create(user=world.ada, name="pretend", address="pretend:ada")
    assert ada.post("/providers/main/test", {"to": "pretend:ada"}).body["sent"] is True
    ((who, message),) = behaviour("main").sent
    assert (who, message.kind) == ("ada", "test")
    behaviour("main").always = DEAD
    tried = ada.post("/providers/main/test", {"to": "pretend:ada"}).body
    assert (tried["sent"], tried["why"]) == (False, "HTTP 503")
    ada.put("/providers/main", PROVIDER | {"enabled": False})
    assert ada.post("/providers/main/test", {"to": "pretend:ada"}).status == 409


def test_places_are_made_listed_and_forgotten(ada: Program, outbox: Outbox) -> None:
    made = ada.put("/places/ops", {"name": "Operations", "address": "pretend:Ops"})
    assert (made.status, made.body["address"], made.body["served"]) == (201, "pretend:ops", False)
    ada.put("/providers/main", PROVIDER)
    assert ada.get("/places/ops").body["served"] is True
    assert ada.put("/places/roof", {"name": "Roof", "address": "pigeon:roof"}).error["where"] == "address"
    assert made.body["language"] is None
    told = ada.put("/places/ops", {"name": "Operations", "address": "pretend:ops", "language": "de"}).body
    assert told["language"] == ada.get("/places/ops").body["language"] == "de"
    assert ada.put("/places/ops", {"name": "O", "address": "pretend:ops", "language": "tlh"}).status == 422
    assert ada.delete("/places/ops").status == 204
    assert ada.get("/places").body["items"] == []


def test_who_may_not_change_settings_sees_no_account(bo: Program) -> None:
    assert bo.get("/providers").status == 403
    assert bo.get("/vendors").status == 403
    assert bo.put("/providers/main", PROVIDER).status == 403


def test_a_value_from_outside_that_is_too_long_is_refused_without_being_repeated(ada: Program) -> None:
    body = {"files": [{"text": "providers: []"}], "outside": {"env:TOKEN": "canary-9e21" * 500}}
    answer = ada.post("/organisation/plan", body)
    assert answer.status in (400, 422)
    assert "canary" not in answer.text


def test_an_account_is_not_written_out_with_its_secrets() -> None:
    assert "canary" not in repr(Account("main", {"token": "canary-9e21"}))
    assert "canary" not in repr(ProviderValue("main", "pretend", given={"token": "canary-9e21"}))


def test_somebody_is_found_by_their_email_and_nothing_is_stored(ada: Program) -> None:
    ada.put("/providers/main", PROVIDER)
    assert ada.post("/providers/main/find", {"email": "ada@example.com"}).body == {"address": "pretend:ada"}
    nobody = ada.post("/providers/main/find", {"email": "ada@elsewhere.example"})
    assert (nobody.status, nobody.error["where"]) == (400, "email")
    assert ada.post("/providers/main/find", {"email": "@@@"}).error["where"] == "email"
    ada.put("/providers/main", PROVIDER | {"enabled": False})
    assert ada.post("/providers/main/find", {"email": "ada@example.com"}).status == 409
    assert ada.post("/providers/none/find", {"email": "ada@example.com"}).status == 404
    assert not Contact.objects.filter(address="pretend:ada").exists()


def test_a_vendor_is_told_where_to_call_us(ada: Program) -> None:
    ada.put("/providers/main", PROVIDER)
    assert ada.post("/providers/main/introduce").body == {"agreed": True, "why": ""}
    behaviour("main").always = DEAD
    assert ada.post("/providers/main/introduce").body == {"agreed": False, "why": "HTTP 503"}


def test_the_app_of_an_account_is_described_under_a_name_that_is_free(ada: Program) -> None:
    made = ada.get("/vendors/pretend/manifest").body
    assert made["provider"] == "pretend"
    assert made["manifest"]["calls"] == "http://127.0.0.1:8000/channels/pretend"
    ada.put("/providers/pretend", PROVIDER)
    assert ada.get("/vendors/pretend/manifest").body["provider"] == "pretend-2"
    assert ada.get("/vendors/pretend/manifest?provider=main").body["manifest"]["calls"].endswith("/main")
    assert ada.get("/vendors/pigeon/manifest").status == 404


def test_who_may_not_change_settings_asks_no_vendor(ada: Program, bo: Program, mo: Program) -> None:
    ada.put("/providers/main", PROVIDER)
    for other in (bo, mo):
        assert other.post("/providers/main/find", {"email": "ada@example.com"}).status == 403
        assert other.post("/providers/main/introduce").status == 403
        assert other.get("/vendors/pretend/manifest").status == 403


def test_a_test_to_nobody_named_goes_to_the_first_that_the_account_serves(ada: Program, world: World) -> None:
    ada.put("/providers/main", PROVIDER)
    assert ada.post("/providers/main/test", {}).status == 409
    ada.put("/places/ops", {"name": "Operations", "address": "pretend:ops"})
    done = ada.post("/providers/main/test", {}).body
    assert (done["to"], done["sent"]) == ("pretend:ops", True)
