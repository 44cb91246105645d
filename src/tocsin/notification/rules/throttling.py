"""How many messages one address gets, and what is told in one message instead. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from tocsin.kernel.durations import format_duration
from tocsin.notification.rules import Limits, Rate

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
# What providers and people bear of one kind, whatever comes. The first page of an incident passes.
CALL_RATES = (Rate(1, _MINUTE), Rate(3, 15 * _MINUTE), Rate(7, _HOUR))
TEXT_RATES = (Rate(1, _MINUTE), Rate(5, 15 * _MINUTE), Rate(11, _HOUR))
# What holds in a storm, for first pages too: who gets so much knows that it burns, and gets the rest in one message.
STORM = (Rate(3, _MINUTE), Rate(5, 10 * _MINUTE))
CALL_STORM = (Rate(3, 15 * _MINUTE),)
# What is told to a room: more nobody reads. Telegram takes no more for a group (https://core.telegram.org/bots/faq).
ROOM_STORM = (Rate(20, _MINUTE),)
TOGETHER_MAX = 500  # pages told in one message

Key = TypeVar("Key")


@dataclass(frozen=True)
class Waiting:
    """A message that is due. `first`: this person was told nothing of its incident yet. `worst`: it is of the highest
    priority, and has a place in every storm that others do not take. `free`: it never waits and takes no place, as the
    retry of one that has a place already, and what is about no incident."""

    urgent: bool
    due_at: datetime
    worst: bool = False
    first: bool = False
    free: bool = False


@dataclass(frozen=True)
class Held:
    """Not before `until`, and why in words."""

    until: datetime
    why: str


@dataclass(frozen=True)
class Admitted(Generic[Key]):
    """What becomes of what is due: what goes, and by its key what else its message tells; what waits, and why."""

    goes: Mapping[Key, tuple[Key, ...]]
    waits: tuple[Key, ...] = ()
    held: Held | None = None


def admit(
    waiting: Mapping[Key, Waiting], told: Sequence[datetime], limits: Limits, now: datetime
) -> Admitted[Key]:
    """Which of the messages to one address go at `now`, when it was told something at the instants `told`.

    The urgent ones go first, of these the worst, of these the oldest. What is over the limits is told in the last
    message that goes; when there is none, it waits until the first may go.
    """
    order = sorted(waiting, key=lambda key: _rank(waiting[key]))
    counted = sorted(told)
    goes: dict[Key, tuple[Key, ...]] = {}
    over: list[Key] = []
    held: Held | None = None
    for key in order:
        one = waiting[key]
        wait = None if one.free else _wait(one, counted, limits, now)
        if wait is None:
            goes[key] = ()
            counted += [] if one.free else [now]
        else:
            over.append(key)
            held = held if held is not None and held.until <= wait.until else wait
    carriers = [key for key in goes if not waiting[key].free]
    if not carriers:
        return Admitted(goes, tuple(over), held)
    return Admitted(goes | {carriers[-1]: tuple(over)})


def _rank(one: Waiting) -> tuple[bool, bool, datetime]:
    return not one.urgent, not one.worst, one.due_at


def _wait(one: Waiting, counted: Sequence[datetime], limits: Limits, now: datetime) -> Held | None:
    """Until when it waits; None when it may go."""
    storm = limits.storm if one.worst else tuple(replace(r, count=max(1, r.count - 1)) for r in limits.storm)
    waits = [_free_at(rate, counted, now) for rate in (*storm, *(() if one.first else limits.rates))]
    return max(filter(None, waits), key=lambda held: held.until, default=None)


def _free_at(rate: Rate, counted: Sequence[datetime], now: datetime) -> Held | None:
    if len(counted) < rate.count or (free := counted[-rate.count] + rate.per) <= now:
        return None
    span = format_duration(rate.per)
    return Held(
        free, f"waits: this address gets at most {rate.count} message{'s' * (rate.count > 1)} in {span}"
    )


def of_a_room(limits: Limits) -> Limits:
    """What holds for an address that is a place's, where many read what none of them is woken by."""
    return replace(limits, storm=limits.room or limits.storm)


def longest(limits: Limits) -> timedelta:
    """How far back what was told matters; zero where nothing is limited."""
    return max((rate.per for rate in (*limits.rates, *limits.storm)), default=timedelta(0))
