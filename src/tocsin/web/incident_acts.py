"""What a person does to an incident by one press. Everything goes through the rooms' actions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from tocsin.incident import actions
from tocsin.incident.transitions import Outcome
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused
from tocsin.notification.awake import AWAKE
from tocsin.people.rules import May
from tocsin.web.forms import by, instant
from tocsin.web.guard import needs
from tocsin.web.layout import back, say, warn

CONFLICT = 409


def address_of(incident_id: int) -> str:
    return f"/incidents/{incident_id}"


@contextmanager
def conflicts_said(request: HttpRequest) -> Iterator[None]:
    """What is refused because of how things stand is said on the page that follows; other refusals are raised."""
    try:
        yield
    except Refused as refused:
        if refused.status != CONFLICT:
            raise
        warn(request, str(refused))


def press(
    request: HttpRequest,
    incident_id: int,
    act: Callable[[int, By, datetime], Outcome],
    done: str,
    undo: str = "",
) -> HttpResponse:
    """Do it and say so; what changed nothing says why. Back to where the button stood."""
    with conflicts_said(request):
        outcome = act(incident_id, by(request), instant(request))
        if outcome.changed:
            address = f"{address_of(incident_id)}/{undo}" if undo else ""
            say(request, f"#{incident_id} {done}", address, "Reopen (pages again)" if undo else "")
        else:
            warn(request, f"Nothing changed for #{incident_id}: {outcome.why}.")
    return back(request, address_of(incident_id))


@needs(May.ACT)
@require_POST
def acknowledge(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Take it."""
    return press(request, incident_id, actions.acknowledge, "is yours. Nobody else is paged about it.")


@needs(May.ACT)
@require_POST
def awake(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Say that one is up: what else comes of this is sent quietly for a while."""
    actions.say_awake(incident_id, by(request), instant(request))
    minutes = int(AWAKE.total_seconds() // 60)
    say(request, f"What else comes of this reaches you quietly for {minutes} minutes; P1 does not.")
    return back(request, f"/incidents/{incident_id}")


@needs(May.ACT)
@require_POST
def resolve(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Say that it is over; can be taken back."""
    return press(request, incident_id, actions.resolve, "is resolved.", "reopen")


@needs(May.ACT)
@require_POST
def reopen(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Say that it is not over."""
    return press(request, incident_id, actions.reopen, "is open again, and its policy begins anew.")


@needs(May.ACT)
@require_POST
def close(request: HttpRequest, incident_id: int) -> HttpResponse:
    """Say that nothing is left to do about it."""
    return press(request, incident_id, actions.close, "is closed.", "reopen")
