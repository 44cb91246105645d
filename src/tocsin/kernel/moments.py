"""Points in time as people write them: `2026-01-05T09:00` on the wall, or with `Z` or an offset for one instant."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from reprlib import repr as shown
from zoneinfo import ZoneInfo

from tocsin.kernel.errors import Refused
from tocsin.kernel.zones import YEAR_MAX, YEAR_MIN, instant, wall_clock

_SHAPE = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d?:\d\d)(?::(\d\d))?\s?(Z|[+-]\d\d(?::?\d\d)?)?)?\Z",
    re.ASCII,
)


def parse_wall(data: object, where: str = "") -> datetime:
    """The naive datetime that `data` writes; a day alone is its midnight. Raises Refused, also for an offset."""
    moment = _moment(data, where)
    if moment.tzinfo:
        raise Refused(
            f"{data} has an offset",
            "a time as clocks on the wall show it, such as 2026-01-05T09:00",
            "Leave the offset out and name the zone as timezone.",
            where,
        )
    return moment


def parse_instant(data: object, zone: ZoneInfo, where: str = "") -> datetime:
    """The instant, in UTC, that `data` writes: local to `zone`, unless it has an offset. Raises Refused."""
    moment = _moment(data, where)
    return moment.astimezone(UTC) if moment.tzinfo else instant(moment, zone)


def _moment(data: object, where: str) -> datetime:
    # YAML reads some of what people write as a date or a datetime of its own accord.
    text = data.isoformat() if isinstance(data, date) else data
    shape = _SHAPE.match(text) if isinstance(text, str) else None
    try:
        if shape is None:
            raise ValueError
        day, clock, seconds, offset = shape.groups()
        # A leap second is shown like the one before it.
        seconds = "59" if seconds == "60" else seconds or "00"
        moment = datetime.fromisoformat(f"{day}T{clock or '0:00':0>5}:{seconds}{offset or ''}")
    except ValueError:
        raise Refused(
            f"{shown(data)} is not a point in time", "one such as 2026-01-05T09:00 or 2026-01-05", where=where
        ) from None
    if not YEAR_MIN <= moment.year < YEAR_MAX:
        raise Refused(f"{data} is out of reach", f"a year from {YEAR_MIN} to {YEAR_MAX - 1}", where=where)
    return moment


def format_wall(wall: datetime) -> str:
    """`wall` as `parse_wall` reads it, whole seconds, as short as it goes: `2026-01-05` for a midnight."""
    if wall.second:
        return wall.isoformat(timespec="seconds")
    return wall.isoformat(timespec="minutes") if wall.hour or wall.minute else wall.date().isoformat()


def format_instant(at: datetime, zone: ZoneInfo) -> str:
    """`at` as `parse_instant` reads it back, whole seconds: local, or in UTC where the clocks show that time twice."""
    wall = wall_clock(at, zone).replace(microsecond=0)
    if instant(wall, zone) == at.replace(microsecond=0):
        return wall.isoformat(timespec="seconds" if wall.second else "minutes")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def whole_seconds(at: datetime) -> datetime:
    """`at` without its fraction, in UTC, as schedules store it."""
    return at.astimezone(UTC).replace(microsecond=0)
