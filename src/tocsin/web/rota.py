"""What the pages about schedules read: how a schedule stands at this instant, its people with their colours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.http import HttpRequest

from tocsin.kernel.spans import Span
from tocsin.kernel.zones import YEAR_MAX, YEAR_MIN, wall_clock, zone
from tocsin.oncall.actions import served
from tocsin.oncall.reading import timelines
from tocsin.oncall.rules import Schedule, Shift, Temporary, Timeline, timeline
from tocsin.people.models import User
from tocsin.web.calendar_grid.people import People, people_of
from tocsin.web.forms import asker, instant
from tocsin.web.periods import View

LOOK_AHEAD = timedelta(days=90)  # for gaps, and for who is next
GAPS_NAMED = 3


@dataclass(frozen=True)
class Standing:
    """How a schedule stands at an instant, as far as LOOK_AHEAD. `until` and `next_at` None: not within that."""

    users: tuple[str, ...]
    until: datetime | None
    next_users: tuple[str, ...]
    next_at: datetime | None
    gaps: tuple[Span, ...]


def standing(line: Timeline) -> Standing:
    """Who is on call at the beginning of `line`, until when, who is next, and the gaps after it."""
    users = line.stretches[0].users
    changed = next((each for each in line.stretches if each.users != users), None)
    coming = next((each for each in line.stretches if each.users and each.users != users), None)
    return Standing(
        users,
        changed.start if changed else None,
        coming.users if coming else (),
        coming.start if coming else None,
        line.gaps,
    )


def standing_of(schedule_id: str, now: datetime) -> Standing:
    """How a schedule stands at `now`, out of what is kept in memory."""
    return standing(timelines()[schedule_id].timeline(now, now + LOOK_AHEAD))


def known_line(schedule: Schedule, span: Span, now: datetime) -> Timeline:
    """Who is on call in `span`: what is over as it was served, with the overrides and layers of then; the rest as it
    is planned."""
    if span.start >= now:
        return timeline(schedule, *span)
    return served(schedule.id, *span)


def users_in(schedules: Iterable[Schedule]) -> set[str]:
    """Everybody whom `schedules` name."""
    found: set[str] = set()
    for schedule in schedules:
        layers = list(schedule.layers)
        for override in schedule.overrides:
            if isinstance(override, Temporary):
                layers += override.layers
            else:
                found |= {*override.users, *override.replaces}
        found |= {seat.user for layer in layers for slot in layer.slots for seat in slot}
    return found


def people_for(request: HttpRequest, users: Iterable[str]) -> People:
    """Names and colours of `users`; one query."""
    listed = list(users)
    return people_of(listed, names_of_users(listed), asker(request).pk)


def everybody(request: HttpRequest) -> People:
    """Names and colours of all people; one query."""
    names = dict(User.objects.values_list("pk", "name"))
    return people_of(names, names, asker(request).pk)


def names_of_users(users: Iterable[str]) -> Mapping[str, str]:
    return dict(User.objects.filter(pk__in=list(users)).values_list("pk", "name"))


def shown_zone(request: HttpRequest, of_schedule: str) -> tuple[ZoneInfo, bool]:
    """The zone that times are shown in, and whether that is the reader's: `?zone=mine`, else the schedule's."""
    mine = asker(request).timezone
    if request.GET.get("zone") == "mine" and mine != of_schedule:
        return zone(mine), True
    return zone(of_schedule), False


def asked_day(request: HttpRequest, here: ZoneInfo) -> date:
    """The day `?on=2026-11-23`; today in `here` when there is none that can be shown."""
    try:
        day = date.fromisoformat(request.GET.get("on", ""))
    except ValueError:
        return wall_clock(instant(request), here).date()
    return day if YEAR_MIN < day.year < YEAR_MAX - 1 else wall_clock(instant(request), here).date()


def asked_view(request: HttpRequest) -> View:
    wanted = request.GET.get("view", "")
    return View(wanted) if wanted in list(View) else View.MONTH


def whole_shift(line: Timeline, at: datetime) -> Shift:
    """The stretch of `at`, with what meets it of the same people, whatever put them there."""
    here = line.stretch(at)
    start, end = here.start, here.end
    for each in reversed([each for each in line.stretches if each.end <= here.start]):
        if each.users != here.users:
            break
        start = each.start
    for each in (each for each in line.stretches if each.start >= here.end):
        if each.users != here.users:
            break
        end = each.end
    return here._replace(start=start, end=end)
