"""What holds for everything: the organisation's name, its priorities, who is told when nobody answers."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.views.decorators.http import require_http_methods, require_POST

from tocsin.catalog.actions import organisation, save_organisation
from tocsin.escalation.reading import fallback
from tocsin.organisation.demo import leave_demo, return_to_demo
from tocsin.people.models import User
from tocsin.people.rules import May
from tocsin.web import audit, message_words, organisation_file, providers, rooms
from tocsin.web.forms import by, instant, show, told_beside
from tocsin.web.forms.settings import OrganisationForm
from tocsin.web.guard import needs
from tocsin.web.layout import say


@needs(May.SETTINGS)
@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """The organisation's name, its fallback and its priorities."""
    row = organisation()
    form = OrganisationForm(request.POST or None, existing=row)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with told_beside(form):
            save_organisation(
                data["name"], form.matrix(), data["fallback"] or None, by(request), instant(request)
            )
            say(request, "Saved. Priorities hold for incidents that open or change from now on.")
        if not form.errors:
            return redirect("settings")
    told = User.objects.filter(pk__in=fallback())
    return show(request, "settings/index.html", form, told=told, organisation=row)


@needs(May.SETTINGS)
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """Make the demo organisation a real one."""
    leave_demo(by(request), instant(request))
    again = reverse("demo_again")
    say(
        request,
        "This is no demo any more. Its people, services and policies stayed.",
        again,
        "Back to the demo",
    )
    return redirect("settings")


@needs(May.SETTINGS)
@require_POST
def again(request: HttpRequest) -> HttpResponse:
    """Take it back."""
    return_to_demo(by(request), instant(request))
    say(request, "This is a demo again.")
    return redirect("settings")


urlpatterns = [
    path("settings", index, name="settings"),
    path("settings/demo/leave", leave, name="demo_leave"),
    path("settings/demo/again", again, name="demo_again"),
    *providers.urlpatterns,
    *rooms.urlpatterns,
    *message_words.urlpatterns,
    *organisation_file.urlpatterns,
    *audit.urlpatterns,
]
