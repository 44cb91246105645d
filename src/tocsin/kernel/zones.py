"""Wall clocks and instants. The one place where a local time becomes UTC.

A wall clock is a naive datetime, as people write it: "09:00 on 5 January". Which instant that is depends on a zone,
and twice a year the answer needs a rule. Ours is that of the first time the clock shows it or would have shown it:
a wall time that does not exist is the first instant after the gap, one that occurs twice is the earlier of the two.
So later wall times never become earlier instants, and everything built on them keeps its order.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from reprlib import repr as shown
from zoneinfo import ZoneInfo, available_timezones

from tocsin.kernel.errors import Refused

ZONE_LENGTH_MAX = 64
YEAR_MIN, YEAR_MAX = 1970, 2200  # of everything that is scheduled
_KEPT = 1_024  # zones; the database has about 600
_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WALL = _EPOCH.replace(tzinfo=None)


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


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """When the clocks of `zone` show `wall` (naive), in UTC; see above for the two hours that need a rule."""
    if wall.fold:
        wall = wall.replace(fold=0)
    before = _offset(wall, zone)
    # No clock is set forward by more than a day: where the offset is the same a day on, `wall` lies in no gap.
    if before < _offset(wall + _DAY, zone) and before < (after := _offset(wall.replace(fold=1), zone)):
        return _end_of_gap(wall, before, after, zone)
    return _EPOCH + (wall - _EPOCH_WALL - before)  # four times as fast as (wall - before).replace(tzinfo=UTC)


def _end_of_gap(wall: datetime, before: timedelta, after: timedelta, zone: ZoneInfo) -> datetime:
    """The instant at which the offset changes from `before` to `after`, to the second, by halving."""
    # The clocks are set forward after the first of these two, and at the latest at the second.
    early, late = _EPOCH + (wall - _EPOCH_WALL - after), _EPOCH + (wall - _EPOCH_WALL - before)
    while late - early > _SECOND:
        middle = early + (late - early) // 2
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late.replace(microsecond=0)


def _offset(wall: datetime, zone: ZoneInfo) -> timedelta:
    """The offset from UTC at `wall`; in a gap or an overlap that before the change, unless fold says otherwise."""
    offset = zone.utcoffset(wall)
    assert offset is not None  # it is only for no datetime at all
    return offset


def wall_clock(at: datetime, zone: ZoneInfo) -> datetime:
    """What the clocks of `zone` show at the instant `at`: a naive datetime, without regard to how often."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)
