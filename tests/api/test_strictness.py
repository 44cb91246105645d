"""What a client sends is read exactly or refused with its place; nothing is set that was not meant."""

from __future__ import annotations

import json

import pytest
from django.db import OperationalError

from tests.api.conftest import Answer, Program
from tests.world import World
from tocsin.api import incidents
from tocsin.api.parsing import BODY_BYTES_MAX
from tocsin.incident.models import Incident
from tocsin.people.models import User

OPEN = {"service": "shop", "title": "Checkout fails"}


def untouched() -> bool:
    return not Incident.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 422, "no body"),
        (b"{", 400, "not JSON"),
        (b"null", 422, ""),
        (b"3", 422, ""),
        (b"[]", 422, ""),
        (b'"text"', 422, ""),
        (b"\xff\xfe{}", 400, "not UTF-8"),
        (b'{"title": "\xed\xa0\x80"}', 400, "not UTF-8"),
        (b'{"title": NaN}', 400, "NaN"),
        (b'{"title": -Infinity}', 400, "-Infinity"),
        (b'{"title": 1e999}', 400, "too large"),
        (b'{"title": ' + b"9" * 5_000 + b"}", 400, "too long"),
        (b'{"service": "shop", "service": "shop", "title": "x"}', 400, "twice"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, 400, "too deeply"),
        (b"[" * 100_000, 400, "too deeply"),
        (b'{"service": "shop", "title": "a\\u0000b"}', 422, "cannot be stored"),
        (b'{"service": "shop", "title": "\\ud800"}', 422, "cannot be stored"),
        (b'{"a": "' + b"x" * BODY_BYTES_MAX + b'"}', 413, "too large"),
        (b"x" * 3_000_000, 413, "too large"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_body_that_cannot_be_read_exactly_is_refused(
    bo: Program, body: bytes, status: int, said: str
) -> None:
    answer = bo.call("post", "/incidents", body)
    assert (answer.status, said in answer.error["what"]) == (status, True), answer.text
    assert untouched()


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-7",
        "application/json; charset=utf-16",
        "application/xml",
    ],
)
def test_another_media_type_is_never_read_as_json(bo: Program, kind: str) -> None:
    answer = bo.call("post", "/incidents", json.dumps(OPEN).encode(), content_type=kind)
    assert answer.status == 415, answer.text
    assert untouched()


def test_a_compressed_body_is_refused(bo: Program) -> None:
    answer = bo.call("post", "/incidents", b"\x1f\x8b", **{"Content-Encoding": "gzip"})
    assert answer.status == 415


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"title": "x"}, "body.service"),
        ({"service": "shop"}, "body.title"),
        ({**OPEN, "title": "   "}, "body.title"),
        ({**OPEN, "title": "x" * 301}, "body.title"),
        ({**OPEN, "title": 3}, "body.title"),
        ({**OPEN, "service": "Web shop"}, "body.service"),
        ({**OPEN, "service": "shop\n"}, "body.service"),
        ({**OPEN, "urgency": "extreme"}, "body.urgency"),
        ({**OPEN, "state": "closed"}, "body.state"),
        ({**OPEN, "priority": "P5"}, "body.priority"),
        ({**OPEN, "id": 7}, "body.id"),
        ({**OPEN, "assigned": "bo", "needs_climb": False}, "body.assigned"),
    ],
)
def test_each_wrong_field_is_named(bo: Program, body: object, where: str) -> None:
    answer = bo.post("/incidents", body)
    assert answer.status == 422, answer.text
    assert answer.error["where"] == where
    assert untouched()


def test_several_wrong_fields_are_all_named(bo: Program) -> None:
    answer = bo.post("/incidents", {"service": "shop", "is_admin": True, "urgency": "x"})
    assert answer.error["where"] == "body.title"
    wrong = {problem["where"]: problem["what"] for problem in answer.body["problems"]}
    assert wrong == {
        "body.title": "'title' is missing",
        "body.urgency": "'urgency' is none of the known values",
        "body.is_admin": "'is_admin' is not a field here",
    }


@pytest.mark.parametrize(
    "extra", ["is_admin", "is_superuser", "password", "sessions_epoch", "id", "created_at"]
)
def test_nothing_of_a_person_is_set_but_what_is_declared(ada: Program, world: World, extra: str) -> None:
    body = {"name": "Bo", "email": "bo@example.com", extra: "1"}
    answer = ada.put("/users/bo", body)
    assert answer.status == 422
    assert answer.error["where"] == f"body.{extra}"
    assert User.objects.get(pk="bo").name == "Bo Lind"


def test_a_refused_field_is_never_repeated_because_it_may_be_a_secret(mo: Program) -> None:
    body = {"service": "shop", "type": "events", "key": "hunter2"}
    answer = mo.put("/integrations/new-one", body)
    assert answer.status == 422
    assert "hunter2" not in answer.text


def test_an_operation_that_takes_nothing_takes_nothing(bo: Program) -> None:
    number = bo.post("/incidents", OPEN).body["number"]
    refused = bo.post(f"/incidents/{number}/acknowledge", {"user": "cy"})
    assert refused.status == 422
    assert bo.post(f"/incidents/{number}/acknowledge", {}).body["changed"] is True


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/nothing", 404),
        ("get", "/incidents/", 404),
        ("get", "/../admin", 404),
        ("get", "/incidents/abc", 422),
        ("get", "/incidents/0", 422),
        ("get", "/incidents/-1", 422),
        ("get", f"/incidents/{2**63}", 422),
        ("get", f"/incidents/{'9' * 400}", 422),
        ("get", "/services/Web%20Shop", 422),
        ("get", "/services/x%00y", 422),
        ("get", "/deliveries/not-a-uuid", 422),
        ("put", "/incidents", 405),
        ("options", "/incidents", 405),
        ("delete", "/audit/entries", 405),
    ],
)
def test_an_address_that_is_not_there_is_refused_like_everything_else(
    ada: Program, method: str, path: str, status: int
) -> None:
    answer = ada.call(method, path)
    assert answer.status == status, answer.text
    assert answer.error["what"]


def test_a_method_that_is_not_there_says_which_are(ada: Program) -> None:
    answer = ada.call("patch", "/services/shop")
    assert set(answer.headers["Allow"].replace(" ", "").split(",")) == {"GET", "PUT", "DELETE"}


# -- faults of ours -------------------------------------------------------------------------------------------------


def fail_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fails(*args: object, **named: object) -> None:
        raise error

    monkeypatch.setattr(incidents, "page_of", fails)


def only_a_request_id(answer: Answer) -> None:
    assert answer.error["what"] == "Something went wrong here"
    assert answer.body["request_id"] in answer.error["mend"]
    assert (answer.error["expected"], answer.error["where"]) == ("", "")


def test_a_fault_of_ours_says_its_request_id_and_nothing_else(
    bo: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "SELECT hunter2 FROM /etc/passwd"
    fail_with(monkeypatch, ValueError(secret))
    answer = bo.get("/incidents")
    assert answer.status == 500
    only_a_request_id(answer)
    assert "hunter2" not in answer.text and "Traceback" not in answer.text
    assert answer.headers["X-Request-Id"] == answer.body["request_id"]


def test_a_database_that_is_away_is_said_with_when_to_come_back(
    bo: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(monkeypatch, OperationalError("connection to 10.1.2.3 refused for user tocsin"))
    answer = bo.get("/incidents")
    assert answer.status == 503
    assert answer.headers["Retry-After"]
    assert "10.1.2.3" not in answer.text
