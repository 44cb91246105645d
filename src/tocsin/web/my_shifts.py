"""Somebody's own shifts in all schedules, the requests that wait for them, and when they are away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tocsin.kernel.errors import not_found
from tocsin.kernel.spans import Span
from tocsin.kernel.zones import zone
from tocsin.oncall.absences import add_absence, remove_absence
from tocsin.oncall.models import Absence
from tocsin.oncall.reading import schedules, timelines
from tocsin.oncall.rules import Schedule, Shift, shifts_of
from tocsin.people.actions import find_user
from tocsin.people.models import User
from tocsin.people.rules import May
from tocsin.web.calendar_grid import AROUND, Lane, People, bands, people_of
from tocsin.web.cover import requests_about
from tocsin.web.forms import asker, by, instant, show, told_beside
from tocsin.web.forms.shifts import AbsenceForm
from tocsin.web.guard import needs
from tocsin.web.layout import say
from tocsin.web.periods import period
from tocsin.web.rota import asked_day, asked_view, everybody, known_line, users_in
from tocsin.web.rota_words import in_address, listed, moment, when
from tocsin.web.schedules import turning
from tocsin.web.shifts import asked_span

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
    here, known, own = zone(reader.timezone), schedules(), who.pk == reader.pk
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
    ahead = shifts_ahead(who.pk, held, now)
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
        "absences": absences_of(who, here, now) if own else [],
        "sets_absence": own and reader.may(May.SWAP),
        **turning(request, shown, address, here.key, False, now),
        "zone_words": "your zone",
    }
    template = "schedules/mine_part.html" if request.headers.get("HX-Request") else "schedules/mine.html"
    return render(request, template, context)


def _as_people(all_schedules: Iterable[Schedule]) -> People:
    """Schedules with names and colours, as lanes take them."""
    names = {each.id: each.name or each.id for each in all_schedules}
    return people_of(names, names)


def shifts_ahead(user: str, held: Sequence[Schedule], now: datetime) -> list[tuple[str, Shift]]:
    """The shifts of `user` that are not over, within AHEAD, with the id of their schedule, the earliest first."""
    lines = timelines()
    found = [
        (each.id, shift)
        for each in held
        for shift in shifts_of(lines[each.id].timeline(now, now + AHEAD).shifts, user)
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


def next_shift_of(user: User, known: Mapping[str, Schedule], now: datetime) -> tuple[str, str]:
    """`lead` for somebody in the schedules `known`, in their own zone; out of what is kept in memory."""
    held = [each for each in known.values() if user.pk in users_in([each])]
    return lead(shifts_ahead(user.pk, held, now), known, zone(user.timezone), now)


# --- absences --------------------------------------------------------------------------------------------


@needs(May.SWAP)
@require_http_methods(["GET", "HEAD", "POST"])
def absences(request: HttpRequest) -> HttpResponse:
    """When I am away; cover is asked for by itself for the shifts I have then."""
    now, reader = instant(request), asker(request)
    here = zone(reader.timezone)
    form = AbsenceForm(
        request.POST if request.method == "POST" else None,
        [(here.key, f"{here.key}, your zone")],
        asked_span(request, now) if request.GET.get("from") else None,
    )
    if request.method == "POST" and form.is_valid():
        with told_beside(form):
            before = reader.cover_requests.count()
            add_absence(reader.pk, form.span(), form.cleaned_data["note"], by(request), now)
            asked = reader.cover_requests.count() - before
            say(request, "Noted. " + _asked_words(asked))
            return redirect("absences")
    return show(
        request, "schedules/absences.html", form, absences=absences_of(reader, here, now), zone=here.key
    )


def _asked_words(count: int) -> str:
    if not count:
        return "You have no shift in that time, so nobody needs to be asked."
    return f"For {count} shift{'s' if count > 1 else ''} of yours cover is asked for now."


@needs(May.SWAP)
@require_POST
def absence_remove(request: HttpRequest, absence_id: int) -> HttpResponse:
    """I am there after all."""
    if not Absence.objects.filter(pk=absence_id, user=asker(request)).exists():
        raise not_found("absence", absence_id)
    remove_absence(absence_id, by(request), instant(request))
    say(request, "Taken away. Requests because of it that nobody has answered are withdrawn.")
    return redirect("absences")


def absences_of(user: User, here: ZoneInfo, now: datetime) -> list[tuple[int, str, str]]:
    """What is not over: its number, when, and the note."""
    rows = Absence.objects.filter(user=user, ends_at__gt=now)
    return [(row.pk, when(row.span, here), row.note) for row in rows]


urlpatterns = [
    path("shifts", index, name="shifts"),
    path("people/<slug:user_id>/shifts", of_person, name="person_shifts"),
    path("me/absences", absences, name="absences"),
    path("me/absences/<int:absence_id>/remove", absence_remove, name="absence_remove"),
]
