"""What Opsgenie's and Alertmanager's clients ask back: answered from the stored alerts of their own integration."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.intake_hot.serving import KEY, OTHER_KEY, Serving
from tests.world import T0, World
from tocsin.intake.actions import digest
from tocsin.intake.batch import Batch
from tocsin.intake.models import Inbox
from tocsin.intake.rules import key_digest
from tocsin.site.clock import now
from tocsin.sources import READERS
from tocsin.sources.opsgenie import OPERATIONS, request_id

API = f"/hooks/{KEY}/api/v2"
GENIE = {"authorization": f"GenieKey {KEY}"}
DOWN = {"labels": {"alertname": "Down", "instance": "a"}, "annotations": {"summary": "a is down"}}
SLOW = {"labels": {"alertname": "Slow", "instance": "b"}, "generatorURL": "http://prom.example/g"}


def digest_all() -> None:
    while digest(READERS, now()):
        pass


@pytest.fixture
def asked(transactional_db: None, world: World) -> Iterator[Serving]:
    """A server on the small world, whose integration "shop-events" the key opens."""
    with Serving() as one:
        yield one


def get(serving: Serving, path: str, **headers: str) -> Any:
    answer = serving.ask(path, method="GET", headers=GENIE | headers)
    assert answer.status == 200, answer
    return answer.json


def test_alertmanagers_api_tells_the_alerts_that_fire(asked: Serving) -> None:
    assert asked.ask(f"{API}/alerts", [DOWN, SLOW]).status == 200
    digest_all()
    told = get(asked, f"{API}/alerts?active=true&silenced=false")
    alerts = {alert["labels"]["alertname"]: alert for alert in told}
    assert (
        alerts["Down"]["annotations"] == DOWN["annotations"] and alerts["Down"]["status"]["state"] == "active"
    )
    assert alerts["Slow"]["generatorURL"] == "http://prom.example/g"
    assert alerts["Slow"]["receivers"] == [{"name": "shop"}]
    (group,) = get(asked, f"{API}/alerts/groups")
    assert len(group["alerts"]) == 2
    assert get(asked, f"{API}/receivers") == [{"name": "shop"}] and get(asked, f"{API}/silences") == []
    assert get(asked, f"{API}/status")["cluster"]["status"] == "disabled"


@pytest.mark.parametrize(
    ("matcher", "found"),
    [
        ('alertname="Down"', ["Down"]),
        ("alertname=Down", ["Down"]),
        ('alertname!="Down"', ["Slow"]),
        ('alertname=~"D.*|X"', ["Down"]),
        ('alertname!~"D.*"', ["Slow"]),
        ('instance=~"a|b"', ["Down", "Slow"]),
        ('nothing=""', ["Down", "Slow"]),
    ],
)
def test_matchers_choose_among_them(asked: Serving, matcher: str, found: list[str]) -> None:
    asked.ask(f"{API}/alerts", [DOWN, SLOW])
    digest_all()
    query = "".join(f"%{byte:02x}" for byte in matcher.encode())
    assert (
        sorted(alert["labels"]["alertname"] for alert in get(asked, f"{API}/alerts?filter={query}")) == found
    )


@pytest.mark.parametrize(
    "matcher", ["", "x", "a=~(a%2B)%2B$", "a=~(.*a){30}", "a=~.*.*.*x", "a=~[z-a]", "a=~" + "x" * 300]
)
def test_matchers_that_are_none_or_could_take_long_are_refused(asked: Serving, matcher: str) -> None:
    assert asked.ask(f"{API}/alerts?filter={matcher}", method="GET").status == 400


def test_an_alert_is_told_to_its_own_integration_only(asked: Serving) -> None:
    asked.ask("/v2/alerts", {"message": "x", "alias": "mine"}, headers=GENIE)
    digest_all()
    number = uuid.UUID(key_digest("shop-events", "mine"))
    assert get(asked, f"/v2/alerts/{number}")["data"]["alias"] == "mine"
    for path in (f"/v2/alerts/{number}", "/v2/alerts/mine?identifierType=alias"):
        other = asked.ask(path, method="GET", headers={"authorization": f"GenieKey {OTHER_KEY}"})
        assert other.status == 404 and other.json["requestId"]


def became(serving: Serving, answer: Any) -> Any:
    """What Opsgenie's client is told when it asks after a request."""
    return get(serving, f"/v2/alerts/requests/{answer.json['requestId']}")["data"]


def test_opsgenies_api_tells_what_became_of_each_request(asked: Serving) -> None:
    created = asked.ask("/v2/alerts", {"message": "x", "alias": "a", "details": {"r": "eu"}}, headers=GENIE)
    waits = became(asked, created)
    assert not waits["isSuccess"] and waits["status"] == "It is waiting to be processed"
    digest_all()
    done = became(asked, created)
    assert done["isSuccess"] and (done["status"], done["alias"], done["action"]) == (
        "Created alert",
        "a",
        "Create",
    )
    whole = get(asked, f"/v2/alerts/{done['alertId']}")["data"]
    assert (whole["message"], whole["status"], whole["details"]) == ("x", "open", {"r": "eu"})

    nobody = asked.ask("/v2/alerts/nobody/close?identifierType=alias", {}, headers=GENIE)
    digest_all()
    assert get(asked, "/v2/alerts/count")["data"]["count"] >= 1
    closed = asked.ask(f"/v2/alerts/{done['alertId']}/close", {"note": "over"}, headers=GENIE)
    digest_all()
    assert became(asked, closed)["status"] == "Closed alert"
    assert get(asked, "/v2/alerts/a?identifierType=alias")["data"]["status"] == "closed"
    assert [row["alias"] for row in get(asked, "/v2/alerts?query=status%3Aclosed")["data"]].count("a") == 1
    nothing = became(asked, nobody)
    assert (nothing["action"], nothing["status"], nothing["alias"]) == ("Close", "Alert does not exist", "")
    assert not nothing["isSuccess"]
    assert asked.ask("/v2/alerts/nobody?identifierType=alias", method="GET", headers=GENIE).status == 404


def test_a_request_that_could_not_be_digested_says_so_and_waits_no_longer(
    asked: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = asked.ask("/v2/alerts", {"message": "poison", "alias": "p"}, headers=GENIE)
    other = asked.ask("/v2/alerts", {"message": "fine", "alias": "q"}, headers=GENIE)
    store = Batch.store

    def chokes(self: Batch, *args: Any, **named: Any) -> None:
        if any(one.event.title == "poison" for one in self.waiting):
            raise ValueError("poison")
        store(self, *args, **named)

    monkeypatch.setattr(Batch, "store", chokes)
    digest_all()
    failed = became(asked, broken)
    assert not failed["success"] and not failed["isSuccess"]
    assert failed["status"] == (
        "It could not be processed: ValueError while digesting it. It is kept, and people were paged about it"
    )
    assert became(asked, other)["status"] == "Created alert", "only the request itself is told so"


def test_new_words_for_an_alert_are_told_back(asked: Serving) -> None:
    asked.ask("/v2/alerts", {"message": "slow", "alias": "a"}, headers=GENIE)
    asked.ask("/v2/alerts/a/message?identifierType=alias", {"message": "down"}, method="PUT", headers=GENIE)
    asked.ask(
        "/v2/alerts/a/description?identifierType=alias", {"description": "all"}, method="PUT", headers=GENIE
    )
    digest_all()
    whole = get(asked, "/v2/alerts/a?identifierType=alias")["data"]
    assert (whole["message"], whole["description"]) == ("down", "all")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/alerts/nobody?identifierType=alias", 404),
        ("/v2/alerts/requests/none", 404),
        ("/v2/alerts/requests/00000000-0000-4000-8000-000000000000", 404),
        ("/v2/alerts?limit=1000", 422),
        ("/v2/alerts?query=teams%3Ax", 422),
        ("/v2/alerts/a/logs", 404),
        (f"{API}/silence/00000000-0000-4000-8000-000000000000", 404),
        (f"{API}/other", 404),
    ],
)
def test_questions_without_an_answer_are_refused(asked: Serving, path: str, status: int) -> None:
    assert asked.ask(path, method="GET", headers=GENIE).status == status


def test_a_request_nobody_acted_on_did_not_succeed(asked: Serving) -> None:
    number = request_id(T0 + timedelta(hours=1), OPERATIONS.index("close"), key_digest("shop-events", "x"))
    data = get(asked, f"/v2/alerts/requests/{number}")["data"]
    assert (data["isSuccess"], data["status"], data["alertId"]) == (False, "Alert does not exist", "")
    assert Inbox.objects.count() == 0
