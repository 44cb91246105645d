"""The coverage proof: for every service, urgency and instant, how long until enough people are paged.

1. An incident opened at some instant is climbed by `escalation`'s own rule, as if nobody ever answered.
2. Every answer that the climb gets on its way (who is on call then?) says for how long it stays the same. The shortest
   of these is how long any later incident climbs in just the same way, only later.
3. So the next instant worth looking at is that much further on, and everything in between is proved.

People who cannot be reached do not count, and what does is the moment at which a message is due at a contact that
works: the wait of a person's own rule is part of it. The fallback contact does not count either: that one is told that
the policy has failed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from tocsin.escalation.rules import Climb, PageLevel, Policy, Roster, Target, TargetKind
from tocsin.kernel.errors import Refused
from tocsin.kernel.spans import Span
from tocsin.kernel.urgency import Urgency
from tocsin.readiness.rules.climbing import Climbed, climb_from, delay_of, settled
from tocsin.readiness.rules.explaining import why_so_few
from tocsin.readiness.rules.values import FOLLOWED, PEOPLE_MAX, WEEKS_MAX, Arrangement, Proof, Weak
from tocsin.readiness.rules.watching import Pictures, Watch

LOOKS_MAX = 1_000_000  # decisions that are followed for one answer: some ten seconds
WEAK_KEPT = 5_000  # answers, of one policy and demand each
URGENCIES = tuple(Urgency)
NO_WAIT = timedelta(0)

# From an instant up to the next: after how long the last of the people wanted is paged; None: never.
Wait = tuple[datetime, datetime, timedelta | None]
Delays = Mapping[str, timedelta]  # person -> how long after a page they are reached


def prove(
    arrangement: Arrangement,
    start: datetime,
    end: datetime,
    people: int = 1,
    within: timedelta | None = None,
    services: Collection[str] | None = None,
    urgencies: Iterable[Urgency] = URGENCIES,
) -> tuple[Proof, ...]:
    """What holds in [start, end) for each of `services` (None: all) and `urgencies`, in their order. Raises Refused.

    Demanded are `people` different people within `within`; None: within FOLLOWED, so at all.
    """
    check_bounds(start, end, people, within)
    prover = Prover(arrangement, start, end)
    wanted = sorted(arrangement.services) if services is None else services
    return tuple(
        prover.proof(service, urgency, people, within) for service in wanted for urgency in urgencies
    )


def check_bounds(start: datetime, end: datetime, people: int, within: timedelta | None) -> None:
    """Raises Refused when that cannot be asked."""
    if not timedelta(0) < end - start <= timedelta(weeks=WEEKS_MAX):
        raise Refused(f"From {start} to {end} cannot be proved", f"a span of at most {WEEKS_MAX} weeks")
    if not 1 <= people <= PEOPLE_MAX:
        raise Refused(f"{people} people", f"from 1 to {PEOPLE_MAX}", where="people")
    if within is not None and not timedelta(0) <= within <= FOLLOWED:
        raise Refused(f"Within {within}", f"at most {FOLLOWED.days} days", where="within")


class Prover:
    """Proves for one arrangement and span; what services have in common is worked out once."""

    def __init__(self, arrangement: Arrangement, start: datetime, end: datetime) -> None:
        self.arrangement = arrangement
        self.span = Span(start, end)
        self.watch = Watch(Pictures(arrangement, start, end + FOLLOWED))
        self.roster: Roster = self.watch.roster
        self.looks = 0
        self.delays = {
            urgency: {
                key: delay
                for key, person in arrangement.people.items()
                if person.active and (delay := delay_of(person, urgency, start)) is not None
            }
            for urgency in Urgency
        }
        self._reachable: dict[str, Mapping[Urgency, Delays]] = {}
        self._waits: dict[tuple[str, int], dict[Urgency, tuple[Wait, ...]]] = {}
        self._weak: dict[tuple[str, Urgency, int, timedelta | None], tuple[Weak, ...]] = {}

    def proof(self, service: str, urgency: Urgency, people: int, within: timedelta | None) -> Proof:
        """What holds for the service, at every instant of the span."""
        policy = self.arrangement.policy_of(service)
        waits = self.waits(policy, urgency, people) if policy else ((*self.span, None),)
        worst_at, _, worst = max(waits, key=lambda each: (each[2] is None, each[2] or NO_WAIT))
        weak = self.weak(service, policy, urgency, people, within)
        return Proof(service, urgency, self.span, people, within, worst, worst_at, weak)

    def waits(self, policy: Policy, urgency: Urgency, people: int) -> tuple[Wait, ...]:
        """How long it takes at every instant, as stretches that fill the span."""
        key = policy.id, people
        if key not in self._waits:
            self._waits[key] = self._stretches(policy, people)
        return self._waits[key][urgency]

    def weak(
        self,
        service: str,
        policy: Policy | None,
        urgency: Urgency,
        people: int,
        within: timedelta | None,
    ) -> tuple[Weak, ...]:
        """The stretches that take longer than `within`, each with its reason, alike ones that meet as one."""
        if policy is None or not policy.levels:
            what = "has no policy" if policy is None else f"has policy {policy.id}, which has no level"
            return (Weak(*self.span, None, f"Service {service} {what}."),)
        key = policy.id, urgency, people, within
        if key not in self._weak:
            found: list[Weak] = []
            for start, end, wait in self.waits(policy, urgency, people):
                if wait is None or (within is not None and wait > within):
                    found += self._explained(policy, urgency, people, within, (start, end, wait))
            if len(self._weak) >= WEAK_KEPT:
                self._weak.clear()
            self._weak[key] = tuple(_joined(found))
        return self._weak[key]

    def _explained(
        self, policy: Policy, urgency: Urgency, people: int, within: timedelta | None, stretch: Wait
    ) -> Iterator[Weak]:
        """The stretch with its reason, in pieces where the reason changes though the wait does not."""
        at, end, wait = stretch
        delays = self.reachable(policy)[urgency]
        while at < end:
            self.watch.begin()
            climbed = self.climbed(policy, at)
            why = why_so_few(
                self.arrangement, policy, self.watch, urgency, delays, climbed, at, people, within
            )
            until = self.until(at, end)
            yield Weak(at, until, wait, why)
            at = until

    def climbed(self, policy: Policy, start: datetime) -> Iterator[Climbed]:
        """What an incident opened at `start` decides on its way up, each decision counted. Raises Refused."""
        opened = Climb(due_at=start)
        for each in climb_from(policy, self.roster, self.arrangement, opened, start + FOLLOWED):
            self.looked()
            yield each

    def looked(self) -> None:
        """Count one more decision. Raises Refused when that is too many: somebody waits for the answer."""
        self.looks += 1
        if self.looks > LOOKS_MAX:
            raise Refused(
                "That is too much to prove at once",
                mend="Ask for fewer weeks; many repeats of short timeouts are what takes long.",
            )

    def until(self, at: datetime, end: datetime) -> datetime:
        """When something changes of what was just looked at from `at` on; at the latest `end`."""
        return end if self.watch.holds >= end - at else at + self.watch.holds

    def reachable(self, policy: Policy) -> Mapping[Urgency, Delays]:
        """All whom the policy could page at some instant, and reach."""
        if policy.id not in self._reachable:
            targets = [target for level in policy.levels for target in level.notify]
            everyone = {user for target in targets for user in self._behind(target)}
            self._reachable[policy.id] = {
                urgency: {user: delay for user, delay in known.items() if user in everyone}
                for urgency, known in self.delays.items()
            }
        return self._reachable[policy.id]

    def _behind(self, target: Target) -> Iterable[str]:
        if target.kind is TargetKind.SCHEDULE:
            return self.watch.pictures.everybody(target.id, target.shift)
        return self.roster.people([target], self.span.start)

    def _stretches(self, policy: Policy, people: int) -> dict[Urgency, tuple[Wait, ...]]:
        """Step through the span from change to change. At both urgencies at once: they climb alike, and only differ in
        how people are reached."""
        delays = self.reachable(policy)
        found: dict[Urgency, list[Wait]] = {urgency: [] for urgency in Urgency}
        at, end = self.span
        while at < end:
            self.watch.begin()
            waits = self._climbed(policy, delays, at, people)
            until = self.until(at, end)
            for urgency, wait in waits.items():
                if found[urgency] and found[urgency][-1][2] == wait:
                    found[urgency][-1] = found[urgency][-1][0], until, wait
                else:
                    found[urgency].append((at, until, wait))
            at = until
        return {urgency: tuple(stretches) for urgency, stretches in found.items()}

    def _climbed(
        self, policy: Policy, delays: Mapping[Urgency, Delays], start: datetime, people: int
    ) -> dict[Urgency, timedelta | None]:
        """How long after `start` the last of `people` different people who can be reached is paged; None: never."""
        reached: dict[Urgency, dict[str, timedelta]] = {urgency: {} for urgency in delays}
        open_ = list(delays)
        for at, decision, climb in self.climbed(policy, start):
            if not isinstance(decision, PageLevel):
                break
            for urgency in open_:
                for user in decision.people:
                    if user in delays[urgency] and user not in reached[urgency]:
                        reached[urgency][user] = at - start + delays[urgency][user]
            next_in = None if climb.due_at is None else climb.due_at - start
            open_ = [
                urgency
                for urgency in open_
                if not settled(reached[urgency], delays[urgency], people, next_in)
            ]
            if not open_:
                break
        return {urgency: _last_of(people, waits.values()) for urgency, waits in reached.items()}


def _last_of(people: int, waits: Iterable[timedelta]) -> timedelta | None:
    """The wait for the last of the first `people`; None when there are not so many."""
    known = sorted(wait for wait in waits if wait <= FOLLOWED)
    return known[people - 1] if len(known) >= people else None


def _joined(stretches: Iterable[Weak]) -> Iterator[Weak]:
    """Sorted stretches, those that meet and have the same reason as one, with the longest wait of them."""
    last: Weak | None = None
    for each in stretches:
        if last is None:
            last = each
        elif (last.end, last.why) == (each.start, each.why):
            never = last.wait is None or each.wait is None
            wait = None if never else max(last.wait or NO_WAIT, each.wait or NO_WAIT)
            last = Weak(last.start, each.end, wait, each.why)
        else:
            yield last
            last = each
    if last is not None:
        yield last
