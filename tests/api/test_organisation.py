"""The organisation file over REST: planned in words, applied at once, exported again."""

from __future__ import annotations

import pytest

from tests.api.conftest import Program
from tests.world import Clock, Outbox, World
from tocsin.catalog.models import Service
from tocsin.journal.models import Entry

FILE = """
services:
  - id: search
    name: Search
    team: web
    policy: web
    tier: 2
    integrations:
      - {id: search-events, type: events}
"""
WRONG = """
services:
  - id: search
    name: Search
    tier: 9
    colour: red
"""


def files(text: str, name: str = "org.yaml") -> dict[str, object]:
    return {"files": [{"name": name, "text": text}]}


def test_a_file_is_planned_in_words_and_nothing_is_done(ada: Program) -> None:
    planned = ada.post("/organisation/plan", files(FILE))
    assert planned.status == 200, planned.text
    assert planned.body["changes"][0] == {
        "section": "services", "id": "search", "what": "add", "words": "add service search (Search)",
    }  # fmt: skip
    assert planned.body["words"][-1] == "2 to add, 0 to change, 0 to remove."
    assert not Service.objects.filter(pk="search").exists()


def test_a_file_is_applied_once_and_then_changes_nothing(ada: Program, outbox: Outbox) -> None:
    applied = ada.post("/organisation/apply", files(FILE))
    assert applied.status == 200, applied.text
    key = applied.body["keys"]["search-events"]
    assert ada.get("/integrations/search-events/key").body["key"] == key
    again = ada.post("/organisation/apply", files(FILE))
    assert (again.body["words"], again.body["keys"]) == (["Nothing changes."], {})
    assert {entry.through for entry in Entry.objects.filter(kind="service.saved")} == {"api"}


def test_what_is_exported_applies_to_nothing_changed(ada: Program, outbox: Outbox) -> None:
    exported = ada.get("/organisation").body["text"]
    assert "id: shop" in exported
    planned = ada.post("/organisation/plan", files(exported))
    assert planned.body["words"] == ["Nothing changes."], planned.text


def test_every_mistake_is_named_with_its_file_and_line(ada: Program) -> None:
    answer = ada.post("/organisation/apply", files(WRONG))
    assert answer.status == 422
    assert answer.error["what"] == "Nothing was applied: 2 mistakes"
    assert [problem["where"] for problem in answer.body["problems"]] == ["org.yaml:5", "org.yaml:6"]
    assert not Service.objects.filter(pk="search").exists()


@pytest.mark.parametrize("path", ["plan", "apply"])
def test_the_file_is_for_admins_because_it_makes_people(mo: Program, path: str) -> None:
    assert mo.post(f"/organisation/{path}", files(FILE)).status == 403
    assert mo.get("/organisation").status == 403


def test_keys_leave_only_when_asked_for(ada: Program) -> None:
    key = ada.post("/integrations/shop-events/rotate").body["key"]
    assert key not in ada.get("/organisation").body["text"]
    assert key in ada.get("/organisation?keys=true").body["text"]


def test_editors_get_the_schema_of_the_file(bo: Program) -> None:
    schema = bo.get("/organisation/schema").body
    sections = ("organisation", "users", "teams", "calendars", "schedules", "policies", "services", "expect")
    assert schema["properties"].keys() == {*sections, "providers", "places", "webhooks", "templates"}


def test_the_settings_are_shown_and_replaced(ada: Program, bo: Program) -> None:
    shown = bo.get("/organisation/settings").body
    assert shown["priorities"]["major"] == {"high": "P1", "low": "P3"}
    assert shown["fallback"] == "ada"
    body = {"name": "Shop Ltd", "priorities": {"major": {"low": "P2"}}, "fallback": "mo"}
    assert bo.put("/organisation/settings", body).status == 403
    saved = ada.put("/organisation/settings", body).body
    assert saved["priorities"]["major"] == {"high": "P1", "low": "P2"}
    assert (saved["name"], saved["fallback"]) == ("Shop Ltd", "mo")
    assert bo.get("/organisation/settings").body == saved
    refused = ada.put("/organisation/settings", body | {"fallback": "nobody"})
    assert refused.error["where"] == "fallback"


def test_the_numbers_stand_there_too(bo: Program, world: World, clock: Clock) -> None:
    numbers = bo.get("/numbers").body
    assert numbers["accepted"] == 0
    assert numbers["planned"] == numbers["suppressed"] + numbers["due"]
    assert set(numbers["deliveries"]) == {
        "due",
        "sending",
        "sent",
        "confirmed",
        "undeliverable",
        "suppressed",
    }
