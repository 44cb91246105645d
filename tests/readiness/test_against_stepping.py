"""The proof against asking minute by minute: for each instant of a grid, a climb told in a loop of its own, which asks
who is on call at that very instant and knows nothing of what comes next."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.counted import times
from tests.oncall_rules.strategies import PEOPLE, ZONES, placed
from tests.readiness.arranging import MINUTE, NAMES, person
from tocsin.catalog.rules import ServiceValue
from tocsin.escalation.rules import Clocks, Level, Policy, Target, TargetKind, When
from tocsin.kernel.calendars import Calendar
from tocsin.kernel.durations import in_words
from tocsin.kernel.hours import Window
from tocsin.kernel.urgency import Urgency
from tocsin.oncall.rules import Layer, Rotation, Schedule, Seat, Unit, next_shift, on_call, previous_shift
from tocsin.readiness.rules import FOLLOWED, Arrangement, Person, Prover

STEP = 5 * MINUTE  # whatever changes here changes at whole multiples of it
HOURS = 10 * timedelta(hours=1)


def arranged_by(chance: Random, schedule: Schedule, near: datetime) -> Arrangement:
    """Something of everything. By chance and not by strategies, which prefer the small and the empty."""

    def target() -> Target:
        kind = chance.choice([TargetKind.SCHEDULE] * 4 + [TargetKind.TEAM, TargetKind.USER])
        if kind is TargetKind.SCHEDULE:
            return Target(
                kind, chance.choice(["web"] * 8 + ["gone"]), chance.choice(["", "next", "previous"])
            )
        return Target(
            kind, chance.choice(PEOPLE) if kind is TargetKind.USER else chance.choice(["web", "none"])
        )

    def level() -> Level:
        hours = chance.choice(["hours"] * 5 + ["gone"])
        when = When(hours, chance.random() < 0.5, chance.choice(list(Clocks)))
        targets = tuple(target() for _ in range(chance.choice([1, 1, 2])))
        return Level(
            targets, chance.choice([5, 10, 25, 90]) * MINUTE, when if chance.random() < 0.4 else None
        )

    def somebody(user: str) -> Person:
        more: dict[str, Any] = {"contacts": {}} if chance.random() < 0.2 else {}
        return person(
            user,
            *chance.choices(["0s", "5m", "20m"], k=chance.choice([0, 1, 2])),
            active=chance.random() < 0.9,
            timezone=chance.choice(ZONES),
            broken={"way-0": "fails"} if chance.random() < 0.2 else {},
            **more,
        )

    turns = Layer(
        Rotation(Unit.HOURLY, chance.choice([1, 2, 3, 7])),
        (near - timedelta(days=2)).replace(tzinfo=None, minute=chance.choice([0, 15]), second=0),
        tuple((Seat(user),) if user else () for user in chance.sample([*PEOPLE, ""], 4)),
    )
    opens = chance.choice([time(hour, 15) for hour in range(24)])
    hours = Window(opens, time((opens.hour + chance.choice([1, 4, 9])) % 24))
    return Arrangement(
        services={"shop": ServiceValue("shop", "Shop", policy="web")},
        policies={
            "web": Policy(
                "web",
                "Web",
                tuple(level() for _ in range(chance.choice([1, 2, 3]))),
                chance.choice([0, 1, 2]),
            )
        },
        people={user: somebody(user) for user in PEOPLE},
        teams={"web": tuple(chance.sample(PEOPLE, 2))},
        schedules={"web": replace(schedule, layers=(turns, *schedule.layers))},
        calendars={"hours": Calendar("hours", "", chance.choice(ZONES), (hours,))},
    )


class Stepping:
    """Asks for everything anew at each instant; only equal questions are not asked twice."""

    def __init__(self, there: Arrangement) -> None:
        self.there = there
        self.on_call = cache(self._on_call)
        self.is_open = cache(self._is_open)

    def wait(self, urgency: Urgency, start: datetime, people: int) -> timedelta | None:
        waits = sorted(self.reached(urgency, start).values())
        return waits[people - 1] if len(waits) >= people else None

    def reached(self, urgency: Urgency, start: datetime) -> dict[str, timedelta]:
        policy = self.there.policies["web"]
        reached: dict[str, timedelta] = {}
        ahead = [level for _ in range(1 + policy.repeat) for level in policy.levels]
        at = start
        while ahead and at - start < FOLLOWED:
            round_ = ahead[: len(policy.levels)]
            passed = next((place for place, level in enumerate(round_) if self.people(level, at)), None)
            if passed is None:
                if urgency is Urgency.HIGH or not all(self.is_closed(level, at) for level in round_):
                    break
                at += STEP  # until one of them opens
                while at - start < FOLLOWED and all(self.is_shut(level, at) for level in round_):
                    at += STEP
                continue
            named = self.people(round_[passed], at)
            for user in named:
                delay = self.delay(user, urgency)
                if delay is not None:
                    reached.setdefault(user, at - start + delay)
            if any(self.there.people[user].contacts for user in named):
                at += round_[passed].timeout
            ahead = ahead[passed + 1 :]
        return {user: wait for user, wait in reached.items() if wait <= FOLLOWED}

    def people(self, level: Level, at: datetime) -> list[str]:
        """Who is paged by the level."""
        return [user for user in self.named(level, at) if self.there.people[user].active]

    def is_closed(self, level: Level, at: datetime) -> bool:
        """Whether its condition keeps anybody out: a target, or somebody who could be paged."""
        by_person = level.when is not None and level.when.clocks is Clocks.PERSON
        return any(
            not self.allowed(level.when, target, user, at)
            for target in level.notify
            for user in (self.behind(target, at) if by_person else [""])
            if not by_person or self.there.people[user].active
        )

    def is_shut(self, level: Level, at: datetime) -> bool:
        return self.is_closed(level, at) and not self.people(level, at)

    def delay(self, user: str, urgency: Urgency) -> timedelta | None:
        one = self.there.people[user]
        steps = [step for step in one.steps.get(urgency, ()) if step.contact in one.contacts]
        waits = [step.delay for step in steps if step.contact not in one.broken]
        if not steps:
            waits = [timedelta(0) for name in one.contacts if name not in one.broken]
        return min(waits, default=None)

    def named(self, level: Level, at: datetime) -> list[str]:
        return [
            user
            for target in level.notify
            for user in self.behind(target, at)
            if self.allowed(level.when, target, user, at)
        ]

    def behind(self, target: Target, at: datetime) -> tuple[str, ...]:
        if target.kind is TargetKind.SCHEDULE:
            return self.on_call(target.id, target.shift, at)
        return (target.id,) if target.kind is TargetKind.USER else self.there.teams.get(target.id, ())

    def allowed(self, when: When | None, target: Target, user: str, at: datetime) -> bool:
        if when is None or when.calendar not in self.there.calendars:
            return True
        zone = ""
        if when.clocks is Clocks.PERSON:
            zone = self.there.people[user].timezone
        elif when.clocks is Clocks.SCHEDULE and target.kind is TargetKind.SCHEDULE:
            schedule = self.there.schedules.get(target.id)
            zone = schedule.timezone if schedule else ""
        return self.is_open(when.calendar, zone, at) is not when.outside

    def _on_call(self, schedule: str, shift: str, at: datetime) -> tuple[str, ...]:
        value: Schedule | None = self.there.schedules.get(schedule)
        if value is None:
            return ()
        if not shift:
            return on_call(value, at)
        found = next_shift(value, at) if shift == "next" else previous_shift(value, at)
        return found.users if found else ()

    def _is_open(self, calendar: str, zone: str, at: datetime) -> bool:
        value = self.there.calendars[calendar]
        return Calendar(value.id, "", zone or value.timezone, value.hours, value.holidays).is_open(at)


def said(found: dict[str, timedelta], people: int, why: str) -> bool:
    """Whether a reason is about these people: how many come, or who of them is the one that is waited for."""
    if len(found) >= people:
        wait = sorted(found.values())[people - 1]
        last = [NAMES[user] for user in found if found[user] == wait]
        return any(f"{name}, is reached after {in_words(wait)} at" in why for name in last) or (
            "opens" in why and any(f"{name}, is reached " in why for name in last)
        )
    return why.startswith(f"Only {len(found)} of {people} " if found else "Nobody is reached")


@pytest.mark.counted
@given(placed(), st.integers(0, 2**32), st.sampled_from(Urgency), st.integers(1, 3))
@settings(max_examples=times(usual=40, whole=200), deadline=None)
def test_every_step_in_between_says_the_same(
    drawn: tuple[Schedule, datetime], seed: int, urgency: Urgency, people: int
) -> None:
    schedule, near = drawn
    chance = Random(seed)
    there = arranged_by(chance, schedule, near)
    start = near - timedelta(minutes=near.minute % 5, seconds=near.second) + chance.randrange(-60, 30) * STEP
    end = start + HOURS
    prover, policy = Prover(there, start, end), there.policies["web"]
    waits = prover.waits(policy, urgency, people)
    weak = prover.weak("shop", policy, urgency, people, timedelta(0))
    assert (waits[0][0], waits[-1][1]) == (start, end)
    assert all(one[1] == other[0] for one, other in pairwise(waits))
    stepping, at, place = Stepping(there), start, 0
    while at < end:
        while waits[place][1] <= at:
            place += 1
        assert waits[place].at(at) == stepping.wait(urgency, at, people), at
        if waits[place].at(at) != timedelta(0):
            (why,) = (each.why for each in weak if each.start <= at < each.end)
            assert said(stepping.reached(urgency, at), people, why), (at, why)
        at += STEP
