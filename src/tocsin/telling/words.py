"""Times and shifts in words, for messages; by the clocks of whoever reads them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from tocsin.kernel.spans import Span
from tocsin.kernel.zones import wall_clock

NAMES_MAX = 6


def moment(at: datetime, here: ZoneInfo) -> str:
    """Like "Mon 23 Nov 09:00"."""
    local = wall_clock(at, here)
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def when(span: Span, here: ZoneInfo) -> str:
    """Like "Mon 23 Nov 09:00 to 17:00" or "Mon 23 Nov 09:00 to Mon 30 Nov 09:00"."""
    end = wall_clock(span.end, here)
    if wall_clock(span.start, here).date() == end.date():
        return f"{moment(span.start, here)} to {end:%H:%M}"
    return f"{moment(span.start, here)} to {moment(span.end, here)}"


def listed(names: Sequence[str], nobody: str = "nobody") -> str:
    """ "Bo", "Bo and Cy", "Bo, Cy and Dan"; of many, the first and how many more."""
    if not names:
        return nobody
    shown = [*names[:NAMES_MAX], *([f"{len(names) - NAMES_MAX} more"] if len(names) > NAMES_MAX else [])]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
