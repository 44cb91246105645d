"""The verbs of an incident's life: open, acknowledge, snooze, resolve, reopen, close."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop

from tocsin.catalog.actions import configuration
from tocsin.catalog.models import Service
from tocsin.incident.describing import check_note
from tocsin.incident.ending import tell_the_end
from tocsin.incident.holding import by_word
from tocsin.incident.models import Incident
from tocsin.incident.readers import name_readers
from tocsin.incident.rules import (
    NOTE_LENGTH_MAX,
    TITLE_LENGTH_MAX,
    State,
    Verb,
)
from tocsin.incident.rules.snoozing import check_until
from tocsin.incident.shadows import refuse_shadow
from tocsin.incident.transitions import Outcome, locked, nothing_to_do, save, triggered_again
from tocsin.journal.actions import Fact, write
from tocsin.journal.waking import wake
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, not_found
from tocsin.kernel.phrases import phrase
from tocsin.kernel.urgency import Impact, Urgency, impact_of_tier, priority_of
from tocsin.notification.actions import quiet, take_back_the_end
from tocsin.notification.awake import note_awake


def open_incident(
    service_id: str,
    title: str,
    *,
    urgency: Urgency | None = None,
    impact: Impact | None = None,
    description: str = "",
    report: Mapping[str, Any] | None = None,
    restricted: bool = False,
    by: By,
    now: datetime,
) -> Incident:
    """Open an incident by hand; the service's policy begins to climb at once. `report` is what somebody said, which
    then is the first entry of its timeline. It is `restricted` also when its service is. Raises Refused."""
    title = title.strip()
    if not title or len(title) > TITLE_LENGTH_MAX:
        raise Refused(
            "The title is empty" if not title else "The title is too long",
            f"what is wrong, in at most {TITLE_LENGTH_MAX} characters",
            where="title",
        )
    if len(description) > NOTE_LENGTH_MAX:
        raise Refused(
            "The description is too long", f"at most {NOTE_LENGTH_MAX} characters", where="description"
        )
    with transaction.atomic():
        service = Service.objects.filter(pk=service_id).first()
        if service is None:
            raise not_found("service", service_id)
        impact = impact or impact_of_tier(service.tier)
        urgency = urgency or Urgency.HIGH
        incident = Incident.objects.create(
            service=service,
            title=title,
            description=description,
            urgency=urgency,
            impact=impact,
            priority=priority_of(configuration().matrix, impact, urgency),
            opened_at=now,
            restricted=restricted or service.restricted,
        )
        said = [Fact(incident.chain, "incident.reported", report)] if report else []
        write([*said, Fact(incident.chain, "incident.opened", opened_data(incident))], by, now)
        name_readers(incident, [by.user_id], "opened", by, now)
        wake("duties", "now", f"incident:{incident.pk}")
    return incident


def opened_data(incident: Incident) -> dict[str, Any]:
    """What the journal says of an incident's first moment."""
    return {
        "title": incident.title,
        "service": incident.service_id,
        "priority": incident.priority,
        "urgency": incident.urgency,
        "impact": incident.impact,
    } | ({"restricted": True} if incident.restricted else {})


def acknowledge(incident_id: int, by: By, now: datetime) -> Outcome:
    """Somebody has it: the climb stops, nothing more is sent, and the acknowledgement runs until its timeout."""
    with transaction.atomic():
        incident = locked(incident_id, by, unread=True)
        refuse_shadow(incident, by)
        if (no := nothing_to_do(incident, Verb.ACKNOWLEDGE, by)) is not None:
            who = by_word(incident.acknowledged_by) if incident.acknowledged_by else ""
            why = phrase("%(who)s has it already", who=who) if who else no.why
            # Who is paged by hand about one that somebody has, and answers, is not called again either.
            if spared := quiet([incident.pk], f"answered by {by.who}", now):
                write([Fact(incident.chain, "page.suppressed", {"count": spared})], by, now)
                wake(f"incident:{incident.pk}")
            return Outcome(incident, False, why)
        timeout = incident.service.ack_timeout
        expires = now + timeout if timeout else None
        fields: dict[str, Any] = {
            "state": State.ACKNOWLEDGED,
            "acknowledged_at": now,
            "acknowledged_by": by.who,
            "ack_expires_at": expires,
            "snoozed": False,
            "needs_climb": False,
        }
        if by.user_id is not None:
            fields["assigned_id"] = by.user_id
        spared = quiet([incident.pk], f"acknowledged by {by.who}", now)
        data = {"spared": spared, "expires_at": expires.isoformat() if expires else None}
        save(incident, fields, "incident.acknowledged", data, by, now)
        name_readers(incident, [by.user_id], "acknowledged", by, now)
        if by.user_id is not None:
            note_awake(by.user_id, incident.service_id, incident.service.policy or "", now)
    return Outcome(incident, True)


def say_awake(incident_id: int, by: By, now: datetime) -> datetime:
    """Whoever says so is up: for a while they get what else comes of this quietly. Returns until when. Raises
    Refused."""
    with transaction.atomic():
        incident = locked(incident_id, by, unread=True)
        if by.user_id is None:
            raise Refused("Only a person can be awake", "somebody who is signed in", status=403)
        until = note_awake(by.user_id, incident.service_id, incident.service.policy or "", now)
        write([Fact(incident.chain, "incident.awake", {"until": until.isoformat()})], by, now)
        wake(f"incident:{incident.pk}")
    return until


def snooze(incident_id: int, until: datetime, by: By, now: datetime) -> Outcome:
    """Put it off: it is the snoozer's until then and nobody is paged; then it is triggered again and climbs from the
    top. Raises Refused for an instant that is too near or too far."""
    until = check_until(until, now)
    with transaction.atomic():
        incident = locked(incident_id, by, unread=True)
        refuse_shadow(incident, by)
        if (no := nothing_to_do(incident, Verb.SNOOZE, by)) is not None:
            held = incident.state == State.ACKNOWLEDGED
            why = phrase("%(who)s has it already", who=by_word(incident.acknowledged_by)) if held else no.why
            return Outcome(incident, False, why)
        fields: dict[str, Any] = {
            "state": State.ACKNOWLEDGED,
            "acknowledged_at": now,
            "acknowledged_by": by.who,
            "ack_expires_at": until,
            "snoozed": True,
            "needs_climb": False,
        }
        if by.user_id is not None:
            fields["assigned_id"] = by.user_id
        spared = quiet([incident.pk], f"snoozed by {by.who}", now)
        seconds = int((until - now).total_seconds())
        data = {"until": until.isoformat(), "seconds": seconds, "spared": spared}
        save(incident, fields, "incident.snoozed", data, by, now)
        name_readers(incident, [by.user_id], "snoozed", by, now)
    return Outcome(incident, True)


def resolve(incident_id: int, by: By, now: datetime, note: str = "") -> Outcome:
    """It is over: nothing more is sent, but word of it to who was told that it began."""
    check_note(note)
    with transaction.atomic():
        incident = locked(incident_id, by, unread=True)
        refuse_shadow(incident, by)
        if (no := nothing_to_do(incident, Verb.RESOLVE)) is not None:
            return Outcome(incident, False, no.why)
        fields = {"state": State.RESOLVED, "resolved_at": now, "needs_climb": False, "resolve_at": None}
        spared = quiet([incident.pk], f"resolved by {by.who}", now)
        data = {"spared": spared} | ({"note": note.strip()} if note.strip() else {})
        fields |= {"ack_expires_at": None, "snoozed": False}
        save(incident, fields, "incident.resolved", data, by, now)
        tell_the_end([incident], by, gettext_noop("resolved by %(who)s"), now, by_word(by.who))
    return Outcome(incident, True)


def reopen(incident_id: int, by: By, now: datetime) -> Outcome:
    """It is not over after all: the climb begins again from the first level."""
    with transaction.atomic():
        incident = locked(incident_id, by)
        if (no := nothing_to_do(incident, Verb.REOPEN)) is not None:
            return Outcome(incident, False, no.why)
        fields = triggered_again() | {"resolved_at": None, "closed_at": None}
        take_back_the_end(incident.pk, "it is not over after all", now)
        save(incident, fields, "incident.reopened", {}, by, now)
    return Outcome(incident, True)


def close(incident_id: int, by: By, now: datetime) -> Outcome:
    """Nothing is left to do about it."""
    with transaction.atomic():
        incident = locked(incident_id, by)
        if (no := nothing_to_do(incident, Verb.CLOSE)) is not None:
            return Outcome(incident, False, no.why)
        save(incident, {"state": State.CLOSED, "closed_at": now}, "incident.closed", {}, by, now)
    return Outcome(incident, True)
