"""A period cut into bands, with the days or hours at their heads and every lane in each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tocsin.kernel.hours import midnight
from tocsin.kernel.spans import Span
from tocsin.kernel.zones import instant, wall_clock
from tocsin.web.calendar_grid.bars import Bar, bars, percent, width
from tocsin.web.calendar_grid.lanes import Lane
from tocsin.web.calendar_grid.people import People
from tocsin.web.periods import DAY, Period, View

HOURS_BETWEEN = 3  # two hours that the day view names


@dataclass(frozen=True)
class Tick:
    """A day, or in the day view an hour, at the head of a band."""

    x: str
    width: str
    text: str  # at a desk, and on a phone
    tight: str
    day: str  # ISO
    today: bool = False
    weekend: bool = False
    other: bool = False  # a day of another month
    line: bool = True  # drawn through the lanes


@dataclass(frozen=True)
class Row:
    """A lane in one band."""

    name: str
    kind: str
    note: str
    link: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Band:
    start: datetime
    end: datetime
    ticks: tuple[Tick, ...]
    rows: tuple[Row, ...]
    now: str  # where the line of this instant stands, "" outside


def bands(shown: Period, drawn: Sequence[Lane], people: People, now: datetime) -> tuple[Band, ...]:
    """The bands of the page."""
    return tuple(_band(shown, first, after, drawn, people, now) for first, after in shown.bands)


def _band(
    shown: Period, first: date, after: date, drawn: Sequence[Lane], people: People, now: datetime
) -> Band:
    span = Span(midnight(first, shown.zone), midnight(after, shown.zone))
    ticks = _hours(shown, span) if shown.view is View.DAY else _days(shown, first, after, span, now)
    rows = [
        Row(lane.name, lane.kind, lane.note, lane.link, tuple(bars(lane, span, people, shown, now)))
        for lane in drawn
    ]
    rows = [row for row in rows if row.bars or row.kind not in ("override", "mine")]
    return Band(*span, tuple(ticks), tuple(rows), percent(now, span) if span.start <= now < span.end else "")


def _days(shown: Period, first: date, after: date, span: Span, now: datetime) -> Iterator[Tick]:
    today = wall_clock(now, shown.zone).date()
    for number in range((after - first).days):
        day = first + number * DAY
        start, end = midnight(day, shown.zone), midnight(day + DAY, shown.zone)
        if start >= end:  # a day that the zone skipped
            continue
        yield Tick(
            percent(start, span),
            width(start, end, span),
            f"{day:%a} {day.day}" + (f" {day:%b}" if day.day == 1 or number == 0 else ""),
            f"{day:%a} {day.day}",
            day.isoformat(),
            today=day == today,
            weekend=day.weekday() > 4,
            other=shown.view is View.MONTH and day.month != shown.on.month,
            line=number > 0,
        )


def _hours(shown: Period, span: Span) -> Iterator[Tick]:
    """Every third hour of the wall clock, where it is in the day: one may be missing, or stand further right."""
    for hour in range(0, 24, HOURS_BETWEEN):
        wall = datetime.combine(shown.on, datetime.min.time()) + timedelta(hours=hour)
        start, end = (instant(wall + timedelta(hours=more), shown.zone) for more in (0, HOURS_BETWEEN))
        start, end = max(start, span.start), min(end, span.end)
        if start < end:
            yield Tick(
                percent(start, span),
                width(start, end, span),
                f"{hour:02}:00",
                f"{hour:02}",
                shown.on.isoformat(),
                line=hour > 0,
            )
