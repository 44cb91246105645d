"""The change of shift: how things stand for whoever has the schedule, what was handed over, people's own words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_POST, require_safe

from tocsin.kernel.errors import not_found
from tocsin.kernel.spans import Span
from tocsin.kernel.zones import zone
from tocsin.oncall.models import Schedule
from tocsin.oncall.reading import on_call_at
from tocsin.people.rules import May
from tocsin.people.speaking import listed, when_words
from tocsin.telling.handovers import WORD_LENGTH_MAX, add_word, began_of, override_said, state_of
from tocsin.telling.models import Handover, Word
from tocsin.telling.notices import names_of
from tocsin.web.forms import asker, by, instant, show, told_beside, viewer
from tocsin.web.guard import needs
from tocsin.web.layout import say

HANDOVERS_SHOWN = 10


class WordForm(forms.Form):
    """What somebody wants the next one to know."""

    text = forms.CharField(
        label="For whoever comes next",
        max_length=WORD_LENGTH_MAX,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="It goes into the note at the next change of shift.",
    )


@needs(May.SEE)
@require_safe
def page(request: HttpRequest, schedule_id: str) -> HttpResponse:
    """How things stand, and the notes of the last changes of shift."""
    return _shown(request, _find(schedule_id), WordForm())


@needs(May.ACT)
@require_POST
def write(request: HttpRequest, schedule_id: str) -> HttpResponse:
    """Add one's own words."""
    row, form = _find(schedule_id), WordForm(request.POST)
    if form.is_valid():
        with told_beside(form):
            add_word(row.pk, form.cleaned_data["text"], by(request), instant(request))
        if not form.errors:
            say(request, "Kept for the next change of shift.")
            return redirect("handover", row.pk)
    return _shown(request, row, form)


def _shown(request: HttpRequest, row: Schedule, form: forms.Form) -> HttpResponse:
    now, here = instant(request), zone(asker(request).timezone)
    since = began_of(row.pk, now)
    state = state_of(row.pk, since, now, viewer(request))
    context = {
        "row": row,
        "since": since,
        "on_call": listed(names_of(on_call_at(row.pk, now))),
        "state": state,
        "ahead": [
            (override_said(each), when_words(Span(each.starts_at, each.ends_at), here))
            for each in state.overrides
        ],
        "waiting": _words(Word.objects.filter(schedule=row, handover=None)),
        "handovers": [
            (each.at, listed(names_of(each.going)), listed(names_of(each.coming)), each.lines)
            for each in Handover.objects.filter(schedule=row)[:HANDOVERS_SHOWN]
        ],
    }
    return show(request, "schedules/handover.html", form, **context)


def _words(rows: Iterable[Word]) -> list[tuple[str, datetime, str]]:
    return [(names_of([row.by.partition(":")[2]])[0], row.at, row.text) for row in rows]


def _find(schedule_id: str) -> Schedule:
    row = Schedule.objects.live().filter(pk=schedule_id).first()
    if row is None:
        raise not_found("schedule", schedule_id)
    return row


urlpatterns = [
    path("schedules/<slug:schedule_id>/handover", page, name="handover"),
    path("schedules/<slug:schedule_id>/handover/write", write, name="handover_write"),
]
