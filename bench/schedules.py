"""How long schedules take to compute, beside `recurring-ical-events` expanding an equal calendar in the same run.

`python -m bench.schedules` needs nothing running. In each round a year of 5 layers, 20 people and 200 overrides is
computed from its values, and a moment later the same layers and overrides are expanded from an iCalendar object that
was read before. That program only lists the events; who of them is on call in the end it does not work out, and we do.
Before measuring, both are made to agree on every hand-off. Exit code 0 when every goal was met, 1 when one was not.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import icalendar
import recurring_ical_events

from tocsin.kernel.hours import window_from
from tocsin.kernel.zones import zone
from tocsin.oncall.rules import (
    Layer,
    Override,
    Rotation,
    Schedule,
    Seat,
    Unit,
    final,
    layer_shifts,
    next_shift,
    on_call,
    timeline,
)

ZONE = "Europe/Madrid"
START = datetime.fromisoformat("2025-11-03T09:00")  # a Monday, on the wall
YEAR = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
OVERRIDES = 200
LOOKS = 1_000
PEOPLE = [f"person-{number}" for number in range(20)]
SEED = 20_260_105

FINAL_MS_MAX = 15.0
NOW_US_MAX = 100.0
RATIO_MIN = 20.0


@dataclass(frozen=True)
class Both:
    """A layer, and the same as one recurring event for each of its people: when the first of them begins, how often
    their turn comes, and how long an event lasts."""

    layer: Layer
    first: datetime
    rule: str
    step: timedelta
    length: timedelta


def _layer(unit: Unit, every: int, users: list[str], *windows: object) -> Layer:
    slots = tuple((Seat(user),) for user in users)
    return Layer(Rotation(unit, every), START, slots, restrict=tuple(window_from(each) for each in windows))


def _both() -> list[Both]:
    hour, day, week = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
    work = {"days": ["mon-fri"], "from": "09:00", "to": "17:00"}
    weekend = {"days": ["fri"], "from": "17:00", "to": "mon 09:00"}
    everybody, some, few = PEOPLE, PEOPLE[:8], PEOPLE[4:10]
    return [
        Both(_layer(Unit.WEEKLY, 1, everybody), START, "FREQ=WEEKLY;INTERVAL=20", week, week),
        Both(_layer(Unit.HOURLY, 12, some), START, "FREQ=HOURLY;INTERVAL=96", 12 * hour, 12 * hour),
        Both(
            _layer(Unit.DAILY, 1, everybody, {"from": "21:00", "to": "09:00"}),
            START + 12 * hour,
            "FREQ=DAILY;INTERVAL=20",
            day,
            12 * hour,
        ),
        Both(
            _layer(Unit.DAILY, 1, few, work),
            START,
            "FREQ=DAILY;INTERVAL=6;BYDAY=MO,TU,WE,TH,FR",
            day,
            8 * hour,
        ),
        Both(
            _layer(Unit.WEEKLY, 1, everybody, weekend),
            START + timedelta(days=4, hours=8),
            "FREQ=WEEKLY;INTERVAL=20",
            week,
            timedelta(hours=64),
        ),
    ]


def _overrides() -> tuple[Override, ...]:
    """Half of them for whoever is on call, half for one of the people."""
    chance, made = random.Random(SEED), []
    for number in range(OVERRIDES):
        start = YEAR[0] + timedelta(hours=chance.randrange(8_700))
        end = start + timedelta(hours=chance.randrange(1, 48))
        one, other = chance.sample(PEOPLE, 2)
        made.append(Override(f"o{number}", start, end, (one,), (other,) * (number % 2)))
    return tuple(made)


def _calendar(layers: list[Both], overrides: tuple[Override, ...]) -> icalendar.Calendar:
    here, calendar = zone(ZONE), icalendar.Calendar()
    for place, each in enumerate(layers, 1):
        for number, (seat,) in enumerate(each.layer.slots):
            first = (each.first + number * each.step).replace(tzinfo=here)
            rule = each.rule
            calendar.add_component(_event(f"{place}-{number}", seat.user, first, first + each.length, rule))
    for override in overrides:
        calendar.add_component(_event(override.id, override.users[0], override.start, override.end, ""))
    # Written and read back, as a feed would be.
    return icalendar.Calendar.from_ical(calendar.to_ical())


def _event(uid: str, user: str, start: datetime, end: datetime, rule: str) -> icalendar.Event:
    event = icalendar.Event()
    event.add("uid", uid)
    event.add("summary", user)
    event.add("dtstart", start)
    event.add("dtend", end)
    if rule:
        event.add("rrule", icalendar.vRecur.from_ical(rule))
    return event


def _agree(layers: list[Both], calendar: icalendar.Calendar) -> int:
    """How many events there are, after proving that both begin the same shifts. A wrong comparison is worth nothing."""
    events = recurring_ical_events.of(calendar).between(*YEAR)
    for place, each in enumerate(layers, 1):
        theirs = {
            (event["DTSTART"].dt.astimezone(UTC), str(event["SUMMARY"]))
            for event in events
            if str(event["UID"]).startswith(f"{place}-") and event["DTSTART"].dt.astimezone(UTC) >= YEAR[0]
        }
        shifts = layer_shifts(each.layer, ZONE, *YEAR)
        ours = {(shift.start, *shift.users) for shift in shifts if shift.start > YEAR[0]}
        if ours != theirs:
            odd = sorted(ours ^ theirs)[:3]
            raise RuntimeError(
                f"layer {place} is not the same calendar: {len(ours ^ theirs)} differ, as {odd}"
            )
    return len(events)


def _once(do: Callable[[], object]) -> float:
    """How long `do` takes, in seconds, without clearing up after others."""
    gc.collect()
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def _each(ask: Callable[[datetime], object], instants: list[datetime]) -> float:
    """How long `ask` takes for one of `instants`, on average, in microseconds."""
    return _once(lambda: [ask(at) for at in instants]) / len(instants) * 1e6


def measure(rounds: int) -> dict[str, float]:
    """The medians of `rounds`, in which each is measured in turn."""
    layers, overrides = _both(), _overrides()
    schedule = Schedule("web", ZONE, tuple(each.layer for each in layers), overrides)
    bare = replace(schedule, overrides=())
    calendar = _calendar(layers, overrides)
    events = _agree(layers, calendar)
    ours, plain, theirs = [], [], []
    for _ in range(rounds):
        ours.append(_once(lambda: final(schedule, *YEAR)))
        theirs.append(_once(lambda: recurring_ical_events.of(calendar).between(*YEAR)))
        plain.append(_once(lambda: final(bare, *YEAR)))
    warm, chance = timeline(schedule, *YEAR), random.Random(SEED)
    instants = [YEAR[0] + timedelta(minutes=chance.randrange(500_000)) for _ in range(LOOKS)]
    for at in instants:
        if warm.on_call(at) != on_call(schedule, at):
            raise RuntimeError(f"the answers for {at} differ")
    return {
        "shifts": len(warm.shifts),
        "events": events,
        "final ms": statistics.median(ours) * 1e3,
        "final ms, no overrides": statistics.median(plain) * 1e3,
        "recurring-ical-events ms": statistics.median(theirs) * 1e3,
        "ratio": statistics.median(b / a for a, b in zip(ours, theirs, strict=True)),
        "now, warm us": _each(warm.on_call, instants),
        "now, cold us": _each(partial(on_call, schedule), instants),
        "next us": _each(partial(next_shift, schedule), instants[:100]),
    }


def main() -> int:
    """Measure as the command line asks, and print; returns 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    figures = measure(parser.parse_args().rounds)
    print(f"a year of 5 layers, 20 people, {OVERRIDES} overrides: {figures['shifts']:.0f} shifts")
    print(f"the equal calendar: {figures['events']:.0f} events")
    missed = 0
    for name, bound, most in (
        ("final ms", FINAL_MS_MAX, True),
        ("final ms, no overrides", None, True),
        ("recurring-ical-events ms", None, True),
        ("ratio", RATIO_MIN, False),
        ("now, warm us", NOW_US_MAX, True),
        ("now, cold us", None, True),
        ("next us", None, True),
    ):
        value, goal = figures[name], ""
        if bound is not None:
            met = value <= bound if most else value >= bound
            missed += not met
            goal = f"   goal {'≤' if most else '≥'} {bound:g}: {'met' if met else 'MISSED'}"
        print(f"  {name:<28}{value:>10.1f}{goal}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
