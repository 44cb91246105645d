"""People's reports over REST: say what is wrong, and what level 1 makes of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tocsin.answering import reports
from tocsin.answering.rules.reporting import TEXT_LENGTH_MAX, TITLE_LENGTH_MAX
from tocsin.api.auth import Asked
from tocsin.api.room import Room
from tocsin.api.shapes import IncidentOut, show_to
from tocsin.api.words import NotBlank, NumberInPath, Sent, Slug
from tocsin.incident.rules import NOTE_LENGTH_MAX
from tocsin.people.rules import May

room = Room("reports")


class ReportToSend(Sent):
    """`service` left out: the one for reports. `follows`: an open incident that it is about."""

    title: Annotated[str, Field(min_length=1, max_length=TITLE_LENGTH_MAX), NotBlank]
    text: Annotated[str, Field(max_length=TEXT_LENGTH_MAX - TITLE_LENGTH_MAX)] = ""
    service: Slug | None = None
    urgent: bool = True
    follows: Annotated[int, Field(ge=1, le=2**53)] | None = None


class SameAs(Sent):
    incident: Annotated[int, Field(ge=1, le=2**53)]


class Declined(Sent):
    reason: Annotated[str, Field(min_length=1, max_length=NOTE_LENGTH_MAX), NotBlank]


@room.post("/reports", may=May.REPORT, answer=IncidentOut, status=201)
def send_report(request: Asked, body: ReportToSend) -> IncidentOut:
    """Opens an incident with your own words as its first entry, or puts them to one that is open; you are told when
    somebody has it and when it is over."""
    said = reports.Said(
        title=body.title,
        text=body.text,
        through=request.auth.by.through,
        service=body.service or "",
        urgent=body.urgent,
        user=request.auth.user,
    )
    if body.follows is not None:
        return show_to(reports.follow(said, body.follows, request.now), request.auth.viewer)
    return show_to(reports.report(said, request.now).incident, request.auth.viewer)


@room.post("/incidents/{number}/same-as", may=May.ACT, answer=IncidentOut)
def link_report(request: Asked, number: NumberInPath, body: SameAs) -> IncidentOut:
    """Says that what was reported is what another open incident is about: this one is resolved, its reporters are told
    and follow the other, which is the answer."""
    other = reports.link(number, body.incident, request.auth.by, request.now)
    return show_to(other, request.auth.viewer)


@room.post("/incidents/{number}/decline", may=May.ACT, answer=IncidentOut)
def decline_report(request: Asked, number: NumberInPath, body: Declined) -> IncidentOut:
    """Says that nothing is done about what was reported, and why; its reporters are told."""
    declined = reports.decline(number, body.reason, request.auth.by, request.now)
    return show_to(declined, request.auth.viewer)
