"""Every channel while its provider has bad days: nothing is lost, doubled, early, late, or sent after an answer."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tocsin.testing.proving.oracle import Due, Got, Verdict, judge

T0 = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(seconds: float, taken: bool = True) -> Got:
    return Got("probe-0001", T0 + timedelta(seconds=seconds), taken)


def verdict(*got: Got, answered_at: float | None = None, stored: int | None = None, **more: bool) -> Verdict:
    answered = None if answered_at is None else T0 + timedelta(seconds=answered_at)
    due = Due("probe-0001", "SMS", "well", T0, MINUTE, answered, **more)
    seen = sum(one.taken for one in got) if stored is None else stored
    (one,) = judge([due], got, {"probe-0001": seen})
    return one


def test_the_oracle_is_content_with_one_message_in_time() -> None:
    assert verdict(at(0, taken=False), at(2)).holds


@pytest.mark.parametrize(
    ("made", "broken"),
    [
        (verdict, "lost"),
        (lambda: verdict(at(1, taken=False)), "lost"),
        (lambda: verdict(at(1), at(2)), "doubled"),
        (lambda: verdict(at(-1)), "early"),
        (lambda: verdict(at(61)), "late"),
        (lambda: verdict(at(1), at(9, taken=False), answered_at=3), "after_answer"),
        (lambda: verdict(at(1), stored=2), "misstored"),
    ],
)
def test_the_oracle_names_each_broken_promise(made: object, broken: str) -> None:
    one = made()  # type: ignore[operator]
    assert getattr(one, broken) == 1
    assert not one.holds


def test_the_oracle_excuses_what_nobody_can_know() -> None:
    assert verdict(at(1), at(2), may_double=True).holds
    assert verdict(answered_at=3).holds
    assert verdict(at(1), at(4.5, taken=False), answered_at=3).holds


def test_through_bad_days_of_every_provider_every_promise_holds() -> None:
    words = [sys.executable, "-m", "tocsin.testing.proving", "--json", "--deadline", "0.5"]
    proof = subprocess.run(words, capture_output=True, text=True, check=False)
    verdicts = json.loads(proof.stdout)
    broken = [one for one in verdicts if not one["holds"]]
    assert not broken, f"{broken}\n{proof.stderr}"
    assert proof.returncode == 0
    assert len({one["channel"] for one in verdicts}) == 10
    assert len({one["mood"] for one in verdicts}) == 9
