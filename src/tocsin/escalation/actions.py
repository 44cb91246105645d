"""Start climbs, climb what is due, escalate by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from django.db import transaction

from tocsin.escalation.advancing import advance, fresh_climb, urgency_of
from tocsin.escalation.alarm_actions import watch_out
from tocsin.escalation.models import Climb
from tocsin.escalation.rostering import roster
from tocsin.escalation.rules import (
    Ahead,
    Handover,
    Roster,
    forecast,
    push,
    resumed,
)
from tocsin.incident.models import Incident
from tocsin.incident.readers import refuse_unseen
from tocsin.incident.rules import OPEN, State
from tocsin.incident.wanted import take_wanted
from tocsin.journal.actions import Fact, write
from tocsin.journal.waking import wake
from tocsin.kernel.acting import ENGINE, By
from tocsin.kernel.errors import Refused, not_found
from tocsin.kernel.phrases import phrase
from tocsin.notification.models import Page
from tocsin.notification.rules import Kind

CLIMBS_MAX = 100  # per transaction


def start_climbs(now: datetime, limit: int = CLIMBS_MAX) -> int:
    """Incidents that need somebody begin to climb, from the first level, and page it; returns how many."""
    with transaction.atomic():
        incidents = take_wanted(now, limit)
        if not incidents:
            return 0
        # Only what has had a transition can have climbed before.
        again = [incident.pk for incident in incidents if incident.version > 1]
        before = Climb.objects.in_bulk(again) if again else {}
        climbs = [
            fresh_climb(incident, now, before.get(incident.pk))
            for incident in incidents
            if incident.state == State.TRIGGERED
        ]
        advance(climbs, now)
    return len(incidents)


def climb_due(now: datetime, limit: int = CLIMBS_MAX) -> int:
    """Every climb whose time has come pages its next level; returns how many were looked at."""
    with transaction.atomic():
        rows = Climb.objects.due(now).select_for_update(skip_locked=True, of=("self", "incident"))
        climbs = list(rows.select_related("incident", "incident__service")[:limit])
        stood = _resume(climbs, now)
        if going := [climb for climb in climbs if climb.pk not in stood]:
            advance(going, now)
    return len(climbs)


def _resume(climbs: Sequence[Climb], now: datetime) -> set[int]:
    """Put off those that everything stood still for, and say so; returns their incidents. What somebody asked for by
    hand goes on at once."""
    facts, stood = [], []
    for climb in climbs:
        waits = climb.incident.state == State.TRIGGERED and not climb.forced
        if not waits or (at := resumed(climb.as_value(), now)) is None:
            continue
        data = {"was": climb.due_at.isoformat() if climb.due_at else None, "until": at.isoformat()}
        facts.append(Fact(climb.incident.chain, "climb.resumed", data))
        climb.due_at, climb.put_off = at, True
        stood.append(climb)
    if stood:
        Climb.objects.bulk_update(stood, ["due_at", "put_off"])
        write(facts, ENGINE, now)
        wake("duties", *(f"incident:{climb.incident_id}" for climb in stood))
    return {climb.incident_id for climb in stood}


def pass_on_unreachable(now: datetime, limit: int = CLIMBS_MAX) -> int:
    """Where nobody of the level that was paged can be reached, the next level is due at once."""
    with transaction.atomic():
        waiting = Page.objects.filter(undeliverable_at__isnull=False, passed_on_at=None).order_by(
            "undeliverable_at"
        )
        pages = list(waiting.select_for_update(skip_locked=True)[:limit])
        Page.objects.filter(pk__in=[page.pk for page in pages]).update(passed_on_at=now)
        ids = {page.incident_id for page in pages if page.incident_id is not None}
        if ids:
            watch_out(ids, now)
        climbs = Climb.objects.select_for_update(of=("self",)).filter(
            incident__in=ids, incident__state=State.TRIGGERED, due_at__gt=now
        )
        for climb in climbs:
            level = Page.objects.filter(incident_id=climb.incident_id, created_at__gte=climb.paged_at)
            level = level.filter(kind=Kind.PAGE)
            if not level.filter(undeliverable_at=None).exists():
                Climb.objects.filter(pk=climb.pk).update(due_at=now)
                wake("duties", f"incident:{climb.incident_id}")
    return len(pages)


def escalate_now(incident_id: int, by: By, now: datetime, handover: Handover | None = None) -> Climb:
    """Page the next level at once, with the handover note in its message. Raises Refused when it is over."""
    note = handover or Handover()
    with transaction.atomic():
        locked = Incident.objects.select_for_update(of=("self",)).select_related("service")
        incident = locked.filter(pk=incident_id).first()
        if incident is None:
            raise not_found("incident", incident_id)
        refuse_unseen(incident, by)
        if incident.state not in OPEN:
            raise Refused(
                phrase("#%(number)s is over", number=incident.pk),
                phrase("an open incident"),
                phrase("Reopen it first."),
                status=409,
            )
        climb = Climb.objects.select_for_update().filter(pk=incident.pk).first() or fresh_climb(incident, now)
        pushed = push(climb.as_policy(), climb.as_value(), now)
        climb.due_at, climb.pages_sent = pushed.due_at, pushed.pages_sent
        climb.forced, climb.ended, climb.handover = True, "", asdict(note) | {"by": by.user_id or ""}
        climb.save()
        Incident.objects.filter(pk=incident.pk).update(needs_climb=False)
        fact = Fact(incident.chain, "climb.pushed", {k: v for k, v in asdict(note).items() if v})
        write([fact], by, now)
        wake("duties", "now", f"incident:{incident.pk}")
    return climb


def next_steps(incident: Incident, now: datetime) -> tuple[Ahead, ...]:
    """Whom the incident will page if nobody answers, by the same rule that will do it; () when nothing follows."""
    climb = Climb.objects.filter(pk=incident.pk).first()
    if (
        climb is None
        or incident.state not in OPEN
        or (incident.state != State.TRIGGERED and not climb.forced)
    ):
        return ()
    return ahead_of(climb, incident, roster(), now)


def ahead_of(
    climb: Climb, incident: Incident, who: Roster, now: datetime, most: int = 10
) -> tuple[Ahead, ...]:
    """The next pages of an open incident's climb."""
    return forecast(climb.as_policy(), who, climb.as_value(), now, most, urgency_of(climb, incident))
