"""Incidents over REST: list, show, open, and every verb."""

from __future__ import annotations

from typing import Annotated

from django.db.models import Q
from ninja import Query
from pydantic import Field

from tocsin.answering.acting import until
from tocsin.api.auth import Asked
from tocsin.api.messages import DELIVERIES_SHOWN_MAX, show_delivery
from tocsin.api.paging import BY_NUMBER, Listing, Paged, page_of, whole_number
from tocsin.api.room import Room
from tocsin.api.shapes import (
    AlertInFull,
    AlertOut,
    EntryOut,
    IncidentInFull,
    IncidentOut,
    NextStep,
    OutcomeOut,
    show_alert,
    show_entry,
    show_incident,
    show_reader,
    show_to,
)
from tocsin.api.words import NotBlank, NumberInPath, RowInPath, Sent, Slug
from tocsin.escalation.actions import escalate_now, next_steps
from tocsin.escalation.rules import HANDOVER_LENGTH_MAX, Handover
from tocsin.incident import actions, describing, restricting
from tocsin.incident.models import Incident, alerts_not_hidden
from tocsin.incident.readers import refuse_unread
from tocsin.incident.rules import NOTE_LENGTH_MAX, TITLE_LENGTH_MAX, State
from tocsin.incident.rules.snoozing import TEXT_LENGTH_MAX
from tocsin.incident.transitions import Outcome
from tocsin.intake.models import Alert
from tocsin.journal.models import Entry
from tocsin.kernel.errors import not_found
from tocsin.kernel.urgency import Impact, Priority, Urgency
from tocsin.notification.models import Delivery
from tocsin.people.rules import May

ALERTS_SHOWN_MAX = 50  # beside an incident; all of them are a list of their own
QUERY_LENGTH_MAX = 100

room = Room("incidents")


# -- what is sent ---------------------------------------------------------------------------------------------------


class IncidentFilter(Paged):
    state: list[State] = []
    priority: list[Priority] = []
    service: Slug | None = None
    q: Annotated[str, Field(max_length=QUERY_LENGTH_MAX, description="Words of the title, or a number")] = ""


class IncidentToOpen(Sent):
    service: Slug
    title: Annotated[str, Field(min_length=1, max_length=TITLE_LENGTH_MAX), NotBlank]
    urgency: Urgency | None = None
    impact: Impact | None = None
    description: Annotated[str, Field(max_length=NOTE_LENGTH_MAX)] = ""
    restricted: Annotated[
        bool,
        Field(strict=True, description="Only whom it concerns reads it. It is so too when its service is."),
    ] = False


class Resolution(Sent):
    note: Annotated[str, Field(max_length=NOTE_LENGTH_MAX)] = ""


class Rest(Sent):
    until: Annotated[
        str,
        Field(
            min_length=1,
            max_length=TEXT_LENGTH_MAX,
            description="A length such as 2h, a time such as 14:00 or tomorrow 08:00 by your clocks, an instant such as"
            " 2026-03-02T14:00Z, or: until open. At least 15 minutes and at most 7 days from now.",
        ),
        NotBlank,
    ]


class Note(Sent):
    text: Annotated[str, Field(min_length=1, max_length=NOTE_LENGTH_MAX), NotBlank]


class Assignment(Sent):
    """`user` null: nobody has it."""

    user: Slug | None


class ReaderToName(Sent):
    user: Slug


class Classification(Sent):
    urgency: Urgency | None = None
    impact: Impact | None = None


class Title(Sent):
    title: Annotated[str, Field(min_length=1, max_length=TITLE_LENGTH_MAX), NotBlank]


class HandoverNote(Sent):
    """What the next person reads first."""

    what_happens: Annotated[str, Field(max_length=HANDOVER_LENGTH_MAX)] = ""
    impact: Annotated[str, Field(max_length=HANDOVER_LENGTH_MAX)] = ""
    tried: Annotated[str, Field(max_length=HANDOVER_LENGTH_MAX)] = ""
    help_needed: Annotated[str, Field(max_length=HANDOVER_LENGTH_MAX)] = ""


# -- reading --------------------------------------------------------------------------------------------------------


@room.get("/incidents", may=May.SEE, answer=Listing[IncidentOut])
def list_incidents(request: Asked, wanted: Query[IncidentFilter]) -> Listing[IncidentOut]:
    """The newest first. Several states or priorities: repeat the parameter."""
    rows = Incident.objects.visible_to(request.auth.viewer)
    if wanted.state:
        rows = rows.filter(state__in=wanted.state)
    if wanted.priority:
        rows = rows.filter(priority__in=wanted.priority)
    if wanted.service is not None:
        rows = rows.filter(service=wanted.service)
    if words := wanted.q.strip():
        matches = Q(title__icontains=words)
        if (number := words.removeprefix("#")).isdecimal() and len(number) < 19:
            matches |= Q(pk=int(number))
        rows = rows.filter(matches)
    return page_of(rows, wanted, show_incident, BY_NUMBER, newest_first=True)


@room.get("/incidents/{number}", may=May.SEE, answer=IncidentInFull)
def show_one_incident(request: Asked, number: NumberInPath) -> IncidentInFull:
    """Everything about one incident that a page would show."""
    incident = _found(request, number)
    alerts = Alert.objects.filter(incident=incident).order_by("-pk")[:ALERTS_SHOWN_MAX]
    deliveries = Delivery.objects.filter(incident_id=number).select_related("page").order_by("-due_at", "-pk")
    return IncidentInFull(
        **show_incident(incident).model_dump(),
        description=incident.description,
        readers=[show_reader(row) for row in incident.readers.all()] if incident.restricted else [],
        alerts=[show_alert(alert) for alert in alerts],
        deliveries=[show_delivery(row, request.auth) for row in deliveries[:DELIVERIES_SHOWN_MAX]],
        next_steps=[
            NextStep(
                at=step.at, level=step.number, round=step.round, people=list(step.people), opens=step.opens
            )
            for step in next_steps(incident, request.now)
        ],
    )


@room.get("/incidents/{number}/alerts", may=May.SEE, answer=Listing[AlertOut])
def list_alerts_of_incident(request: Asked, number: NumberInPath, paged: Query[Paged]) -> Listing[AlertOut]:
    """The alerts it answers for, the newest first."""
    rows = Alert.objects.filter(incident=_found(request, number))
    return page_of(rows, paged, show_alert, BY_NUMBER, newest_first=True)


@room.get("/alerts/{id}", may=May.SEE, answer=AlertInFull)
def show_one_alert(request: Asked, id: RowInPath) -> AlertInFull:
    """One alert with its raw payloads."""
    alert = Alert.objects.filter(alerts_not_hidden(request.auth.viewer), pk=id).first()
    if alert is None:
        raise not_found("alert", id)
    return AlertInFull(**show_alert(alert).model_dump(), samples=alert.samples)


@room.get("/incidents/{number}/timeline", may=May.SEE, answer=Listing[EntryOut])
def show_timeline(request: Asked, number: NumberInPath, paged: Query[Paged]) -> Listing[EntryOut]:
    """Every fact about it, the oldest first."""
    rows = Entry.objects.filter(chain=_found(request, number).chain)
    return page_of(rows, paged, show_entry, (("seq", whole_number),))


# -- acting ---------------------------------------------------------------------------------------------------------


@room.post("/incidents", may=May.OPEN, answer=IncidentOut, status=201)
def open_incident(request: Asked, body: IncidentToOpen) -> IncidentOut:
    """Opens an incident by hand; the service's policy begins to climb at once."""
    incident = actions.open_incident(
        body.service,
        body.title,
        urgency=body.urgency,
        impact=body.impact,
        description=body.description,
        restricted=body.restricted,
        by=request.auth.by,
        now=request.now,
    )
    return show_incident(incident)


@room.post("/incidents/{number}/acknowledge", may=May.ACT, answer=OutcomeOut)
def acknowledge_incident(request: Asked, number: NumberInPath) -> OutcomeOut:
    """You have it: nobody else is paged until the acknowledgement expires."""
    return _outcome(request, actions.acknowledge(number, request.auth.by, request.now))


@room.post("/incidents/{number}/snooze", may=May.ACT, answer=OutcomeOut)
def snooze_incident(request: Asked, number: NumberInPath, body: Rest) -> OutcomeOut:
    """Puts it off: it is yours and nobody is paged until then; then it climbs again from the first level."""
    at = until(body.until, request.auth.by, request.now)
    return _outcome(request, actions.snooze(number, at, request.auth.by, request.now))


@room.post("/incidents/{number}/resolve", may=May.ACT, answer=OutcomeOut)
def resolve_incident(request: Asked, number: NumberInPath, body: Resolution | None = None) -> OutcomeOut:
    """It is over."""
    note = body.note if body else ""
    return _outcome(request, actions.resolve(number, request.auth.by, request.now, note))


@room.post("/incidents/{number}/reopen", may=May.ACT, answer=OutcomeOut)
def reopen_incident(request: Asked, number: NumberInPath) -> OutcomeOut:
    """It is not over after all: the climb begins again."""
    return _outcome(request, actions.reopen(number, request.auth.by, request.now))


@room.post("/incidents/{number}/close", may=May.ACT, answer=OutcomeOut)
def close_incident(request: Asked, number: NumberInPath) -> OutcomeOut:
    """Nothing is left to do about it. Only what is resolved can be closed."""
    return _outcome(request, actions.close(number, request.auth.by, request.now))


@room.post("/incidents/{number}/escalate", may=May.ACT, answer=IncidentOut)
def escalate_incident(request: Asked, number: NumberInPath, body: HandoverNote | None = None) -> IncidentOut:
    """Pages the next level now, with the handover note in its message."""
    note = Handover(**body.model_dump()) if body else Handover()
    escalate_now(number, request.auth.by, request.now, handover=note)
    return show_to(_named(number), request.auth.viewer)


@room.post("/incidents/{number}/notes", may=May.ACT, answer=IncidentOut, status=201)
def add_note(request: Asked, number: NumberInPath, body: Note) -> IncidentOut:
    """Puts a note on the timeline."""
    return show_to(describing.add_note(number, body.text, request.auth.by, request.now), request.auth.viewer)


@room.post("/incidents/{number}/assign", may=May.ACT, answer=OutcomeOut)
def assign_incident(request: Asked, number: NumberInPath, body: Assignment) -> OutcomeOut:
    """Gives it to somebody, who is paged unless it is you."""
    return _outcome(request, describing.assign(number, body.user, request.auth.by, request.now))


@room.post("/incidents/{number}/classify", may=May.ACT, answer=OutcomeOut)
def classify_incident(request: Asked, number: NumberInPath, body: Classification) -> OutcomeOut:
    """Says how bad it is; the priority follows from the organisation's matrix."""
    outcome = describing.classify(
        number, urgency=body.urgency, impact=body.impact, by=request.auth.by, now=request.now
    )
    return _outcome(request, outcome)


@room.post("/incidents/{number}/rename", may=May.ACT, answer=OutcomeOut)
def rename_incident(request: Asked, number: NumberInPath, body: Title) -> OutcomeOut:
    """Gives it a better title."""
    return _outcome(request, describing.rename(number, body.title, request.auth.by, request.now))


@room.post("/incidents/{number}/restrict", may=May.ACT, answer=OutcomeOut)
def restrict_incident(request: Asked, number: NumberInPath) -> OutcomeOut:
    """Only whom it concerns reads it from now on: you, who opened it and who has it. Messages say its number alone."""
    return _outcome(request, restricting.restrict(number, request.auth.by, request.now))


@room.post("/incidents/{number}/unrestrict", may=May.ACT, answer=OutcomeOut)
def unrestrict_incident(request: Asked, number: NumberInPath) -> OutcomeOut:
    """Everybody who sees incidents reads it again. For whoever has it, and for administrators."""
    return _outcome(request, restricting.unrestrict(number, request.auth.by, request.now))


@room.post("/incidents/{number}/let-read", may=May.ACT, answer=OutcomeOut)
def let_read_incident(request: Asked, number: NumberInPath, body: ReaderToName) -> OutcomeOut:
    """Lets somebody read a restricted incident; they are not told. For whoever has it, and for administrators."""
    return _outcome(request, restricting.let_read(number, body.user, request.auth.by, request.now))


@room.post("/incidents/{number}/withdraw", may=May.ACT, answer=OutcomeOut)
def withdraw_reader(request: Asked, number: NumberInPath, body: ReaderToName) -> OutcomeOut:
    """Lets somebody read a restricted incident no more. For whoever has it, and for administrators."""
    return _outcome(request, restricting.withdraw(number, body.user, request.auth.by, request.now))


def _outcome(request: Asked, outcome: Outcome) -> OutcomeOut:
    shown = show_to(outcome.incident, request.auth.viewer)
    return OutcomeOut(changed=outcome.changed, why=outcome.why, incident=shown)


def _found(request: Asked, number: int) -> Incident:
    """The incident, for who may read it. Raises Refused."""
    incident = _named(number)
    refuse_unread(incident, request.auth.viewer)
    return incident


def _named(number: int) -> Incident:
    incident = Incident.objects.select_related("service").filter(pk=number).first()
    if incident is None:
        raise not_found("incident", number)
    return incident
