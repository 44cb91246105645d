"""Several answer at the same moment: one of them has it, the others are told so; what comes twice is done once."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from tests.patience import PATIENCE
from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.answering.actions import answer
from tocsin.incident.models import Incident
from tocsin.journal.models import Entry
from tocsin.notification.hearing import Heard, Pressed, Told, Tone, Written
from tocsin.notification.models import Delivery
from tocsin.notification.rules import ActVerb

ROUNDS = 5


@pytest.fixture
def road(transactional_db: None, world: World, clock: Clock, outbox: Outbox) -> Road:
    return Road(world, clock)


def together(road: Road, said: list[Heard]) -> list[Told]:
    """Everything of `said` at once, each in a thread of its own."""
    told: list[Told] = []
    ready = threading.Barrier(len(said))

    def one(heard: Heard) -> Callable[[], None]:
        def run() -> None:
            try:
                ready.wait(PATIENCE)
                told.append(answer(heard, "chat", road.now))
            finally:
                connection.close()

        return run

    threads = [threading.Thread(target=one(heard)) for heard in said]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return told


def test_of_many_who_acknowledge_at_once_one_has_it_and_the_others_are_told(road: Road) -> None:
    for turn in range(ROUNDS):
        road.sleep(minutes=1)
        road.event(f"trouble-{turn}", title=f"Trouble {turn}")
        road.look()
        delivery = str(Delivery.objects.latest("due_at").pk)
        people = ("ada", "mo", "bo", "cy")
        told = together(road, [Pressed(f"fake:{who}", delivery, ActVerb.ACKNOWLEDGE) for who in people])
        assert [one.tone for one in told].count(Tone.DONE) == 1
        incident = Incident.objects.latest("pk")
        holder = incident.acknowledged_by.removeprefix("user:")
        assert holder in people
        for one in told:
            assert one.tone is Tone.DONE or "has it" in one.text
        assert Entry.objects.filter(kind="incident.acknowledged", chain=incident.chain).count() == 1


def test_what_comes_twice_at_once_is_done_once(road: Road, outbox: Outbox) -> None:
    road.event("one", title="Checkout fails")
    road.look()
    code = outbox.to("bo")[0].code
    words = Written("fake:bo", f"note {code} the disk", id="sms-1")
    told = together(road, [words] * 4)
    assert [one.tone for one in told].count(Tone.DONE) == 1
    assert Entry.objects.filter(kind="incident.noted").count() == 1


def test_a_code_and_a_resolve_at_once_leave_one_truth(road: Road, outbox: Outbox) -> None:
    road.event("one", title="Checkout fails")
    road.look()
    code, delivery = outbox.to("bo")[0].code, str(Delivery.objects.get().pk)
    told = together(road, [Written("fake:bo", code), Pressed("fake:cy", delivery, ActVerb.RESOLVE)])
    assert all(one.tone is not Tone.SILENT for one in told)
    kinds = list(
        Entry.objects.filter(kind__in=["incident.acknowledged", "incident.resolved"]).values_list(
            "kind", flat=True
        )
    )
    assert Incident.objects.get().state == "resolved"
    assert kinds.count("incident.resolved") == 1
