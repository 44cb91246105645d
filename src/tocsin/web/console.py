"""The message console: what its channel delivered, in full and with working buttons, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tocsin.incident.models import Incident
from tocsin.notification.links import message_of
from tocsin.notification.models import Delivery
from tocsin.notification.rules import DeliveryState, Message
from tocsin.people.rules import May
from tocsin.web.forms import asker, instant
from tocsin.web.guard import needs
from tocsin.web.layout import organisation_row

PER_PAGE = 30
SCHEME = "console:"
NO_ACTS: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Shown:
    """One message as its person got it. `acts` are (label, path); empty once they would do nothing."""

    delivery: Delivery
    message: Message
    acts: Sequence[tuple[str, str]]
    link: str
    state: str


@needs(May.SEE)
@never_cache
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """In the demo everybody's messages, so that one can watch a page climb; elsewhere only the reader's own."""
    everybody = organisation_row().demo
    rows = Delivery.objects.filter(
        address__startswith=SCHEME, state__in=(DeliveryState.SENT, DeliveryState.CONFIRMED)
    ).select_related("page__user")
    if not everybody:
        rows = rows.filter(page__user=asker(request))
    if (before := moment(request.GET.get("before", ""))) is not None:
        rows = rows.filter(sent_at__lt=before)
    listed = list(rows.order_by("-sent_at", "-pk")[: PER_PAGE + 1])
    ids = {row.incident_id for row in listed if row.incident_id is not None}
    states = dict(Incident.objects.filter(pk__in=ids).values_list("pk", "state"))
    context = {
        "messages_shown": [shown(row, states.get(row.incident_id or 0, "")) for row in listed[:PER_PAGE]],
        "everybody": everybody,
        "older": listed[PER_PAGE - 1].sent_at if len(listed) > PER_PAGE else None,
        "live": "console now",
        "address": request.get_full_path(),
        "now": instant(request),
    }
    template = "parts/console.html" if request.headers.get("HX-Request") else "console.html"
    return render(request, template, context)


def shown(delivery: Delivery, state: str) -> Shown:
    """The message that was delivered, made again from the same page by the same rule."""
    message = message_of(delivery.page, UUID(str(delivery.pk)))
    over = state in ("resolved", "closed", "")
    acts = NO_ACTS if over else tuple((act.label, urlsplit(act.url).path) for act in message.acts if act.url)
    return Shown(delivery, message, acts, urlsplit(message.link).path, state)


def moment(text: str) -> datetime | None:
    """The instant that a link to older messages names; None when it names none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
