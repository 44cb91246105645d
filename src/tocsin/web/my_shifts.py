"""Somebody's own shifts in all schedules, and the requests that wait for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from tocsin.kernel.spans import Span
from tocsin.kernel.zones import zone
from tocsin.oncall.permissions import may_act_for
from tocsin.oncall.reading import Timelines, timelines
from tocsin.oncall.rules import Schedule, Shift, shifts_of
from tocsin.people.actions import find_user
from tocsin.people.models import User
from tocsin.people.rules import May
from tocsin.web.absences import absence_page, absences_of
from tocsin.web.calendar_grid.bands import bands
from tocsin.web.calendar_grid.lanes import AROUND, Lane
from tocsin.web.calendar_grid.people import People, people_of
from tocsin.web.cover import requests_about
from tocsin.web.forms import asker, instant
from tocsin.web.guard import needs
from tocsin.web.periods import period
from tocsin.web.rota import asked_day, asked_view, everybody, known_line, users_in
from tocsin.web.rota_words import in_address, listed, moment, when
from tocsin.web.schedules import turning

AHEAD = timedelta(weeks=12)  # how far the list goes
SHIFTS_LISTED = 30


@dataclass(frozen=True)
class Mine:
    """One shift of somebody, in words."""

    schedule: str
    name: str
    when: str
    start: str
    end: str
    now: bool


@needs(May.SEE)
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """When I am on call, in every schedule, and what waits for me."""
    return _page(request, asker(request), reverse("shifts"))


@needs(May.SEE)
@require_safe
def of_person(request: HttpRequest, user_id: str) -> HttpResponse:
    """When somebody else is on call."""
    return _page(request, find_user(user_id), reverse("person_shifts", args=[user_id]))


def _page(request: HttpRequest, who: User, address: str) -> HttpResponse:
    now, reader = instant(request), asker(request)
    here, lines, own = zone(reader.timezone), timelines(), who.pk == reader.pk
    known = {key: each.schedule for key, each in lines.items()}
    shown = period(asked_view(request), asked_day(request, here), here)
    around = Span(shown.span.start - AROUND, shown.span.end + AROUND)
    held = [each for each in known.values() if who.pk in users_in([each])]
    lanes = [
        Lane(
            each.name or each.id,
            # Coloured by schedule: whose shifts they are is known.
            tuple(
                shift._replace(users=(each.id,))
                for shift in shifts_of(known_line(each, around, now).shifts, who.pk)
            ),
            "mine",
            known=around,
            link=f"{reverse('shift', args=[each.id])}?at=",
        )
        for each in held
    ]
    ahead = shifts_ahead(who.pk, [lines[each.id] for each in held], now)
    waiting, made = requests_about(reader, everybody(request), now) if own else ([], [])
    context = {
        "who": who,
        "own": own,
        "bands": bands(shown, lanes, _as_people(known.values()), now) if held else (),
        "lead": lead(ahead, known, here, now),
        "shifts": [in_list(key, shift, known, here, now) for key, shift in ahead[:SHIFTS_LISTED]],
        "more": max(0, len(ahead) - SHIFTS_LISTED),
        "waiting": waiting,
        "made": made,
        "absences": absences_of(who, here, now) if own or may_act_for(reader, who.pk) else [],
        "absence_page": absence_page(reader, who),
        **turning(request, shown, address, here.key, False, now),
        "zone_words": "your zone",
    }
    template = "schedules/mine_part.html" if request.headers.get("HX-Request") else "schedules/mine.html"
    return render(request, template, context)


def _as_people(all_schedules: Iterable[Schedule]) -> People:
    """Schedules with names and colours, as lanes take them."""
    names = {each.id: each.name or each.id for each in all_schedules}
    return people_of(names, names)


def shifts_ahead(user: str, held: Sequence[Timelines], now: datetime) -> list[tuple[str, Shift]]:
    """The shifts of `user` that are not over, within AHEAD, with the id of their schedule, the earliest first."""
    found = [
        (each.schedule.id, shift)
        for each in held
        for shift in shifts_of(each.timeline(now, now + AHEAD).shifts, user)
    ]
    return sorted(found, key=lambda pair: (pair[1].start, pair[0]))


def in_list(key: str, shift: Shift, known: Mapping[str, Schedule], here: ZoneInfo, now: datetime) -> Mine:
    """A shift in words."""
    return Mine(
        key,
        known[key].name or key,
        f"now, until {moment(shift.end, here)}" if shift.start <= now else when(shift.span, here),
        in_address(max(shift.start, now)),
        in_address(shift.end),
        shift.start <= now,
    )


def lead(
    ahead: Sequence[tuple[str, Shift]], known: Mapping[str, Schedule], here: ZoneInfo, now: datetime
) -> tuple[str, str]:
    """Two sentences' worth: what is on now ("" for nothing), and what comes next."""
    running = [
        f"{known[key].name or key} until {moment(shift.end, here)}"
        for key, shift in ahead
        if shift.start <= now
    ]
    coming = next(((key, shift) for key, shift in ahead if shift.start > now), None)
    return (
        listed(running),
        f"{known[coming[0]].name or coming[0]}, {when(coming[1].span, here)}" if coming else "",
    )


def next_shift_of(user: User, lines: Mapping[str, Timelines], now: datetime) -> tuple[str, str]:
    """`lead` for somebody in the schedules of `lines`, in their own zone; out of what is kept in memory."""
    held = [each for each in lines.values() if user.pk in users_in([each.schedule])]
    known = {each.schedule.id: each.schedule for each in held}
    return lead(shifts_ahead(user.pk, held, now), known, zone(user.timezone), now)


urlpatterns = [
    path("shifts", index, name="shifts"),
    path("people/<slug:user_id>/shifts", of_person, name="person_shifts"),
]
