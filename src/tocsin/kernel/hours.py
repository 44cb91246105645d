"""Weekly hours: windows that come back every week, as people write them and as instants.

They are wall-clock hours of the zone they are used in, so "09:00" stays 09:00 when the clocks change. As data:
`{days: [mon-fri], from: "09:00", to: "17:00"}` or `{days: [fri], from: "17:00", to: "mon 09:00"}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from reprlib import repr as shown
from typing import Any
from zoneinfo import ZoneInfo

from tocsin.kernel.errors import Refused
from tocsin.kernel.spans import Span, common, united
from tocsin.kernel.zones import instant, moment, ruler, seconds, wall_clock, wall_seconds

WINDOWS_MAX = 50
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY = tuple(range(7))
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\Z", re.ASCII)


@dataclass(frozen=True)
class Window:
    """Hours that begin at `opens` on each of `days` (0 is Monday, sorted) and last until `closes`.

    That is on the same day; on the next, when `closes` is not after `opens`; or on the weekday `closes_on`, when one
    is given, up to a week later. So 09:00 to 09:00 is a whole day, and mon 09:00 to mon 09:00 a whole week.
    """

    opens: time
    closes: time
    days: tuple[int, ...] = EVERY_DAY
    closes_on: int | None = None

    def days_long(self, day: int) -> int:
        """How many days after the weekday `day`, on which it begins, it ends."""
        overnight = self.closes <= self.opens
        if self.closes_on is None:
            return int(overnight)
        return (self.closes_on - day) % 7 or (7 if overnight else 0)


def window_spans(
    windows: Sequence[Window], zone: ZoneInfo, start: datetime, end: datetime
) -> tuple[Span, ...]:
    """The instants of [start, end) that lie in at least one of `windows`, as sorted spans that do not meet."""
    pairs = window_seconds(windows, zone, seconds(start), seconds(end) + 1)
    return tuple(common((Span(moment(opens), moment(closes)) for opens, closes in pairs), [Span(start, end)]))


def window_seconds(windows: Sequence[Window], zone: ZoneInfo, start: int, end: int) -> list[tuple[int, int]]:
    """`window_spans` in seconds since 1970."""
    if not windows:
        return []
    longest = max(window.days_long(day) for window in windows for day in window.days)
    first = wall_clock(moment(start), zone).date() - longest * DAY
    # A day more, because a clock that was set back over midnight has shown the next one already.
    last = wall_clock(moment(end), zone).date() + DAY
    here, final = ruler(zone, first.year, last.year + 1), wall_seconds(datetime.combine(last, time.max))
    pairs: list[tuple[int, int]] = []
    for window in windows:
        # The same hours every day are one row of days; others are a row of weeks for each weekday.
        daily = window.days == EVERY_DAY and window.closes_on is None
        for day in (first.weekday(),) if daily else window.days:
            begins = datetime.combine(first + (day - first.weekday()) % 7 * DAY, window.opens)
            ends = datetime.combine(begins + window.days_long(day) * DAY, window.closes)
            step, length = (DAY if daily else 7 * DAY) // SECOND, (ends - begins) // SECOND
            opens = range(wall_seconds(begins), final, step)
            closes = range(opens.start + length, final + length, step)
            pairs += zip(here.instants(opens), here.instants(closes), strict=True)
    return _cut(_united(pairs), start, end)


def _united(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """`pairs` sorted, those that overlap or meet as one, those without length left out."""
    out: list[tuple[int, int]] = []
    latest = -1
    for pair in sorted(pairs):
        opens, closes = pair
        if opens > latest:
            if opens < closes:
                out.append(pair)
                latest = closes
        elif closes > latest:
            out[-1] = (out[-1][0], closes)
            latest = closes
    return out


def _cut(pairs: list[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """Sorted `pairs` that do not overlap, cut to [start, end)."""
    found = [pair for pair in pairs if pair[0] < end and pair[1] > start]
    if found:
        found[0] = (max(found[0][0], start), found[0][1])
        found[-1] = (found[-1][0], min(found[-1][1], end))
    return found


def days_between(first: date, last: date) -> Iterator[date]:
    """Each day from `first` to `last`, both included."""
    for number in range((last - first).days + 1):
        yield first + number * DAY


def whole_days(days: Iterable[date], zone: ZoneInfo) -> tuple[Span, ...]:
    """`days` of that zone, each from midnight to midnight, those that meet as one."""
    return united(Span(midnight(day, zone), midnight(day + DAY, zone)) for day in days)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of that day; where the clocks skip midnight, the day begins after the gap."""
    return instant(datetime.combine(day, time.min), zone)


def windows_from(data: object, where: str = "") -> tuple[Window, ...]:
    """The windows that a list writes. Raises Refused."""
    if not isinstance(data, list | tuple):
        raise Refused(
            f"{shown(data)} stands where hours belong",
            'a list such as [{from: "09:00", to: "17:00"}]',
            where=where,
        )
    if len(data) > WINDOWS_MAX:
        raise Refused(f"{len(data)} windows", f"at most {WINDOWS_MAX}", where=where)
    return tuple(window_from(each, f"{where}.{number}") for number, each in enumerate(data))


def window_from(data: object, where: str = "") -> Window:
    """The window that `data` writes. Raises Refused."""
    if not isinstance(data, Mapping):
        raise Refused(
            f"{shown(data)} is not a window",
            '{from: "09:00", to: "17:00"}, with days if need be',
            where=where,
        )
    if unknown := sorted(str(key) for key in data.keys() - {"days", "from", "to"}):
        raise Refused(f"Unknown key {shown(unknown[0])} in a window", "days, from and to", where=where)
    for key in ("from", "to"):
        if key not in data:
            raise Refused(f"The window has no {key}", f'{key}: "09:00"', where=where)
    days = days_from(data["days"], f"{where}.days") if "days" in data else EVERY_DAY
    to = data["to"]
    weekday, space, clock = to.partition(" ") if isinstance(to, str) else ("", "", to)
    if not space:
        return Window(
            _clock_from(data["from"], f"{where}.from"), _clock_from(to, f"{where}.to", "24:00"), days
        )
    closes_on = _day_from(weekday, f"{where}.to")
    opens, closes = _clock_from(data["from"], f"{where}.from"), _clock_from(clock, f"{where}.to")
    return Window(opens, closes, days, closes_on)


def days_from(data: object, where: str = "") -> tuple[int, ...]:
    """The weekdays that ["mon-wed", "fri"] writes, sorted; fri-mon goes over the weekend. Raises Refused."""
    if not isinstance(data, list | tuple) or not data:
        raise Refused(
            f"{shown(data)} are no days", "a list such as [mon-fri]", "Leave it out for every day.", where
        )
    found: set[int] = set()
    for text in data:
        first, dash, last = text.partition("-") if isinstance(text, str) else ("", "", "")
        begin = _day_from(first, where, text)
        end = _day_from(last, where, text) if dash else begin
        found |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
    return tuple(sorted(found))


def _day_from(text: str, where: str, written: object = None) -> int:
    if text not in DAYS:
        raise Refused(
            f"{shown(written or text)} is not a weekday", f"one of {', '.join(DAYS)}, or mon-fri", where=where
        )
    return DAYS.index(text)


def _clock_from(data: object, where: str, also: str = "") -> time:
    if also and data == also:  # the end of the day, which is the beginning of the next
        return time.min
    shape = _CLOCK.match(data) if isinstance(data, str) else None
    if shape is None:
        raise Refused(
            f"{shown(data)} is not a time of day",
            'one such as "09:00"',
            "Write hours and minutes.",
            where,
        )
    return time(int(shape[1]), int(shape[2]))


def window_as_data(window: Window) -> dict[str, Any]:
    """The window as JSON, the shortest way that `window_from` reads back to it."""
    closing = f"{DAYS[window.closes_on]} " if window.closes_on is not None else ""
    days = {} if window.days == EVERY_DAY else {"days": days_as_data(window.days)}
    return {**days, "from": f"{window.opens:%H:%M}", "to": f"{closing}{window.closes:%H:%M}"}


def days_as_data(days: Sequence[int]) -> list[str]:
    """Weekdays as people write them: (0, 1, 2, 4) is ["mon-wed", "fri"]."""
    written: list[str] = []
    for _, run in groupby(enumerate(days), key=lambda pair: pair[1] - pair[0]):
        names = [DAYS[day] for _, day in run]
        written += [f"{names[0]}-{names[-1]}"] if len(names) > 2 else names
    return written
