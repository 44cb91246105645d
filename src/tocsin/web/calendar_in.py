"""The shifts of a schedule taken from a calendar elsewhere: from its address, or from a file."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.views.decorators.http import require_http_methods, require_POST

from tocsin.kernel.errors import Refused, not_found
from tocsin.oncall.models import Import, Schedule
from tocsin.oncall.permissions import may_edit
from tocsin.people.rules import May
from tocsin.web import sources
from tocsin.web.forms import asker, instant, show, told_beside
from tocsin.web.forms.sources import SourceForm
from tocsin.web.guard import needs


@needs(May.SWAP)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, schedule_id: str) -> HttpResponse:
    """What the schedule is taken from, how that goes, and the form to change it."""
    row = _find(request, schedule_id)
    sent = request.method == "POST"
    form = SourceForm(request.POST if sent else None, request.FILES if sent else None)
    if sent and form.is_valid():
        with told_beside(form):
            sources.follow(request, form, schedule_id=row.pk)
            return redirect("calendar_in", row.pk)
    template = "schedules/source.html" if request.headers.get("HX-Request") else "schedules/calendar_in.html"
    shown = sources.shown(_source(row), instant(request), reverse("calendar_in", args=[row.pk]))
    return show(request, template, form, row=row, **shown)


@needs(May.SWAP)
@require_POST
def look(request: HttpRequest, schedule_id: str) -> HttpResponse:
    """Have it fetched now."""
    row = _find(request, schedule_id)
    sources.look(request, _source(row), schedule_id)
    return redirect("calendar_in", row.pk)


@needs(May.SWAP)
@require_POST
def stop(request: HttpRequest, schedule_id: str) -> HttpResponse:
    """Follow the calendar no longer."""
    row = _find(request, schedule_id)
    sources.leave(request, _source(row), schedule_id)
    return redirect("calendar_in", row.pk)


def _source(row: Schedule) -> Import | None:
    return Import.objects.filter(schedule=row).first()


def _find(request: HttpRequest, schedule_id: str) -> Schedule:
    """The schedule, when the reader may change it. Raises Refused."""
    row = Schedule.objects.live().select_related("team").filter(pk=schedule_id).first()
    if row is None:
        raise not_found("schedule", schedule_id)
    if not may_edit(asker(request), row):
        raise Refused(
            "You may not change this schedule",
            mend="Ask a manager, or the lead of the team that looks after it.",
            status=403,
        )
    return row


urlpatterns = [
    path("schedules/<slug:schedule_id>/calendar", page, name="calendar_in"),
    path("schedules/<slug:schedule_id>/calendar/look", look, name="calendar_in_look"),
    path("schedules/<slug:schedule_id>/calendar/stop", stop, name="calendar_in_stop"),
]
