"""Who is on call, in one line for a chat."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.utils.translation import gettext, gettext_noop

from tocsin.answering.words import clock_of
from tocsin.catalog.actions import configuration
from tocsin.escalation.reading import policies, policy_of
from tocsin.escalation.rostering import roster
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
        members = _listed(team.members.values_list("pk", flat=True))
        return gettext("Team %(team)s: %(members)s") % {"team": team.name, "members": members}
    known = ", ".join([*configuration().services, *schedules()][:LISTED_MAX])
    none = gettext("Nothing is called %(name)s.") % {"name": repr(name[:64])}
    if not known:
        return f"{none} {gettext('There are no services and no schedules yet.')}"
    return f"{none} {gettext('There are %(names)s.') % {'names': known}}"


def _everywhere(user: User, now: datetime) -> str:
    listed = sorted(schedules())
    if not listed:
        return gettext("There is no schedule. Ask for a service, such as: who shop.")
    shown = [f"{key}: {_of_schedule(key, user, now)}" for key in listed[:LISTED_MAX]]
    if more := len(listed) - len(shown):
        shown.append(gettext("And %(count)s more.") % {"count": more})
    return " ".join(shown)


def _of_schedule(key: str, user: User, now: datetime) -> str:
    until = roster().next_turn(key, now)
    people = on_call_at(key, now)
    said = {"who": _listed(people)}
    if until is None:
        one, many = gettext_noop("%(who)s is on call."), gettext_noop("%(who)s are on call.")
    else:
        said["time"] = clock_of(until, user, now)
        one = gettext_noop("%(who)s is on call until %(time)s.")
        many = gettext_noop("%(who)s are on call until %(time)s.")
    return gettext(one if len(people) < 2 else many) % said


def _of_policy(policy: Policy, user: User, now: datetime) -> str:
    """Whom a page now would reach, level by level, as the climb itself would decide."""
    ahead = forecast(policy, roster(), Climb(now), now, most=LEVELS_SHOWN_MAX)
    if not ahead:
        return gettext("a page now would reach nobody.")
    said = []
    for step in ahead:
        minutes = int((step.at - now).total_seconds() // 60)
        first = step is ahead[0]
        after = gettext("now") if first else gettext("after %(count)s min") % {"count": minutes}
        until = _until(policy.levels[step.number - 1], user, now) if first else ""
        said.append(f"{after} {_listed(step.people)}{until}")
    return gettext("paged %(levels)s.") % {"levels": ", ".join(said)}


def _until(level: Level, user: User, now: datetime) -> str:
    turns = [roster().next_turn(each.id, now) for each in level.notify if each.kind is TargetKind.SCHEDULE]
    until = min(filter(None, turns), default=None)
    if until is None:
        return ""
    return f" ({gettext('until %(time)s') % {'time': clock_of(until, user, now)}})"


def _listed(ids: Iterable[str]) -> str:
    wanted = list(ids)
    names = dict(User.objects.filter(pk__in=wanted).values_list("pk", "name"))
    shown = ", ".join(names.get(key, key) for key in wanted[:LISTED_MAX])
    if len(wanted) > LISTED_MAX:
        return gettext("%(names)s and more") % {"names": shown}
    return shown or gettext("nobody")
