"""What span of days one page of a calendar shows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from tocsin.kernel.hours import midnight
from tocsin.kernel.spans import Span
from tocsin.web.rota_words import day_of

DAY = timedelta(days=1)


class View(StrEnum):
    MONTH = "month"
    WEEKS = "weeks"
    DAY = "day"


@dataclass(frozen=True)
class Period:
    """What one page shows: `days` of `zone` in bands, and where the ones before and after begin."""

    view: View
    on: date
    zone: ZoneInfo
    bands: tuple[tuple[date, date], ...]  # first day, and the day after the last
    title: str
    before: date
    after: date

    @property
    def span(self) -> Span:
        return Span(midnight(self.bands[0][0], self.zone), midnight(self.bands[-1][1], self.zone))


def period(view: View, on: date, zone: ZoneInfo) -> Period:
    """The period of `view` around the day `on`; weeks begin on Monday."""
    if view is View.DAY:
        return Period(view, on, zone, ((on, on + DAY),), f"{on:%A} {day_of(on)}", on - DAY, on + DAY)
    if view is View.WEEKS:
        monday = on - on.weekday() * DAY
        last = monday + 13 * DAY
        title = f"{_first_day(monday, last)} to {day_of(last)}"
        return Period(view, on, zone, _weeks(monday, last), title, monday - 14 * DAY, monday + 14 * DAY)
    first = on.replace(day=1)
    after = (first + 31 * DAY).replace(day=1)
    return Period(
        view,
        on,
        zone,
        _weeks(first - first.weekday() * DAY, after - DAY),
        f"{first:%B %Y}",
        (first - DAY).replace(day=1),
        after,
    )


def _first_day(first: date, last: date) -> str:
    """As much of `first` as `last` does not say."""
    if first.month == last.month:
        return str(first.day)
    return day_of(first, year=first.year != last.year)


def _weeks(monday: date, last: date) -> tuple[tuple[date, date], ...]:
    return tuple(
        (monday + number * 7 * DAY, monday + (number + 1) * 7 * DAY)
        for number in range((last - monday).days // 7 + 1)
    )
