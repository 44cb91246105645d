"""Templates of messages over REST: kept per language, refused in words, looked at without being saved."""

from __future__ import annotations

import pytest

from tests.api.conftest import Program
from tests.world import World
from tocsin.notification.models import Templates

OWN = {"subject": "{{priority}}: {{title}}", "text": "{{title}}\nsince {{since}}"}
NONE = dict.fromkeys(("subject", "text", "resolved_subject", "resolved_text"))


def test_they_are_kept_replaced_and_forgotten(ada: Program) -> None:
    made = ada.put("/templates/de", OWN)
    assert (made.status, made.body) == (201, {"language": "de", **NONE, **OWN})
    again = ada.put("/templates/de", {"resolved_text": "{{why}}", "text": None})
    assert (again.status, again.body) == (200, {"language": "de", **NONE, "resolved_text": "{{why}}"})
    assert ada.get("/templates/de").body == again.body
    assert ada.get("/templates").body == {"items": [again.body]}
    assert ada.delete("/templates/de").status == 204
    assert (ada.get("/templates/de").status, ada.delete("/templates/de").status) == (404, 404)
    assert ada.get("/templates").body == {"items": []}


@pytest.mark.parametrize(
    ("path", "body", "where", "what"),
    [
        (
            "/templates/de",
            {"subject": "{{titel}}"},
            "subject",
            "In line 1 {{titel}} names nothing that a message knows",
        ),
        ("/templates/de", {"text": "a\n{{#note}}"}, "text", "{{#note}} of line 2 is not closed"),
        ("/templates/de", {}, "subject", "No piece of a message is given"),
        ("/templates/xx", OWN, "language", "No messages are in 'xx'"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(
    ada: Program, path: str, body: dict[str, str], where: str, what: str
) -> None:
    answer = ada.put(path, body)
    assert answer.status == 400
    assert (answer.error["where"], answer.error["what"]) == (where, what)
    assert not Templates.objects.exists()


def test_a_preview_is_made_with_a_real_incident_and_saves_nothing(ada: Program, world: World) -> None:
    sample = ada.post("/templates/preview", OWN)
    assert (sample.status, sample.body["incident"]) == (200, None)
    number = ada.post("/incidents", {"service": "shop", "title": "Search {{x}} is slow"}).body["number"]
    answer = ada.post("/templates/preview", OWN | {"language": "de", "incident": number})
    assert answer.body["incident"] == number
    page = {each["id"]: each for each in answer.body["page"]}
    assert page["email"]["subject"] == "P1: Search {{x}} is slow"
    assert page["chat"]["buttons"] == ["Übernehmen", "Beheben", "Eskalieren"]
    assert page["sms"]["about"].startswith("2 parts of at most 2")
    assert answer.body["resolved"][0]["subject"] == "Behoben: P1: Search {{x}} is slow"
    assert not Templates.objects.exists()


def test_a_preview_shows_no_link_that_acts(ada: Program, world: World) -> None:
    shown = " ".join(each["text"] for each in ada.post("/templates/preview", OWN).body["page"])
    assert "/a/… " in shown.replace("\n", " ")
    assert "/a/A" not in shown


def test_a_preview_of_what_cannot_be_used_says_why(ada: Program) -> None:
    answer = ada.post("/templates/preview", {"text": "{{why}}"})
    assert answer.status == 400
    assert answer.error["what"] == "In line 1 {{why}} names nothing that a message knows"
