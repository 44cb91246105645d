"""Who reads a restricted incident: shut it, open it again, name people and withdraw them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_http_methods, require_POST

from tocsin.incident.restricting import let_read, restrict, unrestrict, withdraw
from tocsin.people.rules import May
from tocsin.web.forms import by, instant
from tocsin.web.forms.incidents import ReaderForm
from tocsin.web.guard import needs
from tocsin.web.incident_acts import address_of, conflicts_said, press
from tocsin.web.incident_forms import by_form, given
from tocsin.web.incidents import find
from tocsin.web.layout import back, say, warn


@needs(May.ACT)
@require_POST
def shut(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Make it restricted; can be taken back by whoever has it."""
    return press(request, incident_id, restrict, "is restricted: only whom it concerns reads it.")


@needs(May.ACT)
@require_POST
def open_again(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Let everybody read it who sees incidents."""
    return press(request, incident_id, unrestrict, "is not restricted any more.")


@needs(May.ACT)
@require_http_methods(["GET", "HEAD", "POST"])
def name(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Let somebody read it."""
    incident = find(request, incident_id)
    form = ReaderForm(given(request))

    def act() -> None:
        person = form.cleaned_data["user"]
        outcome = let_read(incident_id, person.pk, by(request), instant(request))
        if outcome.changed:
            say(request, f"{person} reads #{incident_id} now. It is noted on its timeline.")
        else:
            warn(request, f"Nothing changed: {outcome.why}.")

    intro = "They are not told: tell them yourself. You can withdraw them again."
    title = f"Who else reads #{incident_id}?"
    return by_form(request, incident, form, act, title, "Let them read it", intro=intro, part="readers")


@needs(May.ACT)
@require_POST
def take_away(request: HttpRequest, incident_id: int, user_id: str) -> HttpResponse:
    """Let somebody read it no more."""
    with conflicts_said(request):
        outcome = withdraw(incident_id, user_id, by(request), instant(request))
        if outcome.changed:
            say(request, f"They do not read #{incident_id} any more.")
        else:
            warn(request, f"Nothing changed: {outcome.why}.")
    return back(request, f"{address_of(incident_id)}#readers")


urlpatterns = [
    path("incidents/<int:incident_id>/restrict", shut, name="restrict"),
    path("incidents/<int:incident_id>/unrestrict", open_again, name="unrestrict"),
    path("incidents/<int:incident_id>/readers", name, name="readers"),
    path("incidents/<int:incident_id>/readers/<slug:user_id>/withdraw", take_away, name="reader_withdraw"),
]
