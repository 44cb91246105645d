"""Change policies. A running climb keeps the policy it began with."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from tocsin.catalog.models import Calendar, Service
from tocsin.escalation import rules
from tocsin.escalation.models import Policy
from tocsin.escalation.rules import TargetKind
from tocsin.journal.actions import Fact
from tocsin.journal.changes import changing, did, record, saved
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, conflict, not_found
from tocsin.kernel.ids import check_slug
from tocsin.notification.models import Place
from tocsin.oncall.models import Schedule
from tocsin.people.actions import check_name
from tocsin.people.models import Team, User


def save_policy(policy: rules.Policy, team: str | None, by: By, now: datetime) -> Policy:
    """Make the policy or change it; `team` is who looks after it. Raises Refused."""
    with changing():
        saving = Policies([policy.id])
        row = saving.save(policy, team)
        saving.store(by, now)
    return row


class Policies:
    """Changes to the policies `ids`: `save` decides about one, `store` writes all. Both inside one transaction of the
    caller's."""

    def __init__(self, ids: Collection[str]) -> None:
        self._people = set(User.objects.people().values_list("pk", flat=True))
        self._teams = set(Team.objects.values_list("pk", flat=True))
        self._schedules = set(Schedule.objects.live().values_list("pk", flat=True))
        self._places = set(Place.objects.values_list("pk", flat=True))
        self._calendars = set(Calendar.objects.values_list("pk", flat=True))
        self._rows = Policy.objects.select_for_update().order_by("pk").in_bulk(list(ids))
        self._changed: dict[str, Policy] = {}
        self._facts: list[Fact] = []

    def save(self, policy: rules.Policy, team: str | None) -> Policy:
        """Make the policy or change it. Raises Refused."""
        check_slug(policy.id, "id")
        check_name(policy.name)
        check_levels(policy)
        if team and team not in self._teams:
            raise Refused(f"No team '{team}'", "the id of a team", where="team")
        self._check_targets(policy)
        row = self._rows.get(policy.id)
        before = _as_data(row) if row else None
        row = row or self._rows.setdefault(policy.id, Policy(id=policy.id))
        row.name, row.team_id, row.repeat = policy.name.strip(), team or None, policy.repeat
        row.levels = rules.policy_as_data(policy)["levels"]
        self._changed[policy.id] = row
        self._facts += saved("policy", policy.id, before, _as_data(row))
        return row

    def store(self, by: By, now: datetime) -> None:
        """Write."""
        Policy.objects.bulk_create(
            self._changed.values(),
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["name", "team", "levels", "repeat"],
        )
        record(self._facts, by, now)

    def _check_targets(self, policy: rules.Policy) -> None:
        known = {
            TargetKind.USER: self._people,
            TargetKind.TEAM: self._teams,
            TargetKind.SCHEDULE: self._schedules,
            TargetKind.PLACE: self._places,
        }
        for number, level in enumerate(policy.levels, 1):
            where = f"level {number}"
            for target in level.notify:
                if target.id not in known[target.kind]:
                    raise Refused(f"No {target.kind} '{target.id}'", "somebody who exists", where=where)
            if level.when and level.when.calendar not in self._calendars:
                raise Refused(f"No calendar '{level.when.calendar}'", "the id of a calendar", where=where)


def delete_policy(policy_id: str, by: By, now: datetime) -> None:
    """Forget the policy. Refused while a service uses it; climbs that began with it go on."""
    with changing():
        services = list(Service.objects.filter(policy=policy_id).values_list("pk", flat=True))
        if services:
            raise conflict(
                f"Policy {policy_id} is used by service {', '.join(services)}",
                "Give these another policy first.",
            )
        count, _ = Policy.objects.filter(pk=policy_id).delete()
        if not count:
            raise not_found("policy", policy_id)
        record([did("policy.deleted", policy=policy_id)], by, now)


def find_policy(policy_id: str) -> Policy:
    """The policy, with its team. Raises Refused."""
    row = Policy.objects.select_related("team").filter(pk=policy_id).first()
    if row is None:
        raise not_found("policy", policy_id)
    return row


def policy_ids() -> set[str]:
    """The ids of every policy."""
    return set(Policy.objects.values_list("pk", flat=True))


def policies_naming(target: str) -> list[str]:
    """The policies with a level that notifies `target` ("team:web", "user:bo", "schedule:web" with whatever shift)."""
    return [
        row.id
        for row in Policy.objects.order_by("pk")
        if any(target in (each, each.partition("/")[0]) for level in row.levels for each in level["notify"])
    ]


def policies_within(calendar: str) -> list[str]:
    """The policies with a level whose condition names the calendar."""
    return [
        row.id
        for row in Policy.objects.order_by("pk")
        if any(level.when and level.when.calendar == calendar for level in row.as_value().levels)
    ]


def check_levels(policy: rules.Policy) -> rules.Policy:
    """Return `policy` when it has levels and every level notifies somebody. Raises Refused."""
    rules.check_policy(policy)
    if not policy.levels:
        raise Refused("The policy has no level", "at least one", "Say who is told first.", where="levels")
    for number, level in enumerate(policy.levels, 1):
        if not level.notify:
            raise Refused(
                f"Level {number} notifies nobody",
                f"at least one: {rules.EXAMPLE}",
                where=f"level {number}",
            )
        if len(set(level.notify)) != len(level.notify):
            raise Refused(f"Level {number} names somebody twice", "everybody once", where=f"level {number}")
    return policy


def _as_data(row: Policy) -> dict[str, Any]:
    return {"name": row.name, "team": row.team_id, "levels": row.levels, "repeat": row.repeat}
