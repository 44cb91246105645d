"""A notice to one person: about their shifts, of low urgency, and not at night."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.kernel.hours import window_spans
from tocsin.kernel.zones import zone
from tocsin.notification.actions import Call, page_people
from tocsin.notification.models import Page
from tocsin.notification.rules import Kind
from tocsin.oncall.models import Schedule
from tocsin.oncall.rules import NIGHT
from tocsin.people.models import Team, User
from tocsin.people.rules import May, Role

SOON = timedelta(hours=12)  # what begins within that is told at night too
NIGHT_MAX = timedelta(days=2)
LINES_MAX = 20


@dataclass(frozen=True)
class Notice:
    """What one person is told. `begins_at` is when it begins to matter; None: it can wait for the morning."""

    user: str
    subject: str
    lines: Sequence[str]
    reason: str
    path: str = ""
    begins_at: datetime | None = None


def send(notices: Iterable[Notice], now: datetime) -> list[Page]:
    """Send them, in the caller's transaction: at night only what begins within SOON; to nobody who is switched off."""
    listed = list(notices)
    people = User.objects.filter(is_active=True).in_bulk([each.user for each in listed])
    calls = [
        Call(
            user_id=each.user,
            incident_id=None,
            urgency="low",
            reason=each.reason,
            subject=each.subject,
            lines=list(each.lines)[:LINES_MAX],
            details={"path": each.path} if each.path else {},
            kind=Kind.NOTICE,
            not_before=_morning(people[each.user].timezone, each.begins_at, now),
        )
        for each in listed
        if each.user in people
    ]
    return page_people(calls, now) if calls else []


def _morning(timezone: str, begins_at: datetime | None, now: datetime) -> datetime | None:
    """When the night ends that it is there at `now`; None when it is none, or the matter cannot wait."""
    if begins_at is not None and begins_at - now <= SOON:
        return None
    nights = window_spans((NIGHT,), zone(timezone), now, now + NIGHT_MAX)
    return next((night.end for night in nights if night.start <= now < night.end), None)


def owners_of(schedule: Schedule | None) -> list[str]:
    """Who is told of what goes wrong with a schedule: the lead of its team, else the managers, else the admins."""
    return owners_of_team(schedule.team if schedule is not None else None)


def owners_of_team(team: Team | None) -> list[str]:
    """The team's lead, else the managers, else the admins."""
    if team is not None and team.lead is not None and team.lead.may(May.SWAP):
        return [team.lead.pk]
    active = User.objects.people().filter(is_active=True).order_by("pk")
    for role in (Role.MANAGER, Role.ADMIN):
        if found := list(active.filter(role=role).values_list("pk", flat=True)):
            return found
    return []


def names_of(ids: Iterable[str]) -> list[str]:
    """The names of these people, in their order."""
    wanted = list(ids)
    known = dict(User.objects.filter(pk__in=wanted).values_list("pk", "name"))
    return [known.get(key, key) for key in wanted]
