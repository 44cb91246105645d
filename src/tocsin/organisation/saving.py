"""What files declare, saved section by section, and what they list no longer, removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from tocsin.catalog import actions as catalog
from tocsin.catalog.calendars import CalendarChanges
from tocsin.catalog.rules import matrix_from
from tocsin.catalog.saving import Integrations, Services
from tocsin.escalation.policy_actions import Policies, delete_policy, policy_ids
from tocsin.escalation.rules import policy_from
from tocsin.hooks.actions import delete_hook
from tocsin.hooks.saving import HookChanges, HookValue
from tocsin.kernel.acting import By
from tocsin.kernel.durations import parse_duration
from tocsin.kernel.errors import Refused
from tocsin.kernel.urgency import Urgency
from tocsin.notification.channels import check_address
from tocsin.notification.contact_actions import tell_left
from tocsin.notification.places import Places, delete_place
from tocsin.notification.providers import Providers, delete_provider
from tocsin.notification.quiet import QuietChanges
from tocsin.notification.rule_actions import Rules
from tocsin.notification.rules import Step
from tocsin.notification.rules.quiet import quiet_from
from tocsin.notification.templates import TemplateChanges, delete_templates
from tocsin.oncall.actions import delete_calendar, delete_schedule, schedules_naming
from tocsin.oncall.reading import as_they_stand
from tocsin.oncall.saving import Schedules, note_changes
from tocsin.organisation import rules
from tocsin.organisation.meaning import calendar_of, schedule_of, service_from
from tocsin.organisation.provider_kinds import value_of
from tocsin.organisation.rules import Data, Declared, Fate, Removed
from tocsin.people import actions as people
from tocsin.people.models import User
from tocsin.people.saving import Contacts, Teams, Users, UserValue


@contextmanager
def _told_of(each: Declared) -> Iterator[None]:
    """What is refused inside is told with the place of the object."""
    try:
        yield
    except Refused as refused:
        refused.where = f"{each.where} ({refused.where})" if refused.where else each.where
        raise


Objects = Sequence[Declared]


def _save_users(objects: Objects, keys: dict[str, str], by: By, now: datetime) -> None:
    known = User.objects.in_bulk([each.id for each in objects])
    users = Users([each.id for each in objects], [each.data["email"] for each in objects])
    for each in objects:
        data, there = each.data, known.get(each.id)
        value = UserValue(
            data["name"],
            data["email"],
            data.get("timezone", there.timezone if there else "UTC"),
            data.get("language"),
            data["role"],
            data["active"],
        )
        with _told_of(each):
            users.save(each.id, value, now)
    users.store(by, now)
    reached = [each for each in objects if "contacts" in each.data]
    contacts = Contacts([each.id for each in reached], check_address)
    for each in reached:
        with _told_of(each):
            contacts.save(each.id, each.data["contacts"], vouched_by=by.who)
    contacts.store(by, now)
    tell_left(contacts.left, by, now)
    ruled = [each for each in objects if "rules" in each.data]
    steps = Rules([each.id for each in ruled])
    for each in ruled:
        with _told_of(each):
            steps.save(each.id, _steps(each.data["rules"]))
    steps.store(by, now)
    hushed = [each for each in objects if "quiet" in each.data]
    quiet = QuietChanges([each.id for each in hushed])
    for each in hushed:
        with _told_of(each):
            quiet.save(each.id, quiet_from(each.data["quiet"], "quiet"))
    quiet.store(by, now)


def _save_teams(objects: Objects, keys: dict[str, str], by: By, now: datetime) -> None:
    members = {member for each in objects for member in each.data["members"]}
    teams = Teams([each.id for each in objects], members)
    for each in objects:
        with _told_of(each):
            teams.save(each.id, each.data["name"], each.data["members"], each.data["lead"])
    teams.store(by, now)


def _save_calendars(objects: Objects, keys: dict[str, str], by: By, now: datetime) -> None:
    calendars = CalendarChanges([each.id for each in objects])
    for each in objects:
        with _told_of(each):
            calendars.save(calendar_of(each.id, each.data))
    calendars.store(by, now)
    note_changes({key for each in calendars.changed for key in schedules_naming(each)}, by, now)


def _save_schedules(objects: Objects, keys: dict[str, str], by: By, now: datetime) -> None:
    known = as_they_stand()
    saving = Schedules([each.id for each in objects], by, now)
    for each in objects:
        value = schedule_of(each.id, each.data)
        if "shadows" not in each.data and (there := known.get(each.id)):
            value = replace(value, shadows=there.schedule.shadows)
        with _told_of(each):
            saving.save(value, each.data["team"], overrides="overrides" in each.data)
    saving.store()


def _save_providers(objects: Objects, keys: dict[str, str], by: By, now: datetime) -> None:
    providers = Providers([each.id for each in objects])
    for each in objects:
        with _told_of(each):
            providers.save(value_of(each), now)
    providers.store(by, now)


def _save_places(objects: Objects, keys: dict[str, str], by: By, now: datetime) -> None:
    places = Places([each.id for each in objects])
    for each in objects:
        with _told_of(each):
            places.save(each.id, each.data["name"], each.data["address"], each.data["language"])
    places.store(by, now)


def _save_policies(objects: Objects, keys: dict[str, str], by: By, now: datetime) -> None:
    policies = Policies([each.id for each in objects])
    for each in objects:
        with _told_of(each):
            policies.save(policy_from({"id": each.id, **each.data}), each.data["team"])
    policies.store(by, now)


def _save_services(objects: Objects, keys: dict[str, str], by: By, now: datetime) -> None:
    services = Services([each.id for each in objects], policy_ids())
    for each in objects:
        with _told_of(each):
            services.save(service_from(each.id, each.data), each.data["description"])
    services.store(by, now)


def _save_integrations(objects: Objects, keys: dict[str, str], by: By, now: datetime) -> None:
    ids, of = [each.id for each in objects], {each.data["service"] for each in objects}
    integrations = Integrations(ids, of, [each.key for each in objects if each.key is not None])
    for each in objects:
        data = each.data
        with _told_of(each):
            _, made = integrations.save(
                each.id, data["service"], data["type"], data["name"], each.key, data["enabled"], now=now
            )
        if made is not None:
            keys[each.id] = made
    integrations.store(by, now)


def _save_webhooks(objects: Objects, keys: dict[str, str], by: By, now: datetime) -> None:
    hooks = HookChanges([each.id for each in objects])
    for each in objects:
        with _told_of(each):
            hooks.save(each.id, HookValue(**each.data), now)
    hooks.store(by, now)


def _save_templates(objects: Objects, keys: dict[str, str], by: By, now: datetime) -> None:
    templates = TemplateChanges([each.id for each in objects])
    for each in objects:
        with _told_of(each):
            templates.save(each.id, {piece: text for piece, text in each.data.items() if text})
    templates.store(by, now)


def _save_organisation(objects: Objects, keys: dict[str, str], by: By, now: datetime) -> None:
    row = catalog.organisation()
    for each in objects:
        data = each.data
        with _told_of(each):
            catalog.save_organisation(
                data.get("name", row.name),
                matrix_from(data.get("priorities", row.matrix)),
                data.get("fallback", row.fallback_id),
                by,
                now,
                expectations=data.get(rules.EXPECT),
            )


# What is named before what names it. Each is given all objects of its section at once.
SAVING: dict[str, Callable[[Objects, dict[str, str], By, datetime], None]] = {
    rules.USERS: _save_users,
    rules.TEAMS: _save_teams,
    rules.CALENDARS: _save_calendars,
    rules.SCHEDULES: _save_schedules,
    rules.PROVIDERS: _save_providers,
    rules.PLACES: _save_places,
    rules.POLICIES: _save_policies,
    rules.SERVICES: _save_services,
    rules.INTEGRATIONS: _save_integrations,
    rules.WEBHOOKS: _save_webhooks,
    rules.TEMPLATES: _save_templates,
    rules.ORGANISATION: _save_organisation,
}


def _steps(data: Data) -> dict[Urgency, list[Step]]:
    return {Urgency(urgency): [_step(step) for step in steps] for urgency, steps in data.items()}


def _step(data: Any) -> Step:
    if isinstance(data, str):
        return Step(data)
    ((contact, delay),) = data.items()
    return Step(contact, parse_duration(delay))


def remove(gone: Removed, by: By, now: datetime) -> None:
    """Take away what the files list no longer, or switch it off where the past names it."""
    if gone.section == rules.USERS:
        people.deactivate_user(gone.id, by, now)
    elif gone.section == rules.INTEGRATIONS and gone.fate is Fate.SWITCHED_OFF:
        catalog.set_enabled(gone.id, False, by, now)
    elif gone.section == rules.INTEGRATIONS:
        catalog.delete_integration(gone.id, by, now)
    elif gone.section == rules.WEBHOOKS:
        delete_hook(gone.id, by, now)
    elif gone.section == rules.TEMPLATES:
        delete_templates(gone.id, by, now)
    elif gone.section == rules.SERVICES:
        catalog.delete_service(gone.id, by, now)
    elif gone.section == rules.POLICIES:
        delete_policy(gone.id, by, now)
    elif gone.section == rules.PROVIDERS:
        delete_provider(gone.id, by, now)
    elif gone.section == rules.PLACES:
        delete_place(gone.id, by, now, named_by=())  # the plan has made sure of it, of the next two as well
    elif gone.section == rules.SCHEDULES:
        delete_schedule(gone.id, by, now, named_by=())
    elif gone.section == rules.CALENDARS:
        delete_calendar(gone.id, by, now, named_by=())
    else:
        people.delete_team(gone.id, by, now, named_by=())  # the plan has made sure of it
