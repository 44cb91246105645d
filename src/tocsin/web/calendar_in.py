"""The shifts of a schedule taken from a calendar elsewhere: from its address, or from a file."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_http_methods, require_POST

from tocsin.channels.reach import read_target
from tocsin.kernel.errors import Refused, not_found
from tocsin.oncall.ical.reading import BYTES_MAX
from tocsin.oncall.imports import (
    ADDRESS_LENGTH_MAX,
    OLD,
    import_file,
    import_schedule,
    plain_address,
    stop_import,
)
from tocsin.oncall.models import Import, Schedule
from tocsin.oncall.permissions import may_edit
from tocsin.people.rules import May
from tocsin.web.forms import asker, by, instant, show, told_beside
from tocsin.web.guard import needs
from tocsin.web.layout import say


class CalendarForm(forms.Form):
    """An address, a file, or text that was copied: one of them."""

    url = forms.CharField(
        label="Address",
        required=False,
        max_length=ADDRESS_LENGTH_MAX,
        help_text="The calendar's secret address in iCal format. It is looked at every 5 minutes.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "inputmode": "url"}),
    )
    file = forms.FileField(
        label="Or a file", required=False, help_text="A file that ends in .ics, taken over once."
    )
    text = forms.CharField(
        label="Or its text",
        required=False,
        max_length=BYTES_MAX,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if sum(bool(data.get(name)) for name in ("url", "file", "text")) != 1:
            raise forms.ValidationError("Give one of the three: an address, a file, or its text.")
        return data


@needs(May.SWAP)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, schedule_id: str) -> HttpResponse:
    """What the schedule is taken from, how that goes, and the form to change it."""
    row = _find(request, schedule_id)
    sent = request.method == "POST"
    form = CalendarForm(request.POST if sent else None, request.FILES if sent else None)
    if request.method == "POST" and form.is_valid():
        with told_beside(form):
            _take(request, row, form.cleaned_data)
        if not form.errors:
            return redirect("calendar_in", row.pk)
    source = Import.objects.filter(schedule=row).first()
    old = bool(source and source.problem and source.copied_at and instant(request) - source.copied_at >= OLD)
    return show(request, "schedules/calendar_in.html", form, row=row, source=source, old=old)


def _take(request: HttpRequest, row: Schedule, data: dict[str, Any]) -> None:
    who, now = by(request), instant(request)
    if data["url"]:
        address, host = web_address(data["url"])
        import_schedule(row.pk, who, now, address=address, host=host)
        say(request, "It is looked at now. What comes of it stands here in a moment.")
        return
    name, body = "pasted text", data["text"].encode()
    if isinstance(upload := data["file"], UploadedFile):
        if (upload.size or 0) > BYTES_MAX:
            raise Refused("The file is too large", f"at most {BYTES_MAX:,} bytes", where="file")
        name, body = upload.name or "a file", upload.read()
    import_file(body, name, who, now, schedule_id=row.pk)
    say(request, "The shifts are taken over.")


def web_address(text: str) -> tuple[str, str]:
    """The address in its plain form, and its host. Raises Refused for what could not be fetched."""
    try:
        target = read_target(plain_address(text))
    except Refused as refused:
        raise Refused(
            refused.what, "an address such as https://example.com/on-call.ics", where="url"
        ) from refused
    return str(target), target.host


@needs(May.SWAP)
@require_POST
def stop(request: HttpRequest, schedule_id: str) -> HttpResponse:
    """Follow the calendar no longer."""
    row = _find(request, schedule_id)
    source = Import.objects.filter(schedule=row).first()
    if source is None:
        raise not_found("imported calendar of", schedule_id)
    stop_import(source.pk, by(request), instant(request))
    say(request, "Not followed any more. The shifts that came from it stay.")
    return redirect("calendar_in", row.pk)


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
    path("schedules/<slug:schedule_id>/calendar/stop", stop, name="calendar_in_stop"),
]
