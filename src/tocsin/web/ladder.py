"""A policy as people read it, from top to bottom, with who that is at this instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.escalation.actions import fallback, roster
from tocsin.escalation.rules import Climb, Policy, Roster, Target, TargetKind, forecast
from tocsin.kernel.durations import in_words
from tocsin.people.models import Team, User


@dataclass(frozen=True)
class Named:
    """Somebody or something that a rung names; `address` opens it, "" when it is gone."""

    name: str
    kind: TargetKind
    address: str


@dataclass(frozen=True)
class Rung:
    """One level: how long after the one before it, whom it names, who that is now. `since` counts from the start."""

    when: str
    since: str
    targets: tuple[Named, ...]
    people: tuple[Named, ...]

    @property
    def plain(self) -> bool:
        """Whether the targets are just these people, so that naming them twice says nothing."""
        return {each.name for each in self.targets} == {each.name for each in self.people}


@dataclass(frozen=True)
class Ladder:
    rungs: tuple[Rung, ...]
    again: str  # "" or "again from the top, once"
    wait: str  # after the last level, before the top again or the fallback
    end: str  # from the start until the fallback person is told
    fallback: tuple[Named, ...]
    reaches: int  # how many levels reach somebody now


def ladder(policy: Policy, now: datetime) -> Ladder:
    """The ladder of `policy` at `now`, by the same rule that will climb it."""
    return ladders([policy], now)[0]


def ladders(policies: Sequence[Policy], now: datetime) -> list[Ladder]:
    """The ladder of each; who there is is read once for all of them."""
    who, names, last = roster(), _names(), fallback()
    return [drawn(policy, who, names, last, now) for policy in policies]


def drawn(
    policy: Policy,
    who: Roster,
    names: Mapping[str, Mapping[str, str]],
    last: Sequence[str],
    now: datetime,
) -> Ladder:
    """Pure: the ladder out of what was read."""
    ahead = forecast(policy, who, Climb(due_at=now), now, most=len(policy.levels))
    reached = {each.number for each in ahead if each.round == 1}
    rungs, wait, since = [], timedelta(0), timedelta(0)
    for number, level in enumerate(policy.levels, 1):
        people = tuple(_person(names, user) for user in who.people(level.notify))
        targets = tuple(_target(names, target) for target in level.notify)
        rungs.append(Rung(_after(wait), in_words(since), targets, people))
        if number in reached:  # a level with nobody on it is passed over without waiting
            wait, since = level.timeout, since + level.timeout
    return Ladder(
        rungs=tuple(rungs),
        again=_again(policy.repeat) if policy.levels else "",
        wait=_after(wait),
        end=in_words(since * (1 + policy.repeat)),
        fallback=tuple(_person(names, user) for user in last),
        reaches=len(reached),
    )


def _after(wait: timedelta) -> str:
    return f"after {in_words(wait)}" if wait else "at once"


def _again(repeat: int) -> str:
    times = {0: "", 1: "once", 2: "twice"}.get(repeat, f"{repeat} times")
    return f"again from the top, {times}" if times else ""


def _names() -> dict[str, dict[str, str]]:
    return {
        "user": dict(User.objects.values_list("pk", "name")),
        "team": dict(Team.objects.values_list("pk", "name")),
    }


def _person(names: Mapping[str, Mapping[str, str]], user: str) -> Named:
    return Named(names["user"].get(user, user), TargetKind.USER, f"/people/{user}")


def _target(names: Mapping[str, Mapping[str, str]], target: Target) -> Named:
    known = names.get(target.kind.value, {})
    if target.id not in known:
        return Named(f"{target} (gone)", target.kind, "")
    label = known[target.id]
    if target.kind is TargetKind.TEAM:
        return Named(
            label if label.lower().startswith("team") else f"team {label}", target.kind, f"/teams/{target.id}"
        )
    return Named(label, target.kind, f"/people/{target.id}")
