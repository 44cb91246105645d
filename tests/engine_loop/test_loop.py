"""The engine's loop: every duty gets its turn, and none can stop the others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import OperationalError, transaction

from tests.patience import eventually
from tocsin.engine.health import FROZEN, LATE, Health
from tocsin.engine.loop import BACKOFF_FIRST, BREATH, REST_MAX, Duty, Engine
from tocsin.journal.waking import wake

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Hands:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, span: timedelta) -> None:
        self.now += span


@pytest.fixture
def hands() -> Hands:
    return Hands()


def counting(done: list[str], name: str, moved: Callable[[], int] = lambda: 0) -> Callable[[datetime], int]:
    def act(now: datetime) -> int:
        done.append(name)
        return moved()

    return act


def broken(now: datetime) -> int:
    raise ValueError("a rule that raises each time")


def engine(hands: Hands, *duties: Duty, health: Health | None = None, due: datetime | None = None) -> Engine:
    return Engine(duties, hands, health or Health(), lambda: {"climb": due} if due else {})


def test_duties_have_their_turns_in_their_order(hands: Hands) -> None:
    done: list[str] = []
    engine(hands, *(Duty(name, counting(done, name)) for name in "abc")).look()
    assert done == ["a", "b", "c"]


def test_a_duty_that_raises_does_not_keep_the_others_from_theirs(hands: Hands) -> None:
    done: list[str] = []
    health = Health()
    engine(hands, Duty("broken", broken), Duty("well", counting(done, "well")), health=health).look()
    assert done == ["well"]
    assert health.failing == {"broken": "ValueError: a rule that raises each time"}


def test_a_duty_that_raises_rests_longer_each_time_and_is_forgiven_when_it_works(hands: Hands) -> None:
    tried: list[datetime] = []
    works = False

    def moody(now: datetime) -> int:
        tried.append(now)
        if not works:
            raise ValueError
        return 0

    health = Health()
    loop = engine(hands, Duty("moody", moody), health=health)
    for _ in range(8):
        loop.look()
        hands.forward(BACKOFF_FIRST)
    rests = [later - earlier for earlier, later in pairwise(tried)]
    assert rests == [BACKOFF_FIRST, BACKOFF_FIRST * 2, BACKOFF_FIRST * 4]
    works = True
    hands.forward(timedelta(minutes=1))
    loop.look()
    assert health.failing == {}


def test_a_duty_that_met_its_limit_is_asked_again_at_once_after_the_others(hands: Hands) -> None:
    done: list[str] = []
    left = [2, 2, 1]
    busy = Duty("busy", counting(done, "busy", lambda: left.pop(0)), limit=2)
    loop = engine(hands, busy, Duty("other", counting(done, "other")))
    rests = [loop.look() for _ in range(3)]
    assert rests == [timedelta(0), timedelta(0), REST_MAX]
    assert done == ["busy", "other"] * 3


def test_a_duty_with_a_pace_rests_between_its_turns(hands: Hands) -> None:
    done: list[str] = []
    loop = engine(hands, Duty("seal", counting(done, "seal"), every=timedelta(seconds=10)))
    for _ in range(21):
        loop.look()
        hands.forward(timedelta(seconds=1))
    assert done == ["seal"] * 3


def test_it_rests_until_the_next_row_falls_due_and_never_longer_than_a_second(hands: Hands) -> None:
    assert engine(hands, due=START + timedelta(milliseconds=300)).look() == timedelta(milliseconds=300)
    assert engine(hands, due=START + timedelta(hours=1)).look() == REST_MAX
    assert engine(hands, due=None).look() == REST_MAX


def test_what_falls_due_during_a_look_is_looked_at_next_and_not_a_second_later(hands: Hands) -> None:
    def slow(now: datetime) -> int:
        hands.forward(timedelta(milliseconds=5))
        return 0

    loop = engine(hands, Duty("slow", slow), due=START + timedelta(milliseconds=3))
    assert loop.look() == timedelta(0)
    assert loop.look() == REST_MAX  # being due without moving is no reason to ask without a rest


def test_what_waits_past_its_time_is_its_lateness(hands: Hands) -> None:
    health = Health()
    engine(hands, health=health, due=START - timedelta(seconds=40)).look()
    assert health.lag == 40
    assert health.not_ready(START) == "The engine is 40 s late."
    engine(hands, health=health, due=START - LATE + timedelta(seconds=1)).look()
    assert health.not_ready(START) == ""


def test_an_engine_that_does_not_look_any_more_is_a_fault(hands: Hands) -> None:
    health = Health()
    assert health.not_ready(START) == "The engine has not looked yet."
    engine(hands, health=health).look()
    assert health.fault(START + FROZEN) == ""
    assert health.fault(START + FROZEN + timedelta(seconds=1)).startswith("The engine has not looked for")


def test_a_database_that_is_away_is_said_and_forgotten_once_it_answers(hands: Hands) -> None:
    away = True

    def needs_database(now: datetime) -> int:
        if away:
            raise OperationalError("the server closed the connection unexpectedly")
        return 0

    health = Health()
    loop = engine(hands, Duty("climb", needs_database), health=health)
    loop._look_safely()
    assert health.not_ready(START) == "The database does not answer."
    assert health.fault(START) == ""  # a restart of this program would not mend it
    away = False
    loop._look_safely()
    assert health.not_ready(START) == ""


def test_an_engine_that_may_not_decide_touches_nothing(hands: Hands) -> None:
    done: list[str] = []
    health = Health(refused="A newer Tocsin has upgraded the database.")
    engine(hands, Duty("climb", counting(done, "climb")), health=health).look()
    assert done == []
    assert health.not_ready(START) == "A newer Tocsin has upgraded the database."


@pytest.mark.django_db(transaction=True)
def test_a_commit_wakes_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.engine.loop.REST_MAX", timedelta(hours=1))  # only a commit wakes it here
    looked: list[datetime] = []

    def act(now: datetime) -> int:
        looked.append(now)
        return 0

    loop = Engine([Duty("look", act)], lambda: START, Health())
    loop.start()
    try:
        eventually(lambda: looked)
        for _ in range(20):
            before = len(looked)
            with transaction.atomic():
                wake("duties")
            eventually(lambda before=before: len(looked) > before)
    finally:
        assert loop.stop(60)


def test_a_duty_that_is_told_has_its_turn_before_anybody_is_asked(hands: Hands) -> None:
    done: list[str] = []
    asked: list[bool] = []

    def ask() -> dict[str, datetime | None]:
        asked.append(True)
        return {"climb": None, "digest": None}

    duties = [Duty("climb", counting(done, "climb")), Duty("digest", counting(done, "digest"), hears="inbox")]
    loop = Engine(duties, hands, Health(), ask)
    loop._heard("inbox")

    assert loop.look() <= BREATH
    assert (done, asked) == (["digest"], [])
    loop.look()
    assert (done, asked) == (["digest"], [True])


def test_however_often_one_duty_is_told_every_other_look_is_for_all(hands: Hands) -> None:
    done: list[str] = []
    duties = [Duty("digest", counting(done, "digest"), hears="inbox"), Duty("climb", counting(done, "climb"))]
    loop = engine(hands, *duties)
    for _ in range(6):
        loop._heard("inbox")
        loop.look()
    assert done.count("climb") == 3
    assert done.count("digest") == 6


def test_an_engine_that_may_not_decide_does_nothing_that_it_is_told_either(hands: Hands) -> None:
    done: list[str] = []
    health = Health()
    health.refused = "A newer Tocsin has upgraded the database."
    loop = engine(hands, Duty("digest", counting(done, "digest"), hears="inbox"), health=health)
    loop._heard("inbox")
    loop.look()
    loop.look()
    assert done == []
