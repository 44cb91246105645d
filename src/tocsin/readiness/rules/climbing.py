"""What an incident that nobody answers would page, by the rules that page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from tocsin.escalation.rules import Climb, Decision, PageLevel, Policy, Roster, escalate
from tocsin.kernel.phrases import joined, phrase
from tocsin.kernel.urgency import Urgency
from tocsin.notification.rules import Planned, plan_deliveries
from tocsin.readiness.rules.values import Arrangement, Person

STEPS_MAX = (
    10_000  # decisions of one climb that are followed: more than its bounds allow, so that it always ends
)


class Climbed(NamedTuple):
    """One decision of a climb, and the climb after it."""

    at: datetime
    decision: Decision
    climb: Climb


def climb_from(
    policy: Policy,
    roster: Roster,
    arrangement: Arrangement,
    climb: Climb,
    until: datetime,
    urgency: Urgency,
    has: str = "",
    forced: bool = False,
) -> Iterator[Climbed]:
    """What is decided from `climb` on, and when, for an incident that nobody answers before `until`.

    Who `has` it is paged beside the first level, as the engine does when an answer has run out. `forced`: somebody
    escalates, so that the first decision waits for nothing.

    A level of which nobody has any contact is passed on at once, as the engine does with pages that cannot be sent.
    """
    for _ in range(STEPS_MAX):
        at = climb.due_at
        if at is None or at >= until:
            return
        decision, climb = escalate(policy, roster, climb, at, Urgency.HIGH if forced else urgency)
        if decision is None:
            return
        if isinstance(decision, PageLevel):
            if has in roster.users and has not in decision.people:
                decision = replace(decision, people=(*decision.people, has))
            if not any(arrangement.people[user].contacts for user in decision.people):
                climb = replace(climb, due_at=at)
        has, forced = "", False
        yield Climbed(at, decision, climb)


def delay_of(person: Person, urgency: Urgency, now: datetime) -> timedelta | None:
    """How long after a page the first message goes to a contact of the person that counts; None when none does.

    A step that waits counts with its wait: whoever is called after ten minutes is reached after ten minutes.
    """
    waits = [
        each.due_at - now for each in planned_for(person, urgency, now) if each.contact not in person.broken
    ]
    return min(waits, default=None)


def planned_for(person: Person, urgency: Urgency, now: datetime) -> tuple[Planned, ...]:
    """What a page to the person would send."""
    return plan_deliveries(person.steps.get(urgency, ()), person.contacts, now, person.failing)


def unreachable(person: Person, urgency: Urgency, now: datetime) -> str:
    """Why the person cannot be reached, in words; "" when they can."""
    if not person.active:
        return phrase("%(who)s is switched off", who=person.name)
    if delay_of(person, urgency, now) is not None:
        return ""
    if not person.contacts:
        if not person.unverified:
            return phrase("%(who)s has no contact", who=person.name)
        names = ", ".join(sorted(person.unverified))
        if len(person.unverified) == 1:
            return phrase(
                "%(who)s has no contact that is paged (%(names)s is unverified)", who=person.name, names=names
            )
        return phrase(
            "%(who)s has no contact that is paged (%(names)s are unverified)", who=person.name, names=names
        )
    named = {each.contact for each in planned_for(person, urgency, now)}
    reasons = [joined((name, person.broken[name]), " ") for name in sorted(named) if name in person.broken]
    return phrase("%(who)s cannot be reached (%(why)s)", who=person.name, why=joined(reasons, ", "))


def untried(person: Person, urgency: Urgency, now: datetime) -> str:
    """That no message has ever gone to a contact by which the person would be reached; "" when one has."""
    names = [each.contact for each in planned_for(person, urgency, now) if each.contact not in person.broken]
    if not names or not person.untried.issuperset(names):
        return ""
    return phrase(
        "No message has ever been sent to %(who)s by %(names)s",
        who=person.name,
        names=_either_of(list(dict.fromkeys(names))),
    )


def _either_of(names: Sequence[str]) -> str:
    *others, last = names
    return phrase("%(names)s or %(last)s", names=", ".join(others), last=last) if others else last
