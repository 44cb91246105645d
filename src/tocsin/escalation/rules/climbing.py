"""Climbs: the decision whom to page now. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tocsin.escalation.rules.policies import Policy
from tocsin.escalation.rules.targets import Roster
from tocsin.kernel.urgency import Urgency

WAIT_MAX = timedelta(days=14)  # as far ahead as a climb waits for a level to open
LOOKS_MAX = 2_000  # instants at which it is looked whether one has opened
# A climb that is overdue by more was looked at by nobody: everything stood still.
STANDSTILL = timedelta(minutes=1)
CATCH_UP = timedelta(seconds=20)  # after that, in which what came meanwhile is read


@dataclass(frozen=True)
class Climb:
    """How far an incident has come up its policy. `due_at` None: nothing more will happen by itself.

    `put_off` when its next page was due while everything stood still, and waits a moment for that.
    """

    due_at: datetime | None
    pages_sent: int = 0
    put_off: bool = False


@dataclass(frozen=True)
class PageLevel:
    """Page these people: level `number` (from 1) in round `round` (from 1).

    `skipped` are the levels passed over just now because nobody was on them, `closed` those of them that their
    condition kept people out of. `empty` are the schedules, on the way and on this level, with nobody on call, and
    `places` what is told besides.
    """

    number: int
    round: int
    people: tuple[str, ...]
    skipped: tuple[int, ...] = ()
    closed: tuple[int, ...] = ()
    empty: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exhausted:
    """Every level has been paged as often as the policy says, and nobody answered the last."""

    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class NobodyAtAll:
    """The policy reaches nobody in a whole round: the fallback contact must be told, loudly."""

    closed: tuple[int, ...] = ()
    empty: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class Waits:
    """Nobody is to be disturbed at this hour: all that is left of the round is `closed` by its conditions, and the
    first to open, at `until`, is level `number`."""

    until: datetime
    number: int
    closed: tuple[int, ...]


Decision = PageLevel | Exhausted | NobodyAtAll | Waits


def escalate(
    policy: Policy, roster: Roster, climb: Climb, now: datetime, urgency: Urgency = Urgency.HIGH
) -> tuple[Decision | None, Climb]:
    """Return what to do at `now`, if anything, and the climb to store.

    At most one level is paged per call, and the next timeout runs from `now`, not from a missed `due_at`: after an
    outage a backlog climbs one level per timeout instead of waking every level at once. A level with nobody on it
    is passed over at once, and said; a whole round of such levels ends in NobodyAtAll. A level that only tells places
    tells them and is passed over at once too: a room is told, and nobody is woken by it. At low urgency, where
    conditions close all of them, the climb waits where it is until one opens; not longer than WAIT_MAX.
    """
    if climb.due_at is None or now < climb.due_at:
        return None, climb
    skipped: list[int] = []
    closed: list[int] = []
    empty: dict[str, None] = {}
    places: dict[str, None] = {}
    sent = climb.pages_sent
    while sent < policy.pages_max and sent - climb.pages_sent < len(policy.levels):
        index = sent % len(policy.levels)
        level = policy.levels[index]
        sent += 1
        found = roster.find(level.notify, level.when, now)
        empty |= dict.fromkeys(found.empty)
        places |= dict.fromkeys(found.places)
        if found.people:
            round_number = 1 + (sent - 1) // len(policy.levels)
            passed = tuple(skipped), tuple(closed), tuple(empty), tuple(places)
            decision = PageLevel(index + 1, round_number, found.people, *passed)
            return decision, Climb(due_at=now + level.timeout, pages_sent=sent)
        skipped += [index + 1] if not found.places else []
        closed += [index + 1] if found.closed else []
    all_closed = urgency is Urgency.LOW and skipped and len(closed) == len(skipped)
    if all_closed and (opening := _opening(policy, closed, roster, now)) is not None:
        return Waits(*opening, tuple(closed)), replace(climb, due_at=opening[0])
    stopped = replace(climb, due_at=None, pages_sent=sent)
    if sent - climb.pages_sent >= len(policy.levels):
        return NobodyAtAll(tuple(closed), tuple(empty), tuple(places)), stopped
    return Exhausted(tuple(places)), stopped


def _opening(
    policy: Policy, numbers: Sequence[int], roster: Roster, now: datetime
) -> tuple[datetime, int] | None:
    """The first instant after `now` at which one of these levels, all closed, is not; and which. None for never."""
    at = now
    for _ in range(LOOKS_MAX):
        changes = []
        for number in numbers:
            level = policy.levels[number - 1]
            if level.when and (change := roster.next_change(level.notify, level.when, at)) is not None:
                changes.append(change)
        at = min(changes, default=at)
        if not changes or at - now > WAIT_MAX:
            return None
        for number in numbers:
            level = policy.levels[number - 1]
            found = roster.find(level.notify, level.when, at)
            if found.people or not found.closed:
                return at, number
    return None


def resumed(climb: Climb, now: datetime) -> datetime | None:
    """When a climb goes on that everything has stood still for since it was due; None when it goes on at once.

    What has come meanwhile is read first, so that what has healed wakes nobody. What was never paged is not a climb
    yet, and waits for nothing. Each page waits once: a machine that stands still again and again pages all the same.
    """
    overdue = climb.due_at is not None and now - climb.due_at > STANDSTILL
    return now + CATCH_UP if overdue and not climb.put_off else None


def push(policy: Policy, climb: Climb, now: datetime) -> Climb:
    """The climb after somebody said "escalate now": the next level is due at once, after the end from the top."""
    sent = climb.pages_sent if climb.pages_sent < policy.pages_max else 0
    return Climb(due_at=now, pages_sent=sent)


@dataclass(frozen=True)
class Ahead:
    """What a climb will do next, for the reader: level and round from 1, the people it will be then. `opens`: it waits
    for this instant, because the level opens then."""

    at: datetime
    number: int
    round: int
    people: tuple[str, ...]
    opens: bool = False


def forecast(
    policy: Policy,
    roster: Roster,
    climb: Climb,
    now: datetime,
    most: int = 10,
    urgency: Urgency = Urgency.HIGH,
) -> tuple[Ahead, ...]:
    """The next pages if nobody answers, at most `most`, by the same rule that will make them: each with whom will be
    on call at that instant, as it is planned now."""
    ahead: list[Ahead] = []
    waited = _is_waiting(policy, roster, climb, now, urgency)
    while climb.due_at is not None and len(ahead) < most:
        at = max(climb.due_at, now)
        decision, climb = escalate(policy, roster, climb, at, urgency)
        if isinstance(decision, Waits) and not (waited and at > now):
            waited = True
            continue
        if not isinstance(decision, PageLevel):
            break
        ahead.append(Ahead(at, decision.number, decision.round, decision.people, waited))
        waited = False
    return tuple(ahead)


def _is_waiting(policy: Policy, roster: Roster, climb: Climb, now: datetime, urgency: Urgency) -> bool:
    """Whether the climb is due when it is because a level opens then."""
    if climb.due_at is None or climb.due_at <= now or urgency is not Urgency.LOW:
        return False
    decision, _ = escalate(policy, roster, replace(climb, due_at=now), now, urgency)
    return isinstance(decision, Waits) and decision.until == climb.due_at
