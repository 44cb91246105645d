"""What an event is, and what it does to the alert with its key. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from tocsin.catalog.rules import Grouping

BODY_BYTES_MAX = 512 * 1024
DEPTH_MAX = 32
EVENTS_PER_BODY_MAX = 5_000
SEQS_PER_REQUEST = 8_192  # a power of two above EVENTS_PER_BODY_MAX
KEY_LENGTH_MAX = 512
TITLE_LENGTH_MAX = 1_024
TEXT_LENGTH_MAX = 15_000
FIELDS_MAX = 200
FIELD_LENGTH_MAX = 4_096
NEVER_FIRED = "its resolve came before any trigger"  # why an alert is kept that no trigger has made
SAMPLES_MAX = 5  # raw payloads kept of one alert: the first and the latest four
SAMPLE_BYTES_MAX = 16_384
QUEUE_ROWS_MAX = 200_000  # events accepted and not yet digested; above it senders get 503 and Retry-After
IDEMPOTENCY_LIFE = timedelta(hours=24)
CLOCK_SKEW_MAX = timedelta(hours=24)  # a sender's own time further away than this is kept as text only


class Action(StrEnum):
    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    NOTE = "note"
    UPDATE = "update"  # new words for an alert that fires: its title or description
    CHANGE = "change"  # context only: opens nothing, pages nobody


# They speak of an alert that fires, and say nothing of whether it does: a trigger is never older news than they are.
FOLLOW_UPS = frozenset({Action.ACKNOWLEDGE, Action.NOTE, Action.UPDATE})


class Severity(StrEnum):
    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Event:
    """One raw message from a source, in the words of this house. All texts are data: never markup, never source."""

    action: Action
    key: str  # the sender's deduplication key, unique within its integration
    title: str = ""
    severity: Severity = Severity.ERROR
    description: str = ""
    fields: Mapping[str, str] = field(
        default_factory=dict
    )  # labels and details, flat: what grouping may name
    links: Sequence[tuple[str, str]] = ()  # (text, address); only http and https
    happened_at: datetime | None = None  # the sender's own time, when it can be believed
    # Resolves by itself then unless the sender repeats it (Alertmanager API v2).
    ends_at: datetime | None = None
    note: str = ""  # for NOTE, and the reason somebody gave with another action
    user: str = ""  # who the sender says did it
    raw: Any = None  # the payload as it came, JSON-shaped
    key_is_digest: bool = False  # `key` is the 32 hex digits of an alert, as Opsgenie's clients send back


class AlertState(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Seen:
    """The latest alert with the event's key, as stored. `last_seq` is the number of the newest trigger or resolve
    applied, `ended_at` the sender's own time of its resolve."""

    state: AlertState
    last_seq: int
    incident_open: bool
    ended_at: datetime | None = None


class Effect(StrEnum):
    """What an event does to its alert: the reason stored and counted."""

    NEW = "new"  # a new alert begins to fire
    REPEAT = "repeat"  # the alert fires already: counted
    REFIRE = "refire"  # it had resolved, but its incident is still open: it fires there again
    RESOLVE = "resolve"
    ACKNOWLEDGE = "acknowledge"
    NOTE = "note"
    UPDATE = "update"
    CHANGE = "change"
    EARLY_RESOLVE = "resolve before trigger"  # remembered, so that the late trigger does not page
    STALE = "overtaken by a newer event"
    NOTHING = "nothing to act on"


def effect(seen: Seen | None, event: Event, seq: int) -> Effect:
    """What `event`, numbered `seq`, does, given the latest alert with its key.

    As PagerDuty does: repeats join the open alert; after a resolve a trigger begins anew, and so it does when
    somebody resolved the incident while the alert went on firing; an acknowledge or resolve without an open alert
    does nothing. Numbers follow the order of arrival, so an event that was overtaken on its way through the queue
    never replaces newer news; and a trigger that its sender dates before the resolve was overtaken on the network.
    """
    if event.action is Action.CHANGE:
        return Effect.CHANGE
    if seen is not None and seq <= seen.last_seq:
        return Effect.STALE
    firing = seen is not None and seen.state is AlertState.FIRING
    if event.action is Action.TRIGGER:
        if seen is None:
            return Effect.NEW
        if firing:
            return Effect.REPEAT if seen.incident_open else Effect.NEW
        if seen.ended_at and event.happened_at and event.happened_at <= seen.ended_at:
            return Effect.STALE
        return Effect.REFIRE if seen.incident_open else Effect.NEW
    if event.action is Action.RESOLVE:
        if firing:
            return Effect.RESOLVE
        return Effect.EARLY_RESOLVE if seen is None else Effect.NOTHING
    if event.action is Action.ACKNOWLEDGE:
        return Effect.ACKNOWLEDGE if firing else Effect.NOTHING
    if event.action is Action.UPDATE:
        return Effect.UPDATE if firing else Effect.NOTHING
    return Effect.NOTE if seen is not None else Effect.NOTHING


def seq_of(request: int, position: int) -> int:
    """The number of the event at `position` (from 0) of an accepted request: the order of arrival of all events."""
    return request * SEQS_PER_REQUEST + position


def key_digest(integration_id: str, key: str) -> str:
    """32 hex digits that stand for a deduplication key; scoped, so no sender can touch another's alerts."""
    return hashlib.sha256(f"{integration_id}\n{key}".encode()).hexdigest()[:32]


def group_key(grouping: Grouping | None, fields: Mapping[str, str]) -> str:
    """32 hex digits equal for alerts that belong together, "" when each stands alone.

    `by` names are looked up in the event's fields ("alertname", or "labels.alertname" for the same); a missing
    field counts as empty.
    """
    if grouping is None:
        return ""
    parts = [name.removeprefix("labels.") for name in grouping.by]
    text = "\n".join(f"{name}={fields.get(name, '')}" for name in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def may_join(grouping: Grouping | None, last_alert_at: datetime | None, now: datetime) -> bool:
    """Whether an alert arriving at `now` may join an open incident of its group."""
    return grouping is not None and last_alert_at is not None and now - last_alert_at < grouping.window


Reader = Callable[[bytes, str, datetime], Sequence[Event]]
"""Reads an accepted body again: (body, meta, received_at) -> its events, in their order."""


def unreadable(inbox_id: int, body: bytes, problem: str) -> Event:
    """The alert that stands for an event nobody could read: it still pages, in plain text."""
    text = body[:1_000].decode("utf-8", "replace").replace("\x00", "\ufffd")
    return Event(
        action=Action.TRIGGER,
        key=f"unreadable:{inbox_id}",
        title="An event came in that Tocsin could not read",
        severity=Severity.CRITICAL,
        description=f"{problem}\n\n{text}",
        raw=text,
    )
