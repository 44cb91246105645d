"""Wall clocks and instants. The one place where a local time becomes UTC.

A wall clock is a naive datetime, as people write it: "09:00 on 5 January". Which instant that is depends on a zone,
and twice a year the answer needs a rule. Ours is that of the first time the clock shows it or would have shown it:
a wall time that does not exist is the first instant after the gap, one that occurs twice is the earlier of the two.
So later wall times never become earlier instants, and everything built on them keeps its order.

What computes thousands of hand-offs counts in whole seconds since 1970, of instants and of wall clocks alike: numbers
are made, compared and sorted many times as fast as datetimes. A `Ruler` turns the one into the other.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from reprlib import repr as shown
from zoneinfo import ZoneInfo, available_timezones

from tocsin.kernel import zonedata
from tocsin.kernel.errors import Refused

DATA_VERSION = zonedata.VERSION  # of the time zone data that count here, such as 2026f
ZONE_LENGTH_MAX = 64
YEAR_MIN, YEAR_MAX = 1970, 2200  # of everything that is scheduled
DAY = 86_400  # seconds
_STRIDE = 3 * DAY  # between looks for changes of a clock: since 1970, two were never less than a week apart
_KEPT = 1_024  # zones, and rulers; the database has about 600 zones
_KEPT_YEARS = 8_192  # years of zones


def zone(name: object, where: str = "") -> ZoneInfo:
    """The zone of that IANA name; the same object each time. Raises Refused for any other name."""
    if not isinstance(name, str) or len(name) > ZONE_LENGTH_MAX or name not in _names():
        raise Refused(
            f"{shown(name)} is not a time zone",
            "a name of the IANA database",
            "Write a region and a city, such as Europe/Madrid, or UTC.",
            where,
        )
    return _zone(name)


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    # "localtime" is whatever the machine says, so it means something else on the next one.
    return frozenset(available_timezones() - {"localtime", "Factory"})


@lru_cache(maxsize=_KEPT)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def seconds(at: datetime) -> int:
    """How many whole seconds since 1970 it is at the instant `at`, which is not before that."""
    return int(at.timestamp())


def wall_seconds(wall: datetime) -> int:
    """The same of a wall clock (naive): where it would be that time if clocks showed UTC."""
    return int(wall.replace(tzinfo=UTC).timestamp())


def moment(seconds: int) -> datetime:
    """The instant that is so many seconds since 1970, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """When the clocks of `zone` show `wall` (naive), in UTC; see above for the two hours that need a rule."""
    return moment(ruler(zone, wall.year, wall.year).instant(wall_seconds(wall)))


def wall_clock(at: datetime, zone: ZoneInfo) -> datetime:
    """What the clocks of `zone` show at the instant `at`: a naive datetime, without regard to how often."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


@dataclass(frozen=True)
class Ruler:
    """The wall clock of a zone beside the instants, for some years: from `walls[n]` on it is `offsets[n]` ahead of UTC,
    and has been since the instant `since[n]`. All in seconds."""

    walls: list[int]
    since: list[int]
    offsets: list[int]

    def instant(self, wall: int) -> int:
        """When the clock first shows `wall`, or would have."""
        place = bisect_right(self.walls, wall) - 1
        # Before `since` the clock did not go like that: a wall time which that gives lies in a gap.
        return max(self.since[place], wall - self.offsets[place])

    def instants(self, walls: range) -> list[int]:
        """`instant` of each of `walls`, which rise."""
        found: list[int] = []
        place = bisect_right(self.walls, walls.start) - 1
        while walls:
            end = self.walls[place + 1] if place + 1 < len(self.walls) else walls.stop
            count = -((walls.start - end) // walls.step)  # as many as lie before the next change
            here, walls = walls[:count], walls[count:]
            since, offset, first = self.since[place], self.offsets[place], len(found)
            found += [wall - offset for wall in here]
            while first < len(found) and found[first] < since:  # in a gap, as above
                found[first] = since
                first += 1
            place += 1
        return found


@lru_cache(maxsize=_KEPT)
def ruler(zone: ZoneInfo, first: int, last: int) -> Ruler:
    """The ruler of `zone` for wall times of the years from `first` to `last`."""
    since = seconds(datetime(first, 1, 1, tzinfo=UTC)) - 2 * DAY
    offset = _offset(since, zone)
    walls, sinces, offsets = [since + offset], [since], [offset]
    for year in range(first - 1, last + 2):
        for at in _changes(zone, year):
            if at > since:
                # What the old clock shows at the change: the first that is skipped, or all of it has been shown once.
                walls.append(at + offsets[-1])
                sinces.append(at)
                offsets.append(_offset(at, zone))
    return Ruler(walls, sinces, offsets)


@lru_cache(maxsize=_KEPT_YEARS)
def _changes(zone: ZoneInfo, year: int) -> tuple[int, ...]:
    """The instants after the beginning of a year (UTC), up to its end, at which the clocks of `zone` change."""
    begin, end = (seconds(datetime(each, 1, 1, tzinfo=UTC)) for each in (year, year + 1))
    looks = range(begin, end + _STRIDE, _STRIDE)
    found = [
        _change_between(early, late, zone)
        for (early, before), (late, after) in pairwise((at, _offset(at, zone)) for at in looks)
        if before != after
    ]
    return tuple(at for at in found if at <= end)


def _change_between(early: int, late: int, zone: ZoneInfo) -> int:
    """The first instant after `early` at which the clocks go otherwise, by halving."""
    before = _offset(early, zone)
    while late - early > 1:
        middle = (early + late) // 2
        early, late = (middle, late) if _offset(middle, zone) == before else (early, middle)
    return late


def _offset(at: int, zone: ZoneInfo) -> int:
    """How far the clocks of `zone` are ahead of UTC at an instant."""
    ahead = moment(at).astimezone(zone).utcoffset()
    assert ahead is not None  # a zone always knows
    return int(ahead.total_seconds())
