"""What people read in messages, in their language: spans, instants, lists of names, and what rules have said.

Everything here answers in the language that `django.utils.translation.override` has set, and in English outside of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext, gettext_noop, ngettext

from tocsin.kernel.durations import in_words
from tocsin.kernel.errors import Refused
from tocsin.kernel.phrases import Phrase
from tocsin.kernel.spans import Span
from tocsin.kernel.zones import wall_clock
from tocsin.people.rules import Language

DAY = timedelta(days=1)
NEAR = timedelta(days=7)  # so far away a day of the week says which day is meant
NAMES_MAX = 6

_WEEKDAYS = (
    gettext_noop("Mon"), gettext_noop("Tue"), gettext_noop("Wed"), gettext_noop("Thu"), gettext_noop("Fri"),
    gettext_noop("Sat"), gettext_noop("Sun"),
)  # fmt: skip
_MONTHS = (
    gettext_noop("Jan"), gettext_noop("Feb"), gettext_noop("Mar"), gettext_noop("Apr"), gettext_noop("May"),
    gettext_noop("Jun"), gettext_noop("Jul"), gettext_noop("Aug"), gettext_noop("Sep"), gettext_noop("Oct"),
    gettext_noop("Nov"), gettext_noop("Dec"),
)  # fmt: skip


def house_language() -> str:
    """What people are told in of whom nobody knows the language: rooms, and who reports without an account."""
    language: str = settings.CONFIG.language
    return language


def language_of(tag: object) -> str:
    """The language of a tag such as `de-AT`; the house's for one that we do not speak."""
    spoken = str(tag).partition("-")[0].lower()
    return spoken if spoken in tuple(Language) else house_language()


# -- time ------------------------------------------------------------------------------------------------------------


def span_words(span: timedelta) -> str:
    """`span` in its two largest units: "2 min 40 s", "3 days 4 h"; the signs of hours and below are everybody's."""
    if span < timedelta(seconds=1):
        return gettext("now")
    if span < DAY:
        return in_words(span)
    days = ngettext("%(count)s day", "%(count)s days", span.days) % {"count": span.days}
    rest = span - DAY * span.days
    smaller = in_words(rest).split()[:2] if rest >= timedelta(seconds=1) else []
    return " ".join([days, *smaller])


def since_words(at: datetime, now: datetime) -> str:
    """How long ago `at` was: "4 min ago", "just now"."""
    if now - at < timedelta(seconds=1):
        return gettext("just now")
    return gettext("%(span)s ago") % {"span": span_words(now - at)}


def moment_words(at: datetime, here: ZoneInfo) -> str:
    """An instant by the clocks there: "Mon 23 Nov 09:00"."""
    return gettext("%(weekday)s %(day)s %(month)s %(time)s") % _parts(wall_clock(at, here))


def clock_words(at: datetime, here: ZoneInfo, now: datetime) -> str:
    """The same, no longer than needed: "14:05" today, "Tue 08:00" within a week, "3 Dec 08:00" else."""
    wall, today = wall_clock(at, here), wall_clock(now, here).date()
    if wall.date() == today:
        return f"{wall:%H:%M}"
    if abs((wall.date() - today).days) < NEAR.days and abs(at - now) < NEAR:
        return weekday_words(wall)
    return date_words(wall)


def weekday_words(wall: datetime) -> str:
    """A wall clock of the days around: "Tue 08:00"."""
    return gettext("%(weekday)s %(time)s") % _parts(wall)


def date_words(wall: datetime) -> str:
    """A wall clock of some other day: "3 Dec 08:00"."""
    return gettext("%(day)s %(month)s %(time)s") % _parts(wall)


def when_words(span: Span, here: ZoneInfo) -> str:
    """Like "Mon 23 Nov 09:00 to 17:00" or "Mon 23 Nov 09:00 to Mon 30 Nov 09:00"."""
    start, end = wall_clock(span.start, here), wall_clock(span.end, here)
    ends = f"{end:%H:%M}" if start.date() == end.date() else moment_words(span.end, here)
    return gettext("%(start)s to %(end)s") % {"start": moment_words(span.start, here), "end": ends}


def _parts(wall: datetime) -> dict[str, object]:
    return {
        "weekday": gettext(_WEEKDAYS[wall.weekday()]),
        "day": wall.day,
        "month": gettext(_MONTHS[wall.month - 1]),
        "time": f"{wall:%H:%M}",
    }


# -- names and sentences -----------------------------------------------------------------------------------------------


def listed(names: Sequence[str], nobody: str = "", most: int = NAMES_MAX) -> str:
    """ "Bo", "Bo and Cy", "Bo, Cy and Dan"; of many, the first and how many more; of none, `nobody`."""
    if not names:
        return nobody or gettext("nobody")
    shown = list(names[:most])
    if rest := len(names) - len(shown):
        shown.append(gettext("%(count)s more") % {"count": rest})
    if len(shown) == 1:
        return shown[0]
    return gettext("%(names)s and %(last)s") % {"names": ", ".join(shown[:-1]), "last": shown[-1]}


def sentence(words: str) -> str:
    """`words` with a capital."""
    return words[:1].upper() + words[1:]


def told(words: str) -> str:
    """What a rule has said, in the reader's language; other words as they are."""
    if not isinstance(words, Phrase):
        return words
    values = {name: _value_words(each) for name, each in words.values.items()}
    return gettext(words.text) % values if values else gettext(words.text)


def _value_words(value: object) -> object:
    if isinstance(value, timedelta):
        return span_words(value)
    return told(value) if isinstance(value, str) else value


def refusal_words(refused: Refused) -> str:
    """What was refused, what was expected and how to mend it."""
    expected = gettext("Expected %(what)s.") % {"what": told(refused.expected)} if refused.expected else ""
    what = told(refused.what).rstrip(".")
    return " ".join(filter(None, (f"{what}.", expected, told(refused.mend))))
