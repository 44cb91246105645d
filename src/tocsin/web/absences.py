"""When somebody is away: cover is asked for by itself for the shifts they have then. One's own, and for the absent."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.views.decorators.http import require_http_methods, require_POST

from tocsin.kernel.errors import Refused, not_found
from tocsin.kernel.zones import zone
from tocsin.oncall.absences import add_absence, remove_absence
from tocsin.oncall.models import Absence
from tocsin.oncall.permissions import may_act_for
from tocsin.people.actions import find_user
from tocsin.people.models import User
from tocsin.people.rules import May
from tocsin.web.forms import asker, by, instant, show, told_beside
from tocsin.web.forms.shifts import AbsenceForm, When
from tocsin.web.guard import needs
from tocsin.web.layout import say
from tocsin.web.rota_words import when
from tocsin.web.shifts import asked_span


@needs(May.SWAP)
@require_http_methods(["GET", "HEAD", "POST"])
def mine(request: HttpRequest) -> HttpResponse:
    """When I am away."""
    return _page(request, asker(request))


@needs(May.SWAP)
@require_http_methods(["GET", "HEAD", "POST"])
def of_person(request: HttpRequest, user_id: str) -> HttpResponse:
    """When somebody else is away, for those who may act for the absent."""
    return _page(request, _whose(request, user_id))


def _page(request: HttpRequest, who: User) -> HttpResponse:
    now, reader = instant(request), asker(request)
    here = zone(reader.timezone)
    form = AbsenceForm(
        request.POST if request.method == "POST" else None,
        When(
            [(here.key, f"{here.key}, your zone")],
            asked_span(request, now) if request.GET.get("from") else None,
        ),
    )
    if request.method == "POST" and form.is_valid():
        with told_beside(form):
            before = who.cover_requests.count()
            add_absence(who.pk, form.span(), form.cleaned_data["note"], by(request), now)
            asked = who.cover_requests.count() - before
            say(request, "Noted. " + _asked_words(asked, "you" if who == reader else who.name))
            return redirect(absence_page(reader, who))
    context = {
        "who": who,
        "own": who.pk == reader.pk,
        "address": absence_page(reader, who),
        "absences": absences_of(who, here, now),
        "zone": here.key,
    }
    return show(request, "schedules/absences.html", form, **context)


def _asked_words(count: int, who: str) -> str:
    if not count:
        has = "You have" if who == "you" else f"{who} has"
        return f"{has} no shift in that time, so nobody needs to be asked."
    whose = "yours" if who == "you" else f"{who}"
    return f"For {count} shift{'s' if count > 1 else ''} of {whose} cover is asked for now."


@needs(May.SWAP)
@require_POST
def remove_mine(request: HttpRequest, absence_id: int) -> HttpResponse:
    """I am there after all."""
    return _remove(request, asker(request), absence_id)


@needs(May.SWAP)
@require_POST
def remove_of_person(request: HttpRequest, user_id: str, absence_id: int) -> HttpResponse:
    """They are there after all."""
    return _remove(request, _whose(request, user_id), absence_id)


def _remove(request: HttpRequest, who: User, absence_id: int) -> HttpResponse:
    if not Absence.objects.filter(pk=absence_id, user=who).exists():
        raise not_found("absence", absence_id)
    remove_absence(absence_id, by(request), instant(request))
    say(request, "Taken away. Requests because of it that nobody has answered are withdrawn.")
    return redirect(absence_page(asker(request), who))


def _whose(request: HttpRequest, user_id: str) -> User:
    """The person, when the reader may act for them. Raises Refused."""
    who = find_user(user_id)
    if not may_act_for(asker(request), who.pk):
        raise Refused(
            f"You may not say when {who.name} is away", mend="Managers may, for the absent.", status=403
        )
    return who


def absence_page(reader: User, who: User) -> str:
    """Where `reader` says when `who` is away; "" for those who may not."""
    if not may_act_for(reader, who.pk):
        return ""
    return reverse("absences") if who.pk == reader.pk else reverse("person_absences", args=[who.pk])


def absences_of(user: User, here: ZoneInfo, now: datetime) -> list[tuple[int, str, str]]:
    """What is not over: its number, when, and the note."""
    rows = Absence.objects.filter(user=user, ends_at__gt=now)
    return [(row.pk, when(row.span, here), row.note) for row in rows]


urlpatterns = [
    path("me/absences", mine, name="absences"),
    path("me/absences/<int:absence_id>/remove", remove_mine, name="absence_remove"),
    path("people/<slug:user_id>/absences", of_person, name="person_absences"),
    path(
        "people/<slug:user_id>/absences/<int:absence_id>/remove",
        remove_of_person,
        name="person_absence_remove",
    ),
]
