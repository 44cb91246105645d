"""Policies, drawn as the ladder they are."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods

from tocsin.catalog.models import Service
from tocsin.escalation.models import Policy
from tocsin.escalation.policy_actions import delete_policy, find_policy, save_policy
from tocsin.people.rules import May
from tocsin.web.forms import by, id_of, instant, made_once, show, told_beside
from tocsin.web.forms.policy import CLOCKS, PolicyForm, choices, hours
from tocsin.web.guard import needs
from tocsin.web.ladder import ladder, ladders
from tocsin.web.layout import say


@needs(May.SEE)
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Every policy with whom it would page now, and the services it stands behind."""
    services: dict[str, list[Service]] = {}
    for service in Service.objects.order_by("tier", "name"):
        services.setdefault(service.policy, []).append(service)
    policies = list(Policy.objects.select_related("team"))
    drawings = ladders([each.as_value() for each in policies], instant(request))
    rows = [
        (policy, drawing, services.get(policy.pk, []))
        for policy, drawing in zip(policies, drawings, strict=True)
    ]
    return render(request, "policies/index.html", {"rows": rows, "without": services.get("", [])})


@needs(May.SEE)
@require_GET
def one(request: HttpRequest, policy_id: str) -> HttpResponse:
    """The policy drawn as a ladder, and who uses it."""
    policy = find_policy(policy_id)
    return render(
        request,
        "policies/one.html",
        {
            "policy": policy,
            "ladder": ladder(policy.as_value(), instant(request)),
            "services": Service.objects.filter(policy=policy.pk),
        },
    )


@needs(May.CONFIGURE)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Draw a new policy."""
    form = PolicyForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and not form.change() and (value := form.value()):
        with told_beside(form), made_once("policy", Policy.objects.filter(pk=id_of(form))):
            save_policy(value, form.cleaned_data["team"] or None, by(request), instant(request))
            say(request, f"{value.name} is made. Choose it on the services it should answer for.")
        if not form.errors:
            return redirect("policy", policy_id=value.id)
    return _editor(request, form)


@needs(May.CONFIGURE)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, policy_id: str) -> HttpResponse:
    """Change its levels; running climbs keep what they began with."""
    policy = find_policy(policy_id)
    form = PolicyForm(request.POST if request.method == "POST" else None, existing=policy)
    if request.method == "POST" and not form.change() and (value := form.value(policy.pk)):
        with told_beside(form):
            save_policy(value, form.cleaned_data["team"] or None, by(request), instant(request))
            say(request, "Saved. Incidents that are climbing keep the policy they began with.")
        if not form.errors:
            return redirect("policy", policy_id=policy.pk)
    return _editor(request, form, policy)


@needs(May.CONFIGURE)
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, policy_id: str) -> HttpResponse:
    """Say who uses it, then forget it."""
    policy = find_policy(policy_id)
    if request.method == "POST":
        delete_policy(policy.pk, by(request), instant(request))
        say(request, f"{policy.name} is deleted.")
        return redirect("policies")
    used = Service.objects.filter(policy=policy.pk)
    return render(request, "policies/delete.html", {"policy": policy, "services": used})


def _editor(request: HttpRequest, form: PolicyForm, policy: Policy | None = None) -> HttpResponse:
    """The page of the editor; a button that changed the levels shows no complaint about what is not finished."""
    drawing = ladder(form.draft(), instant(request))
    if form.do and form.do != "save":
        form.errors.clear()
    groups = choices()
    names = {key: name for _, group in groups for key, name in group}
    return show(
        request,
        "policies/edit.html",
        form,
        policy=policy,
        ladder=drawing,
        choices=groups,
        names=names,
        hours=hours(),
        clocks=CLOCKS,
    )


urlpatterns = [
    path("policies", index, name="policies"),
    path("new/policy", new, name="policy_new"),
    path("policies/<slug:policy_id>", one, name="policy"),
    path("policies/<slug:policy_id>/edit", edit, name="policy_edit"),
    path("policies/<slug:policy_id>/delete", delete, name="policy_delete"),
]
