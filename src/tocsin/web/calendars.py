"""Working calendars: when work is done and which days are holidays, for layers, conditions and counting."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tocsin.catalog.calendars import find_calendar
from tocsin.catalog.models import Calendar as CalendarRow
from tocsin.escalation.policy_actions import policies_within
from tocsin.kernel.calendars import HOLIDAYS_MAX, Calendar, calendar_from
from tocsin.kernel.errors import Refused
from tocsin.kernel.hours import DAYS, WINDOWS_MAX
from tocsin.notification.quiet import quiet_naming
from tocsin.oncall.actions import calendars, delete_calendar, save_calendar, schedules_naming
from tocsin.oncall.models import Import, ImportKind
from tocsin.people.rules import May
from tocsin.web import sources
from tocsin.web.forms import UNPROCESSABLE, IdField, asker, by, id_of, instant, made_once, told_beside, words
from tocsin.web.forms.people import zones
from tocsin.web.forms.sources import HolidaysForm
from tocsin.web.forms.windows import WindowDraft, count_of, read_window, window_data, window_of
from tocsin.web.guard import needs
from tocsin.web.layout import say
from tocsin.web.rota_words import listed, window_words

HOLIDAYS_TEXT_MAX = HOLIDAYS_MAX * 120


class CalendarForm(forms.Form):
    """Name, zone, holidays as lines; the hours are read beside."""

    name = forms.CharField(max_length=100)
    id = IdField()
    timezone = forms.CharField(
        label="Time zone",
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off", "spellcheck": "false"}),
    )
    holidays = forms.CharField(
        required=False,
        max_length=HOLIDAYS_TEXT_MAX,
        widget=forms.Textarea(attrs={"rows": 10, "class": "mono", "placeholder": "2026-12-25 Christmas Day"}),
        help_text="A line for each: the day and its name.",
    )

    def __init__(self, data: QueryDict | None, existing: Calendar | None = None, zone: str = "") -> None:
        initial: dict[str, str] = {"timezone": zone}
        hours = [WindowDraft()]
        if existing:
            lines = "\n".join(f"{each.on} {each.name}".strip() for each in existing.holidays)
            initial = {"name": existing.name, "timezone": existing.timezone, "holidays": lines}
            hours = [window_of(each) for each in existing.hours]
        super().__init__(data, initial=initial)
        if existing:
            del self.fields["id"]
        self.existing = existing
        if data is not None:
            hours = [read_window(data, f"window-{k}") for k in range(count_of(data, "windows", WINDOWS_MAX))]
        self.hours = hours

    def windows(self) -> list[WindowDraft]:
        """The hours with the names that their fields have on the page."""
        for k, each in enumerate(self.hours):
            each.at, each.removes = f"window-{k}", f"window-remove:{k}"
        return self.hours

    def change(self, do: str) -> bool:
        """Carry out the button that was pressed; False when it was "save"."""
        verb, _, place = do.partition(":")
        if verb == "window" and len(self.hours) < WINDOWS_MAX:
            self.hours.append(WindowDraft())
        elif verb == "window-remove" and place.isdecimal() and int(place[:4]) < len(self.hours):
            del self.hours[int(place[:4])]
        return verb in ("window", "window-remove")

    def value(self) -> Calendar | None:
        """The calendar that stands on the page, or None when something has to be mended."""
        if not self.is_valid():
            return None
        data = {
            "id": self.existing.id if self.existing else id_of(self),
            "name": self.cleaned_data["name"],
            "timezone": self.cleaned_data["timezone"],
            "hours": [window_data(each) for each in self.hours],
            "holidays": [_day(line) for line in self.cleaned_data["holidays"].splitlines() if line.strip()],
        }
        try:
            return calendar_from(data)
        except Refused as refused:
            room, _, rest = refused.where.partition(".")
            place = rest.partition(".")[0]
            line = f"Line {int(place) + 1}: " if place.isdecimal() else ""
            self.add_error(room if room in self.fields else None, line + words(refused))
            return None


def _day(line: str) -> dict[str, str]:
    """A line such as "2026-12-25 Christmas Day"."""
    day, _, name = line.strip().partition(" ")
    return {"day": day, "name": name.strip()}


@needs(May.SEE)
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Every working calendar, in words, with the schedules that name it."""
    rows = [
        (each, listed([window_words(window) for window in each.hours]) or "never", schedules_naming(each.id))
        for each in calendars().values()
    ]
    return render(request, "schedules/calendars.html", {"rows": rows})


@needs(May.EDIT_SCHEDULES)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Make a working calendar."""
    form = CalendarForm(request.POST if request.method == "POST" else None, zone=asker(request).timezone)
    if (
        request.method == "POST"
        and not form.change(request.POST.get("do", "save"))
        and (value := form.value())
    ):
        with told_beside(form), made_once("calendar", CalendarRow.objects.filter(pk=value.id)):
            save_calendar(value, by(request), instant(request))
            say(request, f"{value.name} is made. Choose it for the hours of a layer.")
        if not form.errors:
            return redirect("calendar", calendar_id=value.id)
    return _page(request, form, None)


@needs(May.EDIT_SCHEDULES)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, calendar_id: str) -> HttpResponse:
    """Change a working calendar; the shifts that it restricts change with it."""
    row = find_calendar(calendar_id)
    form = CalendarForm(request.POST if request.method == "POST" else None, row.as_value())
    if (
        request.method == "POST"
        and not form.change(request.POST.get("do", "save"))
        and (value := form.value())
    ):
        with told_beside(form):
            save_calendar(value, by(request), instant(request))
            say(request, "Saved. Whose shifts change is told.")
        if not form.errors:
            return redirect("calendar", calendar_id=row.pk)
    return _page(request, form, row)


def _page(
    request: HttpRequest, form: CalendarForm, row: CalendarRow | None, source_form: HolidaysForm | None = None
) -> HttpResponse:
    if request.POST.get("do", "save") != "save":
        form.errors.clear()
    context: dict[str, Any] = {
        "row": row,
        "days": DAYS,
        "zones": zones(),
        "named": schedules_naming(row.pk) if row else [],
    }
    if row:
        found = _source(row)
        place = found.shown if found and found.kind == ImportKind.COUNTRY else ""
        address = reverse("calendar_source", args=[row.pk])
        context |= sources.shown(found, instant(request), address)
        context["source_form"] = source_form or HolidaysForm(place=place)
    status = (
        UNPROCESSABLE if any(each.is_bound and each.errors for each in (form, source_form) if each) else 200
    )
    return render(request, "schedules/calendar_edit.html", {"form": form, **context}, status=status)


# --- holidays from elsewhere -----------------------------------------------------------------------------


@needs(May.EDIT_SCHEDULES)
@require_http_methods(["GET", "HEAD", "POST"])
def source(request: HttpRequest, calendar_id: str) -> HttpResponse:
    """Take the holidays of a country or one of its regions, or those of a calendar elsewhere; they are renewed by
    themselves, and stand beside those that people wrote. Asked by the page, only how that goes, or the form."""
    row = find_calendar(calendar_id)
    if request.method != "POST":
        return _part(request, row)
    form = HolidaysForm(request.POST, request.FILES)
    if form.is_valid():
        with told_beside(form):
            sources.follow(request, form, calendar_id=row.pk)
            return redirect("calendar", calendar_id=row.pk)
    return _page(request, CalendarForm(None, row.as_value()), row, form)


def _part(request: HttpRequest, row: CalendarRow) -> HttpResponse:
    """The part that a script asks for; for everybody else the page itself."""
    if not request.headers.get("HX-Request"):
        return redirect("calendar", calendar_id=row.pk)
    if "country" in request.GET:
        form = HolidaysForm(place=request.GET["country"])
        return render(request, "forms/field.html", {"field": form["region"]})
    address = reverse("calendar_source", args=[row.pk])
    return render(request, "schedules/source.html", sources.shown(_source(row), instant(request), address))


@needs(May.EDIT_SCHEDULES)
@require_POST
def look(request: HttpRequest, calendar_id: str) -> HttpResponse:
    """Have the holidays fetched now."""
    row = find_calendar(calendar_id)
    sources.look(request, _source(row), row.pk)
    return redirect("calendar", calendar_id=row.pk)


@needs(May.EDIT_SCHEDULES)
@require_POST
def stop(request: HttpRequest, calendar_id: str) -> HttpResponse:
    """Take the holidays from there no longer."""
    row = find_calendar(calendar_id)
    sources.leave(request, _source(row), row.pk)
    return redirect("calendar", calendar_id=row.pk)


def _source(row: CalendarRow) -> Import | None:
    return Import.objects.filter(calendar=row).first()


@needs(May.EDIT_SCHEDULES)
@require_POST
def delete(request: HttpRequest, calendar_id: str) -> HttpResponse:
    """Forget the calendar; refused while something names it."""
    row = find_calendar(calendar_id)
    named = [f"policy {key}" for key in policies_within(row.pk)]
    named += [f"the quiet hours of {user}" for user in quiet_naming(row.pk)]
    delete_calendar(row.pk, by(request), instant(request), named_by=named)
    say(request, f"{row.name} is deleted.")
    return redirect("calendars")


urlpatterns = [
    path("calendars", index, name="calendars"),
    path("new/calendar", new, name="calendar_new"),
    path("calendars/<slug:calendar_id>", edit, name="calendar"),
    path("calendars/<slug:calendar_id>/source", source, name="calendar_source"),
    path("calendars/<slug:calendar_id>/source/look", look, name="calendar_source_look"),
    path("calendars/<slug:calendar_id>/source/stop", stop, name="calendar_source_stop"),
    path("calendars/<slug:calendar_id>/delete", delete, name="calendar_delete"),
]
