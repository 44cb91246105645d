"""The final schedule in words, for reading from top to bottom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from tocsin.kernel.spans import Span
from tocsin.oncall.rules import Timeline
from tocsin.web.calendar_grid.people import People
from tocsin.web.rota_words import extent, in_address


@dataclass(frozen=True)
class Entry:
    """One stretch of the final schedule, in words."""

    at: str  # an instant of it, for an address
    when: str
    users: tuple[tuple[str, int], ...]  # name and colour
    by_override: bool
    now: bool
    over: bool
    mine: bool


def entries(line: Timeline, shown: Span, people: People, zone: ZoneInfo, now: datetime) -> tuple[Entry, ...]:
    """The stretches that touch `shown`, for reading from top to bottom; gaps are among them, without users."""
    known = Span(line.start, line.end)
    return tuple(
        Entry(
            in_address(max(shift.start, shown.start)),
            extent(shift.span, known, zone),
            tuple((people.name(user), people.tints.get(user, 0)) for user in shift.users),
            any(not each.startswith("layer:") for each in shift.sources),
            shift.start <= now < shift.end,
            shift.end <= now,
            people.reader in shift.users,
        )
        for shift in line.stretches
        if shown.common(shift.span)
    )
