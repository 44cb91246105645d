"""What a person does to an incident: one press each, or a short form. Everything goes through the rooms' actions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods, require_POST
from tocsin.answering import reports
from tocsin.answering.acting import until
from tocsin.answering.words import next_people
from tocsin.catalog.calendars import calendars
from tocsin.catalog.models import Service
from tocsin.escalation.actions import escalate_now
from tocsin.escalation.rules import HANDOVER_LENGTH_MAX, Handover
from tocsin.incident import actions, describing
from tocsin.incident.models import Incident
from tocsin.incident.rules import NOTE_LENGTH_MAX, TITLE_LENGTH_MAX
from tocsin.incident.rules.snoozing import TEXT_LENGTH_MAX
from tocsin.incident.transitions import Outcome
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused
from tocsin.kernel.urgency import Impact, Urgency
from tocsin.notification.awake import AWAKE
from tocsin.people.models import User
from tocsin.people.rules import May, Role
from tocsin.web.forms import by, instant, show, told_beside
from tocsin.web.guard import needs
from tocsin.web.incidents import find
from tocsin.web.layout import back, say, warn

CONFLICT = 409


def address_of(incident_id: int) -> str:
    return f"/incidents/{incident_id}"


# -- one press -------------------------------------------------------------------------------------------------------


def press(
    request: HttpRequest,
    incident_id: int,
    act: Callable[[int, By, datetime], Outcome],
    done: str,
    undo: str = "",
) -> HttpResponse:
    """Do it and say so; what changed nothing says why. Back to where the button stood."""
    try:
        outcome = act(incident_id, by(request), instant(request))
    except Refused as refused:
        if refused.status != CONFLICT:
            raise
        warn(request, str(refused))
    else:
        if outcome.changed:
            address = f"{address_of(incident_id)}/{undo}" if undo else ""
            say(request, f"#{incident_id} {done}", address, "Reopen (pages again)" if undo else "")
        else:
            warn(request, f"Nothing changed for #{incident_id}: {outcome.why}.")
    return back(request, address_of(incident_id))


@needs(May.ACT)
@require_POST
def acknowledge(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Take it."""
    return press(request, incident_id, actions.acknowledge, "is yours. Nobody else is paged about it.")


@needs(May.ACT)
@require_POST
def awake(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Say that one is up: what else comes of this is sent quietly for a while."""
    actions.say_awake(incident_id, by(request), instant(request))
    minutes = int(AWAKE.total_seconds() // 60)
    say(request, f"What else comes of this reaches you quietly for {minutes} minutes; P1 does not.")
    return back(request, f"/incidents/{incident_id}")


@needs(May.ACT)
@require_POST
def resolve(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Say that it is over; can be taken back."""
    return press(request, incident_id, actions.resolve, "is resolved.", "reopen")


@needs(May.ACT)
@require_POST
def reopen(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Say that it is not over."""
    return press(request, incident_id, actions.reopen, "is open again, and its policy begins anew.")


@needs(May.ACT)
@require_POST
def close(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Say that nothing is left to do about it."""
    return press(request, incident_id, actions.close, "is closed.", "reopen")


# -- short forms -----------------------------------------------------------------------------------------------------


def text(
    rows: int, length: int, label: str | Promise, hint: str | Promise = "", required: bool = False
) -> forms.CharField:
    """A field for prose."""
    return forms.CharField(
        label=label,  # type: ignore[arg-type]  # the stubs have a name of their own for it
        help_text=hint,  # type: ignore[arg-type]
        required=required,
        max_length=length,
        widget=forms.Textarea(attrs={"rows": rows}),
    )


class EscalateForm(forms.Form):
    what_happens = text(2, HANDOVER_LENGTH_MAX, _("What happens"))
    impact = text(2, HANDOVER_LENGTH_MAX, _("Impact"), _("Who notices, and how badly."))
    tried = text(2, HANDOVER_LENGTH_MAX, _("Tried so far"))
    help_needed = text(2, HANDOVER_LENGTH_MAX, _("Help needed"), _("What the next person should do or know."))


class SnoozeForm(forms.Form):
    until = forms.CharField(
        label=_("Until when"),
        max_length=TEXT_LENGTH_MAX,
        help_text=_("Such as 2h, 14:00, tomorrow 08:00 or: until open. At least 15 minutes, at most 7 days."),
    )


class AssignForm(forms.Form):
    user = forms.ModelChoiceField(
        queryset=User.objects.none(), label="Who takes it", required=False, empty_label="nobody", blank=True
    )

    def __init__(self, data: QueryDict | None = None, initial: dict[str, object] | None = None) -> None:
        super().__init__(data, initial=initial)
        able = User.objects.people().filter(is_active=True).exclude(role=Role.STAKEHOLDER).order_by("name")
        self.fields["user"].queryset = able  # type: ignore[attr-defined]


class ClassifyForm(forms.Form):
    urgency = forms.ChoiceField(
        label="Urgency",
        choices=[("high", "high: wakes people"), ("low", "low: can wait")],
        help_text="How it pages.",
    )
    impact = forms.ChoiceField(
        label="Impact",
        choices=[(each.value, each.value) for each in Impact],
        help_text="How much is affected.",
    )


class NoteForm(forms.Form):
    note = text(
        4,
        NOTE_LENGTH_MAX,
        _("Note"),
        _("It stands in the timeline for everybody who may see the incident."),
        True,
    )


class RenameForm(forms.Form):
    title = forms.CharField(label="Title", max_length=TITLE_LENGTH_MAX)


class SameAsForm(forms.Form):
    incident = forms.IntegerField(label="Number of the other incident", min_value=1, max_value=2**53)


class DeclineForm(forms.Form):
    reason = text(3, NOTE_LENGTH_MAX, "Why", "Whoever reported it reads this.", True)


class OpenForm(forms.Form):
    service = forms.ModelChoiceField(queryset=Service.objects.none(), label="Service", empty_label=None)
    title = forms.CharField(
        label="What is wrong",
        max_length=TITLE_LENGTH_MAX,
        help_text="One line, as you would say it on the phone.",
    )
    description = text(4, NOTE_LENGTH_MAX, "What is known")
    urgency = forms.ChoiceField(
        label="Urgency",
        choices=[("high", "high: pages people now"), ("low", "low: can wait")],
        initial="high",
    )
    impact = forms.ChoiceField(
        label="Impact",
        required=False,
        choices=[("", "as the service's tier says"), *((i.value, i.value) for i in Impact)],
    )

    def __init__(self, data: QueryDict | None = None, initial: dict[str, object] | None = None) -> None:
        super().__init__(data, initial=initial)
        self.fields["service"].queryset = Service.objects.order_by("tier", "name")  # type: ignore[attr-defined]


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


@needs(May.ACT)
@require_http_methods(["GET", "HEAD", "POST"])
def escalate(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Page the next level now, with a note that its people read first. Shows exactly whom that wakes."""
    incident = find(incident_id)
    form = EscalateForm(given(request))

    def act() -> None:
        escalate_now(incident_id, by(request), instant(request), Handover(**form.cleaned_data))
        say(request, f"#{incident_id} is escalated: the next level is paged now.")

    wakes = next_people(incident, instant(request))
    return by_form(request, incident, form, act, f"Escalate #{incident_id}", "Escalate now", wakes=wakes)


def rests() -> list[tuple[str, str]]:
    """How long people most often let an incident rest, as they are read and as they are said."""
    shown = [
        ("30m", gettext_noop("30 minutes")),
        ("2h", gettext_noop("2 hours")),
        ("8h", gettext_noop("8 hours")),
        ("tomorrow 08:00", gettext_noop("tomorrow 08:00")),
    ]
    return shown + ([("until open", gettext_noop("until work begins"))] if len(calendars()) == 1 else [])


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
        request, find(incident_id), form, act, f"Snooze #{incident_id}", "Snooze", intro=intro, rests=rests()
    )


@needs(May.ACT)
@require_http_methods(["GET", "HEAD", "POST"])
def assign(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Hand it to somebody, who is paged about it at once."""
    incident = find(incident_id)
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
    incident = find(incident_id)
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
    return by_form(request, find(incident_id), form, act, title, "Add note", part="timeline")


@needs(May.ACT)
@require_http_methods(["GET", "HEAD", "POST"])
def rename(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Give it a better title."""
    incident = find(incident_id)
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
    return by_form(request, find(incident_id), form, act, title, "It is the same", intro=intro)


@needs(May.ACT)
@require_http_methods(["GET", "HEAD", "POST"])
def decline(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Say that nothing is done about what was reported, and why."""
    form = DeclineForm(given(request))

    def act() -> None:
        reports.decline(incident_id, form.cleaned_data["reason"], by(request), instant(request))
        say(request, f"#{incident_id} is declined, and its reporters are told why.")

    intro = "It is resolved, and whoever reported it is told your reason."
    return by_form(request, find(incident_id), form, act, f"Decline #{incident_id}", "Decline", intro=intro)


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
