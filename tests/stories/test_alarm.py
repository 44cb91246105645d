"""When every message to everybody fails: it is said aloud, something else is run, and it goes on trying."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client

from tests.stories.road import READERS, Road
from tests.world import T0, Clock, Outbox, World
from tocsin.channels.break_glass import BreakGlass, Contact
from tocsin.engine.duties import duties
from tocsin.engine.health import Health
from tocsin.engine.last_resort import LastResort, message_of, run
from tocsin.engine.waits import waits_of
from tocsin.escalation.alarm_actions import ALARM_AGAIN, Alarm, alone, sound_alarms
from tocsin.escalation.models import Climb
from tocsin.incident import actions as incidents
from tocsin.incident.rules import State
from tocsin.journal.models import Entry
from tocsin.kernel.acting import by_user
from tocsin.notification.rules import Failed, Limits, Message, Sent


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


# -- the break-glass list ----------------------------------------------------------------------------------------------


@dataclass
class Telephone:
    """A channel that nothing of the organisation uses."""

    name: str = "own"
    schemes: Sequence[str] = ("own",)
    limits: Limits = field(default_factory=Limits)
    rang: list[tuple[str, Message]] = field(default_factory=list)
    dead: int = 0  # calls that do not go

    def check(self, address: str) -> str:
        return address

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Sent | Failed:
        if self.dead:
            self.dead -= 1
            return Failed("the line is dead")
        self.rang.append((to_name, message))
        return Sent()


@pytest.fixture
def telephone() -> Telephone:
    return Telephone()


@pytest.fixture
def last(telephone: Telephone, clock: Clock) -> LastResort:
    listed = BreakGlass([Contact("Head of operations", "own:1", telephone)])
    return LastResort("", lambda: clock.now, Health(), listed, rest=lambda seconds: None)


def _told(number: int) -> list[dict[str, str]]:
    entries = Entry.objects.filter(kind="climb.break_glass", chain=f"incident:{number}").order_by("seq")
    return [told for entry in entries for told in entry.data["told"]]


def test_the_list_is_told_and_the_timeline_says_of_whom(
    alarm: Alarm, last: LastResort, telephone: Telephone, clock: Clock
) -> None:
    last.tell_list([alarm], clock.now)
    ((who, message),) = telephone.rang
    assert who == "Head of operations"
    assert message.subject == f"Nobody can be reached: #{alarm.incident_id} Checkout fails"
    assert message.link.endswith(f"/incidents/{alarm.incident_id}")
    assert message.acts == ()
    assert _told(alarm.incident_id) == [{"to": "Head of operations", "channel": "own", "error": ""}]
    assert alone().count() == 1, "it goes on trying whoever is on call"


def test_the_list_is_not_told_again_of_the_same_for_half_an_hour(
    alarm: Alarm, last: LastResort, telephone: Telephone, clock: Clock
) -> None:
    for _ in range(6):
        last.tell_list([alarm], clock.now)
        clock.forward(seconds=ALARM_AGAIN.total_seconds())
    assert len(telephone.rang) == 1
    last.tell_list([alarm], clock.now)
    assert len(telephone.rang) == 2


def test_whom_of_the_list_the_message_does_not_reach_is_tried_again(
    alarm: Alarm, last: LastResort, telephone: Telephone, clock: Clock
) -> None:
    telephone.dead = 2
    last.tell_list([alarm], clock.now)
    assert len(telephone.rang) == 1
    telephone.rang.clear()
    telephone.dead = 3
    clock.forward(minutes=30)
    last.tell_list([alarm], clock.now)
    assert telephone.rang == []
    assert _told(alarm.incident_id)[-1]["error"] == "the line is dead"
    clock.forward(seconds=ALARM_AGAIN.total_seconds())
    last.tell_list([alarm], clock.now)
    assert len(telephone.rang) == 1, "nobody was told, so the next alarm tells them"


def test_many_incidents_are_told_in_one_message(
    road: Road, outbox: Outbox, last: LastResort, telephone: Telephone
) -> None:
    alarms = [Alarm(number, {"title": f"Failure {number}", "service": "shop"}) for number in range(1, 9)]
    message = message_of(alarms)
    assert message.subject == "Nobody can be reached: 8 incidents"
    assert "And 3 more." in message.lines


def test_while_somebody_is_reached_the_list_is_left_alone(
    road: Road, outbox: Outbox, last: LastResort, telephone: Telephone
) -> None:
    road.event("db")
    road.live(minutes=2)
    assert last.look(road.now) == 0
    assert telephone.rang == []


def test_an_alarm_that_sounds_reaches_the_list_by_itself(
    road: Road, outbox: Outbox, telephone: Telephone, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = BreakGlass([Contact("Head of operations", "own:1", telephone)])
    last = LastResort("", lambda: clock.now, Health(), listed, rest=lambda seconds: None)
    monkeypatch.setattr(last._tellers, "hand", lambda alarms: last.tell_list(alarms, clock.now))
    work = duties(READERS, b"key", "story", sound=last.look)
    road.duties = [duty for duty in work if not duty.every]
    road.waits = waits_of(road.duties)
    _all_down(outbox)
    road.event("db")
    road.live(minutes=2)
    assert [who for who, _ in telephone.rang] == ["Head of operations"]
    told = Entry.objects.get(kind="climb.break_glass")
    assert told.happened_at - T0 <= timedelta(seconds=120)
    road.live(minutes=20)
    assert len(telephone.rang) == 1
    assert road.incident().state == State.TRIGGERED


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
