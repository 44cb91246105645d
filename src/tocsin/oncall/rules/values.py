"""What a schedule is made of. Frozen values; wall clocks are naive datetimes, instants are UTC, in whole seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from tocsin.kernel.calendars import Calendar
from tocsin.kernel.hours import Window
from tocsin.kernel.spans import Span

LAYERS_MAX = 20
SLOTS_MAX = 100  # in one rotation
SEATS_MAX = 20  # in one slot
RESTRICTIONS_MAX = 50
OVERRIDES_MAX = 10_000
SHADOWS_MAX = 100
EVERY_MAX = 1_000  # hours, days, weeks or months of a turn
NAME_LENGTH_MAX = 100
OVERRIDE_LENGTH_MAX = timedelta(days=2 * 366)
SPAN_MAX = timedelta(days=2 * 366)  # that may be asked for at once
SHIFTS_MAX = 20_000  # in one answer


class Unit(StrEnum):
    """How long a turn is. Nothing is shorter than an hour. FIXED: everybody at once, and nobody ever hands over."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    FIXED = "fixed"


@dataclass(frozen=True)
class Rotation:
    """A turn lasts `every` hours, days, weeks or months by the wall clock."""

    unit: Unit
    every: int = 1


@dataclass(frozen=True)
class Seat:
    """A person in a slot, from `start` (None: ever) until `until` (None: for good), wall clocks of the layer's zone."""

    user: str
    start: datetime | None = None
    until: datetime | None = None


# Who is on call together for one turn. An empty slot means nobody, on purpose.
Slot = tuple[Seat, ...]


@dataclass(frozen=True)
class CalendarHours:
    """The open hours of the working calendar `calendar`, or all others when `outside`."""

    calendar: str
    outside: bool = False


Restriction = Window | CalendarHours


@dataclass(frozen=True)
class Layer:
    """People who take turns from `start` to `end` (None: for good), wall clocks of `timezone` ("": the schedule's).

    With `restrict` they are on call only in those hours; the turns go on all the same, so a restriction never
    changes whose turn it is.
    """

    rotation: Rotation
    start: datetime
    slots: tuple[Slot, ...]
    end: datetime | None = None
    timezone: str = ""
    restrict: tuple[Restriction, ...] = ()
    name: str = ""


class Mode(StrEnum):
    """What an override does with its users: put them in place of others, beside whoever is there, or take them off."""

    REPLACE = "replace"
    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True)
class Override:
    """A change for a span.

    REPLACE without `replaces` puts `users` on call instead of whoever would be, also where nobody would be. With
    `replaces` it acts only where one of those is on call, so it is clipped to their shifts and fills no gap.
    ADD puts `users` beside whoever is on call; REMOVE takes them off.
    """

    id: str
    start: datetime
    end: datetime
    users: tuple[str, ...]
    replaces: tuple[str, ...] = ()
    mode: Mode = Mode.REPLACE

    @property
    def span(self) -> Span:
        """From when to when it counts."""
        return Span(self.start, self.end)


@dataclass(frozen=True)
class Temporary:
    """A schedule of its own for a span: in it, only `layers` count. Overrides made before it do not; later ones do."""

    id: str
    start: datetime
    end: datetime
    layers: tuple[Layer, ...]
    name: str = ""

    @property
    def span(self) -> Span:
        """From when to when its layers count."""
        return Span(self.start, self.end)


@dataclass(frozen=True)
class Shadow:
    """A trainee who is sent copies of what goes to `of` ("": whoever is on call). Never counts as being on call."""

    trainee: str
    start: datetime
    end: datetime
    of: str = ""

    @property
    def span(self) -> Span:
        """From when to when the trainee looks on."""
        return Span(self.start, self.end)


Calendars = Mapping[str, Calendar]
NO_CALENDARS: Calendars = MappingProxyType({})


@dataclass(frozen=True)
class Schedule:
    """Who is on call: later layers win over earlier ones where they have somebody, and `overrides`, which stand in
    the order in which they were made, win over the layers and each over those before it.

    `calendars` are those that restrictions name; they belong to the organisation and are no part of the definition.
    """

    id: str
    timezone: str
    layers: tuple[Layer, ...]
    overrides: tuple[Override | Temporary, ...] = ()
    shadows: tuple[Shadow, ...] = ()
    name: str = ""
    calendars: Calendars = field(default_factory=dict, compare=False, repr=False)


class Shift(NamedTuple):  # by the thousand: three times as fast to make as a dataclass
    """From `start` up to `end` (instants) these people are on call; with no users, nobody is.

    `sources` says for each of `users` what put them there: "layer:2" (the second of the schedule), "override:ID",
    "temporary:ID". An id that is "" is written as the number of the override, from 1.
    """

    start: datetime
    end: datetime
    users: tuple[str, ...]
    sources: tuple[str, ...] = ()

    @property
    def span(self) -> Span:
        """From its beginning to its end."""
        return Span(self.start, self.end)

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start
