"""Open an incident and page whom somebody names first, before the service's policy goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction

from tocsin.escalation.models import Climb
from tocsin.escalation.reading import policies, policy_of
from tocsin.escalation.rules import Level, Policy, Target, TargetKind, policy_as_data
from tocsin.incident.actions import open_incident
from tocsin.incident.models import Incident
from tocsin.journal.waking import wake
from tocsin.kernel.acting import By
from tocsin.kernel.errors import not_found
from tocsin.people.models import Team, User

TIME_TO_ANSWER = timedelta(minutes=5)  # of whom was named, before the service's policy begins


def page_somebody(service_id: str, title: str, whom: Target, by: By, now: datetime) -> Incident:
    """Open an incident that pages `whom` first, and the service's policy when nobody of them answers. Raises
    Refused."""
    usual = policy_of(service_id)
    first = Level((whom,), TIME_TO_ANSWER)
    called = name_of(whom)
    name = f"{called}, then {usual.name or usual.id}" if usual.levels else called
    return _open(service_id, title, replace(usual, name=name, levels=(first, *usual.levels)), by, now)


def name_of(whom: Target) -> str:
    """What readers call it: a person or team by name, a schedule by its id."""
    rows = {
        TargetKind.USER: User.objects.filter(pk=whom.id),
        TargetKind.TEAM: Team.objects.filter(pk=whom.id),
    }
    found = rows[whom.kind].values_list("name", flat=True).first() if whom.kind in rows else None
    return found or whom.id


def page_by_policy(service_id: str, title: str, policy_id: str, by: By, now: datetime) -> Incident:
    """Open an incident that climbs another policy than its service's. Raises Refused."""
    policy = policies().get(policy_id)
    if policy is None:
        raise not_found("policy", policy_id)
    return _open(service_id, title, policy, by, now)


def _open(service_id: str, title: str, policy: Policy, by: By, now: datetime) -> Incident:
    with transaction.atomic():
        incident = open_incident(service_id, title, by=by, now=now)
        Climb.objects.create(
            incident=incident, policy=policy_as_data(policy), priority=incident.priority, due_at=now
        )
        Incident.objects.filter(pk=incident.pk).update(needs_climb=False)  # it has begun
        wake("duties")
    return incident
