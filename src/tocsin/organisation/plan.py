"""What applying files would do, in words, without doing it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tocsin.catalog import actions as catalog
from tocsin.catalog.models import Calendar, Integration, Organisation, Service
from tocsin.catalog.rules import ServiceValue, matrix_as_data, matrix_from
from tocsin.escalation.models import Policy
from tocsin.hooks.models import Hook
from tocsin.kernel.durations import format_duration
from tocsin.kernel.errors import Refused
from tocsin.notification.models import Place, Provider, QuietHours, Rule, Templates
from tocsin.notification.rules.pieces import Piece
from tocsin.oncall.copies import imported_overrides
from tocsin.oncall.models import Schedule
from tocsin.oncall.reading import as_they_stand
from tocsin.oncall.rules import Schedule as ScheduleValue
from tocsin.organisation import rules
from tocsin.organisation.checking import check
from tocsin.organisation.declaring import declare
from tocsin.organisation.kinds import NEVER, NONE
from tocsin.organisation.meaning import calendar_data, schedule_data
from tocsin.organisation.provider_kinds import place_data, provider_data, senseless_providers
from tocsin.organisation.reading import File, FilesRefused
from tocsin.organisation.rules import (
    Added,
    Change,
    Changed,
    Declarations,
    Removed,
    changes_of,
    merged,
    removed_by,
)
from tocsin.organisation.vocabulary import step_as_data
from tocsin.people.models import Contact, Membership, Team, User


@dataclass(frozen=True)
class Plan:
    """What applying `files` would change. `prune`: what their sections list no longer goes too."""

    files: tuple[File, ...]
    prune: bool
    declared: Declarations
    changes: tuple[Change, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing would change."""
        return not self.changes

    @property
    def added(self) -> tuple[Added, ...]:
        """What would be there for the first time."""
        return tuple(change for change in self.changes if isinstance(change, Added))

    @property
    def changed(self) -> tuple[Changed, ...]:
        """What would be otherwise than it is."""
        return tuple(change for change in self.changes if isinstance(change, Changed))

    @property
    def removed(self) -> tuple[Removed, ...]:
        """What would go, or be switched off."""
        return tuple(change for change in self.changes if isinstance(change, Removed))

    def in_words(self) -> list[str]:
        """One line per object: "add user bo (Bo Lind)", "change service shop: tier 2 → 1", and the sum."""
        if self.empty:
            return ["Nothing changes."]
        total = f"{len(self.added)} to add, {len(self.changed)} to change, {len(self.removed)} to remove"
        return [*(str(change) for change in self.changes), f"{total}."]


def plan(files: Sequence[File], prune: bool = False, outside: Mapping[str, str] | None = None) -> Plan:
    """What applying `files` would do now. Raises FilesRefused with everything that is wrong with them.

    `outside` is what they name and do not contain, by `env:NAME` and `file:PATH`; None: nobody has looked there, and
    it counts as what there is. Such a plan may be thought about and not applied.
    """
    declared, problems, spoilt = declare(files, outside)
    return _compared(Plan(tuple(files), prune, declared, ()), problems, spoilt)


def planned_again(planned: Plan) -> Plan:
    """The plan as it would be made now. Its files are not read again: what they declare stays."""
    return _compared(planned, [], {section: set() for section in rules.ORDER})


def _compared(planned: Plan, problems: list[Refused], spoilt: Mapping[str, set[str]]) -> Plan:
    """`planned` with the changes that it makes to what there is. Raises FilesRefused."""
    files, prune, declared = planned.files, planned.prune, planned.declared
    current = read_current()
    past = (
        _past(declared) if prune else {rules.SERVICES: frozenset[str](), rules.INTEGRATIONS: frozenset[str]()}
    )
    removed = removed_by(current, declared, past) if prune else ()
    problems += check(current, merged(current, declared, removed), declared, removed, spoilt, past)
    for each, refused in senseless_providers(list(declared.of(rules.PROVIDERS))):
        refused.where = each.place(refused.where)
        problems.append(refused)
    if problems:
        raise FilesRefused(sorted(problems, key=lambda problem: _order(files, problem.where)))
    return replace(planned, changes=changes_of(current, declared, removed))


def _order(files: Sequence[File], where: str) -> tuple[int, int]:
    """Problems stand in the order of the files and their lines; those without a place come last."""
    name, _, line = where.rpartition(":")
    names = [file.name for file in files]
    return (names.index(name), int(line)) if name in names and line.isdigit() else (len(names), 0)


# --- what there is, in the plain form of the file -------------------------------------------------------


def read_current() -> rules.State:
    """The organisation as it is stored. A rule whose contact is gone is left out, as it is when somebody is paged."""
    return {
        rules.ORGANISATION: {rules.THE_ORGANISATION: _organisation()},
        rules.USERS: _users(),
        rules.TEAMS: _teams(),
        rules.CALENDARS: {row.id: calendar_data(row.as_value()) for row in Calendar.objects.order_by("pk")},
        rules.SCHEDULES: _schedules(),
        rules.PROVIDERS: {row.id: provider_data(row) for row in Provider.objects.order_by("pk")},
        rules.PLACES: {row.id: place_data(row) for row in Place.objects.order_by("pk")},
        rules.POLICIES: {row.id: _policy(row) for row in Policy.objects.order_by("pk")},
        rules.SERVICES: {row.id: _service(row) for row in Service.objects.order_by("pk")},
        rules.INTEGRATIONS: {row.id: _integration(row) for row in Integration.objects.order_by("pk")},
        rules.WEBHOOKS: {row.id: _webhook(row) for row in Hook.objects.order_by("pk")},
        rules.TEMPLATES: {row.language: _templates(row) for row in Templates.objects.order_by("pk")},
    }


def _organisation() -> dict[str, Any]:
    row = Organisation.objects.order_by("pk").first() or Organisation()
    return {
        "name": row.name,
        "priorities": matrix_as_data(matrix_from(row.matrix)),
        "fallback": row.fallback_id,
        rules.EXPECT: row.expectations,
    }


def _users() -> dict[str, dict[str, Any]]:
    contacts: dict[str, dict[str, str]] = {}
    for contact in Contact.objects.order_by("user_id", "name"):
        contacts.setdefault(contact.user_id, {})[contact.name] = contact.address
    steps: dict[str, dict[str, list[Any]]] = {}
    for rule in Rule.objects.order_by("user_id", "urgency", "position"):
        if rule.contact in contacts.get(rule.user_id, {}):
            of_user = steps.setdefault(rule.user_id, {})
            of_user.setdefault(rule.urgency, []).append(
                step_as_data(rule.contact, format_duration(rule.delay))
            )
    quiet = dict(QuietHours.objects.values_list("user_id", "data"))
    return {
        row.id: {
            "name": row.name,
            "email": row.email,
            "timezone": row.timezone,
            "language": row.language,
            "role": row.role,
            "active": row.is_active,
            "contacts": contacts.get(row.id, {}),
            "rules": {"high": [], "low": []} | steps.get(row.id, {}),
            "quiet": quiet.get(row.id),
        }
        for row in User.objects.people().order_by("pk")
    }


def _teams() -> dict[str, dict[str, Any]]:
    members: dict[str, list[str]] = {}
    for membership in Membership.objects.order_by("team_id", "position"):
        members.setdefault(membership.team_id, []).append(membership.user_id)
    return {
        row.id: {"name": row.name, "members": members.get(row.id, []), "lead": row.lead_id}
        for row in Team.objects.order_by("pk")
    }


def _schedules() -> dict[str, dict[str, Any]]:
    known = as_they_stand()
    rows = Schedule.objects.live().order_by("pk")
    brought = imported_overrides()
    return {
        row.id: schedule_data(_without(known[row.id].schedule, brought.get(row.id, ())), row.team_id)
        for row in rows
    }


def _without(schedule: ScheduleValue, ids: Collection[str]) -> ScheduleValue:
    """The schedule without the overrides that a calendar elsewhere brings: they are no part of the file."""
    if not ids:
        return schedule
    return replace(schedule, overrides=tuple(each for each in schedule.overrides if each.id not in ids))


def _policy(row: Policy) -> dict[str, Any]:
    return {"name": row.name, "team": row.team_id, "levels": row.levels, "repeat": row.repeat}


def _service(row: Service) -> dict[str, Any]:
    return service_as_data(row.as_value(), row.description)


def service_as_data(value: ServiceValue, description: str) -> dict[str, Any]:
    """A service in the words of the file."""
    grouping = value.grouping
    return {
        "name": value.name,
        "description": description,
        "team": value.team,
        "policy": value.policy,
        "tier": value.tier,
        "urgency": value.urgency.value,
        "grouping": {"by": list(grouping.by), "window": format_duration(grouping.window)}
        if grouping
        else NONE,
        "resolve_delay": format_duration(value.resolve_delay),
        "ack_timeout": NEVER if value.ack_timeout is None else format_duration(value.ack_timeout),
        "restricted": value.restricted,
        "workaround": value.workaround,
    }


def _integration(row: Integration) -> dict[str, Any]:
    return {
        "type": row.type,
        "name": row.name,
        "enabled": row.enabled,
        "service": row.service_id,
        "key": row.key_digest,
    }


def _webhook(row: Hook) -> dict[str, Any]:
    """A webhook in the words of the file, without its secrets."""
    return {
        "name": str(row),
        "address": row.address,
        "events": row.events,
        "services": row.services,
        "teams": row.teams,
        "enabled": row.enabled,
    }


def _templates(row: Templates) -> dict[str, Any]:
    """The templates of one language; None for a piece that has Tocsin's words."""
    return {piece.value: row.pieces.get(piece) for piece in Piece}


def _past(declared: Declarations) -> dict[str, frozenset[str]]:
    """The ids of what the files do not list and what must not be deleted."""
    listed = (
        {each.id for each in declared.of(rules.SERVICES)},
        {each.id for each in declared.of(rules.INTEGRATIONS)},
    )
    services = [row for row in Service.objects.all() if row.id not in listed[0]]
    integrations = [row for row in Integration.objects.all() if row.id not in listed[1]]
    return {
        rules.SERVICES: frozenset(row.id for row in services if catalog.has_past(row)),
        rules.INTEGRATIONS: frozenset(row.id for row in integrations if catalog.has_past(row)),
    }
