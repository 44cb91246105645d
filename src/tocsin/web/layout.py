"""What every page carries: who reads it, what they may do, where they are, and what was just done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST

from tocsin.catalog.models import Organisation
from tocsin.escalation.alarm_actions import alone
from tocsin.incident.models import not_hidden
from tocsin.incident.readers import viewer_of
from tocsin.people.rules import TABLE, May, Role
from tocsin.web.errors import theme_of
from tocsin.web.guard import public, safe_next

THEMES = ("system", "light", "dark")
YEAR = 365 * 86_400
UNDO = "undo "

# Pages that stand behind a door of another name.
INSIDE = {
    "/teams": "/people",
    "/messages": "/console",
    "/integrations": "/services",
    "/shifts": "/schedules",
    "/cover": "/schedules",
    "/coverage": "/schedules",
    "/calendars": "/schedules",
    "/places": "/policies",
    "/new/place": "/policies",
    "/new/webhook": "/settings",
    "/new/calendar": "/schedules",
    "/new/schedule": "/schedules",
    "/new/service": "/services",
    "/new/policy": "/policies",
    "/new/person": "/people",
    "/new/team": "/people",
}


@dataclass(frozen=True)
class Place:
    """One door of the navigation; `what` is who finds it there."""

    name: str
    address: str
    what: May


PLACES = (
    Place("Now", "/", May.SEE),
    Place("Incidents", "/incidents", May.SEE),
    Place("On call", "/schedules", May.SEE),
    Place("Services", "/services", May.SEE),
    Place("Policies", "/policies", May.SEE),
    Place("People", "/people", May.SEE),
    Place("Messages", "/console", May.SEE),
    Place("Settings", "/settings", May.SETTINGS),
)


def page(request: HttpRequest) -> dict[str, Any]:
    """The context processor of every page. Asks for the organisation only when somebody is signed in."""
    user = getattr(request, "user", None)
    common: dict[str, Any] = {
        "theme": theme_of(request),
        "themes": THEMES,
        "now": getattr(request, "now", None),
        "may": {},
        "places": (),
    }
    if user is None or not user.is_authenticated:
        return common
    allowed = TABLE.get(Role(user.role), frozenset()) if user.role in tuple(Role) else frozenset()
    room = "/" + request.path.split("/")[1]
    here = INSIDE.get(request.path, INSIDE.get(room, room))
    return common | {
        "reader": user,
        "may": {what.name: what in allowed for what in May},
        "places": [(place, place.address == here) for place in PLACES if place.what in allowed],
        "organisation": organisation_row(),
        "alone": list(
            alone()
            .filter(not_hidden(viewer_of(user), "incident__"))
            .values_list("pk", flat=True)[:ALONE_SHOWN_MAX]
        ),
    }


ALONE_SHOWN_MAX = 5  # incidents that nobody can be reached about, named on every page


def organisation_row() -> Organisation:
    """The settings that hold for everything, or their defaults before the first start made the row."""
    return Organisation.objects.order_by("pk").first() or Organisation()


def say(request: HttpRequest, text: str, undo: str = "", label: str = "Undo") -> None:
    """Show `text` on the next page; `undo` is the address that takes it back when posted to."""
    messages.success(request, text, extra_tags=f"{UNDO}{undo} {label}" if undo else "")


def warn(request: HttpRequest, text: str) -> None:
    """Show `text` on the next page as something that did not go as asked."""
    messages.warning(request, text)


def back(request: HttpRequest, otherwise: str) -> HttpResponse:
    """To where the form stood (`next`), else to `otherwise`; 303, so that a reload never posts again."""
    response = HttpResponseRedirect(safe_next(request, request.POST.get("next"), otherwise))
    response.status_code = 303
    return response


@public
@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Keeps light, dark or the device's own choice in a cookie of this browser."""
    response = back(request, "/")
    chosen = request.POST.get("theme", "")
    if chosen in ("light", "dark"):
        response.set_cookie(
            "theme", chosen, max_age=YEAR, samesite="Lax", httponly=True, secure=request.is_secure()
        )
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response
