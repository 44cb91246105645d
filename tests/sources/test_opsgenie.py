"""Opsgenie's Alert API: by alias and by id; what Tocsin does not do is refused, never "will be processed"."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import pytest

from tests.sources.asking import KEY, NOW, SHOP, ask, event
from tocsin.intake.rules import Action, Severity, key_digest
from tocsin.kernel.errors import Refused
from tocsin.sources import Request, opsgenie

FULL: dict[str, Any] = {
    "message": "Payment is down",
    "alias": "pay/1",
    "description": "502 from the\ngateway",
    "responders": [{"type": "team", "name": "pay"}, {"type": "user", "username": "bo@example.com"}],
    "visibleTo": [{"type": "team", "name": "pay"}],
    "actions": ["restart"],
    "tags": ["prod", "pay"],
    "details": {"region": "eu", "attempt": "3"},
    "entity": "gateway",
    "source": "ci",
    "priority": "P1",
    "user": "Bo",
    "note": "seen first by customers",
}


def test_a_created_alert_keeps_everything_it_was_sent_with() -> None:
    it = event("/v2/alerts", FULL)
    assert (it.action, it.key, it.title, it.severity) == (
        Action.TRIGGER,
        "pay/1",
        "Payment is down",
        Severity.CRITICAL,
    )
    assert it.description == "502 from the\ngateway"
    assert it.fields == {
        "entity": "gateway",
        "source": "ci",
        "priority": "P1",
        "tags": "prod, pay",
        "responders": "team pay, user bo@example.com",
        "region": "eu",
        "attempt": "3",
    }
    assert it.raw == FULL


def test_the_answer_has_a_request_id_that_says_later_what_was_asked() -> None:
    accepted = ask("/v2/alerts", FULL)
    said = json.loads(accepted.answer)
    assert (accepted.status, said["result"]) == (202, "Request will be processed")
    asked = opsgenie.asked(said["requestId"])
    assert asked is not None and asked.operation == "create" and asked.at == NOW
    assert key_digest("shop-events", "pay/1").startswith(asked.digest)


def test_ids_that_are_not_ours_ask_for_nothing() -> None:
    assert opsgenie.asked("not a uuid") is None
    assert opsgenie.asked(str(uuid.uuid4())) is None


def test_without_an_alias_a_key_is_made() -> None:
    accepted = ask("/v2/alerts", {"message": "x"})
    (it,) = opsgenie.events(accepted.body, accepted.meta, NOW)
    assert uuid.UUID(it.key) and it.severity is Severity.ERROR


@pytest.mark.parametrize("prefix", opsgenie.PREFIXES)
@pytest.mark.parametrize(
    ("method", "tail", "body", "action"),
    [
        ("POST", "acknowledge", {"user": "bo", "note": "mine"}, Action.ACKNOWLEDGE),
        ("POST", "close", {"source": "AlertManager"}, Action.RESOLVE),
        ("POST", "notes", {"note": "still down"}, Action.NOTE),
        ("PUT", "message", {"message": "worse"}, Action.UPDATE),
        ("PUT", "description", {"description": "text"}, Action.UPDATE),
    ],
)
def test_an_alert_is_acted_on_by_alias(
    prefix: str, method: str, tail: str, body: Any, action: Action
) -> None:
    it = event(f"{prefix}/pay%2F1/{tail}?identifierType=alias", body, method)
    assert (it.action, it.key, it.key_is_digest) == (action, "pay/1", False)
    assert it.note == body.get("note", "") and it.title == body.get("message", "")


def test_an_alert_is_acted_on_by_its_id_and_deleting_it_closes_it() -> None:
    number = key_digest("shop-events", "pay/1")
    it = event(f"/v2/alerts/{uuid.UUID(number)}?identifierType=id", b"", "DELETE")
    assert (it.action, it.key, it.key_is_digest) == (Action.RESOLVE, number, True)
    assert event(f"/v2/alerts/{uuid.UUID(number)}/close", b"").key_is_digest
    assert event("/v2/alerts/pay-1/close", b"").key == "pay-1"  # no id by its shape, so an alias


@pytest.mark.parametrize(
    "tail",
    [
        "unacknowledge",
        "snooze",
        "escalate",
        "assign",
        "tags",
        "details",
        "responders",
        "teams",
        "actions/ping",
    ],
)
def test_what_is_not_done_for_a_sender_is_refused_and_says_so(tail: str) -> None:
    with pytest.raises(Refused) as refused:
        ask(f"/v2/alerts/a/{tail}?identifierType=alias", {"note": "x"})
    assert refused.value.status == 422 and "nothing was changed" in refused.value.what


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v2/alerts", {"message": " "}, 422),
        ("POST", "/v2/alerts", {"alias": "x"}, 400),
        ("POST", "/v2/alerts", {"message": "x", "alias": "a" * 513}, 422),
        ("POST", "/v2/alerts", {"message": "x", "tags": ["t"] * 101}, 422),
        ("POST", "/v2/alerts", {"message": "x", "priority": "P9"}, 400),
        ("POST", "/v2/alerts/a/notes?identifierType=alias", {}, 422),
        ("POST", "/v2/alerts/a/close?identifierType=tiny", {}, 422),
        ("POST", "/v2/alerts/a/close?identifierType=id", {}, 422),
        ("POST", "/v2/alerts/a/close?identifierType=name", {}, 422),
        ("POST", "/v2/alerts/a/b/c", {}, 404),
        ("PATCH", "/v2/alerts/a", {}, 405),
    ],
)
def test_mistakes_are_refused(method: str, path: str, body: Any, status: int) -> None:
    with pytest.raises(Refused) as refused:
        ask(path, body, method)
    assert refused.value.status == status


def test_an_error_has_opsgenies_shape() -> None:
    refused = Refused("There is no note", "a text", where="note", status=422)
    said = json.loads(opsgenie.refusal(refused, "r1", Request("POST", "/v2/alerts/a/notes", "", {}, b"")))
    assert (
        said["message"].startswith("note: There is no note")
        and said["requestId"] == "r1"
        and said["took"] == 0.0
    )
    assert said["errors"] == {"note": "There is no note"}


def test_the_key_is_taken_from_every_place_where_clients_put_it() -> None:
    basic = b"Basic " + base64.b64encode(b":" + KEY.encode())
    bare = b"basic " + base64.b64encode(KEY.encode())
    for given in (b"GenieKey " + KEY.encode(), basic, bare):
        assert opsgenie.key_of(Request("POST", "/v2/alerts", "", {b"authorization": given}, b"")) == KEY
    assert opsgenie.key_of(Request("POST", "/v2/alerts", f"apiKey={KEY}", {}, b"")) == KEY
    assert opsgenie.key_of(Request("POST", "/v2/alerts", "", {b"authorization": b"Basic !!"}, b"")) == ""


def test_keys_are_scoped_so_that_an_id_of_another_integration_is_nobody_s() -> None:
    assert key_digest("shop-events", "pay/1") != key_digest(SHOP.id + "x", "pay/1")
