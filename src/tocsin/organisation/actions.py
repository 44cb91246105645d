"""Apply organisation files, and write the one that changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import yaml
from django.db import transaction

from tocsin.catalog import actions as catalog
from tocsin.catalog.models import Integration
from tocsin.catalog.rules import Grouping, ServiceValue, UrgencyFrom, matrix_from
from tocsin.escalation.policy_actions import delete_policy, policy_ids, save_policy
from tocsin.escalation.rules import policy_from
from tocsin.journal.actions import ORGANISATION
from tocsin.journal.models import Head
from tocsin.kernel.acting import By
from tocsin.kernel.durations import parse_duration
from tocsin.kernel.errors import Refused, conflict
from tocsin.kernel.urgency import Urgency
from tocsin.notification.channels import check_address
from tocsin.notification.rule_actions import save_rules
from tocsin.notification.rules import Step
from tocsin.organisation import rules
from tocsin.organisation.kinds import LEFT, NEVER, NONE
from tocsin.organisation.plan import Plan, plan, read_current
from tocsin.organisation.reading import File
from tocsin.organisation.rules import Change, Data, Declared, Fate, Removed
from tocsin.organisation.schema import INTEGRATION, LISTS
from tocsin.people import actions as people
from tocsin.people.models import User

__all__ = ["Applied", "File", "Plan", "apply", "export", "plan"]


@dataclass(frozen=True)
class Applied:
    """What was done. `keys` are the keys that were made, by integration: shown now and never again by this."""

    changes: tuple[Change, ...]
    keys: dict[str, str] = field(default_factory=dict, repr=False)


def apply(planned: Plan, by: By, now: datetime) -> Applied:
    """Do what `planned` says, all of it or nothing. Raises Refused when the configuration has changed since."""
    with transaction.atomic():
        # Whoever changes the configuration waits here, so that what was planned is what is done.
        Head.objects.select_for_update().filter(chain=ORGANISATION).first()
        if plan(planned.files, planned.prune).changes != planned.changes:
            raise conflict("The configuration has changed since this was planned", "Look at the plan again.")
        keys: dict[str, str] = {}
        touched = {(change.section, change.id) for change in planned.changes}
        # Ways in go first, because a new one may take over the key of an old one.
        first = [gone for gone in planned.removed if gone.section == rules.INTEGRATIONS]
        for gone in first:
            _remove(gone, by, now)
        for each in _in_order(planned):
            if (each.section, each.id) in touched:
                _placed(each, partial(_save, each, keys, by, now))
        for gone in planned.removed[len(first) :]:
            _remove(gone, by, now)
    return Applied(planned.changes, keys)


def _in_order(planned: Plan) -> Iterator[Declared]:
    """What is named before what names it, and new admins before old ones step down."""
    for section in (*rules.ORDER[1:], rules.ORGANISATION):
        objects = list(planned.declared.of(section))
        if section == rules.USERS:
            objects.sort(key=lambda each: each.data["role"] != rules.ADMIN or not each.data["active"])
        yield from objects


def _placed(each: Declared, do: Callable[[], None]) -> None:
    """Run `do`; what it refuses is told with the place of the object."""
    try:
        do()
    except Refused as refused:
        refused.where = f"{each.where} ({refused.where})" if refused.where else each.where
        raise


def _save(each: Declared, keys: dict[str, str], by: By, now: datetime) -> None:
    data = each.data
    if each.section == rules.USERS:
        _save_user(each.id, data, by, now)
    elif each.section == rules.TEAMS:
        people.save_team(each.id, data["name"], data["members"], data["lead"], by, now)
    elif each.section == rules.POLICIES:
        save_policy(policy_from({"id": each.id, **data}), data["team"], by, now)
    elif each.section == rules.SERVICES:
        value = service_from(each.id, data)
        catalog.save_service(value, data["description"], by, now, policies=policy_ids())
    elif each.section == rules.INTEGRATIONS:
        _save_integration(each, keys, by, now)
    else:
        row = catalog.organisation()
        catalog.save_organisation(
            data.get("name", row.name),
            matrix_from(data.get("priorities", row.matrix)),
            data.get("fallback", row.fallback_id),
            by,
            now,
        )


def _save_user(user_id: str, data: Data, by: By, now: datetime) -> None:
    there = User.objects.filter(pk=user_id).first()
    people.save_user(
        user_id,
        data["name"],
        data["email"],
        timezone=data.get("timezone", there.timezone if there else "UTC"),
        role=data["role"],
        active=data["active"],
        by=by,
        now=now,
    )
    if "contacts" in data:
        people.save_contacts(user_id, data["contacts"], by, now, check_address=check_address)
    if "rules" in data:
        steps = {Urgency(urgency): [_step(step) for step in each] for urgency, each in data["rules"].items()}
        save_rules(user_id, steps, by, now)


def _step(data: Any) -> Step:
    if isinstance(data, str):
        return Step(data)
    ((contact, delay),) = data.items()
    return Step(contact, parse_duration(delay))


def service_from(service_id: str, data: Data) -> ServiceValue:
    """The service that the file's words mean."""
    grouping, ack_timeout = data["grouping"], data["ack_timeout"]
    return ServiceValue(
        id=service_id,
        name=data["name"],
        tier=data["tier"],
        team=data["team"],
        policy=data["policy"],
        urgency=UrgencyFrom(data["urgency"]),
        grouping=None
        if grouping == NONE
        else Grouping(tuple(grouping["by"]), parse_duration(grouping["window"])),
        resolve_delay=parse_duration(data["resolve_delay"]),
        ack_timeout=None if ack_timeout == NEVER else parse_duration(ack_timeout),
    )


def _save_integration(each: Declared, keys: dict[str, str], by: By, now: datetime) -> None:
    data = each.data
    row, made = catalog.save_integration(
        each.id, data["service"], data["type"], data["name"], each.key, by, now
    )
    if made is not None:
        keys[each.id] = made
    if row.enabled != data["enabled"]:
        catalog.set_enabled(each.id, data["enabled"], by, now)


def _remove(gone: Removed, by: By, now: datetime) -> None:
    if gone.section == rules.USERS:
        people.deactivate_user(gone.id, by, now)
    elif gone.section == rules.INTEGRATIONS and gone.fate is Fate.SWITCHED_OFF:
        catalog.set_enabled(gone.id, False, by, now)
    elif gone.section == rules.INTEGRATIONS:
        catalog.delete_integration(gone.id, by, now)
    elif gone.section == rules.SERVICES:
        catalog.delete_service(gone.id, by, now)
    elif gone.section == rules.POLICIES:
        delete_policy(gone.id, by, now)
    else:
        people.delete_team(gone.id, by, now, named_by=())  # the plan has made sure of it


# --- export ---------------------------------------------------------------------------------------------


def export(keys: bool = False) -> str:
    """The file that, applied now, changes nothing; in a stable order, without what is as shipped.

    `keys` puts the integrations' keys in, in plain text; without them the file keeps what there is.
    """
    state = read_current()
    whole: dict[str, Any] = {rules.ORGANISATION: state[rules.ORGANISATION][rules.THE_ORGANISATION]}
    plain = {row.id: catalog.reveal_key(row) for row in Integration.objects.all()} if keys else {}
    for section, record in LISTS.items():
        whole[section] = [_shortened(record, {"id": key, **data}) for key, data in state[section].items()]
    for service in whole[rules.SERVICES]:
        service["integrations"] = [
            _shortened(INTEGRATION, {"id": key, **data, "key": plain.get(key, LEFT)})
            for key, data in state[rules.INTEGRATIONS].items()
            if data["service"] == service["id"]
        ]
    return yaml.dump(
        whole, Dumper=_Dumper, default_flow_style=None, sort_keys=False, allow_unicode=True, width=100
    )


def _shortened(record: Any, data: Data) -> dict[str, Any]:
    """`data` in the order of the declaration, without what it would be anyway."""
    return {
        each.name: data[each.name]
        for each in record.fields
        if each.name in data and data[each.name] is not LEFT and data[each.name] != each.default
    }


class _Dumper(yaml.SafeDumper):
    """Indents lists under their key and writes no aliases: a file for people."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)
