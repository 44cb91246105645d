"""Durations as people write them (`90s`, `5m`, `1h30m`, `2d`) and as people read them ("2 min 40 s")."""

from __future__ import annotations

import re
from datetime import timedelta

from tocsin.kernel.errors import Refused

UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
LONGEST = timedelta(days=366)
_SHAPE = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?\Z", re.ASCII)


def parse_duration(text: object, where: str = "") -> timedelta:
    """Return the span that `text` writes; `0s` is allowed. Raises Refused for anything else."""
    shape = _SHAPE.match(text) if isinstance(text, str) and text else None
    if shape is None:
        raise Refused(
            f"{text!r} is not a duration",
            "a length such as 90s, 5m, 1h30m or 2d",
            "Write units from large to small, without spaces.",
            where,
        )
    seconds = sum(int(n) * u for n, u in zip(shape.groups(), UNITS.values(), strict=True) if n)
    if seconds > LONGEST.total_seconds():
        raise Refused(f"{text} is too long", f"at most {format_duration(LONGEST)}", where=where)
    return timedelta(seconds=seconds)


def format_duration(span: timedelta) -> str:
    """The shortest text that `parse_duration` reads back to `span` (whole seconds): `1h30m`, `0s`."""
    rest, out = int(span.total_seconds()), ""
    for unit, size in UNITS.items():
        count, rest = divmod(rest, size)
        if count:
            out += f"{count}{unit}"
    return out or "0s"


def in_words(span: timedelta) -> str:
    """`span` for a reader in a hurry, its two largest units: "2 min 40 s", "3 days 4 h", "now" below 1 s."""
    rest, parts = max(0, int(span.total_seconds())), []
    for name, size in (("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {name}{'s' if name == 'day' and count != 1 else ''}")
    return " ".join(parts[:2]) or "now"
