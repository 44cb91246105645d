"""What came in, over REST."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.api.conftest import Program
from tests.stories.road import READERS, Road
from tests.world import Clock, Outbox, World
from tocsin.catalog.actions import set_enabled
from tocsin.incident.models import Incident
from tocsin.intake.models import Alert, Change, Inbox
from tocsin.kernel.acting import By
from tocsin.sources import READERS as REAL_READERS


@pytest.fixture
def road(world: World, outbox: Outbox, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Road:
    for name, reader in REAL_READERS.items():
        monkeypatch.setitem(READERS, name, reader)
    return Road(world, clock)


def test_a_test_alert_takes_the_whole_road(bo: Program, road: Road, outbox: Outbox) -> None:
    sent = bo.post("/test-alert")
    assert sent.status == 202, sent.text
    assert (sent.body["integration"], sent.body["service"]) == ("shop-events", "shop")
    assert Inbox.objects.count() == 1, "stored before it was answered"
    road.look()
    (alert,) = bo.get("/alerts?state=firing").body["items"]
    assert alert["key"] == sent.body["key"]
    assert alert["title"] == "Test alert, sent by Bo Lind"
    assert alert["incident"] == Incident.objects.get().pk
    assert outbox.people == ["bo"]


def test_a_test_alert_needs_a_way_in_that_is_switched_on(bo: Program, world: World, clock: Clock) -> None:
    assert bo.post("/test-alert", {"integration": "nothing"}).status == 404
    set_enabled("shop-events", False, By("cli", "cli"), clock.now)
    for body in (None, {"integration": "shop-events"}):
        assert bo.post("/test-alert", body).status == 409
    assert not Inbox.objects.exists()


def test_stakeholders_send_no_test_alerts(sam: Program) -> None:
    assert sam.post("/test-alert").status == 403


def test_alerts_are_listed_with_those_that_are_in_no_incident(
    bo: Program, world: World, clock: Clock
) -> None:
    for number, incident in enumerate((None, None)):
        Alert.objects.create(
            integration=world.integration, service=world.shop, incident=incident, key=f"k{number}",
            key_digest=f"{number}" * 32, title="Disk full", severity="critical", urgency="high",
            first_seen_at=clock.now, last_seen_at=clock.now, why="resolve before trigger",
        )  # fmt: skip
    listed = bo.get("/alerts?without_incident=true&service=shop&integration=shop-events").body["items"]
    assert [alert["why"] for alert in listed] == ["resolve before trigger"] * 2
    assert bo.get("/alerts?state=resolved").body["items"] == []
    assert bo.get("/alerts?service=other").body["items"] == []


def test_what_waits_and_what_nobody_could_digest_is_listed_without_its_body(ada: Program, road: Road) -> None:
    road.event("secret-canary")
    Inbox.objects.create(
        integration_id="gone", source="plain", received_at=road.now, body=b"secret-canary",
        quarantined_at=road.now, problem="ValueError while digesting it",
    )  # fmt: skip
    answer = ada.get("/inbox")
    assert [row["integration"] for row in answer.body["items"]] == ["shop-events", "gone"]
    assert "secret-canary" not in answer.text
    (aside,) = ada.get("/inbox?quarantined=true").body["items"]
    assert (aside["size"], aside["problem"]) == (13, "ValueError while digesting it")
    assert len(ada.get("/inbox?quarantined=false").body["items"]) == 1


def test_changes_are_listed_by_service(bo: Program, world: World, clock: Clock) -> None:
    Change.objects.create(
        integration=world.integration, service=world.shop, title="Release 412", fields={"version": "412"},
        links=[["diff", "https://example.com/412"]], happened_at=clock.now - timedelta(minutes=1),
        received_at=clock.now,
    )  # fmt: skip
    (change,) = bo.get("/changes?service=shop").body["items"]
    assert (change["title"], change["links"]) == ("Release 412", [["diff", "https://example.com/412"]])
    assert bo.get("/changes?service=other").body["items"] == []
