"""Measure Tocsin and Alertmanager in turn and print the ratios: `python -m bench.run [--scale 0.1] [--only intake]`.

Exit code 0 when every goal was met, 1 when one was not, 2 when something is missing.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import climbs, delivery, empty
from bench.measures import SHAPES, Figures, Shape, intake, memory, page_latency, storm
from bench.receiver import Receiver
from bench.targets import Alertmanager, Target, Tocsin

GROUPS = ("intake", "empty", "latency", "storm", "climbs", "memory", "start", *delivery.GROUPS)
PEER, OURS, EMPTY = Alertmanager.name, Tocsin.name, "empty handler"
LATENCY_S = 20.0


@dataclass(frozen=True)
class Goal:
    """What a figure has to be: `ratio` to the other program in the same round, or an absolute bound."""

    measurement: str
    field: str
    bound: float
    most: bool  # True: at most `bound`; False: at least
    against: str = ""  # the program it is a ratio to; "" for an absolute figure

    @property
    def words(self) -> str:
        sign = "≤" if self.most else "≥"
        return f"{sign} {self.bound:g}" + (f" x {self.against}" if self.against else "")


def _goals() -> tuple[Goal, ...]:
    least = {
        Shape(1, 16): 0.5,
        Shape(1, 64): 0.5,
        Shape(100, 16): 1.0,
        Shape(1, 64, same=True): 1.2,
        Shape(100, 64, same=True): 2.0,
    }
    goals = [Goal(f"intake: {shape.name}", "alerts/s", bound, False, PEER) for shape, bound in least.items()]
    goals += [Goal(f"intake: {shape.name}", "refused", 0, True) for shape in SHAPES]
    goals.append(Goal("empty handler", "alerts/s", 0.4, False, EMPTY))
    for rate in (10, 100):
        name = f"page latency at {rate}/s"
        goals += [
            Goal(name, "p50 ms", 4, True, PEER),
            Goal(name, "p99 ms", 3, True, PEER),
            Goal(name, "p99 ms", 50, True),
            Goal(name, "lost", 0, True),
        ]
    goals += [
        Goal("storm", "max ms", 1, True, PEER),
        Goal("storm", "messages", 30, True),
        Goal("storm", "lost", 0, True),
        Goal("running climbs", "look ms", 5, True),
        Goal("running climbs", "late p99 ms", 250, True),
        Goal("running climbs", "lost", 0, True),
        Goal("memory", "idle MB", 150, True),
        Goal("memory", "after MB", 300, True),
        Goal("start", "ready s", 2, True),
    ]
    goals += [Goal(measurement, field, most, True) for measurement, field, most in delivery.GOALS]
    return tuple(goals)


class Results:
    """Every figure of every round, by measurement, field and program."""

    def __init__(self) -> None:
        self.rounds: dict[str, dict[str, list[Figures]]] = defaultdict(lambda: defaultdict(list))

    def add(self, measurement: str, program: str, figures: Figures) -> None:
        self.rounds[measurement][program].append(figures)
        said = "  ".join(f"{name} {value:,.4g}" for name, value in figures.items())
        print(f"  {measurement:52} {program:14} {said}", flush=True)

    def values(self, measurement: str, program: str, field: str) -> list[float]:
        return [figures[field] for figures in self.rounds[measurement][program] if field in figures]

    def ratios(self, goal: Goal) -> list[float]:
        ours = self.values(goal.measurement, OURS, goal.field)
        theirs = self.values(goal.measurement, goal.against, goal.field)
        return [a / b if b else math.inf for a, b in zip(ours, theirs, strict=False)]


@contextmanager
def _running(target: Target, hook_port: int, folder: Path) -> Iterator[Target]:
    place = folder / f"{target.name}-{len(list(folder.iterdir()))}"
    place.mkdir()
    target.prepare(place, hook_port)
    target.start()
    try:
        yield target
    finally:
        target.stop()


def _measure(
    groups: set[str], scale: float, rounds: int, minutes: float, peers: bool, folder: Path
) -> Results:
    results = Results()
    kinds: list[type[Alertmanager] | type[Tocsin]] = [Alertmanager, Tocsin] if peers else [Tocsin]
    with Receiver() as receiver:
        for n in range(rounds):
            print(f"round {n + 1} of {rounds}", flush=True)
            for group in ("intake", "latency", "storm"):
                if group not in groups:
                    continue
                with ExitStack() as stack:
                    targets = [stack.enter_context(_running(kind(), receiver.port, folder)) for kind in kinds]
                    _in_turn(group, targets, receiver, n, scale, results)
            if "empty" in groups:
                with _running(Tocsin(), receiver.port, folder) as ours:
                    results.add("empty handler", EMPTY, empty.intake(Shape(1, 64), scale))
                    results.add("empty handler", OURS, intake(ours, Shape(1, 64), f"e{n}", scale))
            if "start" in groups:
                ours = Tocsin()
                place = folder / f"start-{n}"
                place.mkdir()
                ours.prepare(place, receiver.port)
                try:
                    results.add("start", OURS, {"ready s": ours.start()})
                finally:
                    ours.stop()
            for group in delivery.GROUPS:
                if group in groups:
                    for found in delivery.measure(group, n, scale, minutes, folder):
                        results.add(*found)
        if "memory" in groups:
            for kind in kinds:
                with _running(kind(), receiver.port, folder) as target:
                    results.add("memory", target.name, memory(target, scale))
        if "climbs" in groups:
            results.add("running climbs", OURS, climbs.measure(receiver, folder, scale))
    return results


def _in_turn(
    group: str, targets: list[Target], receiver: Receiver, n: int, scale: float, results: Results
) -> None:
    """One group of measurements, each on every target, a moment apart."""
    if group == "intake":
        for number, shape in enumerate(SHAPES):
            for target in targets:
                figures = intake(target, shape, f"i{n}s{number}", scale)
                results.add(f"intake: {shape.name}", target.name, figures)
    elif group == "latency":
        for rate in (10, 100):
            for target in targets:
                figures = page_latency(target, receiver, rate, LATENCY_S * min(1, scale), f"l{n}r{rate}")
                results.add(f"page latency at {rate}/s", target.name, figures)
    else:
        for target in targets:
            results.add("storm", target.name, storm(target, receiver, f"s{n}", scale))


def _report(results: Results) -> bool:
    """Print each goal with what came out; returns whether all that were measured were met."""
    print(f"\n{'figure':52} {'field':12} {OURS:>12} {PEER:>14} {'ratio [range]':>22}  goal")
    met = True
    for goal in _goals():
        ours = results.values(goal.measurement, OURS, goal.field)
        if not ours:
            continue
        theirs = results.values(goal.measurement, goal.against or PEER, goal.field)
        ratios = results.ratios(goal) if goal.against else []
        if goal.against and not ratios:
            continue
        figure = statistics.median(ratios or ours)
        good = figure <= goal.bound if goal.most else figure >= goal.bound
        met = met and good
        spread = f"{figure:.2f} [{min(ratios):.2f}..{max(ratios):.2f}]" if ratios else ""
        other = f"{statistics.median(theirs):,.4g}" if theirs else ""
        print(
            f"{goal.measurement:52} {goal.field:12} {statistics.median(ours):>12,.4g} {other:>14} {spread:>22}  "
            f"{goal.words} {'met' if good else 'NOT MET'}"
        )
    return met


def main() -> int:
    """Measure what the command line asks for, and print; returns 1 when a goal is missed."""
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__.split("\n", 1)[0] if __doc__ else ""
    )
    parser.add_argument("--scale", type=float, default=1.0, help="part of the full counts, for a quick look")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--only", default=",".join(GROUPS), help=f"some of {', '.join(GROUPS)}; delivery for the last five"
    )
    parser.add_argument(
        "--minutes", type=float, default=delivery.STORM_MINUTES, help="of a storm, while messages are counted"
    )
    options = parser.parse_args()
    groups = set(options.only.replace("delivery", ",".join(delivery.GROUPS)).split(","))
    if unknown := groups - set(GROUPS):
        parser.error(f"{sorted(unknown)[0]} is none of {', '.join(GROUPS)}")
    if why := Alertmanager.absent():
        print(f"{why}: only absolute figures follow, and ratios are left out.")
    if options.scale != 1 or options.rounds != 3:
        print(
            f"A quick look (scale {options.scale:g}, {options.rounds} rounds): not the figures of the goals."
        )
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        results = _measure(groups, options.scale, options.rounds, options.minutes, not why, Path(folder))
    return 0 if _report(results) else 1


if __name__ == "__main__":
    sys.exit(main())
