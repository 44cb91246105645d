"""When every message to everybody fails: it is said aloud, something else is run, and it goes on trying."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client

from tests.stories.road import Road
from tests.world import T0, Clock, Outbox, World
from tocsin.engine.health import Health
from tocsin.engine.last_resort import LastResort, run
from tocsin.escalation.alarm_actions import ALARM_AGAIN, Alarm, alone, sound_alarms
from tocsin.escalation.models import Climb
from tocsin.incident import actions as incidents
from tocsin.incident.rules import State
from tocsin.journal.models import Entry
from tocsin.kernel.acting import by_user


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    return Road(world, clock)


def _all_down(outbox: Outbox, times: int = 1_000) -> None:
    for who in ("bo", "cy", "ada", "mo"):
        outbox.fail(who, "HTTP 500", times=times)


def test_the_next_level_is_paged_within_a_minute_of_the_last_failure(road: Road, outbox: Outbox) -> None:
    outbox.fail("bo", "HTTP 500", times=1_000)
    road.event("db")
    road.live(seconds=60)
    undeliverable = Entry.objects.filter(kind="page.undeliverable").order_by("seq").first()
    assert undeliverable is not None
    paged = Entry.objects.filter(kind="climb.paged").order_by("seq")[1]
    assert paged.data["level"] == 2
    assert paged.happened_at - undeliverable.happened_at < timedelta(seconds=1)
    assert "cy" in outbox.people


def test_where_nobody_is_reached_the_alarm_sounds_within_two_minutes(road: Road, outbox: Outbox) -> None:
    _all_down(outbox)
    road.event("db")
    road.live(minutes=2)
    first = Entry.objects.filter(kind="climb.alone").order_by("seq").first()
    assert first is not None
    assert first.happened_at - T0 <= timedelta(seconds=120)
    assert road.incident().state == State.TRIGGERED
    assert alone().count() == 1


def test_it_goes_on_trying_until_somebody_is_reached(road: Road, outbox: Outbox) -> None:
    _all_down(outbox)
    road.event("db")
    road.live(minutes=20)
    assert Entry.objects.filter(kind="climb.alone").count() >= 3
    assert outbox.people == []
    outbox.failures.clear()
    road.live(minutes=6)
    assert "bo" in outbox.people
    road.live(minutes=6)
    assert alone().count() == 0
    quiet = Entry.objects.filter(kind="climb.alone").count()
    road.live(minutes=20)
    assert Entry.objects.filter(kind="climb.alone").count() == quiet


def test_who_answers_otherwise_ends_it(road: Road, outbox: Outbox) -> None:
    _all_down(outbox)
    road.event("db")
    road.live(minutes=2)
    incidents.acknowledge(road.incident().pk, by_user("bo", "web"), road.now)
    assert alone().count() == 0
    road.live(minutes=6)
    assert Entry.objects.filter(kind="climb.alone").count() == 1
    assert Climb.objects.get().alarm_at is None


@pytest.fixture
def alarm(road: Road, outbox: Outbox) -> Alarm:
    _all_down(outbox)
    road.event("db")
    road.live(minutes=2)
    road.sleep(seconds=ALARM_AGAIN.total_seconds())
    found: list[Alarm] = []
    assert sound_alarms(road.now, found.append) == 1
    return found[0]


def _program(folder: Path, script: str) -> str:
    path = folder / "page-somebody-else"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_the_program_gets_the_incident_and_who_was_tried(alarm: Alarm, tmp_path: Path) -> None:
    program = _program(tmp_path, f"cat > {tmp_path}/said")
    assert run(program, alarm) == "it ended with status 0"
    said = json.loads((tmp_path / "said").read_text())
    assert (said["incident"], said["title"], said["priority"]) == (alarm.incident_id, "Checkout fails", "P1")
    assert {"to": "Bo Lind", "contact": "fake", "error": "HTTP 500 (after 5 attempts)"} in said["tried"]


def test_a_program_that_fails_or_is_gone_is_said(
    alarm: Alarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(_program(tmp_path, "echo no modem >&2; exit 3"), alarm) == "it ended with status 3: no modem"
    assert run(str(tmp_path / "gone"), alarm).startswith("it could not be started: ")
    monkeypatch.setattr("tocsin.engine.last_resort.RUN_SECONDS", 0.05)
    assert run(_program(tmp_path, "exec sleep 20"), alarm) == "it was ended after 0 s"


def test_whoever_watches_the_program_is_told(alarm: Alarm, clock: Clock) -> None:
    health = Health()
    last = LastResort("", lambda: clock.now, health)
    last.watch(clock.now)
    assert health.alone == "Nobody can be reached about an incident: every message failed."
    incidents.acknowledge(alarm.incident_id, by_user("bo", "web"), clock.now)
    last.watch(clock.now)
    assert health.alone == ""


def test_every_page_says_so(alarm: Alarm, world: World) -> None:
    client = Client()
    client.force_login(world.sam)
    shown = client.get("/policies").content.decode()
    assert "Nobody can be reached" in shown
    assert f'href="/incidents/{alarm.incident_id}"' in shown
