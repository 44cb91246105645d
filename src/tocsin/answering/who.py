"""Who is on call, in one line for a chat."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tocsin.answering.words import clock_words
from tocsin.catalog.actions import configuration
from tocsin.escalation.actions import policies, policy_of, roster
from tocsin.escalation.rules import Climb, Level, Policy, TargetKind, forecast
from tocsin.oncall.actions import on_call_at, schedules
from tocsin.people.models import Team, User

LEVELS_SHOWN_MAX = 3
LISTED_MAX = 8


def who_words(name: str, user: User, now: datetime) -> str:
    """Who is on call for what is called `name`, and until when; without a name, for every schedule."""
    wanted = name.strip().casefold()
    if not wanted:
        return _everywhere(user, now)
    for key, service in configuration().services.items():
        if wanted in (key, service.name.casefold()):
            return f"{service.name}: {_of_policy(policy_of(key), user, now)}"
    for key, schedule in schedules().items():
        if wanted in (key, getattr(schedule, "name", key).casefold()):
            return f"{key}: {_of_schedule(key, user, now)}"
    for key, policy in policies().items():
        if wanted in (key, policy.name.casefold()):
            return f"{policy.name or key}: {_of_policy(policy, user, now)}"
    if (team := Team.objects.filter(pk=wanted).first()) is not None:
        return f"Team {team.name}: {_listed(team.members.values_list('pk', flat=True))}"
    known = ", ".join([*configuration().services, *schedules()][:LISTED_MAX])
    return f"Nothing is called {name[:64]!r}. There are {known or 'no services and no schedules yet'}."


def _everywhere(user: User, now: datetime) -> str:
    listed = sorted(schedules())
    shown = [f"{key}: {_of_schedule(key, user, now)}" for key in listed[:LISTED_MAX]]
    more = f" And {len(listed) - LISTED_MAX} more." if len(listed) > LISTED_MAX else ""
    return " ".join(shown) + more if shown else "There is no schedule. Ask for a service, such as: who shop."


def _of_schedule(key: str, user: User, now: datetime) -> str:
    until = roster().next_turn(key, now)
    ends = f" until {clock_words(until, user, now)}" if until is not None else ""
    people = on_call_at(key, now)
    return (
        f"{_listed(people)} is on call{ends}." if len(people) < 2 else f"{_listed(people)} are on call{ends}."
    )


def _of_policy(policy: Policy, user: User, now: datetime) -> str:
    """Whom a page now would reach, level by level, as the climb itself would decide."""
    ahead = forecast(policy, roster(), Climb(now), now, most=LEVELS_SHOWN_MAX)
    if not ahead:
        return "a page now would reach nobody."
    said = []
    for step in ahead:
        after = "now" if step is ahead[0] else f"after {int((step.at - now).total_seconds() // 60)} min"
        until = _until(policy.levels[step.number - 1], user, now) if step is ahead[0] else ""
        said.append(f"{after} {_listed(step.people)}{until}")
    return "paged " + ", ".join(said) + "."


def _until(level: Level, user: User, now: datetime) -> str:
    turns = [roster().next_turn(each.id, now) for each in level.notify if each.kind is TargetKind.SCHEDULE]
    until = min(filter(None, turns), default=None)
    return f" (until {clock_words(until, user, now)})" if until is not None else ""


def _listed(ids: Iterable[str]) -> str:
    wanted = list(ids)
    names = dict(User.objects.filter(pk__in=wanted).values_list("pk", "name"))
    shown = [names.get(key, key) for key in wanted[:LISTED_MAX]]
    return ", ".join(shown) + (" and more" if len(wanted) > LISTED_MAX else "") if shown else "nobody"
