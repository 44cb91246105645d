"""Who is behind a target, and for how long that answer stays the same.

Nothing here decides anything: the pictures are `oncall`'s timelines, the decisions `escalation`'s. It only notes, while
those are asked, how far away the next change of what they looked at is. So a proof can step from change to change and
still be about every instant in between.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice

from tocsin.escalation.rules import Roster
from tocsin.oncall.rules import LOOK_AROUND, Shift, Timeline, first_of_others, timeline
from tocsin.readiness.rules.values import Arrangement

FOREVER = timedelta.max


class Pictures:
    """The timelines of an arrangement's schedules over [start, end), each made when it is first asked for."""

    def __init__(self, arrangement: Arrangement, start: datetime, end: datetime) -> None:
        self.arrangement = arrangement
        self.start, self.end = start, end
        self._lines: dict[str, Timeline | None] = {}
        self._far: dict[tuple[str, str], tuple[Shift, ...]] = {}
        self._hours: dict[tuple[str, str], list[datetime] | None] = {}
        self._others: dict[tuple[str, str, datetime], tuple[str, ...]] = {}

    def line(self, schedule: str) -> Timeline | None:
        """The picture of that schedule; None when there is no such schedule."""
        if schedule not in self._lines:
            value = self.arrangement.schedules.get(schedule)
            self._lines[schedule] = timeline(value, self.start, self.end) if value else None
        return self._lines[schedule]

    def look(self, schedule: str, shift: str, at: datetime) -> tuple[tuple[str, ...], timedelta]:
        """Who is on call at `at` (with `shift`: after or before those), and how long that stays so."""
        line = self.line(schedule)
        if line is None:
            return (), FOREVER
        stretch = line.stretch(at)
        if not shift:
            return stretch.users, stretch.end - at
        key = schedule, shift, stretch.start
        if key not in self._others:
            self._others[key] = self._neighbours(schedule, shift, at)
        return self._others[key], stretch.end - at

    def everybody(self, schedule: str, shift: str = "") -> set[str]:
        """All who are on call there at some instant, or are next or previous at one."""
        line = self.line(schedule)
        if line is None:
            return set()
        if not shift:
            return {user for stretch in line.stretches for user in stretch.users}
        return {user for each in line.stretches for user in self.look(schedule, shift, each.start)[0]}

    def is_open(self, calendar: str, timezone: str, at: datetime) -> tuple[bool | None, timedelta]:
        """Whether the calendar is open at `at` by the clocks of `timezone` ("": its own), and how long that is so."""
        edges = self._edges(calendar, timezone)
        if edges is None:
            return None, FOREVER
        place = bisect_right(edges, at)
        return place % 2 == 1, edges[place] - at if place < len(edges) else FOREVER

    def next_edge(self, calendar: str, timezone: str, at: datetime) -> datetime | None:
        """When it opens or closes next after `at`; None for not before the end."""
        _, stays = self.is_open(calendar, timezone, at)
        return at + stays if stays < self.end - at else None

    def next_turn(self, schedule: str, at: datetime) -> datetime | None:
        """When somebody else is on call; None for not before the end."""
        _, stays = self.look(schedule, "", at)
        return at + stays if stays < self.end - at else None

    def _edges(self, calendar: str, timezone: str) -> list[datetime] | None:
        """The instants at which it opens and closes, in turn; None for a calendar that there is not."""
        key = calendar, timezone
        if key not in self._hours:
            value = self.arrangement.calendars.get(calendar)
            there = replace(value, timezone=timezone) if value and timezone else value
            spans = there.open_spans(self.start, self.end) if there else None
            self._hours[key] = None if spans is None else [edge for span in spans for edge in span]
        return self._hours[key]

    def _neighbours(self, schedule: str, shift: str, at: datetime) -> tuple[str, ...]:
        """Who is next or previous at `at`, and so in all of the stretch it lies in."""
        stretches = self._wide(schedule, shift)
        here = bisect_right(stretches, at, key=lambda each: each.start) - 1
        if shift == "next":
            found = first_of_others(islice(stretches, here, None))
        else:
            found = first_of_others(stretches[place] for place in range(here, -1, -1))
        return found.users if found else ()

    def _wide(self, schedule: str, shift: str) -> tuple[Shift, ...]:
        """The stretches as far as the next or the previous shift is looked for."""
        key = schedule, shift
        if key not in self._far:
            ahead, back = (LOOK_AROUND, timedelta(0)) if shift == "next" else (timedelta(0), LOOK_AROUND)
            value = self.arrangement.schedules[schedule]
            self._far[key] = timeline(value, self.start - back, self.end + ahead).stretches
        return self._far[key]


@dataclass
class Watch:
    """Answers an escalation's questions out of pictures. `holds` is how long all answers since `begin` stay as they
    are, counted from the instants they were asked for; those asked while it `rests` are not among them."""

    pictures: Pictures
    holds: timedelta = FOREVER
    rests: bool = False

    def begin(self) -> None:
        """Forget what was asked before."""
        self.holds, self.rests = FOREVER, False

    def stays(self, span: timedelta) -> None:
        """An answer stays as it is for so long."""
        if span < self.holds and not self.rests:
            self.holds = span

    def on_call(self, schedule: str, shift: str, at: datetime) -> tuple[str, ...]:
        """Who is on call, as the pictures have it; and notes until when that stays so."""
        users, stays = self.pictures.look(schedule, shift, at)
        self.stays(stays)
        return users

    def is_open(self, calendar: str, timezone: str, at: datetime) -> bool | None:
        """Whether the calendar is open, as the pictures have it; and notes until when that stays so."""
        there, stays = self.pictures.is_open(calendar, timezone, at)
        self.stays(stays)
        return there

    @cached_property
    def roster(self) -> Roster:
        """A roster of the arrangement that is watched."""
        arrangement = self.pictures.arrangement
        active = frozenset(key for key, person in arrangement.people.items() if person.active)
        zones = {f"user:{key}": person.timezone for key, person in arrangement.people.items()}
        zones |= {f"schedule:{key}": schedule.timezone for key, schedule in arrangement.schedules.items()}
        pictures = self.pictures
        changes = pictures.next_edge, pictures.next_turn  # instants that no later asking moves
        return Roster(active, arrangement.teams, self.on_call, self.is_open, zones, *changes)
