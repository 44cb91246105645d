"""Every schedule as a value, and who is on call: read once per configuration, asked in microseconds.

Two things are kept. A schedule is read again only when its `stamp` has changed, whatever else has. And each schedule
keeps the timelines of the weeks that were asked about: who is on call now is one look into a sorted list. Both hang on
the configuration's version, so that neither is older than the last change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from tocsin.catalog.calendars import calendars as calendars  # noqa: PLC0414 - offered here too
from tocsin.catalog.calendars import read_calendars
from tocsin.catalog.snapshot import per_configuration
from tocsin.kernel.zones import YEAR_MAX
from tocsin.oncall import rules
from tocsin.oncall.models import Override, Schedule

BLOCK = timedelta(weeks=4)
BLOCKS_MAX = 40  # timelines kept per schedule: three years
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(YEAR_MAX, 1, 1, tzinfo=UTC)


class Timelines:
    """A schedule with the timelines that were asked for so far."""

    def __init__(self, schedule: rules.Schedule) -> None:
        self.schedule = schedule
        self._blocks: dict[int, rules.Timeline] = {}

    def on_call(self, at: datetime, shift: str = "") -> tuple[str, ...]:
        """Who is on call at `at`; with `shift` "next" or "previous" who is after or before them. () for nobody."""
        if not shift:
            return self._around(at).on_call(at)
        found = self.shift(at, shift)
        return found.users if found else ()

    def timeline(self, start: datetime, end: datetime) -> rules.Timeline:
        """The timeline of [start, end), put together from what is kept."""
        parts: list[rules.Shift] = []
        place = start
        while place < end:
            block = self._around(place)
            parts += (
                each._replace(start=max(each.start, start), end=min(each.end, end))
                for each in block.stretches
                if each.start < end and each.end > start
            )
            place = block.end
        return rules.Timeline(start, end, rules.merged(parts))

    def shift(self, at: datetime, shift: str) -> rules.Shift | None:
        """The "next" or the "previous" shift seen from `at`; None within rules.LOOK_AROUND."""
        return rules.first_of_others(self._ahead(at) if shift == "next" else self._back(at))

    def until(self, at: datetime) -> datetime | None:
        """When whoever is on call at `at` hands over, or somebody takes over from nobody; None for not within
        rules.LOOK_AROUND."""
        current = self._around(at).on_call(at)
        return next((each.start for each in self._ahead(at) if each.users != current), None)

    def _around(self, at: datetime) -> rules.Timeline:
        """The timeline of the block that `at` lies in."""
        number = (at - _EPOCH) // BLOCK
        block = self._blocks.get(number)
        if block is None:
            if len(self._blocks) >= BLOCKS_MAX:
                self._blocks = {}
            start = _EPOCH + number * BLOCK
            # Two threads may both compute it; the answers are equal.
            block = self._blocks[number] = rules.timeline(self.schedule, start, min(start + BLOCK, _LAST))
        return block

    def _ahead(self, at: datetime) -> Iterator[rules.Shift]:
        """The stretches from that of `at` on."""
        place, last = at, at + rules.LOOK_AROUND
        while place < last:
            block = self._around(place)
            yield from (each for each in block.stretches if at < each.end and each.start < last)
            place = block.end

    def _back(self, at: datetime) -> Iterator[rules.Shift]:
        """The stretches from that of `at` back."""
        place, first = at, at - rules.LOOK_AROUND
        while place > first:
            block = self._around(place)
            yield from (each for each in reversed(block.stretches) if each.start <= at and first < each.end)
            place = block.start - rules.INSTANT


_kept: Mapping[str, tuple[str, Timelines]] = MappingProxyType({})


def as_they_stand() -> Mapping[str, Timelines]:
    """Every schedule as the tables have it at this instant, with its warm timelines: one small query, and the rest of
    those that have changed. For whoever decides something in a transaction: another node may have changed them."""
    global _kept  # noqa: PLW0603 - one per process, replaced as a whole
    known, there = _kept, read_calendars()
    rows = list(Schedule.objects.live())
    changed = [row for row in rows if not _is_kept(known, row, there)]
    fresh = _read(changed, there)
    _kept = MappingProxyType({row.pk: fresh.get(row.pk) or known[row.pk] for row in rows})
    return {key: lines for key, (_, lines) in _kept.items()}


timelines = per_configuration(as_they_stand)


@per_configuration
def schedules() -> Mapping[str, rules.Schedule]:
    """Every schedule there is, with its overrides and calendars, by its id."""
    return {key: lines.schedule for key, lines in timelines().items()}


def on_call_at(schedule_id: str, at: datetime, shift: str = "") -> tuple[str, ...]:
    """Who is on call at `at` as it is planned now, in the order of their slot; with `shift` "next" or "previous" who
    comes after or came before them. () for nobody, and for a schedule that there is not."""
    lines = timelines().get(schedule_id)
    return lines.on_call(at, shift) if lines else ()


def _is_kept(known: Mapping[str, tuple[str, Timelines]], row: Schedule, calendars: rules.Calendars) -> bool:
    """Whether what is known of this schedule is what it is now, and so are the calendars it names."""
    if row.pk not in known or known[row.pk][0] != row.stamp:
        return False
    return known[row.pk][1].schedule.calendars == calendars


def _read(rows: list[Schedule], calendars: rules.Calendars) -> dict[str, tuple[str, Timelines]]:
    """`rows` as values; their overrides in one query."""
    standing: dict[str, list[rules.Override | rules.Temporary]] = {row.pk: [] for row in rows}
    overrides = Override.objects.standing()
    # Mostly one schedule has changed; after a start all have, and then naming them would only be long.
    if len(rows) == 1:
        overrides = overrides.filter(schedule=rows[0].pk)
    for override in overrides.iterator(chunk_size=2_000) if rows else ():
        if override.schedule_id in standing:
            standing[override.schedule_id].append(override.as_value())
    return {row.pk: (row.stamp, Timelines(as_value(row, standing[row.pk], calendars))) for row in rows}


def as_value(
    row: Schedule, overrides: list[rules.Override | rules.Temporary], calendars: rules.Calendars
) -> rules.Schedule:
    """The schedule that a row, its overrides and the calendars make."""
    bare = rules.schedule_from(row.as_data(), calendars=calendars)
    return rules.Schedule(
        bare.id, bare.timezone, bare.layers, tuple(overrides), bare.shadows, bare.name, calendars
    )
