"""The verbs of an incident: open, acknowledge, snooze, resolve, reopen, close, note, assign, classify."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop

from tocsin.catalog.actions import configuration
from tocsin.catalog.models import Service
from tocsin.incident.ending import tell_the_end
from tocsin.incident.messages import details_of
from tocsin.incident.models import Incident
from tocsin.incident.rules import (
    NOTE_LENGTH_MAX,
    OPEN,
    TITLE_LENGTH_MAX,
    Not,
    Nothing,
    State,
    Verb,
    transition,
)
from tocsin.incident.rules.snoozing import check_until
from tocsin.incident.shadows import refuse_shadow
from tocsin.incident.worded import telling, words_of
from tocsin.journal.actions import Fact, write
from tocsin.journal.crashing import point
from tocsin.journal.waking import wake
from tocsin.kernel.acting import ENGINE, By
from tocsin.kernel.errors import Refused, not_found
from tocsin.kernel.phrases import phrase
from tocsin.kernel.urgency import Impact, Urgency, impact_of_tier, priority_of
from tocsin.notification.actions import Call, page_people, quiet, take_back_the_end
from tocsin.notification.awake import note_awake
from tocsin.notification.cards import touch_cards
from tocsin.notification.models import Page
from tocsin.notification.rules import Kind
from tocsin.notification.updating import take_back_updates
from tocsin.people.models import User

SWEEP_MAX = 100


@dataclass(frozen=True)
class Outcome:
    """What became of it: `changed` False means that it was so already, and `why` tells."""

    incident: Incident
    changed: bool
    why: str = ""


def open_incident(
    service_id: str,
    title: str,
    *,
    urgency: Urgency | None = None,
    impact: Impact | None = None,
    description: str = "",
    report: Mapping[str, Any] | None = None,
    by: By,
    now: datetime,
) -> Incident:
    """Open an incident by hand; the service's policy begins to climb at once. `report` is what somebody said, which
    then is the first entry of its timeline. Raises Refused."""
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
        )
        said = [Fact(incident.chain, "incident.reported", report)] if report else []
        write([*said, Fact(incident.chain, "incident.opened", opened_data(incident))], by, now)
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
    }


def acknowledge(incident_id: int, by: By, now: datetime) -> Outcome:
    """Somebody has it: the climb stops, nothing more is sent, and the acknowledgement runs until its timeout."""
    with transaction.atomic():
        incident = _locked(incident_id)
        refuse_shadow(incident, by)
        if (no := _check(incident, Verb.ACKNOWLEDGE, by)) is not None:
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
        _save(incident, fields, "incident.acknowledged", data, by, now)
        if by.user_id is not None:
            note_awake(by.user_id, incident.service_id, incident.service.policy or "", now)
    return Outcome(incident, True)


def say_awake(incident_id: int, by: By, now: datetime) -> datetime:
    """Whoever says so is up: for a while they get what else comes of this quietly. Returns until when. Raises
    Refused."""
    with transaction.atomic():
        incident = _locked(incident_id)
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
        incident = _locked(incident_id)
        refuse_shadow(incident, by)
        if (no := _check(incident, Verb.SNOOZE, by)) is not None:
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
        _save(incident, fields, "incident.snoozed", data, by, now)
    return Outcome(incident, True)


def resolve(incident_id: int, by: By, now: datetime, note: str = "") -> Outcome:
    """It is over: nothing more is sent, but word of it to who was told that it began."""
    check_note(note)
    with transaction.atomic():
        incident = _locked(incident_id)
        refuse_shadow(incident, by)
        if (no := _check(incident, Verb.RESOLVE)) is not None:
            return Outcome(incident, False, no.why)
        fields = {"state": State.RESOLVED, "resolved_at": now, "needs_climb": False, "resolve_at": None}
        spared = quiet([incident.pk], f"resolved by {by.who}", now)
        data = {"spared": spared} | ({"note": note.strip()} if note.strip() else {})
        fields |= {"ack_expires_at": None, "snoozed": False}
        _save(incident, fields, "incident.resolved", data, by, now)
        tell_the_end([incident], by, gettext_noop("resolved by %(who)s"), now, by_word(by.who))
    return Outcome(incident, True)


def reopen(incident_id: int, by: By, now: datetime) -> Outcome:
    """It is not over after all: the climb begins again from the first level."""
    with transaction.atomic():
        incident = _locked(incident_id)
        if (no := _check(incident, Verb.REOPEN)) is not None:
            return Outcome(incident, False, no.why)
        fields = _triggered_again() | {"resolved_at": None, "closed_at": None}
        take_back_the_end(incident.pk, "it is not over after all", now)
        _save(incident, fields, "incident.reopened", {}, by, now)
    return Outcome(incident, True)


def close(incident_id: int, by: By, now: datetime) -> Outcome:
    """Nothing is left to do about it."""
    with transaction.atomic():
        incident = _locked(incident_id)
        if (no := _check(incident, Verb.CLOSE)) is not None:
            return Outcome(incident, False, no.why)
        _save(incident, {"state": State.CLOSED, "closed_at": now}, "incident.closed", {}, by, now)
    return Outcome(incident, True)


def add_note(incident_id: int, text: str, by: By, now: datetime) -> Incident:
    """Put a note on the timeline. Raises Refused when it is empty or too long."""
    text = text.strip()
    if not text:
        raise Refused(phrase("The note is empty"), phrase("some words"), where="note")
    check_note(text)
    with transaction.atomic():
        incident = _locked(incident_id)
        write([Fact(incident.chain, "incident.noted", {"text": text})], by, now)
        wake(f"incident:{incident.pk}")
    return incident


def assign(incident_id: int, user_id: str | None, by: By, now: datetime) -> Outcome:
    """Give the incident to somebody (None: to nobody). The person is paged, unless it is who did it."""
    with transaction.atomic():
        incident = _locked(incident_id)
        if user_id is not None and not User.objects.people().filter(pk=user_id, is_active=True).exists():
            raise not_found("active person", user_id)
        if incident.assigned_id == user_id:
            return Outcome(incident, False, "it is assigned so already")
        before = incident.assigned_id
        _save(
            incident,
            {"assigned_id": user_id},
            "incident.assigned",
            {"user": user_id, "before": before},
            by,
            now,
        )
        if user_id is not None and user_id != by.user_id and incident.state in OPEN:
            page_people([call_for(incident, User.objects.get(pk=user_id), f"assigned by {by.who}", now)], now)
    return Outcome(incident, True)


def classify(
    incident_id: int, *, urgency: Urgency | None = None, impact: Impact | None = None, by: By, now: datetime
) -> Outcome:
    """Change how bad it is. Raising the urgency of one that nobody has pages again, by the louder rules; where only its
    priority rises, who was paged is told."""
    with transaction.atomic():
        incident = _locked(incident_id)
        new_urgency, new_impact = urgency or Urgency(incident.urgency), impact or Impact(incident.impact)
        if (new_urgency, new_impact) == (incident.urgency, incident.impact):
            return Outcome(incident, False, "it is classified so already")
        before = {"urgency": incident.urgency, "impact": incident.impact, "priority": incident.priority}
        fields = graded(new_urgency, new_impact)
        worse = new_urgency.worse_than(Urgency(incident.urgency))
        if worse and incident.state == State.TRIGGERED:
            fields["needs_climb"] = True
            take_back_updates([incident.pk], "it is worse, and paged anew", now)
        elif fields["priority"] < incident.priority and incident.state == State.TRIGGERED:
            fields["update_at"] = now
        _save(
            incident, fields, "incident.classified", fields_for_journal(fields) | {"before": before}, by, now
        )
    return Outcome(incident, True)


def rename(incident_id: int, title: str, by: By, now: datetime) -> Outcome:
    """Give the incident a better title."""
    title = title.strip()
    if not title or len(title) > TITLE_LENGTH_MAX:
        raise Refused("That is no title", f"1 to {TITLE_LENGTH_MAX} characters", where="title")
    with transaction.atomic():
        incident = _locked(incident_id)
        if incident.title == title:
            return Outcome(incident, False, "it is called so already")
        data = {"title": title, "before": incident.title}
        _save(incident, {"title": title}, "incident.renamed", data, by, now)
    return Outcome(incident, True)


def worsen(incident: Incident, urgency: Urgency, why: str, by: By, now: datetime) -> bool:
    """Raise a locked incident to `urgency` and find somebody anew, even when somebody had acknowledged the lesser
    trouble: what joins never hides. False when it is no worse. In the caller's transaction."""
    if not urgency.worse_than(Urgency(incident.urgency)) or incident.state not in OPEN:
        return False
    take_back_updates([incident.pk], "it is worse, and paged anew", now)
    had = incident.acknowledged_by
    fields = _triggered_again() | graded(urgency, Impact(incident.impact))
    data = {"why": why, "priority": fields["priority"], "urgency": fields["urgency"], "had": had}
    _save(incident, fields, "incident.worsened", data, by, now)
    return True


# -- duties ---------------------------------------------------------------------------------------------------------


def expire_acknowledgements(now: datetime, limit: int = SWEEP_MAX) -> int:
    """Incidents whose acknowledgement or rest ran out are triggered again; returns how many."""
    with transaction.atomic():
        rows = _claimed(Incident.objects.ack_expired(now), limit)
        for incident in rows:
            data = {"had": incident.acknowledged_by} | ({"snoozed": True} if incident.snoozed else {})
            _save(incident, _triggered_again(), "incident.ack_expired", data, ENGINE, now)
    return len(rows)


def resolve_settled(now: datetime, limit: int = SWEEP_MAX) -> int:
    """Incidents all of whose alerts have resolved, and whose delay is over, resolve; returns how many."""
    with transaction.atomic():
        rows = _claimed(Incident.objects.resolve_due(now), limit)
        for incident in rows:
            spared = quiet([incident.pk], "every alert has resolved", now)
            fields = {
                "state": State.RESOLVED,
                "resolved_at": now,
                "needs_climb": False,
                "resolve_at": None,
                "ack_expires_at": None,
                "snoozed": False,
            }
            data = {"why": gettext_noop("every alert has resolved"), "spared": spared}
            _save(incident, fields, "incident.resolved", data, ENGINE, now)
        tell_the_end(rows, ENGINE, gettext_noop("every alert has ended"), now)
    return len(rows)


# -- shared ---------------------------------------------------------------------------------------------------------


def call_for(incident: Incident, user: User, reason: str, now: datetime, note: str = "") -> Call:
    """What pages `user` about `incident`."""
    said = words_of(telling(incident, user, now, reason, note))
    return Call(
        user_id=user.pk,
        incident_id=incident.pk,
        urgency=incident.urgency,
        reason=reason,
        subject=said.subject,
        lines=said.lines,
        details=details_of(incident) | {"reason": reason},
        note=said.note,
        trouble=said.trouble,
    )


def graded(urgency: Urgency, impact: Impact) -> dict[str, Any]:
    """The columns that say how bad an incident is."""
    priority = priority_of(configuration().matrix, impact, urgency)
    return {"urgency": urgency, "impact": impact, "priority": priority}


def fields_for_journal(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) for name, value in fields.items() if name in ("urgency", "impact", "priority")}


def by_word(who: str) -> str:
    """Who did something, for a sentence: the person's name when it was a person."""
    kind, _, name = who.partition(":")
    if kind == "user":
        return User.objects.filter(pk=name).values_list("name", flat=True).first() or name
    return f"{kind} {name}".strip()


def check_note(text: str) -> None:
    """Raises Refused when the note is too long."""
    if len(text) > NOTE_LENGTH_MAX:
        raise Refused(
            phrase("The note is too long"),
            phrase("at most %(count)s characters", count=NOTE_LENGTH_MAX),
            where="note",
        )


def _triggered_again() -> dict[str, Any]:
    return {
        "state": State.TRIGGERED,
        "acknowledged_at": None,
        "acknowledged_by": "",
        "ack_expires_at": None,
        "snoozed": False,
        "needs_climb": True,
    }


def _locked(incident_id: int) -> Incident:
    rows = Incident.objects.select_for_update(of=("self",)).select_related("service")
    incident = rows.filter(pk=incident_id).first()
    if incident is None:
        raise not_found("incident", incident_id)
    return incident


def _claimed(rows: Any, limit: int) -> list[Incident]:
    return list(rows.select_for_update(skip_locked=True, of=("self",)).select_related("service")[:limit])


def _check(incident: Incident, verb: Verb, by: By | None = None) -> Nothing | None:
    """None when the verb may go on. Raises Refused when it cannot be done at all."""
    mine = by is not None and (
        incident.acknowledged_by == by.who or (by.user_id is not None and incident.assigned_id == by.user_id)
    )
    called = by is not None and called_since(incident, by.user_id)
    answer = transition(State(incident.state), verb, snoozed=incident.snoozed, mine=mine, called=called)
    if isinstance(answer, Not):
        raise Refused(f"#{incident.pk} cannot {verb}: {answer.why}", status=409)
    return answer if isinstance(answer, Nothing) else None


def called_since(incident: Incident, user_id: str | None) -> bool:
    """Whether this person was paged about it after somebody took it: it was passed on, and they may take it."""
    if user_id is None or incident.state != State.ACKNOWLEDGED or incident.acknowledged_at is None:
        return False
    calls = Page.objects.filter(incident_id=incident.pk, user=user_id, kind=Kind.PAGE)
    return calls.filter(created_at__gt=incident.acknowledged_at).exists()


def _save(
    incident: Incident, fields: Mapping[str, Any], kind: str, data: Mapping[str, Any], by: By, now: datetime
) -> None:
    """Store a transition, its journal entry and its wake-ups."""
    for name, value in fields.items():
        setattr(incident, name, value)
    incident.version += 1
    incident.save(update_fields=[*fields, "version"])
    write([Fact(incident.chain, kind, data)], by, now)
    touch_cards([incident.pk], now)
    wake("duties", "now", f"incident:{incident.pk}")
    point("incident: before commit")
