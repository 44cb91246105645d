"""What is mine: how I am reached, my tokens, my sessions, my ways in."""

from __future__ import annotations

from collections.abc import Mapping

from allauth.mfa.models import Authenticator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tocsin.escalation.policy_actions import policies_naming
from tocsin.journal.changes import changing
from tocsin.kernel.errors import Refused, not_found
from tocsin.notification.rule_actions import rules_of
from tocsin.notification.self_test import latest
from tocsin.people.actions import add_token, change_user, revoke_token
from tocsin.people.rules import TABLE, May, Role
from tocsin.web.contacts import own_ways
from tocsin.web.forms import UNPROCESSABLE, asker, by, instant, show, told_beside
from tocsin.web.forms.people import PersonForm, TokenForm, zones
from tocsin.web.guard import needs
from tocsin.web.layout import say
from tocsin.web.quiet import edit_quiet, quiet_words
from tocsin.web.reach import edit_contacts, edit_rules, in_words_of
from tocsin.web.sessions import browser_of, end_session, sessions_of, sign_out_everywhere
from tocsin.web.signing import WEBHOOKS


@needs(May.OWN_PROFILE)
@require_GET
def me(request: HttpRequest) -> HttpResponse:
    """Everything about how I am reached, and the doors to the rest."""
    return my_page(request)


def my_page(request: HttpRequest, wrong: Mapping[str, str] | None = None) -> HttpResponse:
    """The same, with what is `wrong` with a code beside its contact."""
    person = asker(request)
    contacts = list(person.contacts.all())
    return render(
        request,
        "settings/me.html",
        {
            "contacts": contacts,
            "ways": own_ways(person, instant(request), wrong),
            "paged": sum(each.as_value().is_paged for each in contacts),
            "rules": in_words_of(rules_of(person.pk), contacts),
            "quiet": quiet_words(person),
            "tested": latest(person.pk, instant(request)),
            "has_webhook": any(each.address.startswith(WEBHOOKS) for each in contacts),
            "teams": person.teams.all(),
            "policies": policies_naming(f"user:{person.pk}"),
            "two_factor": Authenticator.objects.filter(user=person).exists(),
            "tokens": person.tokens.count(),
            "sessions": len(sessions_of(person)),
        },
        status=UNPROCESSABLE if wrong else 200,
    )


@needs(May.OWN_PROFILE)
@require_http_methods(["GET", "HEAD", "POST"])
def contacts(request: HttpRequest) -> HttpResponse:
    """My contacts."""
    return edit_contacts(request, asker(request), reverse("profile"))


@needs(May.OWN_PROFILE)
@require_http_methods(["GET", "HEAD", "POST"])
def rules(request: HttpRequest) -> HttpResponse:
    """My rules."""
    return edit_rules(request, asker(request), reverse("profile"))


@needs(May.OWN_PROFILE)
@require_http_methods(["GET", "HEAD", "POST"])
def quiet(request: HttpRequest) -> HttpResponse:
    """My quiet hours."""
    return edit_quiet(request, asker(request), reverse("profile"))


@needs(May.OWN_PROFILE)
@require_http_methods(["GET", "HEAD", "POST"])
def name_and_zone(request: HttpRequest) -> HttpResponse:
    """My name, time zone and language; address and role are an administrator's."""
    person = asker(request)
    form = PersonForm(request.POST or None, existing=person)
    for name in ("email", "role"):
        del form.fields[name]
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with told_beside(form):
            given = {name: data[name] for name in ("name", "timezone", "language") if data[name]}
            change_user(person.pk, by(request), instant(request), **given)
            say(request, "Saved.")
        if not form.errors:
            return redirect("profile")
    return show(request, "settings/name.html", form, zones=zones())


@needs(May.OWN_PROFILE)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def tokens(request: HttpRequest) -> HttpResponse:
    """My tokens for the API; a new one is shown this once."""
    person, form = asker(request), TokenForm(request.POST or None)
    made = None
    if request.method == "POST" and form.is_valid():
        with (
            told_beside(form),
            changing(),
        ):  # a form that was sent twice finds the token that the first one made
            data = form.cleaned_data
            if person.tokens.filter(name=data["name"].strip()).exists():
                raise Refused(
                    f"You have a token named {data['name']}",
                    "another name",
                    "If you pressed twice, it is made; when its text is lost, revoke it and make another.",
                    "name",
                )
            expires = form.expires(instant(request))
            _, made = add_token(person, data["name"], data["scope"], expires, by(request), instant(request))
        if not form.errors:
            form = TokenForm()
    mine = person.tokens.order_by("-created_at")
    context = {"tokens": mine, "made": made, "may_do": TABLE[Role(person.role)]}
    return show(request, "settings/tokens.html", form, **context)


@needs(May.OWN_PROFILE)
@require_POST
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """End one of my tokens at once."""
    if not asker(request).tokens.filter(pk=token_id).exists():
        raise not_found("token", token_id)
    revoke_token(token_id, by(request), instant(request))
    say(request, "Revoked. It opens nothing from now on.")
    return redirect("tokens")


@needs(May.OWN_PROFILE)
@require_GET
def sessions(request: HttpRequest) -> HttpResponse:
    """Where I am signed in."""
    here = request.session.session_key
    rows = [
        (each, browser_of(each.user_agent), each.session_key == here) for each in sessions_of(asker(request))
    ]
    return render(request, "settings/sessions.html", {"rows": rows})


@needs(May.OWN_PROFILE)
@require_POST
def end(request: HttpRequest) -> HttpResponse:
    """End one session, or all but this one."""
    which = request.POST.get("session", "")
    if which.isdecimal():
        end_session(asker(request), int(which))
        say(request, "Ended.")
    else:
        sign_out_everywhere(asker(request), by(request), instant(request), but=request.session)
        say(request, "You are signed out everywhere else.")
    return redirect("sessions")


urlpatterns = [
    path("me", me, name="profile"),
    path("me/contacts", contacts, name="my_contacts"),
    path("me/rules", rules, name="my_rules"),
    path("me/quiet", quiet, name="my_quiet"),
    path("me/name", name_and_zone, name="my_name"),
    path("me/tokens", tokens, name="tokens"),
    path("me/tokens/<int:token_id>/revoke", revoke, name="token_revoke"),
    path("me/sessions", sessions, name="sessions"),
    path("me/sessions/end", end, name="sessions_end"),
]
