"""Who is behind every target at any instant, as it stands: the roster that the rules of climbing ask."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from tocsin.catalog.actions import per_configuration
from tocsin.escalation.rules import WAIT_MAX, Roster
from tocsin.notification.places import places
from tocsin.oncall.actions import calendars, on_call_at, schedules, timelines
from tocsin.people.models import Membership, User

DAY = timedelta(days=1)
SOON = 2 * DAY  # within which a calendar mostly opens


@per_configuration
def roster() -> Roster:
    """Who is behind every target, active people only; who is on call is asked anew at each instant."""
    rows = dict(User.objects.filter(is_active=True).values_list("id", "timezone"))
    teams: dict[str, list[str]] = {}
    members = Membership.objects.order_by("team_id", "position").values_list("team_id", "user_id")
    for team, user in members:
        teams.setdefault(team, []).append(user)
    zones = {f"user:{user}": timezone for user, timezone in rows.items()}
    zones |= {f"schedule:{key}": schedule.timezone for key, schedule in schedules().items()}
    members_of = {team: tuple(people) for team, people in teams.items()}
    return Roster(
        frozenset(rows),
        members_of,
        _on_call,
        is_open,
        zones,
        next_edge,
        _next_turn,
        places=frozenset(places()),
    )


def _on_call(schedule: str, shift: str, at: datetime) -> tuple[str, ...]:
    return on_call_at(schedule, at, shift)


def is_open(calendar: str, timezone: str, at: datetime) -> bool | None:
    """Whether the calendar is open at `at` by the clocks of `timezone` ("": its own); None when there is none."""
    value = calendars().get(calendar)
    if value is None:
        return None
    return (replace(value, timezone=timezone) if timezone else value).is_open(at)


def next_edge(calendar: str, timezone: str, at: datetime) -> datetime | None:
    """When the calendar opens or closes next after `at` by the clocks of `timezone` ("": its own); None when there is
    none, or not within WAIT_MAX."""
    value = calendars().get(calendar)
    if value is None:
        return None
    there = replace(value, timezone=timezone) if timezone else value
    for ahead in (SOON, WAIT_MAX + DAY):
        edges = (edge for span in there.open_spans(at, at + ahead) for edge in span)
        if (first := next((edge for edge in edges if at < edge < at + ahead), None)) is not None:
            return first
    return None


def _next_turn(schedule: str, at: datetime) -> datetime | None:
    lines = timelines().get(schedule)
    return lines.until(at) if lines else None
