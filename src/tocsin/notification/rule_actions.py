"""Change how a person wants to be reached."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from tocsin.journal.actions import Fact
from tocsin.journal.changes import changing, did, record
from tocsin.kernel.acting import By
from tocsin.kernel.durations import format_duration
from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import in_parts
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
    with changing():
        saving = Rules([find_user(user_id).pk])
        saving.save(user_id, rules)
        saving.store(by, now)


class Rules:
    """Changes to the steps of the people `user_ids`, who exist: `save` decides about one person, `store` writes all.
    Both inside one transaction of the caller's."""

    def __init__(self, user_ids: Collection[str]) -> None:
        self._contacts: dict[str, set[str]] = {user: set() for user in user_ids}
        self._rows: dict[str, dict[Urgency, list[Rule]]] = {
            user: {urgency: [] for urgency in Urgency} for user in user_ids
        }
        for some in in_parts(user_ids):
            for user, name in Contact.objects.filter(user__in=some).values_list("user", "name"):
                self._contacts[user].add(name)
            for row in Rule.objects.filter(user__in=some).order_by("position"):
                self._rows[row.user_id][Urgency(row.urgency)].append(row)
        self._gone: list[int] = []
        self._made: list[Rule] = []
        self._facts: list[Fact] = []

    def save(self, user_id: str, rules: Mapping[Urgency, Sequence[Step]]) -> None:
        """Make these the person's steps for the urgencies named. Raises Refused."""
        contacts, there = self._contacts[user_id], self._rows[user_id]
        before, after = dict[Urgency, list[Step]](), dict[Urgency, list[Step]]()
        for urgency, steps in rules.items():
            for number, step in enumerate(steps, 1):
                check_step(step, contacts, f"rules.{urgency}, step {number}")
            if len(steps) > RULE_STEPS_MAX:
                raise Refused(f"{len(steps)} steps", f"at most {RULE_STEPS_MAX}", where=f"rules.{urgency}")
            had = [Step(row.contact, row.delay) for row in there[urgency] if row.contact in contacts]
            if had != list(steps):
                before[urgency], after[urgency] = had, list(steps)
        for urgency, steps in after.items():
            self._gone += [row.pk for row in there[urgency]]
            self._made += [
                Rule(user_id=user_id, urgency=urgency, position=n, contact=step.contact, delay=step.delay)
                for n, step in enumerate(steps)
            ]
        if after:
            said = [{urgency: _in_text(each[urgency]) for urgency in after} for each in (before, after)]
            self._facts.append(did("rules.saved", user=user_id, before=said[0], after=said[1]))

    def store(self, by: By, now: datetime) -> None:
        """Write."""
        for some in in_parts(self._gone):
            Rule.objects.filter(pk__in=some).delete()
        Rule.objects.bulk_create(self._made)
        record(self._facts, by, now)


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
