"""Why nobody comes, or not enough people, or too late: in words, from the same climb."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from tocsin.escalation.rules import Clocks, NobodyAtAll, PageLevel, Policy, Target, TargetKind, When
from tocsin.kernel.durations import in_words
from tocsin.kernel.urgency import Urgency
from tocsin.readiness.rules.climbing import Climbed, settled, unreachable
from tocsin.readiness.rules.values import FOLLOWED, Arrangement
from tocsin.readiness.rules.watching import Watch

REASONS_MAX = 6  # in one sentence
NAMES_MAX = 5


class Reached(NamedTuple):
    """After how long somebody is reached, and by which page; ordered by that."""

    wait: timedelta
    round: int
    number: int  # of the level


def why_so_few(
    arrangement: Arrangement,
    policy: Policy,
    watch: Watch,
    urgency: Urgency,
    delays: Mapping[str, timedelta],
    climbed: Iterable[Climbed],
    start: datetime,
    people: int,
    within: timedelta | None,
) -> str:
    """The sentence that says why an incident opened at `start` does not have `people` people within `within`.

    `climbed` is what its climb decides, and `delays` are those whom it could reach. What is in the way is told of the
    first round, who comes at last of all of them.
    """
    reached: dict[str, Reached] = {}
    reasons: dict[str, None] = {}
    further = False
    for at, decision, climb in climbed:
        looked_at: Iterable[int] = ()
        if isinstance(decision, PageLevel):
            looked_at = *decision.skipped, decision.number
            for user in decision.people:
                if user in delays:
                    came = Reached(at - start + delays[user], decision.round, decision.number)
                    reached.setdefault(user, came)
        elif isinstance(decision, NobodyAtAll):
            looked_at = range(1, len(policy.levels) + 1)
        for number in () if further else looked_at:
            for reason in reasons_of(arrangement, policy, watch, urgency, number, at):
                reasons.setdefault(f"level {number}: {reason}")
        if not isinstance(decision, PageLevel):
            break
        further |= decision.round > 1
        waits = {user: came.wait for user, came in reached.items()}
        next_in = None if climb.due_at is None else climb.due_at - start
        if further and settled(waits, delays, people, next_in):
            break
    return _sentence(arrangement, reached, list(reasons), people, within)


def reasons_of(
    arrangement: Arrangement, policy: Policy, watch: Watch, urgency: Urgency, number: int, at: datetime
) -> Iterator[str]:
    """What is wrong at `at` with whom level `number` names, target by target."""
    level = policy.levels[number - 1]
    for target in level.notify:
        found = watch.roster.find([target], level.when, at)
        if level.when and found.closed and not found.people:
            yield f"{target} is paged only {_condition(level.when)}"
            continue
        users = _named(arrangement, watch, target, at)
        if not users:
            yield _empty(arrangement, target)
        for user in users:
            person = arrangement.people.get(user)
            if why := unreachable(person, urgency, at) if person else f"there is nobody called {user}":
                place = f" (on call in {target.id})" if target.kind is TargetKind.SCHEDULE else ""
                yield why + place


def _condition(when: When) -> str:
    """The condition, to follow "only"."""
    whose = {
        Clocks.CALENDAR: "",
        Clocks.SCHEDULE: " by the schedule's clocks",
        Clocks.PERSON: " by each person's clocks",
    }
    return f"{'outside' if when.outside else 'in'} the hours of calendar {when.calendar}{whose[when.clocks]}"


def _named(arrangement: Arrangement, watch: Watch, target: Target, at: datetime) -> tuple[str, ...]:
    """Everybody behind a target, also those whom paging leaves out."""
    if target.kind is TargetKind.USER:
        return (target.id,)
    if target.kind is TargetKind.TEAM:
        return arrangement.teams.get(target.id, ())
    if target.kind is TargetKind.PLACE:
        return ()
    return watch.on_call(target.id, target.shift, at)


def _empty(arrangement: Arrangement, target: Target) -> str:
    if target.kind is TargetKind.TEAM:
        return (
            f"team {target.id} has no member"
            if target.id in arrangement.teams
            else f"there is no team {target.id}"
        )
    if target.kind is TargetKind.PLACE:
        return f"{target} is told, and wakes nobody"
    if target.id not in arrangement.schedules:
        return f"there is no schedule {target.id}"
    how = {"": "on call", "next": "on call next", "previous": "on call before"}[target.shift]
    return f"nobody is {how} in schedule {target.id}"


def _sentence(
    arrangement: Arrangement,
    reached: Mapping[str, Reached],
    reasons: list[str],
    people: int,
    within: timedelta | None,
) -> str:
    because = "; ".join(reasons[:REASONS_MAX]) + ("; …" if len(reasons) > REASONS_MAX else "")
    tail = f" ({because})" if because else ""
    order = sorted(
        (user for user, came in reached.items() if came.wait <= FOLLOWED), key=lambda user: reached[user]
    )
    if not order:
        return f"Nobody is reached{tail}."
    if len(order) < people:
        names = ", ".join(arrangement.name_of(user) for user in order[:NAMES_MAX])
        few = "is" if len(order) == 1 else "are"
        return f"Only {len(order)} of {people} people {few} reached: {names}{tail}."
    wait, round_, number = reached[order[people - 1]]
    again = f", round {round_}" if round_ > 1 else ""
    which = "The first person" if people == 1 else f"Person {people} of {people}"
    late = f", not {f'within {in_words(within)}' if within else 'at once'}" if within is not None else ""
    name = arrangement.name_of(order[people - 1])
    return f"{which}, {name}, is reached after {in_words(wait)} at level {number}{again}{late}{tail}."
