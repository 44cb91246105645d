"""What is missing ahead: hours without anybody, and people on call who cannot be reached. With what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from tocsin.escalation.rules import Policy, Target, TargetKind
from tocsin.kernel.phrases import joined, phrase
from tocsin.kernel.spans import Span, common, left_out, united
from tocsin.kernel.urgency import Urgency
from tocsin.oncall.rules import Layer, Schedule, Temporary, layer_shifts, shifts_of
from tocsin.readiness.rules.climbing import unreachable, untried
from tocsin.readiness.rules.coverage import Prover
from tocsin.readiness.rules.explaining import reasons_of
from tocsin.readiness.rules.values import Arrangement, Person

GAPS_AHEAD = timedelta(days=90)
_NO_SPAN = Span(datetime.max, datetime.max)  # noqa: DTZ901 - of no gap, while alike ones are put together


class GapKind(StrEnum):
    SERVICE = "service"  # an incident of it would reach nobody
    LEVEL = "level"  # of a policy: nobody on it can be reached
    SCHEDULE = "schedule"  # nobody is on call in it
    PERSON = "person"  # is to be paged, and cannot be reached
    UNTRIED = "untried"  # is to be paged, and nobody knows whether that works


@dataclass(frozen=True)
class Gap:
    """Something that is missing in `span`. `about` is the id of the service, policy, schedule or person; `level` the
    number of the policy's level. `urgencies` says at which it is missing, `services` whose incidents it concerns."""

    kind: GapKind
    about: str
    span: Span
    why: str
    mend: str
    level: int = 0
    urgencies: tuple[Urgency, ...] = tuple(Urgency)
    services: tuple[str, ...] = ()

    @property
    def start(self) -> datetime:
        """When it begins."""
        return self.span.start

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.span.length


def gaps_ahead(arrangement: Arrangement, start: datetime, end: datetime) -> tuple[Gap, ...]:
    """Everything that is missing in [start, end): what concerns whole services first, then by time. Raises Refused."""
    return gaps_of(Prover(arrangement, start, end))


def gaps_of(prover: Prover) -> tuple[Gap, ...]:
    """The gaps of the prover's arrangement in its span."""
    found = [
        *_either(_service_gaps(prover, prover.arrangement.services)),
        *_either(_level_gaps(prover)),
        *_schedule_gaps(prover),
        *_either(_person_gaps(prover)),
    ]
    kinds = list(GapKind)
    return tuple(sorted(found, key=lambda gap: (kinds.index(gap.kind), gap.span, gap.about, gap.level)))


def service_gaps(prover: Prover, service: str) -> tuple[Gap, ...]:
    """When an incident of the service would reach nobody, sorted. Raises Refused."""
    return tuple(sorted(_either(_service_gaps(prover, [service])), key=lambda gap: gap.span))


def _service_gaps(prover: Prover, services: Iterable[str]) -> Iterator[Gap]:
    for service in services:
        policy = prover.arrangement.policy_of(service)
        mend = (
            phrase("Give policy %(policy)s a last level that always reaches somebody.", policy=policy.id)
            if policy
            else phrase("Give service %(service)s a policy.", service=service)
        )
        for urgency in Urgency:
            for weak in prover.weak(service, policy, urgency, 1, None):
                yield Gap(
                    GapKind.SERVICE, service, weak.span, weak.why, mend, 0, (urgency,), services=(service,)
                )


def _level_gaps(prover: Prover) -> Iterator[Gap]:
    """Levels of the policies in use."""
    for policy, services in in_use(prover.arrangement).values():
        for number in range(1, len(policy.levels) + 1):
            for urgency, span, why in _empty_level(prover, policy, number):
                said = phrase(
                    "Level %(number)s of policy %(policy)s reaches nobody: %(why)s.",
                    number=number,
                    policy=policy.id,
                    why=why,
                )
                mend = phrase("Name somebody beside them on this level, or close the gap.")
                yield Gap(GapKind.LEVEL, policy.id, span, said, mend, number, (urgency,), services)


def _empty_level(prover: Prover, policy: Policy, number: int) -> Iterator[tuple[Urgency, Span, str]]:
    """When nobody on the level can be reached, and why; stepping from change to change as the proof does.

    Where it names schedules alone, and in all of them nobody is meant to be on call, nothing is missing; nor where the
    condition of the level keeps everybody out.
    """
    level = policy.levels[number - 1]
    meant = _nobody_meant(prover, level.notify)
    at, end = prover.span
    while at < end:
        prover.looked()
        prover.watch.begin()
        found = prover.roster.find(level.notify, level.when, at)
        span = Span(at, prover.until(at, end))
        at = span.end
        if found.closed and not found.people:
            continue
        for urgency in Urgency:
            if prover.delays[urgency].keys().isdisjoint(found.people):
                reasons = reasons_of(prover.arrangement, policy, prover.watch, urgency, number, span.start)
                why = joined(list(reasons), "; ")
                for part in left_out(span, () if found.people else meant):
                    yield urgency, part, why


def _nobody_meant(prover: Prover, targets: Sequence[Target]) -> tuple[Span, ...]:
    """When all of `targets` are schedules in which nobody is meant to be on call."""
    meant: tuple[Span, ...] = (prover.span,)
    for target in targets:
        schedule = prover.arrangement.schedules.get(target.id)
        if target.kind is not TargetKind.SCHEDULE or target.shift or schedule is None:
            return ()
        meant = tuple(common(meant, nobody_on_purpose(schedule, *prover.span)))
    return meant


def _schedule_gaps(prover: Prover) -> Iterator[Gap]:
    """When nobody is on call, and nobody said that it should be so."""
    arrangement = prover.arrangement
    concerned = _services_by_schedule(arrangement)
    for key, schedule in sorted(arrangement.schedules.items()):
        line = prover.watch.pictures.line(key)
        assert line is not None  # it is one of them
        meant = nobody_on_purpose(schedule, *prover.span)
        for gap in line.gaps:
            within = gap.common(prover.span)
            for span in left_out(within, meant) if within else ():
                yield Gap(
                    GapKind.SCHEDULE,
                    key,
                    span,
                    phrase("Nobody is on call in schedule %(schedule)s.", schedule=key),
                    phrase(
                        "Put somebody there with an override or a layer; where nobody is meant to be on call,"
                        " give the schedule a turn without people (users: [null])."
                    ),
                    services=concerned.get(key, ()),
                )


def nobody_on_purpose(schedule: Schedule, start: datetime, end: datetime) -> tuple[Span, ...]:
    """When it is the turn of an empty slot in some layer: whoever wrote it wants nobody there."""

    def empty(layers: Iterable[Layer], start: datetime, end: datetime) -> Iterator[Span]:
        for layer in layers:
            if any(not slot for slot in layer.slots):
                shifts = layer_shifts(layer, schedule.timezone, start, end, schedule.calendars)
                yield from (shift.span for shift in shifts if not shift.users)

    spans = list(empty(schedule.layers, start, end))
    for each in schedule.overrides:
        if isinstance(each, Temporary) and each.start < end and each.end > start:
            spans += empty(each.layers, max(each.start, start), min(each.end, end))
    return united(spans)


def _person_gaps(prover: Prover) -> Iterator[Gap]:
    """People who are to be paged and cannot be: while they are on call, or as long as a policy names them."""
    arrangement, start = prover.arrangement, prover.span.start
    for user, (spans, places, services) in sorted(_to_be_paged(prover).items()):
        person, where = arrangement.people.get(user), joined(sorted(places), ", ")
        for urgency in Urgency:
            kind, why, mend = _what_is_wrong(user, person, urgency, start)
            for span in spans if why else ():
                said = phrase("%(why)s; to be paged by %(places)s.", why=why, places=where)
                yield Gap(kind, user, span, said, mend, 0, (urgency,), services)


def _what_is_wrong(
    user: str, person: Person | None, urgency: Urgency, now: datetime
) -> tuple[GapKind, str, str]:
    """The kind, the reason and what to do; the reason is "" when the person can be reached for all that is known."""
    if person is None:
        nobody = phrase("There is nobody called %(who)s", who=user)
        return GapKind.PERSON, nobody, phrase("Put somebody else there.")
    if why := unreachable(person, urgency, now):
        if not person.active:
            return GapKind.PERSON, why, phrase("Put somebody else there.")
        if person.unverified and not person.contacts:
            mend = phrase(
                "Have %(who)s enter the code of their contact; or put somebody else there.", who=person.name
            )
        else:
            mend = phrase(
                "Give %(who)s a contact that works, and send a test; or put somebody else there.",
                who=person.name,
            )
        return GapKind.PERSON, why, mend
    return (
        GapKind.UNTRIED,
        untried(person, urgency, now),
        phrase("Send %(who)s a test message.", who=person.name),
    )


Places = tuple[tuple[Span, ...], frozenset[str], tuple[str, ...]]


def _to_be_paged(prover: Prover) -> dict[str, Places]:
    """Everybody who is somewhere to be paged: when, by what, and for which services."""
    spans: dict[str, list[Span]] = {}
    places: dict[str, set[str]] = {}
    services: dict[str, set[str]] = {}

    def add(user: str, when: Iterable[Span], place: str, of: Iterable[str]) -> None:
        spans.setdefault(user, []).extend(when)
        places.setdefault(user, set()).add(place)
        services.setdefault(user, set()).update(of)

    arrangement, whole = prover.arrangement, prover.span
    concerned = _services_by_schedule(arrangement)
    for key in arrangement.schedules:
        line = prover.watch.pictures.line(key)
        shifts = line.shifts if line else ()
        for user in dict.fromkeys(user for shift in shifts for user in shift.users):
            when = [both for shift in shifts_of(shifts, user) if (both := shift.span.common(whole))]
            if when:
                add(user, when, phrase("schedule %(schedule)s", schedule=key), concerned.get(key, ()))
    for policy, of in in_use(arrangement).values():
        for target in (target for level in policy.levels for target in level.notify):
            members = {
                TargetKind.USER: (target.id,),
                TargetKind.TEAM: arrangement.teams.get(target.id, ()),
            }.get(target.kind, ())
            for user in members:
                place = phrase("policy %(policy)s (%(target)s)", policy=policy.id, target=str(target))
                add(user, [whole], place, of)
    for user in arrangement.fallback if arrangement.is_named else ():
        add(user, [whole], phrase("the organisation, as its fallback"), ())
    return {
        user: (united(spans[user]), frozenset(places[user]), tuple(sorted(services[user]))) for user in spans
    }


def in_use(arrangement: Arrangement) -> Mapping[str, tuple[Policy, tuple[str, ...]]]:
    """The policies that services climb, each with those services."""
    found: dict[str, tuple[Policy, tuple[str, ...]]] = {}
    for service in sorted(arrangement.services):
        if policy := arrangement.policy_of(service):
            found[policy.id] = policy, (*found.get(policy.id, (policy, ()))[1], service)
    return found


def _services_by_schedule(arrangement: Arrangement) -> dict[str, tuple[str, ...]]:
    """For each schedule the services whose policy names it."""
    found: dict[str, dict[str, None]] = {}
    for policy, services in in_use(arrangement).values():
        for target in (target for level in policy.levels for target in level.notify):
            if target.kind is TargetKind.SCHEDULE:
                found.setdefault(target.id, {}).update(dict.fromkeys(services))
    return {key: tuple(services) for key, services in found.items()}


def _either(gaps: Iterable[Gap]) -> Iterator[Gap]:
    """`gaps`, alike ones that meet as one, and what is missing at both urgencies once."""
    spans: dict[Gap, dict[Urgency, list[Span]]] = {}
    for gap in gaps:
        alike = replace(gap, span=_NO_SPAN, urgencies=())
        for urgency in gap.urgencies:
            spans.setdefault(alike, {}).setdefault(urgency, []).append(gap.span)
    for alike, by_urgency in spans.items():
        found: dict[Span, list[Urgency]] = {}
        for urgency, when in by_urgency.items():
            for span in united(when):
                found.setdefault(span, []).append(urgency)
        yield from (replace(alike, span=span, urgencies=tuple(some)) for span, some in found.items())
