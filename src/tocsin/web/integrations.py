"""Integrations: who sends, with which key, and how to set the sender up."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tocsin.catalog.actions import (
    delete_integration,
    find_integration,
    find_service,
    has_past,
    reveal_key,
    rotate_key,
    save_integration,
    set_enabled,
)
from tocsin.catalog.models import Integration
from tocsin.catalog.rules import IntegrationType
from tocsin.incident.models import alerts_not_hidden
from tocsin.intake.models import Alert
from tocsin.kernel.errors import Refused
from tocsin.people.rules import May
from tocsin.web.forms import by, id_of, instant, made_once, show, told_beside, viewer
from tocsin.web.forms.services import TYPES, IntegrationForm
from tocsin.web.guard import needs
from tocsin.web.layout import say
from tocsin.web.setup_lines import lines_for, other_lines_for

ALERTS_SHOWN = 5


@needs(May.SEE)
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Every way in, with the last event that came through it. Keys are not here."""
    rows = Integration.objects.select_related("service").order_by("service__tier", "service__name", "id")
    return render(request, "integrations/index.html", {"rows": rows})


@needs(May.SEE_KEYS)
@require_GET
@never_cache
def one(request: HttpRequest, integration_id: str) -> HttpResponse:
    """The key, and the lines to copy with the key in them."""
    row = find_integration(integration_id)
    kind, problem, key = IntegrationType(row.type), None, ""
    try:
        key = reveal_key(row)
    except Refused as refused:
        problem = refused
    return render(
        request,
        "integrations/one.html",
        {
            "row": row,
            "kind": TYPES[kind],
            "key": key,
            "problem": problem,
            "lines": lines_for(kind, settings.PUBLIC_URL, key, settings.CONFIG.mail_domain) if key else (),
            "other_lines": other_lines_for(kind, settings.PUBLIC_URL, key) if key else (),
            "alerts": Alert.objects.filter(alerts_not_hidden(viewer(request)), integration=row).order_by(
                "-pk"
            )[:ALERTS_SHOWN],
            "has_past": has_past(row),
        },
    )


@needs(May.CONFIGURE)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, service_id: str) -> HttpResponse:
    """Connect a sender to a service; its key is made at once."""
    service = find_service(service_id)
    form = IntegrationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with told_beside(form), made_once("integration", Integration.objects.filter(pk=id_of(form))):
            save_integration(
                id_of(form), service.pk, data["type"], data["name"], None, by(request), instant(request)
            )
            say(request, "The key is made. Copy the lines that fit into the sender.")
        if not form.errors:
            return redirect("integration", integration_id=id_of(form))
    return show(request, "integrations/edit.html", form, service=service)


@needs(May.CONFIGURE)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, integration_id: str) -> HttpResponse:
    """Change its name or type; the key stays."""
    row = find_integration(integration_id)
    form = IntegrationForm(request.POST or None, existing=row)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with told_beside(form):
            save_integration(
                row.pk, row.service_id, data["type"], data["name"], None, by(request), instant(request)
            )
            say(request, "Saved.")
        if not form.errors:
            return redirect("integration", integration_id=row.pk)
    return show(request, "integrations/edit.html", form, row=row, service=row.service)


@needs(May.CONFIGURE)
@require_http_methods(["GET", "HEAD", "POST"])
def rotate(request: HttpRequest, integration_id: str) -> HttpResponse:
    """Say what a new key means, then make it."""
    row = find_integration(integration_id)
    if request.method == "POST":
        rotate_key(row.pk, by(request), instant(request))
        say(request, "The key is new, and the old one opens nothing. Copy it into the sender now.")
        return redirect("integration", integration_id=row.pk)
    return render(request, "integrations/rotate.html", {"row": row})


@needs(May.CONFIGURE)
@require_POST
def switch(request: HttpRequest, integration_id: str) -> HttpResponse:
    """Shut its sender out, or let it in again."""
    row = set_enabled(integration_id, request.POST.get("enabled") == "yes", by(request), instant(request))
    words = (
        "lets its sender in again" if row.enabled else "refuses what its sender sends until it is switched on"
    )
    say(request, f"{row} {words}.")
    return redirect("integration", integration_id=row.pk)


@needs(May.CONFIGURE)
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, integration_id: str) -> HttpResponse:
    """Say what goes with it, then forget it and its key."""
    row = find_integration(integration_id)
    if request.method == "POST":
        delete_integration(row.pk, by(request), instant(request))
        say(request, f"{row} is deleted, and its key opens nothing.")
        return redirect("service", service_id=row.service_id)
    return render(request, "integrations/delete.html", {"row": row, "has_past": has_past(row)})


urlpatterns = [
    path("integrations", index, name="integrations"),
    path("services/<slug:service_id>/connect", new, name="integration_new"),
    path("integrations/<slug:integration_id>", one, name="integration"),
    path("integrations/<slug:integration_id>/edit", edit, name="integration_edit"),
    path("integrations/<slug:integration_id>/key", rotate, name="integration_rotate"),
    path("integrations/<slug:integration_id>/switch", switch, name="integration_switch"),
    path("integrations/<slug:integration_id>/delete", delete, name="integration_delete"),
]
