"""Policies: the levels an incident climbs, as values and as data. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from tocsin.escalation.rules.targets import Target, When, parse_target, when_as_data, when_from
from tocsin.kernel.durations import format_duration, parse_duration
from tocsin.kernel.errors import Refused

LEVELS_MAX = 20
TARGETS_MAX = 20
REPEATS_MAX = 100
KNOWN_MAX = 256  # policies of climbs that are kept as values
TIMEOUT_MIN = timedelta(seconds=1)
TIMEOUT_MAX = timedelta(days=7)


@dataclass(frozen=True)
class Level:
    """Who is paged, and how long they have to answer; `when` None: at any time."""

    notify: tuple[Target, ...]
    timeout: timedelta
    when: When | None = None


@dataclass(frozen=True)
class Policy:
    """`repeat` counts the extra rounds after the last level."""

    id: str
    name: str
    levels: tuple[Level, ...]
    repeat: int = 0

    @property
    def pages_max(self) -> int:
        """How many levels are paged at most, all rounds together."""
        return len(self.levels) * (1 + self.repeat)


def policy_from(data: Mapping[str, Any]) -> Policy:
    """The policy that `policy_as_data` wrote. Raises Refused when it was written by somebody else."""
    return Policy(
        id=data["id"],
        name=data["name"],
        levels=tuple(
            Level(
                tuple(parse_target(target) for target in level["notify"]),
                parse_duration(level["timeout"]),
                when_from(level.get("when")),
            )
            for level in data["levels"]
        ),
        repeat=int(data.get("repeat", 0)),
    )


def known_policy(data: Mapping[str, Any]) -> Policy:
    """`policy_from` for what is read again with every step of a climb: the same data gives the same value."""
    return _known(json.dumps(data))


@lru_cache(maxsize=KNOWN_MAX)
def _known(text: str) -> Policy:
    return policy_from(json.loads(text))


def policy_as_data(policy: Policy) -> dict[str, Any]:
    """The policy as JSON, in the words of the organisation file."""
    return {
        "id": policy.id,
        "name": policy.name,
        "levels": [_level_as_data(level) for level in policy.levels],
        "repeat": policy.repeat,
    }


def _level_as_data(level: Level) -> dict[str, Any]:
    data = {"notify": [str(target) for target in level.notify], "timeout": format_duration(level.timeout)}
    return data | ({"when": when_as_data(level.when)} if level.when else {})


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
