"""Make and change schedules: what is typed is drawn at once, and before it is saved it is said what it does to whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_http_methods

from tocsin.kernel.errors import Refused
from tocsin.kernel.hours import DAYS
from tocsin.kernel.zones import wall_clock, zone
from tocsin.oncall.actions import add_override, calendars, delete_schedule, save_schedule
from tocsin.oncall.models import Schedule as ScheduleRow
from tocsin.oncall.permissions import may_edit
from tocsin.oncall.rules import Schedule, follow, impact, timeline
from tocsin.people.rules import May
from tocsin.web.calendar_grid.bands import bands
from tocsin.web.calendar_grid.lanes import AROUND, lanes
from tocsin.web.forms import UNPROCESSABLE, asker, by, instant, made_once, previews, told_beside
from tocsin.web.forms.layers import ROTATIONS, LayerDraft, first_layer
from tocsin.web.forms.people import zones
from tocsin.web.forms.schedule import ScheduleForm, TemporaryForm, pairs_of
from tocsin.web.forms.shifts import active_people
from tocsin.web.guard import needs
from tocsin.web.impact_words import HORIZON, Said, said
from tocsin.web.layout import say
from tocsin.web.periods import DAY, Period, View
from tocsin.web.reached import policies_through, services_of
from tocsin.web.rota import people_for, users_in
from tocsin.web.rota_words import in_field
from tocsin.web.schedules import find
from tocsin.web.shifts import asked_span, zones_of

PREVIEW_WEEKS = 4
CARRIED_BUT = ("csrfmiddlewaretoken", "do", "stamp")
Editor = ScheduleForm | TemporaryForm


@needs(May.EDIT_SCHEDULES)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Make a schedule."""
    mine = asker(request).timezone
    fresh = first_layer(wall_clock(instant(request), zone(mine)))
    form = ScheduleForm(_sent(request), fresh, mine)

    def save(value: Schedule) -> str:
        with made_once("schedule", ScheduleRow.objects.live().filter(pk=value.id)):
            save_schedule(value, form.cleaned_data["team"] or None, by(request), instant(request))
        say(request, f"{value.name} is made. Name it in a policy, so that it is paged.")
        return value.id

    return _edited(request, form, fresh, save)


@needs(May.SWAP)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, schedule_id: str) -> HttpResponse:
    """Change a schedule: edit, read what it does, save."""
    row, schedule = find(schedule_id)
    check_may_edit(request, row)
    now = instant(request)
    fresh = first_layer(wall_clock(now, zone(schedule.timezone)))
    form = ScheduleForm(_sent(request), fresh, schedule.timezone, schedule, row.team_id)

    def save(value: Schedule) -> str:
        save_schedule(value, form.cleaned_data["team"] or None, by(request), now)
        say(request, "Saved. Whose shifts change is told.")
        return row.pk

    return _edited(request, form, fresh, save, row, schedule)


@needs(May.SWAP)
@require_http_methods(["GET", "HEAD", "POST"])
def temporary(request: HttpRequest, schedule_id: str) -> HttpResponse:
    """A schedule of its own for a span, instead of everything else."""
    row, schedule = find(schedule_id)
    check_may_edit(request, row)
    now = instant(request)
    span = asked_span(request, now)
    # A fresh layer begins with the span.
    start = in_field(span.start, zone(schedule.timezone))
    fresh = replace(first_layer(wall_clock(now, zone(schedule.timezone))), start=start)
    form = TemporaryForm(_sent(request), fresh, schedule, zones_of(request, schedule), span)

    def save(value: Schedule) -> str:
        made = add_override(row.pk, value.overrides[-1], by(request), now)
        say(request, "The temporary schedule is made.", undo=reverse("override_remove", args=[row.pk, made]))
        return row.pk

    return _edited(request, form, fresh, save, row, schedule)


def _edited(
    request: HttpRequest,
    form: Editor,
    fresh: LayerDraft,
    save: Callable[[Schedule], str],
    row: ScheduleRow | None = None,
    before: Schedule | None = None,
) -> HttpResponse:
    """The editor while it is filled in, then the review, and after `save`, which returns the schedule's id, its page.

    What was changed by somebody else since the page was made is reviewed again before it is saved.
    """
    do = _do(request)
    if request.method != "POST" or form.change(do, fresh) or not _finishes(request):
        return _editor(request, form, row, form.draft(), before=before)
    value = form.value()
    if value is None:
        return _editor(request, form, row, form.draft(), refused=True, before=before)
    value = replace(value, calendars=calendars())
    moved_on = row is not None and request.POST.get("stamp", "") != row.stamp
    if do == "check" or moved_on:
        return _review(request, form, row, before, value, moved_on=moved_on and do == "save")
    with told_beside(form):
        return redirect("schedule", schedule_id=save(value))
    return _editor(request, form, row, value, refused=True, before=before)


def _sent(request: HttpRequest) -> QueryDict | None:
    """What was sent with the form; None for one that is fresh."""
    return request.POST if request.method == "POST" else None


@needs(May.SWAP)
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, schedule_id: str) -> HttpResponse:
    """Say what goes with it, then let it go; refused while a policy names it."""
    row, schedule = find(schedule_id)
    check_may_edit(request, row)
    policies = policies_through(row.pk)
    if request.method == "POST":
        delete_schedule(row.pk, by(request), instant(request), named_by=[each.name for each in policies])
        say(request, f"{row} is deleted. What was served stays known.")
        return redirect("schedules")
    people = people_for(request, users_in([schedule]))
    context = {"row": row, "policies": policies, "people": people.listed(sorted(users_in([schedule])))}
    return render(request, "schedules/delete.html", context)


def check_may_edit(request: HttpRequest, row: ScheduleRow) -> None:
    """Raises Refused unless the reader may edit the schedule."""
    if not may_edit(asker(request), row):
        raise Refused(
            f"You may not edit {row}",
            mend="Managers may, and the lead of its team. To hand on your own hours, ask for cover.",
            status=403,
        )


def _do(request: HttpRequest) -> str:
    return request.POST.get("do", "check")


def _finishes(request: HttpRequest) -> bool:
    """Whether the button pressed is to look at the end, or to save; not while the page only draws along."""
    return _do(request) in ("check", "save") and not previews(request)


def _editor(
    request: HttpRequest,
    form: Editor,
    row: ScheduleRow | None,
    drawn: Schedule,
    *,
    refused: bool = False,
    before: Schedule | None = None,
) -> HttpResponse:
    """The page of the editor; a button that changed the layers shows no complaint about what is not finished."""
    if not refused:
        form.errors.clear()
    listed = active_people()
    context = {
        "form": form,
        "row": row,
        "people_choices": listed,
        "names": {**people_for(request, users_in([drawn])).names, **dict(listed)},
        "calendar_choices": [(key, each.name) for key, each in calendars().items()],
        "rotations": [(key.value, name) for key, name in ROTATIONS.items()],
        "days": DAYS,
        "zones": zones(),
        "temporary": isinstance(form, TemporaryForm),
        "address": request.path,
        **_preview(request, drawn, before),
    }
    template = "schedules/edit_preview.html" if previews(request) else "schedules/edit.html"
    return render(request, template, context, status=UNPROCESSABLE if refused else 200)


def _review(
    request: HttpRequest,
    form: Editor,
    row: ScheduleRow | None,
    before: Schedule | None,
    after: Schedule,
    moved_on: bool = False,
) -> HttpResponse:
    """What saving does, in words; the form is carried along unseen, so that one can go back to it."""
    context = {
        "row": row,
        "name": after.name or after.id,
        "carried": list(pairs_of(request.POST, CARRIED_BUT)),
        "stamp": row.stamp if row else "",
        "moved_on": moved_on,
        "address": request.path,
        **_preview(request, after, before),
    }
    return render(request, "schedules/review.html", context)


def _preview(request: HttpRequest, after: Schedule, before: Schedule | None) -> dict[str, Any]:
    """The next weeks of the schedule `after` as a calendar, and what becomes of people when it takes the place of
    `before` (None: of nothing)."""
    now = instant(request)
    after = replace(after, calendars=calendars())
    here = zone(after.timezone)
    if before is not None:
        after, _ = follow(before, after, now)
    shown = weeks_from(wall_clock(now, here).date(), here)
    line = timeline(after, shown.span.start - AROUND, shown.span.end + AROUND)
    people = people_for(request, users_in([after, *([before] if before else [])]))
    return {
        "bands": bands(shown, lanes(after, line, shown.span), people, now) if after.layers else (),
        "view": "month",
        "zone": here.key,
        "said": change_said(before, after, people, now),
    }


def change_said(before: Schedule | None, after: Schedule, people: Any, now: datetime) -> Said:
    """The impact of the change, in words."""
    found = impact([before] if before else [], [after], now, now + HORIZON)
    return said(found, people, zone(after.timezone), services_of(after.id))


def weeks_from(today: date, here: Any) -> Period:
    """The weeks that the preview draws, from Monday of this one."""
    monday = today - today.weekday() * DAY
    weeks: Sequence[tuple[date, date]] = [
        (monday + timedelta(weeks=n), monday + timedelta(weeks=n + 1)) for n in range(PREVIEW_WEEKS)
    ]
    return Period(View.WEEKS, today, here, tuple(weeks), "", monday, monday)


urlpatterns = [
    path("new/schedule", new, name="schedule_new"),
    path("schedules/<slug:schedule_id>/edit", edit, name="schedule_edit"),
    path("schedules/<slug:schedule_id>/temporary", temporary, name="temporary_new"),
    path("schedules/<slug:schedule_id>/delete", delete, name="schedule_delete"),
]
