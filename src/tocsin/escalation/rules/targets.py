"""Whom a level names, under which condition, and who that is at an instant. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import check_slug

EXAMPLE = 'a text like "schedule:web-primary", "team:web", "user:bo" or "place:ops"'


class TargetKind(StrEnum):
    """Whom, or what, a level notifies."""

    USER = "user"
    TEAM = "team"
    SCHEDULE = "schedule"
    PLACE = "place"  # told, and nobody is woken by it


@dataclass(frozen=True)
class Target:
    """Whom a level notifies. `shift` is "", "next" or "previous", for schedules."""

    kind: TargetKind
    id: str
    shift: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}" + (f"/{self.shift}" if self.shift else "")


class Clocks(StrEnum):
    """By whose clocks the hours of a condition are read."""

    CALENDAR = "calendar"  # the calendar's own
    SCHEDULE = "schedule"  # of each schedule that is named; the calendar's for teams and people
    PERSON = "person"  # each person's own: who is not in their hours is left out


@dataclass(frozen=True)
class When:
    """That a level pages only within the hours of a working calendar, or only `outside` of them."""

    calendar: str
    outside: bool = False
    clocks: Clocks = Clocks.CALENDAR


@dataclass(frozen=True)
class Found:
    """Who is behind a level at an instant. `empty` are its schedules on which nobody is on call then; `closed` says
    that its condition keeps at least one of its targets or people out; `places` are told, and count as nobody."""

    people: tuple[str, ...]
    empty: tuple[str, ...] = ()
    closed: bool = False
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class Roster:
    """Who is behind a target at any instant. Inactive people are in none of these."""

    users: frozenset[str] = frozenset()
    places: frozenset[str] = field(default=frozenset(), kw_only=True)
    teams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # Who is on call for a schedule, or before or after that; () for nobody, and for a schedule that there is not.
    on_call: Callable[[str, str, datetime], tuple[str, ...]] = lambda schedule, shift, at: ()
    # Whether a calendar is open, by its own clocks ("") or those of a zone; None for a calendar that there is not.
    is_open: Callable[[str, str, datetime], bool | None] = lambda calendar, zone, at: None
    zones: Mapping[str, str] = field(default_factory=dict)  # of "user:ada" and "schedule:web-primary"
    # When a calendar opens or closes next, after the instant, by its own clocks or those of a zone; and when somebody
    # else is on call for a schedule. None for not in a while.
    next_edge: Callable[[str, str, datetime], datetime | None] = lambda calendar, zone, at: None
    next_turn: Callable[[str, datetime], datetime | None] = lambda schedule, at: None

    def people(self, targets: Sequence[Target], at: datetime) -> tuple[str, ...]:
        """Everybody behind `targets` at `at`, each once, in their order."""
        return self.find(targets, None, at).people

    def find(self, targets: Sequence[Target], when: When | None, at: datetime) -> Found:
        """Who is behind `targets` at `at` under the condition `when` (None: always)."""
        found: dict[str, None] = {}
        places: dict[str, None] = {}
        empty: list[str] = []
        closed = False
        for target in targets:
            if (
                when
                and when.clocks is not Clocks.PERSON
                and not self._holds(when, self._zone(when, target), at)
            ):
                closed = True
                continue
            if target.kind is TargetKind.PLACE:
                places |= {target.id: None} if target.id in self.places else {}
                continue
            members = [user for user in self._members(target, at) if user in self.users]
            if target.kind is TargetKind.SCHEDULE and not members:
                empty.append(str(target))
            if when and when.clocks is Clocks.PERSON:
                there = [
                    user for user in members if self._holds(when, self.zones.get(f"user:{user}", ""), at)
                ]
                closed |= len(there) < len(members)
                members = there
            found |= dict.fromkeys(members)
        return Found(tuple(found), tuple(empty), closed, tuple(places))

    def next_change(self, targets: Sequence[Target], when: When, at: datetime) -> datetime | None:
        """The first instant after `at` at which the condition may let other people in; None for not in a while."""
        changes = []
        for target in targets:
            if when.clocks is not Clocks.PERSON:
                changes.append(self.next_edge(when.calendar, self._zone(when, target), at))
                continue
            if target.kind is TargetKind.SCHEDULE:
                changes.append(self.next_turn(target.id, at))
            here = {self.zones.get(f"user:{user}", "") for user in self._members(target, at)}
            changes += [self.next_edge(when.calendar, zone, at) for zone in here]
        return min((each for each in changes if each is not None), default=None)

    def _members(self, target: Target, at: datetime) -> tuple[str, ...]:
        if target.kind is TargetKind.USER:
            return (target.id,)
        if target.kind is TargetKind.TEAM:
            return self.teams.get(target.id, ())
        if target.kind is TargetKind.PLACE:
            return ()
        return self.on_call(target.id, target.shift, at)

    def _zone(self, when: When, target: Target) -> str:
        if when.clocks is Clocks.SCHEDULE and target.kind is TargetKind.SCHEDULE:
            return self.zones.get(f"schedule:{target.id}", "")
        return ""

    def _holds(self, when: When, zone: str, at: datetime) -> bool:
        """A calendar that there is no more keeps nobody out: rather somebody too often than nobody."""
        is_open = self.is_open(when.calendar, zone, at)
        return is_open is None or is_open != when.outside


def parse_target(text: object, where: str = "") -> Target:
    """Read "user:bo", "team:web", "schedule:web-primary/next". Raises Refused."""
    kind, colon, rest = text.partition(":") if isinstance(text, str) else ("", "", "")
    name, slash, shift = rest.partition("/")
    if (
        not colon
        or kind not in tuple(TargetKind)
        or (slash and (kind != "schedule" or shift not in ("next", "previous")))
    ):
        raise Refused(f"{text!r} is not somebody to notify", EXAMPLE, where=where)
    return Target(TargetKind(kind), check_slug(name, where), shift)


def when_from(data: object, where: str = "") -> When | None:
    """The condition that `{calendar: office}` or `{outside: office}` writes, with `zone: schedule` or `zone: person`
    by those clocks; None is none. Raises Refused."""
    if data is None:
        return None
    expected = "{calendar: office} or {outside: office}, with zone: schedule or zone: person if need be"
    known = {"calendar", "outside", "zone"}
    if (
        not isinstance(data, Mapping)
        or data.keys() - known
        or len(data.keys() & {"calendar", "outside"}) != 1
    ):
        raise Refused("This is not a condition", expected, where=where)
    clocks = data.get("zone", Clocks.CALENDAR.value)
    if clocks not in list(Clocks):
        raise Refused(f"{clocks!r} is no zone here", f"one of {', '.join(Clocks)}", where=where)
    outside = "outside" in data
    calendar = check_slug(data["outside" if outside else "calendar"], where)
    return When(calendar, outside, Clocks(clocks))


def when_as_data(when: When) -> dict[str, Any]:
    """The condition as `when_from` reads it, the shortest way."""
    zone = {} if when.clocks is Clocks.CALENDAR else {"zone": when.clocks.value}
    return {"outside" if when.outside else "calendar": when.calendar, **zone}
