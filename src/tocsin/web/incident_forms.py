"""What a person does to an incident with a few words: a short form each, through the rooms' actions."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from tocsin.answering import reports
from tocsin.answering.acting import until
from tocsin.answering.words import next_people
from tocsin.catalog.models import Service
from tocsin.escalation.actions import escalate_now
from tocsin.escalation.rules import Handover
from tocsin.incident import actions, describing
from tocsin.incident.models import Incident
from tocsin.incident.transitions import Outcome
from tocsin.kernel.urgency import Impact, Urgency
from tocsin.people.rules import May
from tocsin.web.forms import by, instant, show, told_beside
from tocsin.web.forms.incidents import (
    AssignForm,
    ClassifyForm,
    DeclineForm,
    EscalateForm,
    NoteForm,
    OpenForm,
    RenameForm,
    SameAsForm,
    SnoozeForm,
    rests,
)
from tocsin.web.guard import needs
from tocsin.web.incident_acts import address_of
from tocsin.web.incidents import find
from tocsin.web.layout import say, warn


def show_form(
    request: HttpRequest, form: forms.Form, title: str, button: str, **more: object
) -> HttpResponse:
    """The page of a form that acts on an incident."""
    return show(request, "incident_form.html", form, title=title, button=button, **more)


def by_form(
    request: HttpRequest,
    incident: Incident,
    form: forms.Form,
    act: Callable[[], None],
    title: str,
    button: str,
    *,
    part: str = "",
    **more: object,
) -> HttpResponse:
    """Do `act` with a form that was sent and is whole, and lead to the incident (its `part`); else show the form,
    with what `act` refused beside its field."""
    if request.method == "POST" and form.is_valid():
        with told_beside(form):
            act()
        if not form.errors:
            return see(incident.pk, part)
    return show_form(request, form, title, button, incident=incident, **more)


def given(request: HttpRequest) -> QueryDict | None:
    """What was sent: the form's fields; for an undo, which is a bare button, what its address says."""
    if request.method != "POST":
        return None
    return request.GET if "undo" in request.GET else request.POST


def undo_address(incident_id: int, verb: str, **before: object) -> str:
    """Where to post to bring back what was there before."""
    kept = {name: str(value or "") for name, value in before.items()}
    return f"{address_of(incident_id)}/{verb}?{urlencode({'undo': '1'} | kept)}"


def told(request: HttpRequest, outcome: Outcome, done: str, undo: str) -> None:
    """Say what was done with a way back, or why nothing was."""
    if outcome.changed:
        say(request, done, undo)
    else:
        warn(request, f"Nothing changed: {outcome.why}.")


def see(incident_id: int, part: str = "") -> HttpResponseRedirect:
    """To the incident's page, by a redirect that a reload does not repeat."""
    response = redirect("incident", incident_id=incident_id)
    response["Location"] += f"#{part}" if part else ""
    response.status_code = 303
    return response


@needs(May.ACT)
@require_http_methods(["GET", "HEAD", "POST"])
def escalate(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Page the next level now, with a note that its people read first. Shows exactly whom that wakes."""
    incident = find(request, incident_id)
    form = EscalateForm(given(request))

    def act() -> None:
        escalate_now(incident_id, by(request), instant(request), Handover(**form.cleaned_data))
        say(request, f"#{incident_id} is escalated: the next level is paged now.")

    wakes = next_people(incident, instant(request))
    return by_form(request, incident, form, act, f"Escalate #{incident_id}", "Escalate now", wakes=wakes)


@needs(May.ACT)
@require_http_methods(["GET", "HEAD", "POST"])
def snooze(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Put it off until a time, when it pages again from the top."""
    form = SnoozeForm(given(request))

    def act() -> None:
        at = until(form.cleaned_data["until"], by(request), instant(request))
        outcome = actions.snooze(incident_id, at, by(request), instant(request))
        if outcome.changed:
            say(request, f"#{incident_id} rests, and is yours. Then it pages again from the first level.")
        else:
            warn(request, f"Nothing changed for #{incident_id}: {outcome.why}.")

    intro = "Until then it is yours and nobody is paged. Then it pages again, from the first level."
    return by_form(
        request,
        find(request, incident_id),
        form,
        act,
        f"Snooze #{incident_id}",
        "Snooze",
        intro=intro,
        rests=rests(),
    )


@needs(May.ACT)
@require_http_methods(["GET", "HEAD", "POST"])
def assign(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Hand it to somebody, who is paged about it at once."""
    incident = find(request, incident_id)
    form = AssignForm(given(request), initial={"user": incident.assigned_id})

    def act() -> None:
        user = form.cleaned_data["user"]
        outcome = describing.assign(incident_id, user.pk if user else None, by(request), instant(request))
        done = f"#{incident_id} is {user.name if user else 'nobody'}'s now."
        told(request, outcome, done, undo_address(incident_id, "assign", user=incident.assigned_id))

    intro = "The person is paged at once, unless it is you."
    return by_form(request, incident, form, act, f"Hand over #{incident_id}", "Hand over", intro=intro)


@needs(May.ACT)
@require_http_methods(["GET", "HEAD", "POST"])
def classify(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Say how bad it is; the priority follows."""
    incident = find(request, incident_id)
    before = {"urgency": incident.urgency, "impact": incident.impact}
    form = ClassifyForm(given(request), initial=before)

    def act() -> None:
        urgency, impact = Urgency(form.cleaned_data["urgency"]), Impact(form.cleaned_data["impact"])
        outcome = describing.classify(
            incident_id, urgency=urgency, impact=impact, by=by(request), now=instant(request)
        )
        done = f"#{incident_id} is {outcome.incident.priority} now."
        told(request, outcome, done, undo_address(incident_id, "classify", **before))

    intro = "Raising the urgency of one that nobody has pages again, by the louder rules."
    return by_form(request, incident, form, act, f"How bad is #{incident_id}?", "Save", intro=intro)


@needs(May.ACT)
@require_http_methods(["GET", "HEAD", "POST"])
def note(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Write into the timeline."""
    form = NoteForm(given(request))

    def act() -> None:
        describing.add_note(incident_id, form.cleaned_data["note"], by(request), instant(request))

    title = f"Note on #{incident_id}"
    return by_form(request, find(request, incident_id), form, act, title, "Add note", part="timeline")


@needs(May.ACT)
@require_http_methods(["GET", "HEAD", "POST"])
def rename(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Give it a better title."""
    incident = find(request, incident_id)
    form = RenameForm(given(request), initial={"title": incident.title})

    def act() -> None:
        outcome = describing.rename(incident_id, form.cleaned_data["title"], by(request), instant(request))
        undo = undo_address(incident_id, "rename", title=incident.title)
        told(request, outcome, f"#{incident_id} has a new title.", undo)

    return by_form(request, incident, form, act, f"Rename #{incident_id}", "Rename")


@needs(May.ACT)
@require_http_methods(["GET", "HEAD", "POST"])
def same_as(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Say that what was reported is what another incident is about."""
    form = SameAsForm(given(request))

    def act() -> None:
        other = reports.link(incident_id, form.cleaned_data["incident"], by(request), instant(request))
        say(request, f"#{incident_id} is resolved, and its reporters follow #{other.pk}.")

    intro = "This one is resolved. Whoever reported it is told, and follows the other."
    title = f"#{incident_id} is the same as another"
    return by_form(request, find(request, incident_id), form, act, title, "It is the same", intro=intro)


@needs(May.ACT)
@require_http_methods(["GET", "HEAD", "POST"])
def decline(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Say that nothing is done about what was reported, and why."""
    form = DeclineForm(given(request))

    def act() -> None:
        reports.decline(incident_id, form.cleaned_data["reason"], by(request), instant(request))
        say(request, f"#{incident_id} is declined, and its reporters are told why.")

    intro = "It is resolved, and whoever reported it is told your reason."
    return by_form(
        request, find(request, incident_id), form, act, f"Decline #{incident_id}", "Decline", intro=intro
    )


@needs(May.OPEN)
@require_http_methods(["GET", "HEAD", "POST"])
def open_by_hand(request: HttpRequest) -> HttpResponse:
    """Open an incident that no machine noticed; its policy begins at once."""
    form = OpenForm(given(request), initial={"service": request.GET.get("service", "")[:64]})
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with told_beside(form):
            incident = actions.open_incident(
                data["service"].pk,
                data["title"],
                urgency=Urgency(data["urgency"]),
                impact=Impact(data["impact"]) if data["impact"] else None,
                description=data["description"],
                restricted=data["restricted"],
                by=by(request),
                now=instant(request),
            )
        if not form.errors:
            return see(incident.pk)
    return show_form(
        request,
        form,
        "Open an incident",
        "Open and page",
        intro="The people of the service's policy are paged at once.",
        no_service=not Service.objects.exists(),
    )
