"""People: who there is, how each is reached, what each may do."""

from __future__ import annotations

from datetime import timedelta

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tocsin.escalation.policy_actions import policies_naming
from tocsin.journal.changes import changing
from tocsin.kernel.errors import Refused
from tocsin.notification.rule_actions import rules_of
from tocsin.notification.self_test import latest
from tocsin.people.actions import (
    change_user,
    find_user,
    make_sign_in_link,
    save_user,
)
from tocsin.people.models import User
from tocsin.people.rules import TABLE, May, Role
from tocsin.people.saving import UserValue
from tocsin.web import sessions
from tocsin.web.accounts import Adapter, note_access
from tocsin.web.contacts import reached, ways_of
from tocsin.web.forms import asker, by, id_of, instant, made_once, show, told_beside
from tocsin.web.forms.people import PersonForm, zones
from tocsin.web.guard import needs
from tocsin.web.layout import say, warn
from tocsin.web.quiet import edit_quiet, quiet_words
from tocsin.web.reach import edit_contacts, edit_rules, in_words_of, masked

LINK_LIFE = timedelta(hours=24)


@needs(May.SEE)
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Everybody, who cannot be reached first of all in words; and what each role may do."""
    listed = User.objects.people().prefetch_related("teams", "contacts").order_by("-is_active", "name")
    people = [(person, reached(person.contacts.all())) for person in listed]
    table = [(what.value, [what in TABLE[role] for role in Role]) for what in May]
    return render(request, "people/index.html", {"people": people, "roles": list(Role), "table": table})


@needs(May.SEE)
@require_GET
def one(request: HttpRequest, user_id: str) -> HttpResponse:
    """One person; addresses in full are for themselves and for who looks after people."""
    person = find_user(user_id)
    reader = asker(request)
    full = reader.pk == person.pk or reader.may(May.PEOPLE)
    known = list(person.contacts.all())
    ways = ways_of(person, None if full else {each.name: masked(each.address) for each in known})
    return render(
        request,
        "people/one.html",
        {
            "person": person,
            "ways": ways,
            "paged": sum(each.as_value().is_paged for each in known),
            "rules": in_words_of(rules_of(person.pk), known),
            "quiet": quiet_words(person),
            "tested": latest(person.pk, instant(request)) if full else None,
            "full": full,
            "teams": person.teams.all(),
            "policies": policies_naming(f"user:{person.pk}"),
            "two_factor": Authenticator.objects.filter(user=person).exists(),
            "is_me": reader.pk == person.pk,
        },
    )


@needs(May.PEOPLE)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def new(request: HttpRequest) -> HttpResponse:
    """Add a person; the answer is the page with their one-time link, shown this once."""
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data, plain, user = form.cleaned_data, "", None
        with told_beside(form), made_once("person", User.objects.filter(pk=id_of(form))):
            user = save_user(
                id_of(form),
                UserValue(
                    data["name"],
                    data["email"],
                    timezone=data["timezone"],
                    language=data["language"] or None,
                    role=data["role"],
                ),
                by(request),
                instant(request),
            )
            plain = make_sign_in_link(user, instant(request), LINK_LIFE, by(request))
        if user and not form.errors:
            return _shown_once(request, user, plain, is_new=True)
    return show(request, "people/edit.html", form, zones=zones())


@needs(May.PEOPLE)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, user_id: str) -> HttpResponse:
    """Name, address, zone, role; another role ends every session of theirs."""
    person = find_user(user_id)
    form = PersonForm(request.POST or None, existing=person)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with told_beside(form):
            changed = ("name", "email", "timezone", "language", "role")
            change_user(
                person.pk,
                by(request),
                instant(request),
                **{name: data[name] for name in changed if data[name]},
            )
        if not form.errors:
            ended = data["role"] != person.role
            say(request, "Saved." + (" Their sessions have ended; they sign in again." if ended else ""))
            return redirect("person", user_id=person.pk)
    return show(request, "people/edit.html", form, person=person, zones=zones())


@needs(May.PEOPLE)
@require_POST
@never_cache
def link(request: HttpRequest, user_id: str) -> HttpResponse:
    """Make a one-time sign-in link, shown this once."""
    person = find_user(user_id)
    return _shown_once(request, person, make_sign_in_link(person, instant(request), LINK_LIFE, by(request)))


def _shown_once(request: HttpRequest, person: User, plain: str, is_new: bool = False) -> HttpResponse:
    address = settings.PUBLIC_URL + reverse("sign_in_link", args=[plain])
    context = {"person": person, "address": address, "until": instant(request) + LINK_LIFE, "is_new": is_new}
    return render(request, "people/link.html", context)


@needs(May.PEOPLE)
@require_POST
def switch(request: HttpRequest, user_id: str) -> HttpResponse:
    """Let the person in no more, or again. Nothing of their past is lost."""
    person = find_user(user_id)
    active = request.POST.get("active") == "yes"
    try:
        change_user(person.pk, by(request), instant(request), active=active)
    except Refused as refused:
        warn(request, str(refused))
    else:
        words = "may sign in again" if active else "is switched off: signed out everywhere, and paged no more"
        say(request, f"{person.name} {words}.")
    return redirect("person", user_id=person.pk)


@needs(May.PEOPLE)
@require_POST
def sign_out_everywhere(request: HttpRequest, user_id: str) -> HttpResponse:
    """End every session of somebody's; they may sign in again."""
    person = find_user(user_id)
    sessions.sign_out_everywhere(person, by(request), instant(request))
    say(request, "Signed out everywhere.")
    return redirect("person", user_id=user_id)


@needs(May.PEOPLE)
@require_POST
def two_factor_off(request: HttpRequest, user_id: str) -> HttpResponse:
    """Take away somebody's second step, for a lost phone; their sessions end with it."""
    person = find_user(user_id)
    with changing():
        Authenticator.objects.filter(user=person).delete()
        note_access("access.two_factor_removed", person, request, by(request))
        sessions.sign_out_everywhere(person, by(request), instant(request))
    Adapter().tell_second_step_is_gone(person)
    say(request, f"{person.name} signs in with the password alone, and should turn it on again.")
    return redirect("person", user_id=user_id)


@needs(May.PEOPLE)
@require_http_methods(["GET", "HEAD", "POST"])
def contacts(request: HttpRequest, user_id: str) -> HttpResponse:
    """Somebody's contacts."""
    return edit_contacts(request, find_user(user_id), reverse("person", args=[user_id]))


@needs(May.PEOPLE)
@require_http_methods(["GET", "HEAD", "POST"])
def rules(request: HttpRequest, user_id: str) -> HttpResponse:
    """Somebody's rules."""
    return edit_rules(request, find_user(user_id), reverse("person", args=[user_id]))


@needs(May.PEOPLE)
@require_http_methods(["GET", "HEAD", "POST"])
def quiet(request: HttpRequest, user_id: str) -> HttpResponse:
    """Somebody's quiet hours."""
    return edit_quiet(request, find_user(user_id), reverse("person", args=[user_id]))


urlpatterns = [
    path("people", index, name="people"),
    path("new/person", new, name="person_new"),
    path("people/<slug:user_id>", one, name="person"),
    path("people/<slug:user_id>/edit", edit, name="person_edit"),
    path("people/<slug:user_id>/link", link, name="person_link"),
    path("people/<slug:user_id>/switch", switch, name="person_switch"),
    path("people/<slug:user_id>/sign-out", sign_out_everywhere, name="person_sign_out"),
    path("people/<slug:user_id>/two-factor", two_factor_off, name="person_two_factor"),
    path("people/<slug:user_id>/contacts", contacts, name="person_contacts"),
    path("people/<slug:user_id>/rules", rules, name="person_rules"),
    path("people/<slug:user_id>/quiet", quiet, name="person_quiet"),
]
