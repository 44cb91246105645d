"""Acting from a message: /a/TOKEN. Looking (GET, HEAD) shows; only pressing the button (POST) acts.

Mail scanners, link previews and prefetchers look, so looking changes nothing. The token names one page, one
person and one verb for a day; a second press finds it used and says so. No session is needed: who was paged can
always answer, from whatever phone they hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext, gettext_noop, ngettext, override
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from tocsin.answering.acting import press_of, use
from tocsin.answering.rules.standing import Standing, standing
from tocsin.answering.words import next_people
from tocsin.escalation.rules import Handover
from tocsin.incident.messages import name_of
from tocsin.incident.models import Incident
from tocsin.incident.readers import may_read, viewer_of
from tocsin.incident.rules import State
from tocsin.kernel.errors import Refused
from tocsin.kernel.phrases import phrase
from tocsin.notification.links import ActLink, act_token, find_act_link
from tocsin.notification.rules import ActVerb
from tocsin.people.models import User
from tocsin.people.speaking import since_words
from tocsin.web.errors import refusal
from tocsin.web.forms import told_beside
from tocsin.web.forms.incidents import EscalateForm, NoteForm, SnoozeForm, rests
from tocsin.web.guard import activate_zone, asked_language, public
from tocsin.web.incidents import holder_of
from tocsin.web.names import names_of

TOKEN_LENGTH_MAX = 100
GONE = 410
BUTTONS = {
    ActVerb.ACKNOWLEDGE: gettext_noop("Acknowledge: I have it"),
    ActVerb.RESOLVE: gettext_noop("Resolve: it is over"),
    ActVerb.ESCALATE: gettext_noop("Escalate now"),
    ActVerb.SNOOZE: gettext_noop("Snooze"),
    ActVerb.NOTE: gettext_noop("Add note"),
}
DONE = {
    ActVerb.ACKNOWLEDGE: gettext_noop("You acknowledged it. It is yours, and nobody else is paged."),
    ActVerb.RESOLVE: gettext_noop("You resolved it. Nothing more is sent."),
    ActVerb.ESCALATE: gettext_noop("You escalated it. The next level is paged."),
    ActVerb.SNOOZE: gettext_noop(
        "You snoozed it. Until then nobody is paged; then it pages again from the first level."
    ),
    ActVerb.NOTE: gettext_noop("Your note stands on the timeline."),
}
HOLDING = (ActVerb.ACKNOWLEDGE, ActVerb.SNOOZE)  # which give the incident to somebody
FORMS: Mapping[ActVerb, type[forms.Form]] = {
    ActVerb.ESCALATE: EscalateForm,
    ActVerb.SNOOZE: SnoozeForm,
    ActVerb.NOTE: NoteForm,
}


@dataclass(frozen=True)
class View:
    """What the page says about a link, and whether its button is still there."""

    says: str
    can_act: bool = False
    good: bool = False
    status: int = 200


@public
@csrf_exempt  # the token in the address is the secret; the guard refuses posts from other sites
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, token: str) -> HttpResponse:
    """Show what the link would do, or do it. The link says for whom."""
    link = find_act_link(token) if len(token) <= TOKEN_LENGTH_MAX else None
    incident = (
        Incident.objects.select_related("service", "assigned").filter(pk=link.incident_id).first()
        if link
        else None
    )
    if link is None or incident is None:
        gone = Refused(
            phrase("This link opens nothing"),
            phrase("a link as it stands in a message"),
            phrase("It may have been cut: copy all of it, or sign in and look at the incident there."),
            status=404,
        )
        return refusal(request, gone, asked_language(request))
    activate_zone(link.user.timezone)
    now: datetime = request.now  # type: ignore[attr-defined]
    with override(link.user.language):
        return _answered(request, link, incident, now)


def _answered(request: HttpRequest, link: ActLink, incident: Incident, now: datetime) -> HttpResponse:
    """The answer to who opened the link or pressed its button, in the language of whom it is for."""
    view = view_of(link, incident, now)
    kind = FORMS.get(link.verb, forms.Form)
    in_json = request.headers.get("Accept", "") == "application/json"  # the worker of a device asks so
    if request.method != "POST" or not view.can_act:
        return said(view) if in_json else show(request, link, incident, view, kind(), now)
    form = kind(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        handover = Handover(**given) if link.verb is ActVerb.ESCALATE else None
        with told_beside(form):
            use(link, now, handover=handover, text=given.get("until") or given.get("note") or "")
        if not form.errors and in_json:
            incident.refresh_from_db()
            return said(view_of(find_act_link(_token(link)) or link, incident, now))
        if not form.errors:
            response = HttpResponseRedirect(reverse("act", args=[_token(link)]))
            response.status_code = 303
            return response
    return show(request, link, incident, view, form, now)


def view_of(link: ActLink, incident: Incident, now: datetime) -> View:
    """Whether the link can still act, and in words why not."""
    meets = standing(press_of(link, incident), now)
    if meets is Standing.OPEN:
        return View("", can_act=True)
    if meets is Standing.NOT_ALLOWED:
        return View(
            gettext("%(who)s may not act on incidents any more, so this link does nothing.")
            % {"who": link.user.name},
            status=403,
        )
    if meets is Standing.OVER:
        closed = incident.state == State.CLOSED
        over = gettext("It is closed already.") if closed else gettext("It is resolved already.")
        return View(f"{over} {gettext('There is nothing left to do here.')}", good=True)
    if meets is Standing.DONE:
        return View(gettext(DONE[link.verb]), good=True)
    if meets in (Standing.TAKEN, Standing.MINE):
        has = gettext("%(who)s has it already. You need not do anything.")
        return View(has % {"who": _holder(incident)}, good=True)
    if meets is Standing.EXPIRED:
        expired = gettext("This link has expired: it works for a day. Sign in to act on the incident.")
        return View(expired, status=GONE)
    if link.verb in HOLDING:
        used = gettext("You used this link before, and nobody has the incident now. Sign in to act on it.")
    else:
        used = gettext("You used this link before, and the incident is open again. Sign in to act on it.")
    return View(used, status=GONE)


def _token(link: ActLink) -> str:
    return act_token(link.page.pk, link.verb)


def said(view: View) -> JsonResponse:
    """What became of it, for a machine that shows it to the person."""
    return JsonResponse({"says": view.says, "done": view.good}, status=view.status)


def _holder(incident: Incident) -> str:
    return holder_of(incident, names_of([incident.acknowledged_by])) or gettext("Somebody")


def _standing(incident: Incident) -> str:
    if incident.state == State.TRIGGERED:
        return gettext("Nobody has it")
    if incident.state == State.ACKNOWLEDGED:
        has = gettext("%(who)s snoozed it") if incident.snoozed else gettext("%(who)s has it")
        return has % {"who": _holder(incident)}
    return gettext("Closed") if incident.state == State.CLOSED else gettext("Resolved")


def _fires(incident: Incident) -> str:
    """That its alerts go on although it is over, and what comes of that; "" when they do not."""
    if not incident.fires_on:
        return ""
    words = ngettext(
        "%(count)s alert still fires. Its next event opens a new incident.",
        "%(count)s alerts still fire. The next event of one of them opens a new incident.",
        incident.alerts_firing,
    )
    return words % {"count": incident.alerts_firing}


def _hides(request: HttpRequest, incident: Incident) -> bool:
    """Whether the page says no more than the message: a link may lie on a lock screen, so what is restricted is shown
    to who is signed in and may read it."""
    if not incident.restricted:
        return False
    return not isinstance(request.user, User) or not may_read(incident, viewer_of(request.user))


def show(
    request: HttpRequest, link: ActLink, incident: Incident, view: View, form: forms.Form, now: datetime
) -> HttpResponse:
    """The page of a link: the incident, for whom the link acts, and one button or the words why there is none."""
    escalates = link.verb is ActVerb.ESCALATE and view.can_act
    may_rest = link.verb in (ActVerb.ACKNOWLEDGE, ActVerb.SNOOZE) and view.can_act
    context = {
        "incident": incident,
        "hidden": name_of(incident) if _hides(request, incident) else "",
        "person": link.user,
        "view": view,
        "language": link.user.language,
        "button": gettext(BUTTONS[link.verb]),
        "form": form if form.fields and view.can_act else None,
        "rests": [(value, gettext(label)) for value, label in rests()] if may_rest else (),
        "since": since_words(incident.opened_at, now),
        "fires": _fires(incident),
        "standing": _standing(incident),
        "acts_as": gettext("You act as %(who)s. Nothing happens until you press.") % {"who": link.user.name},
        "rest_address": reverse("act", args=[act_token(link.page.pk, ActVerb.SNOOZE)]),
        "wakes": next_people(incident, now) if escalates else "",
        "lines": link.page.lines,
        "note": link.page.note,
        "used_at": link.used_at,
    }
    return render(request, "act.html", context, status=view.status)
