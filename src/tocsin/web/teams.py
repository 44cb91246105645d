"""Teams: who is paged together, who answers for what."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods

from tocsin.escalation.models import Policy
from tocsin.escalation.policy_actions import policies_naming
from tocsin.people.actions import delete_team, find_team, save_team
from tocsin.people.models import Team
from tocsin.people.rules import May
from tocsin.web.forms import by, id_of, instant, made_once, show, told_beside
from tocsin.web.forms.people import TeamForm
from tocsin.web.guard import needs
from tocsin.web.layout import say


@needs(May.SEE)
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Every team with its people."""
    teams = Team.objects.select_related("lead").prefetch_related("memberships__user", "services")
    return render(request, "people/teams.html", {"teams": teams})


@needs(May.SEE)
@require_GET
def one(request: HttpRequest, team_id: str) -> HttpResponse:
    """A team, and what names it."""
    team = find_team(team_id)
    context = {
        "team": team,
        "members": team.memberships.select_related("user").order_by("position"),
        "services": team.services.all(),
        "policies": _policies(policies_naming(f"team:{team.pk}")),
    }
    return render(request, "people/team.html", context)


@needs(May.CONFIGURE)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Make a team."""
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with told_beside(form), made_once("team", Team.objects.filter(pk=id_of(form))):
            _save(request, form, id_of(form))
            say(request, f"Team {form.cleaned_data['name']} is made.")
        if not form.errors:
            return redirect("team", team_id=id_of(form))
    return show(request, "people/team_edit.html", form)


@needs(May.CONFIGURE)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, team_id: str) -> HttpResponse:
    """Change its name, its people or its lead."""
    team = find_team(team_id)
    form = TeamForm(request.POST or None, existing=team)
    if request.method == "POST" and form.is_valid():
        with told_beside(form):
            _save(request, form, team.pk)
            say(request, "Saved.")
        if not form.errors:
            return redirect("team", team_id=team.pk)
    return show(request, "people/team_edit.html", form, team=team)


@needs(May.CONFIGURE)
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, team_id: str) -> HttpResponse:
    """Say what names it, then forget it."""
    team = find_team(team_id)
    named_by = policies_naming(f"team:{team.pk}")
    if request.method == "POST":
        delete_team(team.pk, by(request), instant(request), named_by=named_by)
        say(request, f"Team {team.name} is deleted. Its people stay.")
        return redirect("teams")
    context = {"team": team, "policies": _policies(named_by), "services": team.services.all()}
    return render(request, "people/team_delete.html", context)


def _policies(ids: Iterable[str]) -> QuerySet[Policy]:
    return Policy.objects.filter(pk__in=ids).order_by("name")


def _save(request: HttpRequest, form: TeamForm, team_id: str) -> None:
    data = form.cleaned_data
    save_team(team_id, data["name"], form.in_order(), data["lead"] or None, by(request), instant(request))


urlpatterns = [
    path("teams", index, name="teams"),
    path("new/team", new, name="team_new"),
    path("teams/<slug:team_id>", one, name="team"),
    path("teams/<slug:team_id>/edit", edit, name="team_edit"),
    path("teams/<slug:team_id>/delete", delete, name="team_delete"),
]
