"""Which facts are told as which events, what of them is shown, and when what failed is tried again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

VERSION = 1  # of the document; it rises when a field goes or changes its meaning, not when one is added
TEST = "test"  # the event of a press of a button
# How long after each failure the next attempt is made; after the last of them it is given up.
DELAYS = tuple(timedelta(seconds=each) for each in (5, 30, 120, 600, 1_800, 7_200))
ATTEMPTS_MAX = len(DELAYS) + 1
PATIENCE_MAX = timedelta(hours=2)  # however long a receiver asks to wait
REST_FIRST, REST_MAX = timedelta(seconds=5), timedelta(minutes=5)  # of a receiver that fails
OFF_AFTER = timedelta(days=3)  # of nothing but failures
SETTLES = timedelta(seconds=10)  # by then a fact whose number is missing has been rolled back
TEXT_LENGTH_MAX = 4_000
LIST_MAX = 100  # things in one list


class MessageState(StrEnum):
    """How a message is doing."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"  # given up
    DROPPED = "dropped"  # its webhook was switched off before
    HELD = "held"  # a backup was restored in which it waited


@dataclass(frozen=True)
class Event:
    """One type of event: what it says, and the fields of its `detail` by the name that the journal has for them."""

    says: str
    fields: Mapping[str, str]


# By the journal's name of the fact. What is not named here is not told, and no other field of a fact is.
EVENTS: Mapping[str, Event] = {
    "incident.opened": Event("Something is wrong that people must look at.", {}),
    "incident.acknowledged": Event("Somebody has it.", {"expires_at": "until"}),
    "incident.snoozed": Event("Somebody put it off.", {"until": "until"}),
    "incident.ack_expired": Event("An acknowledgement or a rest ran out; it climbs again.", {}),
    "incident.assigned": Event("Somebody else has it now.", {"user": "to", "before": "before"}),
    "incident.classified": Event(
        "Its urgency or impact was changed.",
        {"priority": "priority", "urgency": "urgency", "impact": "impact"},
    ),
    "incident.worsened": Event(
        "What joined it made it worse; it climbs again.", {"priority": "priority", "urgency": "urgency"}
    ),
    "incident.renamed": Event("It has a better title.", {"title": "title", "before": "before"}),
    "incident.noted": Event("Somebody noted something.", {"text": "text"}),
    "climb.paged": Event(
        "A level of its policy was paged.",
        {"policy": "policy", "level": "level", "round": "round", "people": "people", "places": "places"},
    ),
    "climb.exhausted": Event(
        "Nobody answered on any level; the fallback was told.", {"policy": "policy", "people": "people"}
    ),
    "climb.nobody": Event(
        "Its policy reaches nobody; the fallback was told.", {"policy": "policy", "people": "people"}
    ),
    "page.undeliverable": Event("A person could not be reached on any channel.", {"user": "user"}),
    "incident.resolved": Event("It is over.", {"note": "note"}),
    "incident.reopened": Event("It is not over after all; it climbs again.", {}),
    "incident.closed": Event("Nothing is left to do about it.", {}),
}


def detail_of(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What the event of a fact shows of it: every field of its type, null where the fact says nothing of it."""
    return {shown: _bounded(data.get(name)) for name, shown in EVENTS[kind].fields.items()}


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return value[:TEXT_LENGTH_MAX]
    if isinstance(value, list | tuple):
        return [str(each)[:TEXT_LENGTH_MAX] for each in value[:LIST_MAX]]
    return value if isinstance(value, int | None) else str(value)[:TEXT_LENGTH_MAX]


def settled(position: int, rows: Sequence[tuple[int, datetime]], now: datetime) -> int:
    """How many of the facts after `position`, as (number, written at), may be read.

    Numbers are given out before they commit. Where one is missing, its transaction may still be under way, so what
    comes after waits until that one would long be over.
    """
    expected = position + 1
    for count, (number, written_at) in enumerate(rows):
        if number != expected and now - written_at < SETTLES:
            return count
        expected = number + 1
    return len(rows)


def wants(services: Sequence[str], teams: Sequence[str], service: str | None, team: str | None) -> bool:
    """Whether a webhook with these filters is told of an incident of that service and team; no filter: of all."""
    return not (services or teams) or service in services or team in teams


def plain_filters(
    events: Sequence[str], services: Sequence[str], teams: Sequence[str]
) -> tuple[list[str], list[str], list[str]]:
    """What a webhook is told of, each once and in one order, so that what means the same is the same."""
    return [each for each in EVENTS if each in events], sorted(set(services)), sorted(set(teams))


def again_at(attempts: int, after: timedelta | None, now: datetime, jitter: float) -> datetime | None:
    """When to try again after the `attempts`-th attempt failed; None to give up. `jitter` is in [0, 1)."""
    if attempts >= ATTEMPTS_MAX:
        return None
    wait = DELAYS[attempts - 1] * (0.75 + 0.5 * jitter)
    return now + (max(wait, min(after, PATIENCE_MAX)) if after is not None else wait)


def rest_until(failures: int, after: timedelta | None, now: datetime) -> datetime:
    """Until when a receiver is left alone that failed so many times in a row."""
    rest = min(REST_FIRST * (1 << min(failures - 1, 10)), REST_MAX)
    return now + (max(rest, min(after, PATIENCE_MAX)) if after is not None else rest)
