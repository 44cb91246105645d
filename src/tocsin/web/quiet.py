"""Somebody's quiet hours, edited by themselves or by who looks after people."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from tocsin.catalog.calendars import calendars
from tocsin.notification.quiet import quiet_of, save_quiet
from tocsin.notification.rules.quiet import quiet_in_words
from tocsin.people.models import User
from tocsin.web.forms import by, instant, show, told_beside
from tocsin.web.forms.quiet import QuietForm
from tocsin.web.layout import say


def edit_quiet(request: HttpRequest, person: User, after: str) -> HttpResponse:
    """When `person` is told only what is urgent."""
    form = QuietForm(request.POST if request.method == "POST" else None, existing=quiet_of(person.pk))
    if request.method == "POST" and form.is_valid():
        with told_beside(form):
            save_quiet(person.pk, form.value(), by(request), instant(request))
            say(request, "Saved. It holds for the next page.")
        if not form.errors:
            return redirect(after)
    return show(request, "people/quiet.html", form, person=person, after=after)


def quiet_words(person: User) -> str:
    """The quiet hours for a reader; "" for none."""
    return quiet_in_words(quiet_of(person.pk), {key: value.name or key for key, value in calendars().items()})
