"""Start climbs, climb what is due, escalate by hand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import structlog
from django.db import connection, transaction

from tocsin.catalog.actions import configuration, per_configuration
from tocsin.escalation.alarm_actions import watch_out
from tocsin.escalation.models import Climb, Policy
from tocsin.escalation.place_actions import tellings
from tocsin.escalation.rostering import is_open as is_open  # noqa: PLC0414 - offered here too
from tocsin.escalation.rostering import roster as roster  # noqa: PLC0414 - offered here too
from tocsin.escalation.rules import (
    Ahead,
    Decision,
    Exhausted,
    Handover,
    NobodyAtAll,
    PageLevel,
    Roster,
    Waits,
    escalate,
    forecast,
    policy_as_data,
    policy_from,
    push,
    resumed,
)
from tocsin.escalation.rules import (
    Climb as ClimbValue,
)
from tocsin.escalation.rules import (
    Policy as PolicyValue,
)
from tocsin.escalation.shadow_actions import copy_of, learners
from tocsin.incident.calling import call_for
from tocsin.incident.models import Incident
from tocsin.incident.rules import OPEN, State
from tocsin.incident.wanted import take_wanted
from tocsin.journal.actions import Fact, write
from tocsin.journal.columns import from_instant, from_json
from tocsin.journal.crashing import point
from tocsin.journal.waking import wake
from tocsin.kernel.acting import ENGINE, By
from tocsin.kernel.errors import Refused, not_found
from tocsin.kernel.phrases import phrase
from tocsin.kernel.urgency import Priority, Urgency
from tocsin.kernel.zones import wall_clock, zone
from tocsin.notification.actions import Call, page_people
from tocsin.notification.awake import Related, awake_people
from tocsin.notification.cards import touch_cards
from tocsin.notification.models import Page
from tocsin.notification.quiet import quiet_until
from tocsin.notification.rules import Kind
from tocsin.notification.updating import take_back_updates
from tocsin.oncall.away import away, away_until
from tocsin.people.models import User
from tocsin.people.rules import Role

CLIMBS_MAX = 100  # per transaction
NO_POLICY = PolicyValue(id="", name="no policy", levels=())
log = structlog.get_logger()


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
            _fresh_climb(incident, now, before.get(incident.pk))
            for incident in incidents
            if incident.state == State.TRIGGERED
        ]
        _advance_all(climbs, now)
    return len(incidents)


def climb_due(now: datetime, limit: int = CLIMBS_MAX) -> int:
    """Every climb whose time has come pages its next level; returns how many were looked at."""
    with transaction.atomic():
        rows = Climb.objects.due(now).select_for_update(skip_locked=True, of=("self", "incident"))
        climbs = list(rows.select_related("incident", "incident__service")[:limit])
        stood = _resume(climbs, now)
        if going := [climb for climb in climbs if climb.pk not in stood]:
            _advance_all(going, now)
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
        if incident.state not in OPEN:
            raise Refused(
                phrase("#%(number)s is over", number=incident.pk),
                phrase("an open incident"),
                phrase("Reopen it first."),
                status=409,
            )
        climb = Climb.objects.select_for_update().filter(pk=incident.pk).first() or _fresh_climb(
            incident, now
        )
        pushed = push(policy_from(climb.policy), climb.as_value(), now)
        climb.due_at, climb.pages_sent = pushed.due_at, pushed.pages_sent
        climb.forced, climb.ended, climb.handover = True, "", asdict(note)
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
    return forecast(policy_from(climb.policy), who, climb.as_value(), now, most, _urgency(climb, incident))


def policy_of(service_id: str) -> PolicyValue:
    """The policy of a service as it is now; one without levels when it has none."""
    service = configuration().services.get(service_id)
    return policies().get(service.policy or "", NO_POLICY) if service else NO_POLICY


@per_configuration
def policies() -> Mapping[str, PolicyValue]:
    """Every policy by its id."""
    return {row.pk: row.as_value() for row in Policy.objects.all()}


@per_configuration
def everybody() -> Mapping[str, User]:
    """Every person by their id."""
    return {user.pk: user for user in User.objects.all()}


# -- one step of many climbs, in the caller's transaction ------------------------------------------------------------


def _fresh_climb(incident: Incident, now: datetime, before: Climb | None = None) -> Climb:
    """A climb at the foot of the policy that the incident began with; the service's, when it begins now."""
    kept = before.policy if before is not None and before.policy["levels"] else None
    return Climb(
        incident=incident,
        policy=kept or policy_as_data(policy_of(incident.service_id)),
        priority=incident.priority,
        due_at=now,
    )


def _advance_all(climbs: Sequence[Climb], now: datetime) -> None:
    """Decide for each climb, store what was decided, and page whom it names."""
    who = roster()
    calls: list[tuple[Climb, str, str, str]] = []  # climb, person, reason, handover note
    copies: list[tuple[Climb, str, str, str]] = []  # the same for those who learn
    rooms: list[Call] = []
    by_hand: set[int] = set()  # somebody asked for it, so it waits for no quiet hours
    facts: list[Fact] = []
    for climb in climbs:
        if climb.incident.state != State.TRIGGERED and not climb.forced:
            climb.due_at, climb.ended = None, climb.incident.state
            continue
        try:
            urgency = _urgency(climb, climb.incident)
            there = who if urgency is Urgency.HIGH else _without_away(who, now)
            decision, after = escalate(policy_from(climb.policy), there, climb.as_value(), now, urgency)
        except Exception as problem:  # a climb that cannot be computed must not hold up the others
            log.exception("climb set aside", incident=climb.incident_id)
            decision, after = NobodyAtAll(), ClimbValue(None, climb.pages_sent)
            facts.append(Fact(climb.incident.chain, "climb.set_aside", {"problem": str(problem)[:300]}))
        if decision is None:
            continue
        if isinstance(decision, Waits):
            facts.append(_waiting(climb, decision, now))
            continue
        people, reason = _carried_out(climb, decision, after, who, now)
        loudly = climb.forced
        if not loudly:
            _after_the_quiet(climb, people, now)
        note = Handover(**climb.handover).as_text() if climb.handover else ""
        calls += [(climb, user, reason, note) for user in people]
        by_hand |= {climb.incident_id} if loudly else set()
        learning = learners(climb.policy, decision, people, now)
        names = [everybody()[user].name for user in people] if decision.places else []
        rooms += tellings(climb.incident, decision.places, names, reason, note, now)
        copies += [(climb, user, reason, note) for user in learning if user in who.users]
        facts.append(_decided(climb, decision, people))
        _ended_by_hand(climb)
    point("climb: decided")
    _store(climbs)
    write(facts, ENGINE, now)
    pages = [
        replace(call, obeys_quiet=call.incident_id not in by_hand) for call in _calls(calls, now, by_hand)
    ]
    if higher := [climb.incident_id for climb in climbs if climb.pages_sent > 1]:
        touch_cards(higher, now)
        anew = {(call.incident_id or 0, call.user_id or "") for call in pages}
        take_back_updates(higher, "a page says more", now, anew)
    page_people([*pages, *(copy_of(call) for call in _calls(copies, now)), *rooms], now)
    point("climb: paged")
    wake("now", *(f"incident:{climb.incident_id}" for climb in climbs))


def _urgency(climb: Climb, incident: Incident) -> Urgency:
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


def _is_related(incident: Incident, up: Related, user: str) -> bool:
    """Whether who is `up` gets this quietly: not the worst, and not what was theirs and is nobody's again."""
    place = incident.service_id, incident.service.policy or ""
    return incident.priority != Priority.P1 and incident.assigned_id != user and place in up


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


def fallback() -> tuple[str, ...]:
    """Who is told when a policy has come to its end: the organisation's fallback, else its administrators."""
    named = configuration().fallback
    active = User.objects.people().filter(is_active=True)
    if named is not None and active.filter(pk=named).exists():
        return (named,)
    admins = active.filter(role=Role.ADMIN).order_by("id")
    return tuple(admins.values_list("id", flat=True))


def _decided(climb: Climb, decision: Decision, people: tuple[str, ...]) -> Fact:
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
    """After a page that somebody asked for, a climb that is acknowledged rests again; the note was handed over."""
    if climb.forced and climb.incident.state != State.TRIGGERED:
        climb.due_at, climb.ended = None, climb.incident.state
    climb.forced, climb.handover = False, {}


_UPSERT = """
    INSERT INTO escalation_climb (incident_id, policy, priority, due_at, pages_sent, level, round, paged_at, forced,
        ended, handover, put_off, version)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, FALSE, 1)
    ON CONFLICT (incident_id) DO UPDATE SET policy = excluded.policy, priority = excluded.priority,
        due_at = excluded.due_at, pages_sent = excluded.pages_sent, level = excluded.level, round = excluded.round,
        paged_at = excluded.paged_at, forced = excluded.forced, ended = excluded.ended,
        handover = excluded.handover, put_off = excluded.put_off, version = escalation_climb.version + 1
"""


def _store(climbs: Sequence[Climb]) -> None:
    """Write climbs that begin, begin again or go on."""
    at = from_instant
    rows = [
        (
            c.incident_id, from_json(c.policy), c.priority, at(c.due_at), c.pages_sent, c.level, c.round,
            at(c.paged_at), c.forced, c.ended, from_json(c.handover),
        )
        for c in climbs
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.executemany(_UPSERT, rows)


def _calls(
    calls: Sequence[tuple[Climb, str, str, str]], now: datetime, by_hand: Collection[int] = ()
) -> list[Call]:
    """What each person is told, and who else is; who is up for the same trouble, quietly."""
    users, up = everybody(), awake_people(now) if calls else {}
    together: dict[int, list[str]] = {}
    for climb, user, _, _ in calls:
        together.setdefault(climb.incident_id, []).append(user)
    out = []
    for climb, user, reason, note in calls:
        call = call_for(climb.incident, users[user], reason, now, note)
        others = [users[other].name for other in together[climb.incident_id] if other != user]
        also = [f"Also paged: {', '.join(others[:5])}."] if others else []
        if (until := away_until(user, now)) is not None:
            back = wall_clock(until, zone(users[user].timezone))
            also.append(
                f"You are away until {back:%a %d %b %H:%M}, and still on call: nobody has your shift."
            )
        quietly = (
            user in up and climb.incident_id not in by_hand and _is_related(climb.incident, up[user], user)
        )
        if quietly:
            also.append("You are up for the same service or policy, so this comes quietly, by one way alone.")
        out.append(replace(call, lines=[*call.lines, *also], quietly=quietly))
    return out
