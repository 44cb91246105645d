"""Change how a person wants to be reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from tocsin.journal.changes import did, record
from tocsin.kernel.acting import By
from tocsin.kernel.durations import format_duration
from tocsin.kernel.errors import Refused
from tocsin.kernel.urgency import Urgency
from tocsin.notification.models import Rule
from tocsin.notification.rules import RULE_STEPS_MAX, Step
from tocsin.people.actions import find_user
from tocsin.people.models import Contact

RULE_DELAY_MAX = timedelta(days=1)


def rules_of(user_id: str) -> dict[Urgency, list[Step]]:
    """The person's steps per urgency that work: those whose contact exists."""
    contacts = set(Contact.objects.filter(user_id=user_id).values_list("name", flat=True))
    rules: dict[Urgency, list[Step]] = {urgency: [] for urgency in Urgency}
    for rule in Rule.objects.filter(user_id=user_id).order_by("urgency", "position"):
        if rule.contact in contacts:
            rules[Urgency(rule.urgency)].append(Step(rule.contact, rule.delay))
    return rules


def save_rules(user_id: str, rules: Mapping[Urgency, Sequence[Step]], by: By, now: datetime) -> None:
    """Make these the person's steps for the urgencies named; the others stay. Raises Refused."""
    with transaction.atomic():
        find_user(user_id)
        contacts = set(Contact.objects.filter(user_id=user_id).values_list("name", flat=True))
        before, after = rules_of(user_id), dict[Urgency, list[Step]]()
        for urgency, steps in rules.items():
            for number, step in enumerate(steps, 1):
                check_step(step, contacts, f"rules.{urgency}, step {number}")
            if len(steps) > RULE_STEPS_MAX:
                raise Refused(f"{len(steps)} steps", f"at most {RULE_STEPS_MAX}", where=f"rules.{urgency}")
            after[Urgency(urgency)] = list(steps)
        changed = [urgency for urgency, steps in after.items() if before[urgency] != steps]
        for urgency in changed:
            Rule.objects.filter(user_id=user_id, urgency=urgency).delete()
            Rule.objects.bulk_create(
                Rule(user_id=user_id, urgency=urgency, position=n, contact=step.contact, delay=step.delay)
                for n, step in enumerate(after[urgency])
            )
        if changed:
            said = [{u: _in_text(each[u]) for u in changed} for each in (before, after)]
            record([did("rules.saved", user=user_id, before=said[0], after=said[1])], by, now)


def check_step(step: Step, contacts: set[str], where: str = "") -> Step:
    """Return `step` when the person has its contact and its delay is bearable. Raises Refused."""
    if step.contact not in contacts:
        raise Refused(
            f"No contact '{step.contact}'",
            f"one of {', '.join(sorted(contacts)) or 'the contacts'}",
            where=where,
        )
    if not timedelta(0) <= step.delay <= RULE_DELAY_MAX:
        raise Refused(
            f"The delay is {format_duration(step.delay)}",
            f"at most {format_duration(RULE_DELAY_MAX)}",
            where=where,
        )
    return step


def _in_text(steps: Sequence[Step]) -> list[str]:
    return [f"{step.contact} after {format_duration(step.delay)}" for step in steps]
