"""A notice to one person: about their shifts, of low urgency, in their language, and not at night."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import override

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

Words = Callable[[ZoneInfo], tuple[str, Sequence[str]]]
"""What is said: the subject and the lines, in the language that is set, by the clocks there."""


@dataclass(frozen=True)
class Notice:
    """What one person is told. `words` are asked for when it is known who reads them. `begins_at` is when it begins to
    matter; None: it can wait for the morning."""

    user: str
    words: Words
    reason: str
    path: str = ""
    begins_at: datetime | None = None


def send(notices: Iterable[Notice], now: datetime) -> list[Page]:
    """Send them, in the caller's transaction: at night only what begins within SOON; to nobody who is switched off."""
    listed = list(notices)
    people = User.objects.filter(is_active=True).in_bulk([each.user for each in listed])
    calls = [_call(each, people[each.user], now) for each in listed if each.user in people]
    return page_people(calls, now) if calls else []


def _call(notice: Notice, reader: User, now: datetime) -> Call:
    with override(reader.language):
        subject, lines = notice.words(zone(reader.timezone))
    return Call(
        user_id=reader.pk,
        incident_id=None,
        urgency="low",
        reason=notice.reason,
        subject=subject,
        lines=list(lines)[:LINES_MAX],
        details={"path": notice.path} if notice.path else {},
        kind=Kind.NOTICE,
        not_before=_morning(reader.timezone, notice.begins_at, now),
    )


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
