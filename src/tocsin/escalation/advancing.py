"""One step of many climbs: what the rule decides for each, stored, said and paged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog
from django.db.models import Q

from tocsin.escalation.by_hand import TIME_TO_ANSWER
from tocsin.escalation.calling import Asked, calls_of
from tocsin.escalation.models import Climb
from tocsin.escalation.place_actions import tellings
from tocsin.escalation.reading import fallback, policy_of
from tocsin.escalation.rostering import roster
from tocsin.escalation.rules import Climb as ClimbValue
from tocsin.escalation.rules import (
    Decision,
    Exhausted,
    Handover,
    NobodyAtAll,
    PageLevel,
    Roster,
    Waits,
    escalate,
    policy_as_data,
)
from tocsin.escalation.shadow_actions import copy_of, learners
from tocsin.escalation.storing import store
from tocsin.incident.models import Incident
from tocsin.incident.rules import State
from tocsin.journal.actions import Fact, write
from tocsin.journal.crashing import point
from tocsin.journal.waking import wake
from tocsin.kernel.acting import ENGINE
from tocsin.kernel.urgency import Urgency
from tocsin.notification.actions import Call, page_people
from tocsin.notification.book import everybody
from tocsin.notification.cards import touch_cards
from tocsin.notification.quiet import quiet_until
from tocsin.notification.updating import take_back_updates
from tocsin.oncall.away import away

log = structlog.get_logger()


def fresh_climb(incident: Incident, now: datetime, before: Climb | None = None) -> Climb:
    """A climb at the foot of the policy that the incident began with; the service's, when it begins now."""
    kept = before.policy if before is not None and before.policy["levels"] else None
    return Climb(
        incident=incident,
        policy=kept or policy_as_data(policy_of(incident.service_id)),
        priority=incident.priority,
        due_at=now,
    )


@dataclass(frozen=True)
class _Decided:
    """What was decided for many climbs: whom they ask for, who gets a copy to learn from, which places are told, and
    what the journal says."""

    asked: list[Asked] = field(default_factory=list)
    copies: list[Asked] = field(default_factory=list)
    rooms: list[Call] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)


def advance(climbs: Sequence[Climb], now: datetime) -> None:
    """Decide for each climb, store what was decided, and page whom it names. In the caller's transaction."""
    who, decided = roster(), _Decided()
    for climb in climbs:
        if climb.incident.state != State.TRIGGERED and not climb.forced:
            climb.due_at, climb.ended = None, climb.incident.state
        else:
            _advance_one(climb, who, decided, now)
    point("climb: decided")
    store(climbs)
    write(decided.facts, ENGINE, now)
    pages = calls_of(decided.asked, now)
    if higher := [climb.incident_id for climb in climbs if climb.pages_sent > 1]:
        touch_cards(higher, now)
        anew = {(call.incident_id or 0, call.user_id or "") for call in pages}
        take_back_updates(higher, "a page says more", now, anew)
    copies = [copy_of(call) for call in calls_of(decided.copies, now)]
    page_people([*pages, *copies, *decided.rooms], now)
    point("climb: paged")
    wake("now", *(f"incident:{climb.incident_id}" for climb in climbs))


def _advance_one(climb: Climb, who: Roster, decided: _Decided, now: datetime) -> None:
    """Decide for one climb, into it and into `decided`."""
    try:
        urgency = urgency_of(climb, climb.incident)
        there = who if urgency is Urgency.HIGH else _without_away(who, now)
        decision, after = escalate(climb.as_policy(), there, climb.as_value(), now, urgency)
    except Exception as problem:  # a climb that cannot be computed must not hold up the others
        log.exception("climb set aside", incident=climb.incident_id)
        decision, after = NobodyAtAll(), ClimbValue(None, climb.pages_sent)
        decided.facts.append(Fact(climb.incident.chain, "climb.set_aside", {"problem": str(problem)[:300]}))
    if decision is None:
        return
    if isinstance(decision, Waits):
        decided.facts.append(_waiting(climb, decision, now))
        return
    people, reason = _carried_out(climb, decision, after, who, now)
    by_hand = climb.forced
    if not by_hand:
        _after_the_quiet(climb, people, now)
    note, passed_by = _handed_over(climb)
    decided.asked.extend(Asked(climb, user, reason, note, by_hand, passed_by) for user in people)
    learning = learners(climb.policy, decision, people, now)
    decided.copies.extend(Asked(climb, user, reason, note) for user in learning if user in who.users)
    names = [everybody()[user].name for user in people] if decision.places else []
    decided.rooms.extend(tellings(climb.incident, decision.places, names, reason, note, now))
    decided.facts.append(_fact_of(climb, decision, people))
    _ended_by_hand(climb)


def _handed_over(climb: Climb) -> tuple[str, str]:
    """The note of who passed it on, and their id; "" for what there is none of."""
    said = dict(climb.handover)
    by = said.pop("by", "")
    return (Handover(**said).as_text() if said else ""), by


def urgency_of(climb: Climb, incident: Incident) -> Urgency:
    """At what urgency the climb goes on: whoever escalates by hand wants somebody now."""
    return Urgency.HIGH if climb.forced else Urgency(incident.urgency)


def _without_away(who: Roster, now: datetime) -> Roster:
    """What can wait is not for who is away: as if they were switched off."""
    absent = away(now)
    return replace(who, users=who.users - absent) if absent else who


def _after_the_quiet(climb: Climb, people: Sequence[str], now: datetime) -> None:
    """Where everybody of a level is quiet, their time to answer begins when the first may be told."""
    if climb.due_at is None or climb.incident.urgency == Urgency.HIGH:
        return
    ends = [quiet_until(user, now) for user in people]
    told_at = [end for end in ends if end is not None]
    if told_at and len(told_at) == len(ends):
        climb.due_at += min(told_at) - now


def _waiting(climb: Climb, decision: Waits, now: datetime) -> Fact:
    """Let the climb stand where it is until a level opens."""
    climb.due_at, climb.ended, climb.paged_at = decision.until, "", climb.paged_at or now
    data = {
        "policy": climb.policy["id"],
        "until": decision.until.isoformat(),
        "level": decision.number,
        "closed": list(decision.closed),
    }
    return Fact(climb.incident.chain, "climb.waits", data)


def _carried_out(
    climb: Climb, decision: Decision, after: ClimbValue, who: Roster, now: datetime
) -> tuple[tuple[str, ...], str]:
    """Write the decision into `climb`; returns whom to page and why."""
    climb.due_at, climb.pages_sent, climb.ended = after.due_at, after.pages_sent, ""
    climb.paged_at = now
    if isinstance(decision, PageLevel):
        people = decision.people
        had = climb.incident.assigned_id
        if climb.round == 0 and had in who.users and had not in people:
            people = (*people, had)  # whose acknowledgement ran out is asked again beside the first level
        climb.level, climb.round = decision.number, decision.round
        name = climb.policy["name"] or climb.policy["id"]
        again = f", round {decision.round}" if decision.round > 1 else ""
        return people, f"level {decision.number} of policy {name}{again}"
    climb.ended = "nobody" if isinstance(decision, NobodyAtAll) else "exhausted"
    why = "the policy reaches nobody" if isinstance(decision, NobodyAtAll) else "nobody answered on any level"
    return fallback(), f"fallback contact: {why}"


def _fact_of(climb: Climb, decision: Decision, people: tuple[str, ...]) -> Fact:
    """What the journal says of a decision that was carried out."""
    data: dict[str, Any] = {"policy": climb.policy["id"], "people": list(people)}
    if isinstance(decision, PageLevel | NobodyAtAll):
        why = {"closed": decision.closed, "empty": decision.empty}
        data |= {name: list(said) for name, said in why.items() if said}
    if isinstance(decision, PageLevel | NobodyAtAll | Exhausted) and decision.places:
        data["places"] = list(decision.places)
    if isinstance(decision, PageLevel):
        data |= {"level": decision.number, "round": decision.round, "skipped": list(decision.skipped)}
        return Fact(climb.incident.chain, "climb.paged", data)
    kind = "climb.exhausted" if isinstance(decision, Exhausted) else "climb.nobody"
    return Fact(climb.incident.chain, kind, data)


def _ended_by_hand(climb: Climb) -> None:
    """After a page that somebody asked for, a climb that is acknowledged rests again; the note was handed over.

    It rests for TIME_TO_ANSWER: what nobody takes by then is nobody's again, and who passed it on is asked again
    beside the first level (ADR 0023).
    """
    if climb.forced and climb.incident.state != State.TRIGGERED:
        if climb.paged_at is not None:
            _taken_by(climb.incident, climb.paged_at + TIME_TO_ANSWER)
        climb.due_at, climb.ended = None, climb.incident.state
    climb.forced, climb.handover = False, {}


def _taken_by(incident: Incident, until: datetime) -> None:
    """The acknowledgement that stands runs out at `until`, if not before; one that comes meanwhile has its own time."""
    passed = Incident.objects.filter(pk=incident.pk, state=State.ACKNOWLEDGED)
    passed = passed.filter(acknowledged_at=incident.acknowledged_at)
    sooner = Q(ack_expires_at__isnull=True) | Q(ack_expires_at__gt=until)
    passed.filter(sooner).update(ack_expires_at=until)
