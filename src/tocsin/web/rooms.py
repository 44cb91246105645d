"""Places: the chat rooms and webhooks that policies name, for those who write policies."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from tocsin.escalation.policy_actions import policies_naming
from tocsin.notification.channels import is_served, scheme_of
from tocsin.notification.models import Place
from tocsin.notification.places import delete_place, find_place, save_place
from tocsin.people.rules import May
from tocsin.web.forms import by, id_of, instant, made_once, show, told_beside
from tocsin.web.forms.providers import PlaceForm
from tocsin.web.guard import needs
from tocsin.web.layout import say
from tocsin.web.signing import WEBHOOKS

EXAMPLE = "https://example.com/hook, or a room as its chat's account says"


@needs(May.CONFIGURE)
@never_cache
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Every place, which policies name it, and whether anything can be said there."""
    rows = [
        (row, scheme_of(row.address), is_served(row.address), policies_naming(f"place:{row.pk}"))
        for row in Place.objects.all()
    ]
    return render(request, "settings/places.html", {"rows": rows})


@needs(May.CONFIGURE)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Make a place."""
    form = PlaceForm(request.POST if request.method == "POST" else None, example=EXAMPLE)
    if request.method == "POST" and form.is_valid():
        place_id, data = id_of(form), form.cleaned_data
        with told_beside(form), made_once("place", Place.objects.filter(pk=place_id)):
            save_place(
                place_id, data["name"], data["address"], by(request), instant(request), data["language"]
            )
            say(request, f"{data['name']} is made. A level of a policy can name it as place:{place_id}.")
        if not form.errors:
            return redirect("places")
    return show(request, "settings/place.html", form, row=None)


@needs(May.CONFIGURE)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, place_id: str) -> HttpResponse:
    """Change a place; what is told from now on goes to its new address."""
    row = find_place(place_id)
    form = PlaceForm(request.POST if request.method == "POST" else None, row, EXAMPLE)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with told_beside(form):
            save_place(row.pk, data["name"], data["address"], by(request), instant(request), data["language"])
            say(request, "Saved.")
        if not form.errors:
            return redirect("places")
    named, signed = policies_naming(f"place:{row.pk}"), row.address.startswith(WEBHOOKS)
    return show(request, "settings/place.html", form, row=row, named=named, signed=signed)


@needs(May.CONFIGURE)
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, place_id: str) -> HttpResponse:
    """Forget the place; refused while a policy names it."""
    row = find_place(place_id)
    named = policies_naming(f"place:{row.pk}")
    if request.method == "POST":
        delete_place(row.pk, by(request), instant(request), named_by=named)
        say(request, f"{row} is deleted.")
        return redirect("places")
    return render(request, "settings/place_delete.html", {"row": row, "named": named})


urlpatterns = [
    path("places", index, name="places"),
    path("new/place", new, name="place_new"),
    path("places/<slug:place_id>", edit, name="place"),
    path("places/<slug:place_id>/delete", delete, name="place_delete"),
]
