"""Until when an incident rests, as people say it, and how long that may be. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from tocsin.kernel.durations import parse_duration
from tocsin.kernel.errors import Refused
from tocsin.kernel.moments import parse_instant
from tocsin.kernel.phrases import phrase
from tocsin.kernel.zones import instant, wall_clock, zone

SNOOZE_MIN = timedelta(minutes=15)
SNOOZE_MAX = timedelta(days=7)
MORNING = time(8, 0)  # of "until tomorrow", on the reader's wall
TEXT_LENGTH_MAX = 100

NextOpen = Callable[[str, datetime], datetime | None]
"""When the working calendar of that id is open next, at or after an instant; "" for the only one there is."""


@dataclass(frozen=True)
class Reader:
    """Whose words are read: where their clocks are, and which calendars they may name."""

    timezone: str
    next_open: NextOpen


EXPECTED = phrase("a length such as 2h, a time such as 14:00, tomorrow 08:00, or: until open")
_UNITS: Mapping[str, str] = {
    word: unit
    for unit, words in {
        "m": "m min mins minute minutes minuto minutos minuten",
        "h": "h hr hrs hour hours std stunde stunden hora horas heure heures",
        "d": "d day days tag tage tagen dia dias día días jour jours",
    }.items()
    for word in words.split()
}
_LEADING = ("for", "in", "until", "till", "til", "für", "fuer", "bis", "por", "hasta", "pour", "pendant", "jusqu'à",
            "jusqu'a", "jusque", "à", "las", "el", "la")  # fmt: skip
_TOMORROW = ("tomorrow", "morgen", "mañana", "manana", "demain")
_ID = "[a-z0-9][a-z0-9-]{0,63}"
_OPENS = re.compile(
    rf"(?:open|work|arbeitsbeginn|apertura|ouverture)(?: (?P<first>{_ID}))?\Z"
    rf"|(?:the )?(?:working )?(?:calendar|hours) (?:(?P<last>{_ID}) )?opens?\Z"
)
_LENGTH = re.compile(r"(?:\d{1,5} ?[^\W\d_]+ ?)+\Z")
_PART = re.compile(r"(\d{1,5}) ?([^\W\d_]+)")
_CLOCK = re.compile(r"(\d{1,2})[:.h](\d\d)(?: ?uhr| ?h)?\Z")


def snooze_until(text: str, reader: Reader, now: datetime) -> datetime:
    """The instant until which `text` says that it rests. Raises Refused for what is no such time, and for one that
    is too near or too far."""
    return check_until(_meant(text, reader, now), now)


def check_until(until: datetime, now: datetime) -> datetime:
    """`until` when an incident may rest so long. Raises Refused."""
    if until - now < SNOOZE_MIN:
        raise Refused(phrase("That is too soon"), phrase("at least 15 minutes from now"), where="until")
    if until - now > SNOOZE_MAX:
        raise Refused(
            phrase("That is too far away"),
            phrase("at most 7 days from now"),
            phrase("Snooze it again when it comes back."),
            "until",
        )
    return until


def _meant(text: str, reader: Reader, now: datetime) -> datetime:
    words = " ".join(text[:TEXT_LENGTH_MAX].casefold().replace("’", "'").split())
    while (first := words.partition(" "))[0] in _LEADING and first[2]:
        words = first[2]
    if (length := _length(words)) is not None:
        return now + length
    if (opens := _OPENS.match(words)) is not None:
        return _opening(opens["first"] or opens["last"] or "", reader, now)
    day, _, rest = words.partition(" ")
    there = zone(reader.timezone)
    today = wall_clock(now, there).date()
    if day in _TOMORROW:
        rest = " ".join(word for word in rest.split() if word not in ("at", "um", "a", "à", "las"))
        at = _clock(rest) if rest else MORNING
        if at is not None:
            return instant(datetime.combine(today + timedelta(days=1), at), there)
    if (at := _clock(words)) is not None:
        wall = datetime.combine(today, at)
        at_once = instant(wall, there)
        return at_once if at_once > now else instant(wall + timedelta(days=1), there)
    try:
        return parse_instant(text.strip().upper().removeprefix("UNTIL "), there).astimezone(UTC)
    except Refused:
        raise Refused(
            phrase("%(text)s says no time", text=repr(text[:40])), EXPECTED, where="until"
        ) from None


def _length(words: str) -> timedelta | None:
    """The span of "2h", "1h30m", "2 hours", "90 min"; None for anything else."""
    if not _LENGTH.match(words):
        return None
    parts = _PART.findall(words)
    if any(unit not in _UNITS for _, unit in parts):
        return None
    return sum((parse_duration(f"{int(count)}{_UNITS[unit]}", "until") for count, unit in parts), timedelta())


def _clock(words: str) -> time | None:
    shape = _CLOCK.match(words)
    if shape is None or int(shape[1]) > 23 or int(shape[2]) > 59:
        return None
    return time(int(shape[1]), int(shape[2]))


def _opening(calendar: str, reader: Reader, now: datetime) -> datetime:
    # What opens within the shortest snooze is no rest: the opening after it is meant.
    opens = reader.next_open(calendar, now + SNOOZE_MIN)
    if opens is None:
        raise Refused(
            phrase("There is no working calendar %(name)s that opens again", name=repr(calendar))
            if calendar
            else phrase("It is not clear which working calendar is meant"),
            phrase("until open CALENDAR, with the id of one"),
            phrase("Or say a time, such as: until 14:00."),
            "until",
        )
    return opens
