"""Asking others to take one's hours, and answering: pages for a phone in a train."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tocsin.kernel.durations import in_words
from tocsin.kernel.errors import Refused, not_found
from tocsin.kernel.spans import Span
from tocsin.kernel.zones import zone
from tocsin.oncall.models import CoverRequest
from tocsin.oncall.permissions import may_act_for, may_edit
from tocsin.oncall.reading import schedules, timelines
from tocsin.oncall.rules import State, expire, shifts_of
from tocsin.oncall.swaps import accept_cover, ask_cover, decline_cover, find_request, withdraw_cover
from tocsin.people.models import User
from tocsin.people.rules import May
from tocsin.web.calendar_grid.people import People
from tocsin.web.forms import asker, by, instant, show, told_beside
from tocsin.web.forms.shifts import CoverForm, When, active_people
from tocsin.web.guard import needs
from tocsin.web.layout import back, say
from tocsin.web.rota import LOOK_AHEAD, people_for, users_in
from tocsin.web.rota_words import when
from tocsin.web.schedules import find
from tocsin.web.shifts import asked_span, zones_of

OPEN_LOOKED_AT = 500  # open requests that are looked through for those that wait for somebody
ANSWERS = ("accept", "decline", "withdraw")


@dataclass(frozen=True)
class Asked:
    """A request in words. Times are said in `zone`."""

    id: int
    schedule: str
    by: str
    whom: str
    when: str
    long: str
    zone: str
    returns: str
    note: str
    state: str  # "open", "accepted", …
    accepted_by: str
    declined_by: str
    answerable: bool  # by the reader
    mine: bool


def asked_words(row: CoverRequest, people: People, reader: User, now: datetime) -> Asked:
    """The request `row` as `reader` sees it at `now`."""
    request, here = expire(row.as_value(), now), zone(row.schedule.timezone)
    for_reader = reader.pk in request.asked or not request.asked
    open_to = request.by != reader.pk and reader.pk not in request.declined_by and reader.may(May.SWAP)
    return Asked(
        row.pk,
        str(row.schedule),
        people.name(request.by),
        people.listed(request.asked) if request.asked else "whoever can",
        when(request.span, here),
        in_words(request.span.length),
        here.key,
        when(request.returns, here) if request.returns else "",
        row.note,
        request.state.value,
        people.name(request.accepted_by) if request.accepted_by else "",
        people.listed(request.declined_by) if request.declined_by else "",
        request.state is State.OPEN and for_reader and open_to,
        request.by == reader.pk,
    )


def requests_about(reader: User, people: People, now: datetime) -> tuple[list[Asked], list[Asked]]:
    """The open requests that wait for `reader`, and those that `reader` made."""
    rows = CoverRequest.objects.filter(state=State.OPEN, ends_at__gt=now).select_related("schedule")
    told = [(row, asked_words(row, people, reader, now)) for row in rows[:OPEN_LOOKED_AT]]
    known = schedules()
    waiting = [
        asked
        for row, asked in told
        if asked.answerable
        and row.schedule_id in known
        and (reader.pk in row.asked or reader.pk in users_in([known[row.schedule_id]]))
    ]
    return waiting, [asked for _, asked in told if asked.mine]


def named_in(rows: Iterable[CoverRequest]) -> set[str]:
    """Everybody whom requests name."""
    return {
        user
        for row in rows
        for user in (row.user_id, *row.asked, *row.declined_by, row.accepted_by_id)
        if user
    }


@needs(May.SWAP)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, schedule_id: str) -> HttpResponse:
    """Ask a person, several, or whoever can."""
    row, schedule = find(schedule_id)
    now, reader = instant(request), asker(request)
    edits = may_edit(reader, row)
    span = asked_span(request, now)
    if "from" not in request.GET:
        span = _next_of(row.pk, reader.pk, now) or span
    in_it = users_in([schedule])
    # Who is in the schedule knows the work, so they stand first.
    people = sorted(active_people(), key=lambda each: each[0] not in in_it)
    form = CoverForm(
        request.POST if request.method == "POST" else None,
        When(zones_of(request, schedule), span),
        people,
        reader.pk,
        for_others=edits,
    )
    if request.method == "POST" and form.is_valid():
        if not may_act_for(reader, form.giver, row):
            raise Refused("You may ask for cover of your own hours only", status=403)
        with told_beside(form):
            made = ask_cover(
                row.pk,
                form.giver,
                form.span(),
                by(request),
                now,
                asked=form.cleaned_data["asked"],
                returns=form.returns(),
                note=form.cleaned_data["note"],
            )
            say(request, "Asked. You are told when somebody answers.")
            return redirect("cover", request_id=made.pk)
    return show(request, "schedules/cover_new.html", form, row=row, edits=edits)


def _next_of(schedule_id: str, user: str, now: datetime) -> Span | None:
    """What is left of the shift that somebody has, or their next one; None within LOOK_AHEAD."""
    line = timelines()[schedule_id].timeline(now, now + LOOK_AHEAD)
    return next((each.span for each in shifts_of(line.shifts, user)), None)


@needs(May.SEE)
@require_safe
def one(request: HttpRequest, request_id: int) -> HttpResponse:
    """One request: what is asked of whom, and the two answers."""
    found = find_request(request_id)
    reader = asker(request)
    people = people_for(request, named_in([found]))
    acts_for_others = may_edit(reader, found.schedule)
    asked = asked_words(found, people, reader, instant(request))
    context = {
        "asked": asked,
        "row": found.schedule,
        "may_withdraw": asked.state == State.OPEN and may_act_for(reader, found.user_id, found.schedule),
        "stand_ins": [each for each in active_people() if each[0] != found.user_id]
        if acts_for_others and asked.state == State.OPEN
        else [],
    }
    template = "schedules/cover_part.html" if request.headers.get("HX-Request") else "schedules/cover.html"
    return render(request, template, context)


@needs(May.SWAP)
@require_POST
def answer(request: HttpRequest, request_id: int, verb: str) -> HttpResponse:
    """Accept, decline or withdraw; for somebody else only who may edit the schedule."""
    if verb not in ANSWERS:
        raise not_found("answer", verb)
    found, reader, now = find_request(request_id), asker(request), instant(request)
    who = found.user_id if verb == "withdraw" else request.POST.get("for", "") or reader.pk
    if not may_act_for(reader, who, found.schedule):
        raise Refused("You may answer for yourself only", status=403)
    if verb == "accept":
        accept_cover(found.pk, who, by(request), now)
        here = zone(found.schedule.timezone)
        span = Span(max(found.starts_at, now), found.ends_at)
        taker = "You are" if who == reader.pk else f"{dict(active_people()).get(who, who)} is"
        say(request, f"{taker} on call for {found.user.name}, {when(span, here)} ({here.key}).")
    elif verb == "decline":
        decline_cover(found.pk, who, by(request), now)
        say(request, "Declined.")
    else:
        withdraw_cover(found.pk, by(request), now)
        say(request, "Withdrawn. The shift stays as it is.")
    return back(request, reverse("cover", args=[found.pk]))


urlpatterns = [
    path("schedules/<slug:schedule_id>/cover", new, name="cover_new"),
    path("cover/<int:request_id>", one, name="cover"),
    path("cover/<int:request_id>/<slug:verb>", answer, name="cover_answer"),
]
