"""Alertmanager's webhook and its API v2, with payloads that real programs sent."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.sources.asking import KEY, NOW, ask, event, events
from tocsin.intake.rules import Action, Severity
from tocsin.kernel.errors import Refused
from tocsin.sources import alertmanager

HOOK = f"/hooks/{KEY}"
SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "webhook-payload-samples-dev.jsonl.gz"
ALERT: dict[str, Any] = {
    "labels": {"alertname": "Down", "instance": "a:9100", "severity": "critical"},
    "annotations": {
        "summary": "a is down",
        "description": "for 5 min",
        "runbook_url": "https://wiki.example/down",
    },
    "generatorURL": "http://prom.example/graph?g0.expr=up",
}


def webhook(*alerts: dict[str, Any], status: str = "firing") -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{alertname="Down"}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "tocsin",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://am.example:9093",
        "alerts": list(alerts),
    }


def alert(status: str = "firing", **changes: Any) -> dict[str, Any]:
    times = {"startsAt": "2026-03-02T08:58:00.123456789Z", "endsAt": "0001-01-01T00:00:00Z"}
    return ALERT | times | {"status": status, "fingerprint": "00112233aabbccdd"} | changes


def samples() -> dict[str, Any]:
    if not SAMPLES.exists():
        pytest.skip("the real payloads (shared/data) are not here")
    lines = gzip.decompress(SAMPLES.read_bytes()).splitlines()
    return {line["name"]: line["body"] for line in map(json.loads, lines)}


def test_each_alert_of_a_webhook_is_an_event_of_its_own() -> None:
    ended = alert("resolved", fingerprint="ffff", endsAt="2026-03-02T08:59:30Z")
    firing, resolved = events(HOOK, webhook(alert(), ended))
    assert (firing.action, firing.key) == (Action.TRIGGER, "00112233aabbccdd")
    assert (resolved.action, resolved.key) == (Action.RESOLVE, "ffff")
    assert (
        firing.title == "a is down"
        and firing.description == "for 5 min"
        and firing.severity is Severity.CRITICAL
    )
    assert firing.fields["alertname"] == "Down" and firing.fields["annotations.summary"] == "a is down"
    assert firing.happened_at == datetime(2026, 3, 2, 8, 58, 0, 123456, UTC) and firing.ends_at is None
    assert resolved.happened_at == datetime(2026, 3, 2, 8, 59, 30, tzinfo=UTC)
    assert firing.links == [
        ("Source", "http://prom.example/graph?g0.expr=up"),
        ("Runbook", "https://wiki.example/down"),
        ("Alertmanager", "http://am.example:9093"),
    ]
    assert firing.raw == alert()


def test_real_webhooks_of_versions_three_and_four_are_understood() -> None:
    real = samples()
    four = event(HOOK, real["prometheus_v4_alert"])
    assert four.fields["alertname"] == "thing_dead" and four.severity is Severity.CRITICAL
    assert all(it.key and it.title for it in events(f"{HOOK}/alertmanager", real["prometheus_v3_alert"]))


def test_prometheus_itself_is_answered_200_with_nothing() -> None:
    for path in ("/api/v2/alerts", f"{HOOK}/api/v2/alerts"):
        accepted = ask(path, [ALERT])
        assert (accepted.status, accepted.answer, accepted.source) == (200, b"", "alertmanager")


def test_an_alert_without_an_end_lasts_five_minutes_and_one_with_a_past_end_is_over() -> None:
    assert event("/api/v2/alerts", [ALERT]).ends_at == NOW + timedelta(minutes=5)
    zero = event("/api/v2/alerts", [ALERT | {"endsAt": "0001-01-01T00:00:00.000Z"}])
    assert zero.ends_at == NOW + timedelta(minutes=5) and zero.action is Action.TRIGGER
    soon = event("/api/v2/alerts", [ALERT | {"endsAt": "2026-03-02T09:04:00Z"}])
    assert soon.ends_at == NOW + timedelta(minutes=4)
    over = event("/api/v2/alerts", [ALERT | {"endsAt": "2026-03-02T08:59:59Z"}])
    assert over.action is Action.RESOLVE and over.ends_at is None
    ages = event("/api/v2/alerts", [ALERT | {"endsAt": "9999-12-31T23:59:59Z"}])
    assert ages.ends_at == NOW + alertmanager.FUTURE_MAX


def test_identity_is_the_whole_set_of_labels_in_any_order() -> None:
    turned = ALERT | {"labels": dict(reversed(ALERT["labels"].items()))}
    other = ALERT | {"labels": ALERT["labels"] | {"instance": "b"}}
    keys = [event("/api/v2/alerts", [one]).key for one in (ALERT, turned, other)]
    assert keys[0] == keys[1] != keys[2]


def test_the_fingerprint_shown_is_the_one_that_alertmanager_shows() -> None:
    # Taken from Alertmanager 0.25: amtool alert add alertname=Down instance=a; curl /api/v2/alerts
    assert alertmanager.fingerprint({"instance": "a", "alertname": "Down"}) == "b095cbba435360b4"


@pytest.mark.parametrize(
    ("labels", "severity"),
    [
        ({"severity": "page"}, Severity.CRITICAL),
        ({"severity": "Warning"}, Severity.WARNING),
        ({"severity": "none"}, Severity.INFO),
        ({"severity": "purple"}, Severity.ERROR),
        ({}, Severity.ERROR),
    ],
)
def test_severities_are_understood_and_an_unknown_one_pages(
    labels: dict[str, str], severity: Severity
) -> None:
    assert event("/api/v2/alerts", [{"labels": {"alertname": "x"} | labels}]).severity is severity


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/v2/alerts", {}, 400),
        ("/api/v2/alerts", [{"labels": {}}], 400),
        ("/api/v2/alerts", [{"labels": {"a": 1}}], 400),
        ("/api/v2/alerts", [{"annotations": {}}], 400),
        ("/api/v2/silences", {"matchers": []}, 501),
        ("/api/v2/status", {}, 405),
        ("/api/v2/nothing", {}, 404),
        (f"{HOOK}/alertmanager", {"alerts": "x"}, 400),
        (f"{HOOK}/alertmanager", {"alerts": [{"labels": {"a": "b"}, "status": "odd"}]}, 400),
        (f"{HOOK}/alertmanager", webhook(alert(fingerprint="f" * 513)), 400),
        ("/api/v2/alerts", [{"labels": {"a": str(n)}} for n in range(5_001)], 400),
    ],
)
def test_mistakes_are_refused(path: str, body: Any, status: int) -> None:
    with pytest.raises(Refused) as refused:
        ask(path, body)
    assert refused.value.status == status


def test_only_links_that_may_be_followed_are_kept_as_links() -> None:
    for bad in (
        "javascript:alert(1)",
        "file:///etc/passwd",
        "http://a:b@evil.example/",
        "//evil",
        "http://x\\y",
        "x",
    ):
        it = event("/api/v2/alerts", [ALERT | {"generatorURL": bad, "annotations": {}}])
        assert it.links == []
