"""Policies, levels, climbs: the decision whom to page now. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from tocsin.kernel.durations import format_duration, parse_duration
from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import check_slug

LEVELS_MAX = 20
TARGETS_MAX = 20
REPEATS_MAX = 100
TIMEOUT_MIN = timedelta(seconds=1)
TIMEOUT_MAX = timedelta(days=7)
HANDOVER_LENGTH_MAX = 2_000


class TargetKind(StrEnum):
    USER = "user"
    TEAM = "team"
    SCHEDULE = "schedule"


@dataclass(frozen=True)
class Target:
    """Whom a level notifies. `shift` is "", "next" or "previous", for schedules."""

    kind: TargetKind
    id: str
    shift: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}" + (f"/{self.shift}" if self.shift else "")


@dataclass(frozen=True)
class Level:
    notify: tuple[Target, ...]
    timeout: timedelta


@dataclass(frozen=True)
class Policy:
    """`repeat` counts the extra rounds after the last level."""

    id: str
    name: str
    levels: tuple[Level, ...]
    repeat: int = 0

    @property
    def pages_max(self) -> int:
        return len(self.levels) * (1 + self.repeat)


@dataclass(frozen=True)
class Roster:
    """Who is behind a target at this instant. Inactive people are in none of these."""

    users: frozenset[str] = frozenset()
    teams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # Filled by oncall once schedules exist; a schedule that is absent has nobody on call.
    on_call: Callable[[str, str], tuple[str, ...]] = lambda schedule, shift: ()

    def people(self, targets: Sequence[Target]) -> tuple[str, ...]:
        """Everybody behind `targets`, each once, in their order."""
        found: dict[str, None] = {}
        for target in targets:
            if target.kind is TargetKind.USER:
                members: tuple[str, ...] = (target.id,)
            elif target.kind is TargetKind.TEAM:
                members = self.teams.get(target.id, ())
            else:
                members = self.on_call(target.id, target.shift)
            found |= dict.fromkeys(user for user in members if user in self.users)
        return tuple(found)


@dataclass(frozen=True)
class Climb:
    """How far an incident has come up its policy. `due_at` None: nothing more will happen by itself."""

    due_at: datetime | None
    pages_sent: int = 0


@dataclass(frozen=True)
class PageLevel:
    """Page these people: level `number` (from 1) in round `round` (from 1)."""

    number: int
    round: int
    people: tuple[str, ...]
    skipped: tuple[int, ...] = ()  # levels passed over just now because nobody was on them


@dataclass(frozen=True)
class Exhausted:
    """Every level has been paged as often as the policy says, and nobody answered the last."""


@dataclass(frozen=True)
class NobodyAtAll:
    """The policy reaches nobody in a whole round: the fallback contact must be told, loudly."""


Decision = PageLevel | Exhausted | NobodyAtAll


def escalate(policy: Policy, roster: Roster, climb: Climb, now: datetime) -> tuple[Decision | None, Climb]:
    """Return what to do at `now`, if anything, and the climb to store.

    At most one level is paged per call, and the next timeout runs from `now`, not from a missed `due_at`: after an
    outage a backlog climbs one level per timeout instead of waking every level at once. A level with nobody on it
    is passed over at once, and said; a whole round of such levels ends in NobodyAtAll.
    """
    if climb.due_at is None or now < climb.due_at:
        return None, climb
    skipped: list[int] = []
    sent = climb.pages_sent
    while sent < policy.pages_max and len(skipped) < len(policy.levels):
        index = sent % len(policy.levels)
        level = policy.levels[index]
        sent += 1
        if people := roster.people(level.notify):
            round_number = 1 + (sent - 1) // len(policy.levels)
            decision = PageLevel(index + 1, round_number, people, tuple(skipped))
            return decision, Climb(due_at=now + level.timeout, pages_sent=sent)
        skipped.append(index + 1)
    stopped = replace(climb, due_at=None, pages_sent=sent)
    if len(skipped) >= len(policy.levels):
        return NobodyAtAll(), stopped
    return Exhausted(), stopped


def push(policy: Policy, climb: Climb, now: datetime) -> Climb:
    """The climb after somebody said "escalate now": the next level is due at once, after the end from the top."""
    sent = climb.pages_sent if climb.pages_sent < policy.pages_max else 0
    return Climb(due_at=now, pages_sent=sent)


@dataclass(frozen=True)
class Ahead:
    """What a climb will do next, for the reader: level and round from 1, the people it would be now."""

    at: datetime
    number: int
    round: int
    people: tuple[str, ...]


def forecast(
    policy: Policy, roster: Roster, climb: Climb, now: datetime, most: int = 10
) -> tuple[Ahead, ...]:
    """The next pages if nobody answers, at most `most`, by the same rule that will make them."""
    ahead: list[Ahead] = []
    while climb.due_at is not None and len(ahead) < most:
        at = max(climb.due_at, now)
        decision, climb = escalate(policy, roster, climb, at)
        if not isinstance(decision, PageLevel):
            break
        ahead.append(Ahead(at, decision.number, decision.round, decision.people))
    return tuple(ahead)


@dataclass(frozen=True)
class Handover:
    """What the one who escalates by hand tells the next."""

    what_happens: str = ""
    impact: str = ""
    tried: str = ""
    help_needed: str = ""

    def __post_init__(self) -> None:
        for name in ("what_happens", "impact", "tried", "help_needed"):
            if len(getattr(self, name)) > HANDOVER_LENGTH_MAX:
                raise Refused(
                    f"The answer is longer than {HANDOVER_LENGTH_MAX} characters",
                    mend="Shorten it.",
                    where=name,
                )

    def as_text(self) -> str:
        """What the next person reads first; "" when nothing was said."""
        parts = (
            ("What happens", self.what_happens),
            ("Impact", self.impact),
            ("Tried so far", self.tried),
            ("Help needed", self.help_needed),
        )
        return "\n".join(f"{label}: {text.strip()}" for label, text in parts if text.strip())


def parse_target(text: object, where: str = "") -> Target:
    """Read "user:bo", "team:web", "schedule:web-primary/next". Raises Refused."""
    kind, colon, rest = text.partition(":") if isinstance(text, str) else ("", "", "")
    name, slash, shift = rest.partition("/")
    if (
        not colon
        or kind not in tuple(TargetKind)
        or (slash and (kind != "schedule" or shift not in ("next", "previous")))
    ):
        raise Refused(
            f"{text!r} is not somebody to notify", 'a text like "user:bo" or "team:web"', where=where
        )
    return Target(TargetKind(kind), check_slug(name, where), shift)


def policy_from(data: Mapping[str, Any]) -> Policy:
    """The policy that `policy_as_data` wrote. Raises Refused when it was written by somebody else."""
    return Policy(
        id=data["id"],
        name=data["name"],
        levels=tuple(
            Level(
                tuple(parse_target(target) for target in level["notify"]),
                parse_duration(level["timeout"]),
            )
            for level in data["levels"]
        ),
        repeat=int(data.get("repeat", 0)),
    )


def policy_as_data(policy: Policy) -> dict[str, Any]:
    """The policy as JSON, in the words of the organisation file."""
    return {
        "id": policy.id,
        "name": policy.name,
        "levels": [
            {"notify": [str(target) for target in level.notify], "timeout": format_duration(level.timeout)}
            for level in policy.levels
        ],
        "repeat": policy.repeat,
    }


def check_policy(policy: Policy) -> Policy:
    """Return `policy` when it can be climbed. Raises Refused."""
    where = f"policy {policy.id}"
    if len(policy.levels) > LEVELS_MAX:
        raise Refused(f"{len(policy.levels)} levels", f"at most {LEVELS_MAX}", where=where)
    if not 0 <= policy.repeat <= REPEATS_MAX:
        raise Refused(f"repeat is {policy.repeat}", f"a number from 0 to {REPEATS_MAX}", where=where)
    for number, level in enumerate(policy.levels, 1):
        if len(level.notify) > TARGETS_MAX:
            raise Refused(
                f"level {number} names {len(level.notify)} targets", f"at most {TARGETS_MAX}", where=where
            )
        if not TIMEOUT_MIN <= level.timeout <= TIMEOUT_MAX:
            raise Refused(
                f"level {number} waits {format_duration(level.timeout)}",
                f"between {format_duration(TIMEOUT_MIN)} and {format_duration(TIMEOUT_MAX)}",
                where=where,
            )
    return policy
