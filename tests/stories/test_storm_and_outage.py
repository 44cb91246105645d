"""A flood of alerts, and providers that are down."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.catalog import actions as configuration
from tocsin.incident import actions as incidents
from tocsin.incident.models import Incident
from tocsin.intake.models import Alert, Inbox, Tally
from tocsin.kernel.acting import by_user
from tocsin.notification.models import Attempt, Delivery, Page, Rule
from tocsin.people.models import Contact


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    return Road(world, clock)


def _storm(road: Road, alerts: int, each: int = 500) -> None:
    for start in range(0, alerts, each):
        some = range(start, start + each)
        road.events(
            [
                {"key": f"disk-{n}", "action": "trigger", "title": f"Disk {n}", "severity": "warning",
                 "fields": {"region": "eu"}}
                for n in some
            ],
            lane=1,
        )  # fmt: skip


def test_a_storm_is_one_incident_and_the_critical_alert_in_it_pages_first(
    road: Road, outbox: Outbox, world: World
) -> None:
    world.shop.group_by = ["region"]
    world.shop.save()
    configuration.refresh()
    _storm(road, 3_000)
    road.event("db", title="The database is gone", fields={"region": "us"})
    road.look()
    storm = Incident.objects.get(title="Disk 0")
    assert (storm.alerts_total, storm.alerts_firing) == (3_000, 3_000)
    assert Incident.objects.count() == 2
    assert [message.subject.partition(" · ")[0] for _, message in outbox.sent] == [
        "[P1] The database is gone",
        "[P3] Disk 0",
    ]
    assert len(road.told(storm)) < 20  # the timeline tells of a storm in a few lines, not in thousands
    assert not Inbox.objects.exists()
    assert sum(Tally.objects.values_list("count", flat=True)) == 3_001


def test_one_broken_check_that_fires_ten_thousand_times_is_one_alert_with_a_counter(
    road: Road, outbox: Outbox
) -> None:
    for _ in range(20):
        road.events([{"key": "db", "action": "trigger", "title": "Database"}] * 500, lane=1)
    road.look()
    alert = Alert.objects.get()
    assert (alert.count, len(alert.samples)) == (10_000, 1)
    assert outbox.people == ["bo"]


def test_when_every_alert_of_a_storm_resolves_so_does_its_incident(road: Road, world: World) -> None:
    world.shop.group_by = []
    world.shop.save()
    configuration.refresh()
    _storm(road, 1_000)
    road.look()
    road.events([{"key": f"disk-{n}", "action": "resolve"} for n in range(1_000)], lane=1)
    road.look()
    assert road.incident().state == "resolved"
    assert road.incident().alerts_firing == 0


def test_a_provider_that_is_down_is_retried_and_the_page_goes_when_it_is_back(
    road: Road, outbox: Outbox
) -> None:
    outbox.fail("bo", "503 from the provider", times=3)
    road.event("db")
    road.live(minutes=1)
    assert outbox.people == ["bo"]
    assert list(Attempt.objects.values_list("outcome", flat=True)) == ["503 from the provider"] * 3 + ["sent"]
    waits = [b - a for a, b in zip(*_instants(), strict=False)]
    assert waits == sorted(waits), "each wait is longer than the one before"


def _instants() -> tuple[list[object], list[object]]:
    at = list(Attempt.objects.order_by("number").values_list("at", flat=True))
    return at, at[1:]


def test_when_a_channel_is_given_up_the_next_one_does_not_wait_for_its_delay(
    road: Road, outbox: Outbox
) -> None:
    Contact.objects.create(user_id="bo", name="phone", address="fake:bo-phone", vouched_by="user:ada")
    Rule.objects.create(user_id="bo", urgency="high", position=1, contact="phone", delay=timedelta(minutes=4))
    configuration.refresh()
    outbox.fail("bo", "no such mailbox", again=False)
    road.event("db")
    road.look()
    assert outbox.people == ["bo-phone"]
    assert set(Delivery.objects.values_list("state", flat=True)) == {"undeliverable", "sent"}


def test_when_everything_is_down_everybody_was_tried_and_the_incident_stays_open(
    road: Road, outbox: Outbox
) -> None:
    for who in ("bo", "cy", "ada"):
        outbox.fail(who, "the provider is gone", times=1_000)
    road.event("db")
    road.live(minutes=30)
    assert outbox.people == []
    assert set(Page.objects.values_list("user_id", flat=True)) == {"bo", "cy", "ada"}
    tried = Page.objects.filter(created_at__lt=road.now - timedelta(minutes=2))
    assert not tried.filter(undeliverable_at=None).exists()
    assert "climb.alone" in road.told(road.incident())
    assert road.incident().state == "triggered"


def test_what_resolved_during_an_outage_of_the_engine_pages_nobody(road: Road, outbox: Outbox) -> None:
    for n in range(50):
        road.event(f"a{n}")
    road.sleep(hours=1)
    for n in range(49):
        road.event(f"a{n}", "resolve")
    road.look()
    assert [message.subject for _, message in outbox.sent] == [outbox.sent[0][1].subject]
    assert Incident.objects.filter(state="triggered").count() == 1


def test_an_answer_while_retries_wait_ends_them(road: Road, outbox: Outbox) -> None:
    outbox.fail("bo", times=100)
    road.event("db")
    road.live(seconds=3)
    incidents.resolve(road.incident().pk, by_user("cy", "web"), road.now)
    before = Attempt.objects.count()
    road.live(minutes=5)
    assert Attempt.objects.count() == before
