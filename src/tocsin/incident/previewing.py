"""What a message about an incident would say by templates that nobody has saved yet. Nothing is stored or sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext, override

from tocsin.catalog.models import Service
from tocsin.incident.ending import lines_of_the_end
from tocsin.incident.messages import details_of
from tocsin.incident.models import Incident
from tocsin.incident.rules import State
from tocsin.incident.worded import VALUES, Telling, Words, telling, words_of, words_of_the_end
from tocsin.kernel.urgency import Impact, Priority, Urgency
from tocsin.notification.links import message_of
from tocsin.notification.models import Page
from tocsin.notification.rules import Kind, Message
from tocsin.notification.rules.pieces import ONLY_AT_THE_END, Piece, Wordings
from tocsin.people.models import User

RECENT_MAX = 20
_NOWHERE = UUID(int=0)  # of a page that is not stored, so its buttons act on nothing
_LABELS = {"alertname": "HttpErrors", "region": "eu-west", "severity": "critical"}
_SUBJECT = "[{{priority}}] {{title}} · {{service}} #{{number}}"
_WORKAROUND = "{{#workaround}}\n%s\n{{/workaround}}"
_DESCRIPTION = "{{#description}}\n{{description}}\n{{/description}}"
_REASON = "level 1 of policy Web"


@dataclass(frozen=True)
class Example:
    """An incident to look at: a real one, or, with `labels`, the one that Tocsin brings along."""

    incident: Incident
    labels: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Looked:
    """The two messages by these templates; what of them could not be used; and what every name stands for."""

    page: Message
    end: Message
    trouble: tuple[str, ...]
    values: Mapping[str, str | Sequence[Mapping[str, str]]]


def recent(most: int = RECENT_MAX) -> list[Incident]:
    """The newest incidents, to look at."""
    return list(Incident.objects.select_related("service", "service__team").order_by("-pk")[:most])


def example(incident_id: int | None, now: datetime) -> Example:
    """The incident of that number, else the newest; where there is none at all, one that Tocsin brings along."""
    rows = Incident.objects.select_related("service", "service__team", "assigned")
    found = rows.filter(pk=incident_id).first() if incident_id is not None else None
    found = found or rows.order_by("-pk").first()
    return Example(found) if found is not None else Example(_sample(now), _LABELS)


def look(at: Example, reader: User, own: Wordings, now: datetime) -> Looked:
    """How a page about the incident read when it was opened, and how the word that it is over does, told to `reader`
    by the templates `own`."""
    began, over = _as_opened(at.incident), _as_resolved(at.incident, now)
    first = telling(began, reader, began.opened_at, reason=_REASON)
    first = replace(first, labels=at.labels, own=own)
    with override(reader.language):
        why = gettext("resolved by %(who)s") % {"who": reader.name}
        otherwise = lines_of_the_end(over, why, over.resolved_at or now)
    last = replace(first, incident=over, now=over.resolved_at or now, why=why)
    page, end = words_of(first), words_of_the_end(last, otherwise)
    return Looked(
        _message(first, page, Kind.PAGE, reader),
        _message(last, end, Kind.OVER, reader),
        tuple(filter(None, (page.trouble, end.trouble))),
        {name: make(last if name in ONLY_AT_THE_END else first) for name, make in VALUES.items()},
    )


def starters(language: str) -> dict[Piece, str]:
    """Templates that say about what Tocsin says by itself, in that language: to begin with."""
    with override(language):
        since = gettext("Since %(time)s %(zone)s (%(ago)s); %(impact)s, %(urgency)s.") % {
            name: f"{{{{{said}}}}}"
            for name, said in (
                ("time", "since"), ("zone", "zone"), ("ago", "ago"), ("impact", "impact"), ("urgency", "urgency"),
            )
        }  # fmt: skip
        helps = _WORKAROUND % (gettext("Known workaround: %(text)s") % {"text": "{{workaround}}"})
        resolved = gettext("Resolved: %(subject)s") % {"subject": _SUBJECT}
        over = gettext("It is over: %(why)s, %(span)s after it began.") % {
            "why": "{{why}}",
            "span": "{{lasted}}",
        }
        done = gettext("Nothing is to be done.")
    return {
        Piece.SUBJECT: _SUBJECT,
        Piece.TEXT: f"{{{{service}}}}: {{{{title}}}}\n{since}\n{helps}\n{_DESCRIPTION}",
        Piece.RESOLVED_SUBJECT: resolved,
        Piece.RESOLVED_TEXT: f"{over}\n{done}",
    }


def _message(told: Telling, words: Words, kind: Kind, reader: User) -> Message:
    incident = told.incident
    page = Page(
        id=_NOWHERE,
        incident_id=incident.pk,
        user=reader,
        urgency=incident.urgency,
        kind=kind,
        reason=told.reason,
        subject=words.subject,
        lines=list(words.lines),
        details=details_of(incident),
        note=words.note,
        created_at=told.now,
    )
    return message_of(page, _NOWHERE)


def _as_opened(incident: Incident) -> Incident:
    """The incident as it was at first, as far as that is still known."""
    was = _copy(incident)
    was.state, was.assigned, was.acknowledged_by, was.snoozed = State.TRIGGERED, None, "", False
    was.alerts_firing = was.alerts_total = max(incident.alerts_firing, min(incident.alerts_total, 1))
    return was


def _as_resolved(incident: Incident, now: datetime) -> Incident:
    will = _copy(incident)
    will.state, will.snoozed, will.alerts_firing = State.RESOLVED, False, 0
    will.resolved_at = incident.resolved_at or max(now, incident.opened_at)
    return will


def _copy(incident: Incident) -> Incident:
    fields = {field.attname: getattr(incident, field.attname) for field in Incident._meta.concrete_fields}
    copied = Incident(**fields)
    copied.service = incident.service
    if incident.assigned is not None:
        copied.assigned = incident.assigned
    return copied


def _sample(now: datetime) -> Incident:
    service = Service(
        id="shop",
        name="Web shop",
        description="Where customers buy.",
        workaround="Send customers to the telephone line; restart shop-api when the queue stands still.",
    )
    return Incident(
        pk=412,
        service=service,
        title="Checkout fails for all customers",
        description="HTTP 5xx ratio above 5 % for 2 m",
        state=State.TRIGGERED,
        urgency=Urgency.HIGH,
        impact=Impact.MAJOR,
        priority=Priority.P1,
        opened_at=now - timedelta(minutes=42),
        alerts_total=3,
        alerts_firing=3,
    )
