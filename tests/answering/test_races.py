"""Two at the same instant, with threads of their own: people among themselves, and people and the climb (TRUST D20)."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from tests.counted import times
from tests.patience import PATIENCE
from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.answering.actions import answer
from tocsin.incident.actions import resolve
from tocsin.incident.models import Incident
from tocsin.journal.models import Entry
from tocsin.kernel.acting import by_user
from tocsin.notification.hearing import Pressed, Told, Tone
from tocsin.notification.models import Delivery
from tocsin.notification.rules import ActVerb

RACES = times(usual=200, whole=10_000)
AT_ONCE = 50  # incidents that are paged before their races begin
LEVEL = 300  # seconds until the next level is due
DONE = {"acknowledge": "incident.acknowledged", "resolve": "incident.resolved"}

Runner = Callable[[list[Callable[[], object]]], list[object]]


@pytest.fixture
def road(transactional_db: None, world: World, clock: Clock, outbox: Outbox) -> Road:
    return Road(world, clock)


@pytest.fixture
def together() -> Iterator[Runner]:
    """Runs some things at the same moment, each in a thread with a connection of its own; what each returned."""
    with ThreadPoolExecutor(2) as threads:

        def run(things: list[Callable[[], object]]) -> list[object]:
            ready = threading.Barrier(len(things))

            def one(thing: Callable[[], object]) -> object:
                ready.wait(PATIENCE)
                return thing()

            return [each.result(PATIENCE) for each in [threads.submit(one, thing) for thing in things]]

        yield run
        run([lambda: connection.close(), lambda: connection.close()])  # noqa: PLW0108 - each thread's own


def presses(road: Road, who: str, delivery: str, verb: ActVerb) -> Callable[[], object]:
    now = road.now
    return lambda: answer(Pressed(f"fake:{who}", delivery, verb), "chat", now)


def climbs(road: Road) -> Callable[[], object]:
    """What the engine does when the next level is due."""
    now, duties = road.now, [duty for duty in road.duties if duty.name in ("start climbs", "climb")]
    assert len(duties) == 2
    return lambda: sum(duty.act(now) for duty in duties)


def paged(road: Road, count: int, turn: int) -> list[tuple[Incident, str]]:
    """So many new incidents, each with the message that Bo got about it."""
    road.events(
        [{"key": f"{turn}-{n}", "action": "trigger", "title": f"Trouble {turn}-{n}"} for n in range(count)]
    )
    road.look()
    found = Incident.objects.filter(state="triggered").order_by("pk")
    first = {}
    for delivery in Delivery.objects.filter(
        incident_id__in=list(found.values_list("pk", flat=True)), page__user="bo"
    ).order_by("-due_at"):
        first[delivery.incident_id] = str(delivery.pk)
    return [(incident, first[incident.pk]) for incident in found]


def kinds_of(incident: Incident) -> list[tuple[str, str]]:
    """What stands on its timeline of who took it and who ended it, in order."""
    rows = Entry.objects.filter(chain=incident.chain, kind__in=DONE.values()).order_by("seq")
    return list(rows.values_list("kind", "who"))


def judge(incident: Incident, said: list[tuple[str, ActVerb, Told]]) -> None:
    """Nobody was told that they did what is not so, and nothing that was done is missing."""
    incident.refresh_from_db()
    kinds = kinds_of(incident)
    told_done = {
        (DONE[verb], f"user:{who}") for who, verb, told in said if verb in DONE and told.tone is Tone.DONE
    }
    assert told_done == set(kinds) and len(kinds) == len(told_done), (said, kinds)
    names = [kind for kind, _ in kinds]
    if "incident.resolved" in names:
        assert incident.state == "resolved" and names[-1] == "incident.resolved", kinds
    else:
        assert (incident.state, f"{incident.acknowledged_by}") == ("acknowledged", kinds[-1][1]), kinds
    for _, _, told in said:
        assert told.tone in (Tone.DONE, Tone.NOT_DONE) and told.text, said


@pytest.mark.counted
def test_d20_nothing_is_lost_and_nobody_told_a_falsehood_in_races(
    road: Road, outbox: Outbox, together: Runner
) -> None:
    chance, seen = random.Random(20), Counter[str]()
    for turn in range(-(-RACES // AT_ONCE)):
        against_the_climb = turn % 2 == 1
        waiting = paged(road, min(AT_ONCE, RACES - seen.total()), turn)
        if against_the_climb:
            road.sleep(seconds=LEVEL)  # the next level is due for all of them
        for incident, delivery in waiting:
            first, second = chance.choice(
                [(ActVerb.ACKNOWLEDGE, ActVerb.ACKNOWLEDGE), (ActVerb.ACKNOWLEDGE, ActVerb.RESOLVE),
                 (ActVerb.RESOLVE, ActVerb.RESOLVE), (ActVerb.ACKNOWLEDGE, ActVerb.ESCALATE)]
            )  # fmt: skip
            if against_the_climb:
                told, _ = together([presses(road, "bo", delivery, first), climbs(road)])
                said = [("bo", first, told)]
            else:
                both = together([presses(road, "bo", delivery, first), presses(road, "cy", delivery, second)])
                said = [("bo", first, both[0]), ("cy", second, both[1])]
            judge(incident, [(who, verb, each) for who, verb, each in said if isinstance(each, Told)])
            seen[f"{first} against {'the climb' if against_the_climb else second}"] += 1
        outbox.sent.clear()
        road.sleep(seconds=3)
        road.look()
        escalated = {message.details["incident"] for _, message in outbox.sent if message.kind == "page"}
        pushed = set(
            Entry.objects.filter(kind="climb.pushed").values_list("chain", flat=True)
        )  # somebody asked for these pages
        assert {f"incident:{number}" for number in escalated} <= pushed, "nothing is sent after an answer"
        for one in Incident.objects.filter(state="acknowledged"):  # else it would climb again in half an hour
            resolve(one.pk, by_user("mo", "web"), road.now)
        road.look()
    assert seen.total() == RACES and len(seen) >= 5, seen
