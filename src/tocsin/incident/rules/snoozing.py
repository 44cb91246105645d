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
# After these stands a time, and "9h" is nine o'clock; after the others it is nine hours.
_UNTIL = ("until", "till", "til", "bis", "hasta", "jusqu'à", "jusqu'a", "jusque", "à", "las", "la")
_LEADING = (*_UNTIL, "for", "in", "für", "fuer", "por", "pour", "pendant", "el")
_COURTESIES = ("please", "thanks", "bitte", "danke", "gracias", "merci")
_MORNINGS = ("morning", "früh")
_TOMORROW = ("tomorrow", "morgen", "mañana", "manana", "demain")
_ID = "[a-z0-9][a-z0-9-]{0,63}"
_OPENS = re.compile(
    rf"(?:open|work|arbeitsbeginn|apertura|ouverture)(?: (?P<first>{_ID}))?\Z"
    rf"|(?:the )?(?:working )?(?:calendar|hours) (?:(?P<last>{_ID}) )?opens?\Z"
)
_LENGTH = re.compile(r"(?:\d{1,5} ?[^\W\d_]+ ?)+\Z")
_PART = re.compile(r"(\d{1,5}) ?([^\W\d_]+)")
_CLOCK = re.compile(r"(\d{1,2})[:.h](\d\d)(?: ?uhr| ?h)?\Z")
_HALF_DAY = re.compile(r"(1[0-2]|0?[1-9])(?:[:.](\d\d))? ?([ap])\.?m\.?\Z")
_HOUR = re.compile(r"(\d{1,2})(?: ?h| ?uhr| o'clock)?\Z")


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
    words, until = " ".join(text[:TEXT_LENGTH_MAX].casefold().replace("’", "'").split()), False
    while (last := words.rpartition(" "))[2] in _COURTESIES and last[0]:
        words = last[0].rstrip(",")
    while (first := words.partition(" "))[0] in _LEADING and first[2]:
        until = until or first[0] in _UNTIL
        words = first[2]
    if not (until and _HOUR.match(words)) and (length := _length(words)) is not None:
        return now + length
    if (opens := _OPENS.match(words)) is not None:
        return _opening(opens["first"] or opens["last"] or "", reader, now)
    day, _, rest = words.partition(" ")
    there = zone(reader.timezone)
    today = wall_clock(now, there).date()
    if day in _TOMORROW:
        rest = " ".join(word for word in rest.split() if word not in ("at", "um", "a", "à", "las"))
        at = _clock(rest, hour=True) if rest and rest not in _MORNINGS else MORNING
        if at is not None:
            return instant(datetime.combine(today + timedelta(days=1), at), there)
    if (at := _clock(words, hour=until)) is not None:
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


def _clock(words: str, hour: bool = False) -> time | None:
    """The time of "14:00", "9h30", "9am"; with `hour` of "9" and "9h" too. None for anything else."""
    if hour and (whole := _HOUR.match(words)) is not None and int(whole[1]) < 24:
        return time(int(whole[1]))
    if (half := _HALF_DAY.match(words)) is not None and int(half[2] or 0) < 60:
        return time(int(half[1]) % 12 + (12 if half[3] == "p" else 0), int(half[2] or 0))
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
