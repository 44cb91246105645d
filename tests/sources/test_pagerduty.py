"""PagerDuty's Events API: what its clients send is understood, and what it refuses is refused in its words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.sources.asking import KEY, NOW, SHOP, ask, event
from tocsin.intake.rules import Action, Severity
from tocsin.kernel.errors import Refused
from tocsin.sources import Request, pagerduty


def trigger(**changes: Any) -> dict[str, Any]:
    payload = {"summary": "DISK at 99%", "source": "db1", "severity": "critical"} | changes.pop("payload", {})
    return {
        "routing_key": KEY,
        "event_action": "trigger",
        "dedup_key": "disk/db1",
        "payload": payload,
    } | changes


def test_a_trigger_is_answered_with_its_own_key() -> None:
    accepted = ask("/v2/enqueue", trigger())
    assert (accepted.status, json.loads(accepted.answer)) == (
        202,
        {"status": "success", "message": "Event processed", "dedup_key": "disk/db1"},
    )


def test_a_trigger_says_what_is_wrong_where_and_how_badly() -> None:
    payload = {
        "component": "postgres",
        "group": "prod",
        "class": "disk",
        "timestamp": "2026-03-02T08:59:58.315+0000",
        "custom_details": {"free": {"gb": 1}, "num_firing": "2", "source": "also here"},
    }
    it = event(
        "/v2/enqueue",
        trigger(
            payload=payload,
            client="Nagios",
            client_url="https://nagios.example.com",
            links=[{"href": "https://r.example"}],
        ),
    )
    assert (it.action, it.key, it.title, it.severity) == (
        Action.TRIGGER,
        "disk/db1",
        "DISK at 99%",
        Severity.CRITICAL,
    )
    assert it.happened_at == datetime(2026, 3, 2, 8, 59, 58, 315000, UTC)
    assert (
        it.fields["component"] == "postgres" and it.fields["class"] == "disk" and it.fields["free.gb"] == "1"
    )
    assert it.fields["source"] == "db1" and it.fields["custom_details.source"] == "also here"
    assert it.links == [("Nagios", "https://nagios.example.com"), ("r.example", "https://r.example")]


def test_without_a_key_one_is_made_and_told() -> None:
    accepted = ask("/v2/enqueue", trigger(dedup_key=None))
    made = json.loads(accepted.answer)["dedup_key"]
    (it,) = pagerduty.events(accepted.body, accepted.meta, NOW)
    assert it.key == made and len(made) == 32


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
def test_an_acknowledge_or_resolve_needs_nothing_but_the_key(action: str) -> None:
    it = event("/v2/enqueue", {"routing_key": KEY, "event_action": action, "dedup_key": "disk/db1"})
    assert (it.action, it.key) == (Action(action), "disk/db1")


def test_a_resolve_of_severity_ok_is_taken_as_nagios_sends_it() -> None:
    body = trigger(event_action="resolve", payload={"severity": "ok"})
    assert event("/v2/enqueue", body).action is Action.RESOLVE


def test_the_time_of_a_resolve_is_not_believed_for_it_is_the_triggers() -> None:
    body = trigger(event_action="resolve", payload={"timestamp": "2026-03-02T08:59:00Z"})
    assert event("/v2/enqueue", body).happened_at is None


def test_the_timestamp_of_an_old_client_is_understood_and_an_absurd_one_is_kept_as_text() -> None:
    assert event(
        "/v2/enqueue", trigger(payload={"timestamp": "2026-03-02T08:59:00+00:00Z"})
    ).happened_at == datetime(2026, 3, 2, 8, 59, tzinfo=UTC)
    for absurd in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2036-01-01T00:00:00Z", "-5", "yesterday"):
        it = event("/v2/enqueue", trigger(payload={"timestamp": absurd}))
        assert it.happened_at is None and it.fields["timestamp"] == absurd


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (trigger(event_action="explode"), "$.event_action"),
        (trigger(payload={"summary": ""}), "payload.summary"),
        (trigger(payload={"source": None}), "payload.source"),
        (trigger(payload={"severity": "bad"}), "payload.severity"),
        (trigger(payload={"summary": 7}), "$.payload.summary"),
        ({"routing_key": KEY, "event_action": "trigger"}, "payload"),
        ({"routing_key": KEY, "event_action": "resolve"}, "dedup_key"),
        ({"event_action": "resolve", "dedup_key": "a"}, "routing_key"),
        (trigger(dedup_key="k" * 513), "dedup_key"),
    ],
)
def test_what_pagerduty_refuses_is_refused_with_its_place(body: Any, where: str) -> None:
    with pytest.raises(Refused) as refused:
        ask("/v2/enqueue", body)
    assert (refused.value.where, refused.value.status) == (where, 400)
    said = json.loads(pagerduty.refusal(refused.value, "r1", Request("POST", "/v2/enqueue", "", {}, b"")))
    assert said["status"] == "invalid event" and said["message"] == "Event object is invalid"
    assert where in said["errors"][0]


def test_a_change_is_context_and_opens_nothing() -> None:
    it = event(
        "/v2/change/enqueue",
        {"routing_key": KEY, "payload": {"summary": "v12 out", "custom_details": {"sha": "ab"}}, "links": []},
    )
    assert (it.action, it.title, it.fields) == (Action.CHANGE, "v12 out", {"sha": "ab"})


def test_the_first_version_is_still_spoken() -> None:
    body = {"service_key": KEY, "event_type": "trigger", "incident_key": "a", "description": "down"}
    body["details"] = {"x": 1}  # type: ignore[assignment]
    accepted = ask("/generic/2010-04-15/create_event.json", body)
    (it,) = pagerduty.events(accepted.body, accepted.meta, NOW)
    assert (accepted.status, json.loads(accepted.answer)["incident_key"]) == (200, "a")
    assert (it.action, it.key, it.title, it.fields["x"]) == (Action.TRIGGER, "a", "down", "1")


def test_the_key_is_never_stored_nor_shown_however_it_was_written() -> None:
    escaped = json.dumps(trigger()).replace(KEY, KEY.replace("0", "\\u0030", 1)).encode()
    for body in (json.dumps(trigger()).encode(), escaped):
        accepted = ask("/v2/enqueue", body)
        (it,) = pagerduty.events(accepted.body, accepted.meta, NOW)
        assert KEY.encode() not in accepted.body and KEY not in json.dumps(it.raw) and it.key == "disk/db1"
        assert "routing_key" not in it.raw


def test_nothing_is_read_at_these_addresses() -> None:
    with pytest.raises(Refused) as refused:
        pagerduty.read(Request("GET", "/v2/enqueue", "", {}, b""), SHOP, NOW)
    assert refused.value.status == 405
