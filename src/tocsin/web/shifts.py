"""One shift and what can be done about it: look, take it, override it, take an override back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tocsin.kernel.errors import Refused, not_found
from tocsin.kernel.moments import parse_instant
from tocsin.kernel.spans import Span
from tocsin.kernel.zones import zone
from tocsin.oncall.actions import add_override, find_override, remove_override
from tocsin.oncall.models import Override as OverrideRow
from tocsin.oncall.permissions import may_edit, may_end, may_override
from tocsin.oncall.rules import Schedule, impact
from tocsin.oncall.swaps import take_shift
from tocsin.people.models import User
from tocsin.people.rules import May
from tocsin.web.calendar_grid.people import People
from tocsin.web.forms import asker, by, instant, previews, show, told_beside
from tocsin.web.forms.shifts import OverrideForm, When, active_people
from tocsin.web.guard import needs
from tocsin.web.impact_words import HORIZON, Said, said
from tocsin.web.layout import back, say
from tocsin.web.reached import services_of
from tocsin.web.rota import known_line, people_for, users_in, whole_shift
from tocsin.web.rota_words import extent, in_address, when
from tocsin.web.schedules import find, override_words

AROUND = timedelta(days=62)  # how far a shift is followed to its beginning and end
USUAL_LENGTH = timedelta(hours=8)  # of an override that nobody has said anything about yet
HOUR = timedelta(hours=1)
NOT_YOURS = "Managers, and the lead of the team, may change any shift; others put themselves on call."


@needs(May.SEE)
@require_safe
def shift(request: HttpRequest, schedule_id: str) -> HttpResponse:
    """Who is on call at an instant, why, and what the reader can do about it."""
    row, schedule = find(schedule_id)
    now, here, reader = instant(request), zone(schedule.timezone), asker(request)
    at = asked_instant(request, "at") or now
    line = known_line(schedule, Span(at - AROUND, at + AROUND), now)
    found = whole_shift(line, at)
    people = people_for(request, users_in([schedule]) | set(found.users))
    mine, over = reader.pk in found.users, found.end <= now
    context = {
        "row": row,
        "users": [(people.name(user), people.tints.get(user, 0)) for user in found.users],
        "when": extent(found.span, Span(line.start, line.end), here),
        "zone": here.key,
        "reasons": _reasons(schedule, line.stretch(at).sources, people),
        "mine": mine,
        "over": over,
        "start": in_address(max(found.start, now)),
        "end": in_address(found.end),
        "of": found.users,
        "others": [(user, people.name(user)) for user in found.users if user != reader.pk],
        "may_take": bool(found.users) and not mine and not over and reader.may(May.SWAP),
        "may_ask": mine and not over and reader.may(May.SWAP),
        "may_edit": may_edit(reader, row) and not over,
        "may_fill": not found.users and not over and reader.may(May.SWAP) and not may_edit(reader, row),
        "ends": [] if over else _ending(line.stretch(at).sources, reader),
    }
    return render(request, "schedules/shift.html", context)


def _reasons(schedule: Schedule, sources: Sequence[str], people: People) -> list[str]:
    """What put them on call, in words, each once."""
    told = []
    standing = {each.id: each for each in schedule.overrides}
    for source in dict.fromkeys(sources):
        kind, _, key = source.partition(":")
        if kind == "layer" and key.isdecimal() and int(key) <= len(schedule.layers):
            told.append(f"by {schedule.layers[int(key) - 1].name or f'layer {key}'}")
        elif key in standing:
            told.append(f"by an override: {override_words(standing[key], people)}")
        elif kind != "layer":
            told.append("by an override that stands no more")
    return told


def _ending(sources: Sequence[str], reader: User) -> list[int]:
    """The overrides behind `sources` that the reader may take back."""
    keys = {source.partition(":")[2] for source in sources if not source.startswith("layer")}
    rows = OverrideRow.objects.standing().filter(pk__in=[int(key) for key in keys if key.isdecimal()])
    return [row.pk for row in rows.select_related("schedule__team") if may_end(reader, row)]


def asked_instant(request: HttpRequest, name: str) -> datetime | None:
    """The instant that the address carries under `name`; None when there is none. Raises Refused."""
    text = request.GET.get(name, "") or request.POST.get(name, "")
    return parse_instant(text, zone("UTC"), name) if text else None


def asked_span(request: HttpRequest, now: datetime) -> Span:
    """The span `?from=…&to=…`; without, the next full hour and USUAL_LENGTH more."""
    start, end = asked_instant(request, "from"), asked_instant(request, "to")
    begin = start or now.replace(minute=0, second=0, microsecond=0) + HOUR
    return Span(begin, end if end and end > begin else begin + USUAL_LENGTH)


def zones_of(request: HttpRequest, schedule: Schedule) -> list[tuple[str, str]]:
    """The zones that times can be typed in."""
    own = asker(request).timezone
    if own == schedule.timezone:
        return [(own, f"{own}, the schedule's zone and yours")]
    return [(schedule.timezone, f"{schedule.timezone}, the schedule's zone"), (own, f"{own}, your zone")]


@needs(May.SWAP)
@require_http_methods(["GET", "HEAD", "POST"])
def override(request: HttpRequest, schedule_id: str) -> HttpResponse:
    """Make an override; what it changes is said beside the form before it is made."""
    row, schedule = find(schedule_id)
    now, reader = instant(request), asker(request)
    span = asked_span(request, now)
    people = people_for(request, {*users_in([schedule]), *(key for key, _ in active_people())})
    edits = may_edit(reader, row)
    initial = {
        "users": request.GET.getlist("who") or ([] if edits else [reader.pk]),
        "replaces": request.GET.getlist("of"),
    }
    form = OverrideForm(
        request.POST if request.method == "POST" else None,
        When(zones_of(request, schedule), span),
        active_people(),
        [(user, people.name(user)) for user in sorted(users_in([schedule]), key=people.name)],
        initial,
        only="" if edits else reader.pk,
    )
    change = None
    if request.method == "POST" and form.is_valid():
        value = form.value()
        saving = request.POST.get("do") == "save" and not previews(request)
        if not may_override(reader, row, value):
            raise Refused("You may not make this override", mend=NOT_YOURS, status=403)
        with told_beside(form):
            change = change_of(
                schedule, replace(schedule, overrides=(*schedule.overrides, value)), people, form, now
            )
            if saving and value in [replace(each, id="") for each in schedule.overrides[-1:]]:
                say(request, "That override is made already.")  # the form was sent twice
                return redirect("schedule", schedule_id=row.pk)
            if saving:
                made = add_override(row.pk, value, by(request), now)
                words = f"{override_words(value, people)}, {when(value.span, form.here)} ({form.here.key})."
                say(request, f"Made: {words}", undo=reverse("override_remove", args=[row.pk, made]))
                return redirect("schedule", schedule_id=row.pk)
    context = {"row": row, "said": change, "zone": form.here.key, "edits": edits}
    if previews(request):
        return render(request, "schedules/preview.html", context)
    return show(request, "schedules/override.html", form, **context)


def change_of(before: Schedule, after: Schedule, people: People, form: Any, now: datetime) -> Said:
    """What becomes of people and gaps when `before` becomes `after`."""
    found = impact([before], [after], now, now + HORIZON)
    return said(found, people, form.here, services_of(before.id))


@needs(May.SWAP)
@require_POST
def remove(request: HttpRequest, schedule_id: str, override_id: int) -> HttpResponse:
    """Take an override back; what was served under it stays served."""
    row = find_override(override_id)
    if row.schedule_id != schedule_id:
        raise not_found("override", override_id)
    if not may_end(asker(request), row):
        raise Refused(
            "You may not take this override back",
            mend="Who made it may, and who may edit the schedule; what two people agreed on, neither alone.",
            status=403,
        )
    remove_override(override_id, by(request), instant(request))
    again = reverse("override_restore", args=[schedule_id, override_id])
    say(request, "Taken back. Who is concerned is told.", undo="" if row.request_id else again)
    return back(request, reverse("schedule", args=[schedule_id]))


@needs(May.SWAP)
@require_POST
def restore(request: HttpRequest, schedule_id: str, override_id: int) -> HttpResponse:
    """Make an override that was taken back anew, over all there are."""
    row, schedule = find(schedule_id)
    gone = OverrideRow.objects.filter(pk=override_id, schedule=row, ended_at__isnull=False).first()
    if gone is None or gone.ends_at <= instant(request):
        raise not_found("override that was taken back", override_id)
    value = replace(gone.as_value(), id="")
    if gone.request_id is not None or not may_override(asker(request), row, value):
        raise Refused("You may not make this override", mend=NOT_YOURS, status=403)
    if value not in [replace(each, id="") for each in schedule.overrides]:  # it was pressed twice
        add_override(schedule_id, value, by(request), instant(request))
    say(request, "It stands again.")
    return back(request, reverse("schedule", args=[schedule_id]))


@needs(May.SWAP)
@require_POST
def take(request: HttpRequest, schedule_id: str) -> HttpResponse:
    """The reader takes the shift from its person, whole or what is left of it."""
    row, schedule = find(schedule_id)
    now = instant(request)
    start, end = asked_instant(request, "from"), asked_instant(request, "to")
    if start is None or end is None or end <= start:
        raise Refused("Which hours?", "the shift that was shown", "Go back and press again.")
    reader = asker(request)
    of = request.POST.get("of", "")
    made = take_shift(row.pk, Span(start, end), reader.pk, by(request), now, of=of)
    here = zone(schedule.timezone)
    say(
        request,
        f"You take {when(Span(max(start, now), end), here)} ({here.key}). Who had it is told.",
        undo=reverse("override_remove", args=[row.pk, made]),
    )
    return back(request, reverse("schedule", args=[row.pk]))


urlpatterns = [
    path("schedules/<slug:schedule_id>/shift", shift, name="shift"),
    path("schedules/<slug:schedule_id>/override", override, name="override_new"),
    path("schedules/<slug:schedule_id>/overrides/<int:override_id>/remove", remove, name="override_remove"),
    path(
        "schedules/<slug:schedule_id>/overrides/<int:override_id>/restore", restore, name="override_restore"
    ),
    path("schedules/<slug:schedule_id>/take", take, name="take_shift"),
]
