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
from tocsin.kernel.phrases import joined, phrase
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
                reasons.setdefault(phrase("level %(number)s: %(why)s", number=number, why=reason))
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
            yield _only_then(target, level.when)
            continue
        users = _named(arrangement, watch, target, at)
        if not users:
            yield _empty(arrangement, target)
        for user in users:
            person = arrangement.people.get(user)
            why = (
                unreachable(person, urgency, at)
                if person
                else phrase("there is nobody called %(who)s", who=user)
            )
            if why and target.kind is TargetKind.SCHEDULE:
                why = phrase("%(why)s (on call in %(schedule)s)", why=why, schedule=target.id)
            if why:
                yield why


def _only_then(target: Target, when: When) -> str:
    """That the condition of the level keeps the target out."""
    hours = (
        phrase("outside the hours of calendar %(calendar)s", calendar=when.calendar)
        if when.outside
        else phrase("in the hours of calendar %(calendar)s", calendar=when.calendar)
    )
    if when.clocks is Clocks.SCHEDULE:
        hours = phrase("%(hours)s by the schedule's clocks", hours=hours)
    elif when.clocks is Clocks.PERSON:
        hours = phrase("%(hours)s by each person's clocks", hours=hours)
    return phrase("%(target)s is paged only %(hours)s", target=str(target), hours=hours)


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
        if target.id in arrangement.teams:
            return phrase("team %(team)s has no member", team=target.id)
        return phrase("there is no team %(team)s", team=target.id)
    if target.kind is TargetKind.PLACE:
        return phrase("%(place)s is told, and wakes nobody", place=str(target))
    if target.id not in arrangement.schedules:
        return phrase("there is no schedule %(schedule)s", schedule=target.id)
    if target.shift == "next":
        return phrase("nobody is on call next in schedule %(schedule)s", schedule=target.id)
    if target.shift == "previous":
        return phrase("nobody is on call before in schedule %(schedule)s", schedule=target.id)
    return phrase("nobody is on call in schedule %(schedule)s", schedule=target.id)


def _sentence(
    arrangement: Arrangement, reaching: Reaching, reasons: list[str], within: timedelta | None
) -> str:
    said = _who_comes(arrangement, reaching, within)
    if not reasons:
        return joined((said, "."), "")
    some = reasons[:REASONS_MAX] + (["…"] if len(reasons) > REASONS_MAX else [])
    return joined((said, " (", joined(some, "; "), ")."), "")


def _who_comes(arrangement: Arrangement, reaching: Reaching, within: timedelta | None) -> str:
    people, order = reaching.people, reaching.order()
    if not order:
        return phrase("Nobody is reached")
    if len(order) < people:
        names = ", ".join(arrangement.name_of(user) for user in order[:NAMES_MAX])
        if len(order) == 1:
            return phrase("Only 1 of %(people)s people is reached: %(names)s", people=people, names=names)
        return phrase(
            "Only %(count)s of %(people)s people are reached: %(names)s",
            count=len(order),
            people=people,
            names=names,
        )
    last = order[people - 1]
    who, when = arrangement.name_of(last), _when(reaching, last)
    said = (
        phrase("The first person, %(who)s, is reached %(when)s", who=who, when=when)
        if people == 1
        else phrase(
            "Person %(number)s of %(people)s, %(who)s, is reached %(when)s",
            number=people,
            people=people,
            who=who,
            when=when,
        )
    )
    if within is None:
        return said
    if not within:
        return phrase("%(what)s, not at once", what=said)
    return phrase("%(what)s, not within %(span)s", what=said, span=within)


def _when(reaching: Reaching, user: str) -> str:
    """When, in words that hold for as long as the answer does."""
    wait, round_, number, opening = reaching.came[user]
    level = (
        phrase("at level %(number)s, round %(round)s", number=number, round=round_)
        if round_ > 1
        else phrase("at level %(number)s", number=number)
    )
    if opening is None:
        return phrase("after %(span)s %(level)s", span=wait, level=level)
    later = reaching.start + wait - opening.at
    if later:
        return phrase(
            "%(span)s after level %(opens)s opens, %(level)s", span=later, opens=opening.number, level=level
        )
    if number == opening.number:
        return phrase("when level %(opens)s opens", opens=number)
    return phrase("when level %(opens)s opens, %(level)s", opens=opening.number, level=level)
