"""The digest rests while senders press, never for long, and not while something small waits among bulk."""

from __future__ import annotations

import pytest

from tocsin.intake import hot_pace
from tocsin.intake.hot_pace import PRESSED_ROWS, REST_FACTOR, REST_SECONDS_MAX, Pace


class Time:
    """A clock that moves only when somebody sleeps or works."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Hurry:
    """An event whose waiting moves the clock."""

    def __init__(self, time: Time) -> None:
        self.time, self.is_set = time, False

    def set(self) -> None:
        self.is_set = True

    def clear(self) -> None:
        self.is_set = False

    def wait(self, seconds: float) -> bool:
        if not self.is_set:
            self.time.now += seconds
        return self.is_set


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    one = Time()
    monkeypatch.setattr(hot_pace, "time", one)
    return one


@pytest.fixture
def pace(time: Time) -> Pace:
    one = Pace()
    one._hurry = Hurry(time)  # type: ignore[assignment]
    return one


def work(pace: Pace, time: Time, seconds: float = 0.02) -> tuple[float, int]:
    """One batch; how long it waited, and how many rows it was given."""
    began = time.now
    with pace.batch(200) as rows:
        waited = time.now - began
        time.now += seconds
    return waited, rows


def press(pace: Pace, time: Time, small: int, events: int) -> None:
    """A window full of traffic."""
    pace.came(0, 0)
    time.now += 0.11
    pace.came(small, events)


def test_without_pressure_nothing_rests(pace: Pace, time: Time) -> None:
    press(pace, time, 20, 20)
    assert [work(pace, time) for _ in range(3)] == [(0, 200)] * 3


def test_under_small_posts_each_batch_is_short_and_followed_by_a_rest(pace: Pace, time: Time) -> None:
    press(pace, time, 500, 500)
    assert work(pace, time) == (0, PRESSED_ROWS)
    press(pace, time, 500, 500)
    pace._until = time.now + 0.08
    waited, rows = work(pace, time)
    assert waited == pytest.approx(0.08) and rows == PRESSED_ROWS


def test_a_rest_ends_however_long_the_batch_was(pace: Pace, time: Time) -> None:
    press(pace, time, 500, 500)
    work(pace, time, seconds=5.0)
    assert pace._until - time.now == pytest.approx(REST_SECONDS_MAX)


def test_a_small_post_among_bulk_ends_the_rest_at_once(pace: Pace, time: Time) -> None:
    press(pace, time, 0, 50_000)
    work(pace, time)
    pace.came(1, 1)
    assert work(pace, time)[0] == 0


def test_under_bulk_alone_the_digest_rests(pace: Pace, time: Time) -> None:
    press(pace, time, 0, 50_000)
    work(pace, time, seconds=0.01)
    assert work(pace, time)[0] == pytest.approx(0.01 * REST_FACTOR)
