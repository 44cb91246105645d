"""Why nobody comes, or not enough people, or too late: in words, from the same climb."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from tocsin.escalation.rules import (
    Clocks,
    Decision,
    NobodyAtAll,
    PageLevel,
    Policy,
    Target,
    TargetKind,
    Waits,
    When,
)
from tocsin.kernel.durations import in_words
from tocsin.kernel.urgency import Urgency
from tocsin.readiness.rules.climbing import Climbed, unreachable
from tocsin.readiness.rules.reaching import Reaching
from tocsin.readiness.rules.values import Arrangement
from tocsin.readiness.rules.watching import Watch

REASONS_MAX = 6  # in one sentence
NAMES_MAX = 5


def why_so_few(
    arrangement: Arrangement,
    policy: Policy,
    watch: Watch,
    urgency: Urgency,
    climbed: Iterable[Climbed],
    reaching: Reaching,
    within: timedelta | None,
) -> str:
    """The sentence that says why an incident does not have enough people within `within`.

    `climbed` is what its climb decides, and `reaching` takes it in. What is in the way is told of the first round, who
    comes at last of all of them.
    """
    reasons: dict[str, None] = {}
    further = False
    for step in climbed:
        decision = step.decision
        for number in () if further else _looked_at(policy, decision):
            for reason in reasons_of(arrangement, policy, watch, urgency, number, step.at):
                reasons.setdefault(f"level {number}: {reason}")
        goes_on = reaching.note(step)
        further |= isinstance(decision, PageLevel) and decision.round > 1
        if further and not goes_on:
            break
    watch.rests = False
    return _sentence(arrangement, reaching, list(reasons), within)


def _looked_at(policy: Policy, decision: Decision) -> Iterable[int]:
    """The numbers of the levels that the decision has passed or paged."""
    if isinstance(decision, PageLevel):
        return (*decision.skipped, decision.number)
    if isinstance(decision, Waits):
        return decision.closed
    return range(1, len(policy.levels) + 1) if isinstance(decision, NobodyAtAll) else ()


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
    arrangement: Arrangement, reaching: Reaching, reasons: list[str], within: timedelta | None
) -> str:
    because = "; ".join(reasons[:REASONS_MAX]) + ("; …" if len(reasons) > REASONS_MAX else "")
    tail = f" ({because})" if because else ""
    people, order = reaching.people, reaching.order()
    if not order:
        return f"Nobody is reached{tail}."
    if len(order) < people:
        names = ", ".join(arrangement.name_of(user) for user in order[:NAMES_MAX])
        few = "is" if len(order) == 1 else "are"
        return f"Only {len(order)} of {people} people {few} reached: {names}{tail}."
    which = "The first person" if people == 1 else f"Person {people} of {people}"
    late = f", not {f'within {in_words(within)}' if within else 'at once'}" if within is not None else ""
    last = order[people - 1]
    return f"{which}, {arrangement.name_of(last)}, is reached {_when(reaching, last)}{late}{tail}."


def _when(reaching: Reaching, user: str) -> str:
    """When, in words that hold for as long as the answer does."""
    wait, round_, number, opening = reaching.came[user]
    at_level = f"at level {number}" + (f", round {round_}" if round_ > 1 else "")
    if opening is None:
        return f"after {in_words(wait)} {at_level}"
    later = reaching.start + wait - opening.at
    if not later and number == opening.number:
        return f"when level {number} opens"
    return f"{f'{in_words(later)} after' if later else 'when'} level {opening.number} opens, {at_level}"
