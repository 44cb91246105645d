"""Cards: whatever overtakes what, the last thing shown is what is so. Ten thousand interleavings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from tocsin.notification.rules import LEASE
from tocsin.notification.rules.cards import LIFE, REST, RETRY_MAX, Card, failed, lent, shown, touched

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
INTERLEAVINGS = 10_000
FIRES, OVER = "firing", "resolved"


@dataclass
class Flight:
    """A change under way: what it says, when it lands on the screen, and when its node hears of it (None: it died)."""

    fence: int
    carried: int
    says: str
    lands_at: datetime
    recorded_at: datetime | None
    fails: bool


class Screen:
    """One card, its incident, and any number of nodes, on a clock of its own."""

    def __init__(self, seed: int) -> None:
        self.random, self.now = Random(seed), T0
        self.incident, self.card = "firing 0", Card(touched_at=T0, changed_at=T0 - REST)
        self.screen = self.face = "firing 0"  # what people see, and what is stored of it
        self.flights: list[Flight] = []
        self.landed: list[datetime] = []

    def play(self) -> None:
        changes = sorted(self.random.uniform(0, 90) for _ in range(self.random.randint(1, 8)))
        for number, at in enumerate(changes, 1):
            self.until(T0 + timedelta(seconds=at))
            self.incident = f"{self.random.choice([FIRES, OVER])} {self.random.choice([0, number])}"
            self.card = touched(self.card, self.now)
        self.until(T0 + timedelta(seconds=90), calm=False)
        self.until(T0 + timedelta(minutes=15), calm=True)

    def until(self, end: datetime, calm: bool = False) -> None:
        while True:
            moments = [f.lands_at for f in self.flights if f.lands_at > self.now]
            moments += [f.recorded_at for f in self.flights if f.recorded_at and f.recorded_at > self.now]
            if self.card.next_at is not None:
                moments.append(max(self.card.next_at, self.now))
            at = min(moments, default=end)
            if at >= end:
                self.now = end
                return
            self.now = at
            for flight in [f for f in self.flights if f.lands_at == at]:
                if not flight.fails:
                    self.screen = flight.says
                    self.landed.append(at)
            for flight in [f for f in self.flights if f.recorded_at == at]:
                self.flights.remove(flight)
                self.record(flight)
            if self.card.next_at is not None and self.card.next_at <= at:
                self.begin(calm)

    def begin(self, calm: bool) -> None:
        self.card = lent(self.card, self.now)
        if self.card.sure and self.face == self.incident:  # nothing has changed, so nothing is sent
            self.card = shown(self.card, self.card.fence, self.card.wanted, self.now)
            return
        fate = (
            "well"
            if calm
            else self.random.choice(["well"] * 5 + ["slow", "stalls", "dies", "refused", "unsure"])
        )
        late = {"slow": 9.0, "stalls": self.random.uniform(16, 60), "dies": self.random.uniform(0, 28)}
        lands = self.now + timedelta(seconds=late.get(fate, self.random.uniform(0.01, 0.5)))
        record = None if fate == "dies" else lands + timedelta(seconds=self.random.uniform(0.001, 0.3))
        flight = Flight(
            self.card.fence, self.card.wanted, self.incident, lands, record, fails=fate == "refused"
        )
        self.flights.append(flight)
        if fate == "unsure":
            flight.carried = -1  # it landed, and its node hears of a failure

    def record(self, flight: Flight) -> None:
        if flight.fails or flight.carried < 0:
            self.card = failed(self.card, flight.fence, self.now, self.random.random(), for_good=False)
        else:
            self.face = flight.says if flight.fence == self.card.fence else self.face
            self.card = shown(self.card, flight.fence, flight.carried, self.now)


@pytest.mark.parametrize("first", range(0, INTERLEAVINGS, 1_000))
def test_the_last_thing_shown_is_what_is_so(first: int) -> None:
    for seed in range(first, first + 1_000):
        one = Screen(seed)
        one.play()
        assert one.screen == one.incident, f"seed {seed}"
        assert one.card.next_at is None, f"seed {seed}"
        assert one.card.shown == one.card.wanted, f"seed {seed}"


def test_many_changes_at_once_are_one() -> None:
    card = Card(touched_at=T0, changed_at=T0 - REST)
    for _ in range(50):
        card = touched(card, T0)
    card = lent(card, T0)
    assert shown(card, card.fence, card.wanted, T0 + REST).next_at is None


def test_a_card_changes_once_a_second_at_most() -> None:
    card = touched(Card(touched_at=T0, changed_at=T0), T0 + timedelta(milliseconds=1))
    assert card.next_at == T0 + REST
    card = lent(card, T0 + REST)
    more = touched(card, T0 + REST)
    after = shown(more, more.fence, card.wanted, T0 + REST)
    assert after.next_at == T0 + 2 * REST


def test_a_receiver_that_is_away_is_tried_for_a_day_and_gets_the_last_state_alone() -> None:
    card, now = touched(Card(touched_at=T0, changed_at=T0), T0), T0 + REST
    while (at := card.next_at) is not None:
        assert at - now <= RETRY_MAX * 1.25
        now = at
        card = failed(lent(card, now), card.fence + 1, now, 0.99, for_good=False)
    assert now - T0 > LIFE
    assert failed(lent(card, now), card.fence + 1, now, 0, for_good=True).next_at is None


def test_a_late_result_never_counts_as_shown() -> None:
    card = lent(touched(Card(touched_at=T0, changed_at=T0), T0), T0)
    taken = lent(card, T0 + LEASE)
    late = shown(taken, card.fence, 1, T0 + LEASE)
    assert (late.shown, late.sending, late.sure) == (0, True, False)
    assert replace(late, wanted=taken.wanted, touched_at=taken.touched_at) == taken
