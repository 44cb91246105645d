"""The simulator's seeds in the suite, in two halves: each file of tests goes to one process of the suite, and one that
had them all would still be at work when every other has ended."""

from __future__ import annotations

import os

from tocsin.testing.simulator import Simulation

ON_POSTGRES = bool(os.environ.get("TOCSIN_DATABASE_URL"))
SEEDS = 50 if ON_POSTGRES else 200  # every rule is met on either; what differs there is few statements
CHUNK = 10
_BEGINNINGS = tuple(range(0, SEEDS, CHUNK))
ONE_HALF, OTHER_HALF = _BEGINNINGS[::2], _BEGINNINGS[1::2]


def check(first: int) -> None:
    """Let the seeds from `first` on run, CHUNK of them. Raises PromiseBroken."""
    for seed in range(first, first + CHUNK):
        assert Simulation(seed).run()["events"] > 0
