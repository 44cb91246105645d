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

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from tocsin.escalation.rules import Climb, Policy, Roster, Target, TargetKind, Waits
from tocsin.kernel.errors import Refused
from tocsin.kernel.phrases import phrase
from tocsin.kernel.spans import Span
from tocsin.kernel.urgency import Urgency
from tocsin.oncall.rules import INSTANT
from tocsin.readiness.rules.climbing import Climbed, climb_from, delay_of
from tocsin.readiness.rules.explaining import why_so_few
from tocsin.readiness.rules.reaching import Delays, Reaching
from tocsin.readiness.rules.values import FOLLOWED, PEOPLE_MAX, WEEKS_MAX, Arrangement, Proof, Weak
from tocsin.readiness.rules.watching import Pictures, Watch

LOOKS_MAX = 1_000_000  # decisions that are followed for one answer: some twenty seconds
WEAK_KEPT = 5_000  # answers, of one policy and demand each
URGENCIES = tuple(Urgency)
NO_WAIT = timedelta(0)


class Wait(NamedTuple):
    """Opened at `start`, an incident has paged the last of the people wanted after `wait`; None: never. Opened later,
    up to `end`, it does so after the same time or, when the wait `falls`, at the same hour."""

    start: datetime
    end: datetime
    wait: timedelta | None
    falls: bool = False

    def at(self, opened: datetime) -> timedelta | None:
        """The wait of an incident that is opened then."""
        return self.wait - (opened - self.start) if self.falls and self.wait is not None else self.wait

    def longer_than(self, within: timedelta | None) -> Self | None:
        """The part of it in which that takes longer than `within` (None: in which it never happens); None: no part."""
        if self.wait is None:
            return self
        if within is None or self.wait <= within:
            return None
        return self._replace(end=min(self.end, self.start + self.wait - within)) if self.falls else self


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
        waits = self.waits(policy, urgency, people) if policy else (Wait(*self.span, None),)
        worst_at, _, worst, _ = max(waits, key=lambda each: (each.wait is None, each.wait or NO_WAIT))
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
            why = (
                phrase("Service %(service)s has no policy.", service=service)
                if policy is None
                else phrase(
                    "Service %(service)s has policy %(policy)s, which has no level.",
                    service=service,
                    policy=policy.id,
                )
            )
            return (Weak(*self.span, None, why),)
        key = policy.id, urgency, people, within
        if key not in self._weak:
            found: list[Weak] = []
            for wait in self.waits(policy, urgency, people):
                if (part := wait.longer_than(within)) is not None:
                    found += self._explained(policy, urgency, people, within, part)
            if len(self._weak) >= WEAK_KEPT:
                self._weak.clear()
            self._weak[key] = tuple(_joined(found))
        return self._weak[key]

    def _explained(
        self, policy: Policy, urgency: Urgency, people: int, within: timedelta | None, stretch: Wait
    ) -> Iterator[Weak]:
        """The stretch with its reason, in pieces where the reason changes though the wait does not."""
        at, end = stretch.start, stretch.end
        while at < end:
            self.watch.begin()
            reaching = Reaching(at, self.reachable(policy)[urgency], people)
            climbed = self.climbed(policy, urgency, at)
            why = why_so_few(self.arrangement, policy, self.watch, urgency, climbed, reaching, within)
            self.watch.stays(reaching.holds())
            until = self.until(at, end)
            yield Weak(at, until, stretch.at(at), why)
            at = until

    def climbed(self, policy: Policy, urgency: Urgency, start: datetime) -> Iterator[Climbed]:
        """What an incident opened at `start` decides on its way up, each decision counted. Raises Refused.

        What comes after a wait for a level to open comes at the same instants when the incident is opened later.
        """
        opened, until = Climb(due_at=start), start + FOLLOWED
        due_at = opened.due_at
        for each in climb_from(policy, self.roster, self.arrangement, opened, until, urgency):
            self.looked()
            yield each
            self.watch.rests |= isinstance(each.decision, Waits)
            due_at = each.climb.due_at
        if (
            self.watch.rests and due_at is not None
        ):  # it is not followed so far, but will be, of a later incident
            self.watch.rests = False
            self.watch.stays(due_at - until + INSTANT)

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
        """Step through the span from change to change. At both urgencies at once where they climb alike, and only
        differ in how people are reached; a level with a condition is waited for at low urgency alone."""
        alike = not any(level.when for level in policy.levels)
        groups = [URGENCIES] if alike else [(urgency,) for urgency in URGENCIES]
        found: dict[Urgency, list[Wait]] = {urgency: [] for urgency in URGENCIES}
        for urgencies in groups:
            at, end = self.span
            while at < end:
                self.watch.begin()
                waits = self._climbed(policy, urgencies, at, people)
                until = self.until(at, end)
                for urgency, (wait, falls) in waits.items():
                    _extend(found[urgency], Wait(at, until, wait, falls))
                at = until
        return {urgency: tuple(stretches) for urgency, stretches in found.items()}

    def _climbed(
        self, policy: Policy, urgencies: Sequence[Urgency], start: datetime, people: int
    ) -> dict[Urgency, tuple[timedelta | None, bool]]:
        """How long after `start` the last of `people` different people who can be reached is paged (None: never), and
        whether that falls."""
        delays = self.reachable(policy)
        reaching = {urgency: Reaching(start, delays[urgency], people) for urgency in urgencies}
        open_ = list(reaching.values())
        for step in self.climbed(policy, urgencies[0], start):
            open_ = [each for each in open_ if each.note(step)]
            if not open_:
                break
        self.watch.rests = False
        for each in reaching.values():
            self.watch.stays(each.holds())
        return {urgency: each.last() for urgency, each in reaching.items()}


def _extend(stretches: list[Wait], new: Wait) -> None:
    """Put `new` to the end, as part of the last one where that goes on."""
    if stretches and (last := stretches[-1]).falls == new.falls and last.at(new.start) == new.wait:
        stretches[-1] = last._replace(end=new.end)
    else:
        stretches.append(new)


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
