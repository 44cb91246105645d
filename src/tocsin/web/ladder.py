"""A policy as people read it, from top to bottom, with who that is at this instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.catalog.models import Calendar
from tocsin.escalation.reading import fallback
from tocsin.escalation.rostering import roster
from tocsin.escalation.rules import Climb, Clocks, Policy, Roster, Target, TargetKind, When, forecast
from tocsin.kernel.durations import in_words
from tocsin.kernel.urgency import Urgency
from tocsin.notification.places import places
from tocsin.oncall.models import Schedule
from tocsin.people.models import Team, User

SHIFTS = {"": "whoever is on call for", "next": "whoever comes next on", "previous": "whoever came before on"}


@dataclass(frozen=True)
class Named:
    """Somebody or something that a rung names; `address` opens it, "" when it is gone."""

    name: str
    kind: TargetKind
    address: str


@dataclass(frozen=True)
class Rung:
    """One level: how long after the one before it, whom it names, who that is now. `since` counts from the start;
    `hours` are those to which its condition keeps it, "" for none, and `closed` that they keep somebody out now."""

    when: str
    since: str
    targets: tuple[Named, ...]
    people: tuple[Named, ...]
    hours: str = ""
    closed: bool = False

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
    opens_at: datetime | None = None  # until when low urgency waits, when all are for other hours now
    opens: int = 0  # the level that opens then


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
        found = who.find(level.notify, level.when, now)
        people = tuple(_person(names, user) for user in found.people)
        targets = tuple(_target(names, target) for target in level.notify)
        hours = hours_in_words(level.when, names["calendar"])
        rungs.append(Rung(_after(wait), in_words(since), targets, people, hours, found.closed))
        if number in reached:  # a level with nobody on it is passed over without waiting
            wait, since = level.timeout, since + level.timeout
    low = forecast(policy, who, Climb(due_at=now), now, 1, Urgency.LOW) if not reached else ()
    waits = low[0] if low and low[0].opens else None
    return Ladder(
        rungs=tuple(rungs),
        again=_again(policy.repeat) if policy.levels else "",
        wait=_after(wait),
        end=in_words(since * (1 + policy.repeat)),
        fallback=tuple(_person(names, user) for user in last),
        reaches=len(reached),
        opens_at=waits.at if waits else None,
        opens=waits.number if waits else 0,
    )


def _after(wait: timedelta) -> str:
    return f"after {in_words(wait)}" if wait else "at once"


def _again(repeat: int) -> str:
    times = {0: "", 1: "once", 2: "twice"}.get(repeat, f"{repeat} times")
    return f"again from the top, {times}" if times else ""


def hours_in_words(when: When | None, calendars: Mapping[str, str]) -> str:
    """The condition of a level: "only outside the hours of Office, by each person's clock"; "" for none."""
    if when is None:
        return ""
    side = "outside" if when.outside else "within"
    clocks = {Clocks.SCHEDULE: ", by the schedule's clock", Clocks.PERSON: ", by each person's clock"}
    return (
        f"only {side} the hours of {calendars.get(when.calendar, when.calendar)}{clocks.get(when.clocks, '')}"
    )


def _names() -> dict[str, dict[str, str]]:
    return {
        "user": dict(User.objects.values_list("pk", "name")),
        "team": dict(Team.objects.values_list("pk", "name")),
        "schedule": {row.pk: str(row) for row in Schedule.objects.live()},
        "place": {key: place.name for key, place in places().items()},
        "calendar": dict(Calendar.objects.values_list("pk", "name")),
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
    if target.kind is TargetKind.PLACE:
        return Named(f"tells {label}", target.kind, "")
    if target.kind is TargetKind.SCHEDULE:
        return Named(f"{SHIFTS[target.shift]} {label}", target.kind, f"/schedules/{target.id}")
    return Named(label, target.kind, f"/people/{target.id}")
