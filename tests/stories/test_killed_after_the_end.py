"""Five hundred deaths between the end of an incident and the word of it: who was told hears of it (TRUST A30).

The node dies in process, at each named point in turn: what it was doing is undone as far as it was not committed, and
what it had lent stays lent until the lease ends. `test_killed.py` kills the real program.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from django.db import transaction

from tests.counted import times
from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.incident.actions import resolve
from tocsin.incident.models import Incident
from tocsin.journal import crashing
from tocsin.kernel.acting import by_user
from tocsin.notification.models import Delivery
from tocsin.notification.rules import Kind

KILLS = times(150, 500)
AFTERWARDS = 20  # seconds: more than a lease
POINTS = {
    "digest: read",
    "digest: stored",
    "digest: before commit",
    "digest: committed",
    "delivery: claimed",
    "delivery: handed over",
    "delivery: before the record commits",
    "incident: before commit",
}


class Died(BaseException):
    """Not an Exception, so that nothing in the program can catch it and go on."""


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    return Road(world, clock)


def dying(at: int, seen: list[str]) -> Callable[[str], None]:
    """Dies at the point number `at` of what follows; 0: at none."""

    def handler(name: str) -> None:
        seen.append(name)
        if len(seen) == at:
            raise Died(name)

    return handler


def paged(road: Road, chance: random.Random) -> list[int]:
    """One to three incidents about which people were told; their numbers."""
    for key in range(chance.randint(1, 3)):
        road.event(f"k{key}", title=f"Trouble {key}")
    road.live(seconds=chance.choice([1, 30, 330]))  # in the last case the second level was paged too
    return list(Incident.objects.values_list("pk", flat=True))


def ended(road: Road, outbox: Outbox, numbers: list[int], by_hand: bool, at: int) -> list[str]:
    """They end, and the node dies at the point number `at` from then on. Returns the points that were passed."""
    told = {(who, message.details["incident"]) for who, message in outbox.sent}
    before, points = len(outbox.sent), list[str]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crashing, "handler", dying(at, points))
        try:
            if by_hand:
                resolve_all(road, numbers)
            else:
                road.events(
                    [{"key": f"k{key}", "action": "resolve", "title": "x"} for key in range(len(numbers))]
                )
            road.look()
        except Died:
            assert len(points) == at
    if by_hand:
        resolve_all(road, numbers)  # who was not told yes tries again
    road.sleep(seconds=AFTERWARDS)
    road.look()
    assert set(Incident.objects.values_list("state", flat=True)) == {"resolved"}
    words = [(who, message) for who, message in outbox.sent[before:] if message.kind == Kind.OVER]
    counted = Counter((who, message.details["incident"]) for who, message in words)
    assert set(counted) == told, f"died at {points[-1:]}"
    assert len({message.id for _, message in words}) == len(told), "what is said twice carries the same id"
    assert max(counted.values()) <= 2, "at most once more for one death"
    assert not Delivery.objects.filter(state__in=["due", "sending"]).exists()
    return points


def resolve_all(road: Road, numbers: list[int]) -> None:
    for number in numbers:
        if Incident.objects.get(pk=number).state != "resolved":
            resolve(number, by_user("mo", "web"), road.now)


@pytest.mark.counted
def test_a30_no_word_of_an_end_is_lost_in_hundreds_of_deaths(road: Road, outbox: Outbox) -> None:
    chance, begun = random.Random(30), road.now
    died_at: Counter[str] = Counter()
    while died_at.total() < KILLS:
        with transaction.atomic():
            numbers, by_hand = paged(road, chance), chance.random() < 0.25
            sent, paged_at, at = list(outbox.sent), road.now, 1
            while True:
                with transaction.atomic():
                    points = ended(road, outbox, numbers, by_hand, at)
                    transaction.set_rollback(True)
                road.clock.now, outbox.sent[:] = paged_at, sent
                if len(points) < at:
                    break  # it came to its end: every point before was died at
                died_at[points[-1]] += 1
                at += 1
            transaction.set_rollback(True)
        road.clock.now = begun
        outbox.sent.clear()
    assert set(died_at) >= POINTS
    assert min(died_at[point] for point in POINTS) >= KILLS // 50, died_at
