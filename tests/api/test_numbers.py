"""Accepted, due, sent, confirmed, undeliverable: they add up, and they are what really happened."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from tests.api.conftest import Program
from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.api import numbers
from tocsin.api.numbers import age_of_due_work, totals
from tocsin.incident.actions import acknowledge
from tocsin.intake.models import Inbox
from tocsin.journal.models import Entry
from tocsin.kernel.acting import by_user
from tocsin.notification.models import Delivery
from tocsin.notification.receipts import confirm
from tocsin.notification.rules import DeliveryState


@pytest.fixture
def road(world: World, outbox: Outbox, clock: Clock) -> Road:
    numbers._events_before.cache_clear()
    return Road(world, clock)


def test_after_a_road_every_number_is_what_happened(road: Road, outbox: Outbox, clock: Clock) -> None:
    """Nine events; bo's first message arrives, cy cannot be reached, mo is paged by rules that an ack cuts short."""
    outbox.fail("cy", again=False, times=9)
    for number in range(3):
        road.event("disk", title=f"Disk full, seen {number + 1} times")
    road.event("net", severity="warning")
    road.events([{"key": f"cpu-{n}", "action": "trigger"} for n in range(4)])
    road.live(minutes=6)
    first = Delivery.objects.filter(state=DeliveryState.SENT).order_by("sent_at", "pk")[0]
    assert confirm(first.pk, clock.now)
    for incident in Entry.objects.filter(kind="incident.opened").values_list("chain", flat=True):
        acknowledge(int(incident.partition(":")[2]), by_user("bo", "web"), clock.now)
    road.event("disk", action="resolve")
    road.live(minutes=1)

    found = totals(clock.now)
    assert found.accepted == 9
    assert found.events == {"new": 6, "repeat": 2, "resolve": 1}
    assert (found.requests_waiting, found.requests_quarantined) == (0, 0)

    assert found.planned == Delivery.objects.count()
    assert found.planned == found.suppressed + found.due
    assert found.due == found.waiting + found.sent + found.undeliverable
    assert found.waiting == 0
    assert found.confirmed == 1
    # Counted where it happened: by the provider, and in the journal.
    assert found.sent == len(outbox.sent) == Entry.objects.filter(kind="page.sent").count()
    assert found.undeliverable == 6


def test_what_is_not_needed_any_more_is_counted_as_suppressed(road: Road, clock: Clock) -> None:
    road.event("disk")
    for duty in road.duties:
        duty.act(clock.now)
    assert totals(clock.now).waiting == 1
    acknowledge(road.incident().pk, by_user("bo", "web"), clock.now)
    found = totals(clock.now)
    assert (found.planned, found.suppressed, found.due, found.sent) == (1, 1, 0, 0)


def test_yesterdays_events_stay_counted(road: Road, clock: Clock) -> None:
    road.event("disk")
    road.look()
    clock.forward(days=1)
    road.event("disk")
    road.look()
    assert totals(clock.now).accepted == 2
    clock.forward(days=30)
    assert totals(clock.now).accepted == 2


def test_an_alert_that_ends_by_itself_is_no_event_accepted(road: Road, world: World, clock: Clock) -> None:
    from tocsin.intake.models import Alert

    road.event("disk")
    road.look()
    Alert.objects.update(ends_at=clock.now + timedelta(minutes=4))
    road.live(minutes=5)
    assert road.incident().state == "resolved"
    assert totals(clock.now).accepted == 1


def test_late_work_shows_though_no_engine_looks(road: Road, clock: Clock) -> None:
    assert age_of_due_work(clock.now) == timedelta(0)
    road.event("disk")
    assert age_of_due_work(clock.now) == timedelta(0)
    clock.forward(seconds=90)
    assert age_of_due_work(clock.now) == timedelta(seconds=90)
    road.look()
    assert age_of_due_work(clock.now) == timedelta(0)
    clock.forward(minutes=7)
    assert age_of_due_work(clock.now) == timedelta(minutes=2), "the second level was due after five"


# -- /metrics -------------------------------------------------------------------------------------------------------


class Local(Client):
    """A program on this machine."""

    def __init__(self) -> None:
        super().__init__(SERVER_NAME="127.0.0.1")


def scrape(**more: str) -> dict[str, float]:
    answer = Local().get("/metrics", **more)
    assert answer.status_code == 200, answer.content
    assert answer.headers["Content-Type"].startswith("text/plain")
    return {
        sample.name
        + "".join(f"{{{name}={value}}}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def test_prometheus_reads_every_number(road: Road, outbox: Outbox, clock: Clock) -> None:
    road.event("disk")
    road.look()
    road.event("net")
    Inbox.objects.create(
        integration_id="shop-events",
        source="plain",
        received_at=clock.now,
        body=b"",
        quarantined_at=clock.now,
    )
    clock.forward(seconds=3)
    found = scrape()
    assert found["tocsin_events_total{effect=new}"] == 1
    assert found["tocsin_inbox_waiting"] == 1
    assert found["tocsin_inbox_quarantined"] == 1
    assert found["tocsin_deliveries{state=sent}"] == 1
    assert found["tocsin_deliveries{state=undeliverable}"] == 0
    assert found["tocsin_deliveries_sent_total"] == 1
    assert found["tocsin_deliveries_confirmed_total"] == 0
    assert found["tocsin_deliveries_due"] == 1
    assert found["tocsin_incidents_open{priority=P1}{state=triggered}"] == 1
    assert found["tocsin_climbs_running"] == 1
    assert found["tocsin_due_work_age_seconds"] == 3
    assert any(name.startswith("tocsin_build_info") for name in found)


def test_no_number_has_two_meanings(world: World) -> None:
    """A name that stands twice makes Prometheus refuse the whole page."""
    import tocsin.engine.delivery
    import tocsin.intake.hot
    import tocsin.site.checkpoint

    # They count in the process.
    assert tocsin.engine.delivery and tocsin.intake.hot and tocsin.site.checkpoint
    text = Local().get("/metrics").content.decode()
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert sorted(names) == sorted(set(names))
    assert {"tocsin_engine_lag_seconds", "tocsin_events_accepted_total", "tocsin_events_total"} <= set(names)


def test_the_numbers_are_for_this_machine_or_for_a_token(bo: Program, world: World) -> None:
    client = Local()
    assert client.get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="::1").status_code == 200
    far = client.get("/metrics", REMOTE_ADDR="192.0.2.7")
    assert far.status_code == 401
    assert far.headers["WWW-Authenticate"].startswith("Bearer")
    token = {"Authorization": f"Bearer {bo.token}"}
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.7", headers=token).status_code == 200
    assert client.post("/metrics").status_code == 405


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_a_proxy_on_this_machine_does_not_make_the_world_local(world: World, header: str) -> None:
    answer = Local().get("/metrics", REMOTE_ADDR="127.0.0.1", headers={header: "127.0.0.1"})
    assert answer.status_code == 401


def test_behind_tls_nothing_is_local_because_a_proxy_stands_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, url="https://tocsin.example.com"))
    assert Local().get("/metrics").status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.0.2.7"])
def test_a_page_in_a_browser_here_reads_nothing_under_a_name_of_its_own(world: World, host: str) -> None:
    assert Client().get("/metrics", headers={"Host": host}).status_code == 401


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_this_machine_has_several_names(world: World, host: str) -> None:
    assert Client().get("/metrics", headers={"Host": host}).status_code == 200
