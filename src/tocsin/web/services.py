"""Services: what there is, who answers for it, how it pages."""

from __future__ import annotations

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods

from tocsin.catalog.actions import delete_service, expectations_of, find_service, has_past, save_service
from tocsin.catalog.models import Service
from tocsin.escalation.models import Policy
from tocsin.incident.models import Incident
from tocsin.incident.rules import OPEN
from tocsin.people.rules import May
from tocsin.web.forms import by, id_of, instant, made_once, show, told_beside, viewer
from tocsin.web.forms.services import ServiceForm
from tocsin.web.guard import needs
from tocsin.web.ladder import ladder
from tocsin.web.layout import say

INCIDENTS_SHOWN = 20


@needs(May.SEE)
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Every service, the most critical first, with what is open on it."""
    services = Service.objects.select_related("team").order_by("tier", "name")
    senders = dict(Service.objects.annotate(senders=Count("integrations")).values_list("pk", "senders"))
    readable = Incident.objects.visible_to(viewer(request))
    open_now = dict(readable.filter(state__in=OPEN).values_list("service").annotate(Count("pk")).order_by())
    policies = dict(Policy.objects.values_list("pk", "name"))
    rows = [
        (each, policies.get(each.policy), senders[each.pk], open_now.get(each.pk, 0)) for each in services
    ]
    return render(request, "services/index.html", {"rows": rows})


@needs(May.SEE)
@require_GET
def one(request: HttpRequest, service_id: str) -> HttpResponse:
    """One service: who has it now, what is open, who sends."""
    service = find_service(service_id)
    policy = Policy.objects.filter(pk=service.policy).first() if service.policy else None
    readable = Incident.objects.visible_to(viewer(request)).filter(service=service)
    return render(
        request,
        "services/one.html",
        {
            "service": service,
            "policy": policy,
            "ladder": ladder(policy.as_value(), instant(request)) if policy else None,
            "open": readable.open().select_related("assigned")[:INCIDENTS_SHOWN],
            "past": readable.exclude(state__in=OPEN).order_by("-opened_at")[:INCIDENTS_SHOWN],
            "integrations": service.integrations.all(),
            "value": service.as_value(),
        },
    )


@needs(May.CONFIGURE)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Make a service; then its first sender is connected."""
    form = ServiceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with told_beside(form), made_once("service", Service.objects.filter(pk=id_of(form))):
            made = save_service(
                form.value(),
                form.cleaned_data["description"],
                by(request),
                instant(request),
                policies=_policies(),
            )
            say(request, f"{made.name} is made. Connect what sends its alerts.")
        if not form.errors:
            return redirect("service", service_id=made.pk)
    return show(request, "services/edit.html", form)


@needs(May.CONFIGURE)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, service_id: str) -> HttpResponse:
    """Change what the service says; it holds from now on."""
    service = find_service(service_id)
    form = ServiceForm(request.POST or None, existing=service)
    if request.method == "POST" and form.is_valid():
        with told_beside(form):
            save_service(
                form.value(service.pk),
                form.cleaned_data["description"],
                by(request),
                instant(request),
                policies=_policies(),
            )
            say(request, "Saved. It holds for what happens from now on.")
        if not form.errors:
            return redirect("service", service_id=service.pk)
    return show(request, "services/edit.html", form, service=service, has_past=has_past(service))


@needs(May.CONFIGURE)
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, service_id: str) -> HttpResponse:
    """Say what goes with it, then let it go; refused while it has a past."""
    service = find_service(service_id)
    if request.method == "POST":
        delete_service(service.pk, by(request), instant(request))
        say(request, f"{service.name} is deleted.")
        return redirect("services")
    context = {
        "service": service,
        "has_past": has_past(service),
        "integrations": service.integrations.all(),
        "expectations": expectations_of(service.pk),
    }
    return render(request, "services/delete.html", context)


def _policies() -> set[str]:
    return set(Policy.objects.values_list("pk", flat=True))


urlpatterns = [
    path("services", index, name="services"),
    path("new/service", new, name="service_new"),
    path("services/<slug:service_id>", one, name="service"),
    path("services/<slug:service_id>/edit", edit, name="service_edit"),
    path("services/<slug:service_id>/delete", delete, name="service_delete"),
]
