"""That somebody's shift is about to begin, so long ahead as each person wants to know it.

The instant itself is told by the note at the change of shift (see `handovers`). A shift that follows one's own without
a break begins nothing. What begins at about the same time in several schedules is told in one message.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext

from tocsin.journal.changes import changing, did, record
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused
from tocsin.kernel.spans import Span
from tocsin.oncall.models import Schedule
from tocsin.oncall.reading import Timelines, timelines
from tocsin.oncall.rules import by_person
from tocsin.people.speaking import listed, moment_words, when_words
from tocsin.telling.models import ShiftAhead, StartTold
from tocsin.telling.notices import Notice, names_of, send

AHEAD = {"week": timedelta(days=7), "day": timedelta(hours=24), "hour": timedelta(hours=1)}
USUAL = ("day",)  # of whoever has said nothing
LATE_SHARE = (
    4  # told late by at most this part of the time ahead: after an outage, not of a shift that is new
)
KNOWN_FOR = timedelta(hours=6)  # what begins is worked out as far beyond the longest time ahead
WHOLE = timedelta(days=62)  # how far a shift is followed to its end
STARTS_MAX = 100  # per turn
SHIFTS_SAID_MAX = 8  # in one message
FORGOTTEN_AFTER = timedelta(days=8)


@dataclass(frozen=True)
class Start:
    """When somebody comes on call in a schedule, and was not just before."""

    at: datetime
    schedule: str
    user: str


# -- what each person wants -----------------------------------------------------------------------------------------


def ahead_of(user: str) -> tuple[str, ...]:
    """How long ahead somebody is told of their shifts: keys of AHEAD, the longest first."""
    row = ShiftAhead.objects.filter(pk=user).first()
    return _in_order(row.ahead) if row else USUAL


def choose_ahead(user: str, ahead: Collection[str], by: By, now: datetime) -> None:
    """Have somebody told so long ahead of their shifts; of none of AHEAD: not at all. Raises Refused."""
    if unknown := sorted(set(ahead) - set(AHEAD)):
        raise Refused(f"'{unknown[0]}' is no time ahead", f"one of {', '.join(AHEAD)}", where="ahead")
    with changing():
        chosen = list(_in_order(ahead))
        ShiftAhead.objects.update_or_create(pk=user, defaults={"ahead": chosen})
        record([did("shifts.ahead", user=user, ahead=chosen)], by, now)


def _in_order(ahead: Collection[str]) -> tuple[str, ...]:
    return tuple(key for key in AHEAD if key in ahead)


# -- noticing -------------------------------------------------------------------------------------------------------

# What begins in each schedule as this process has worked it out, and until when that is all.
_coming: dict[str, tuple[Timelines, datetime, tuple[Start, ...]]] = {}


def tell_starts(now: datetime, limit: int = STARTS_MAX) -> int:
    """Tell of the shifts that begin as long from now as their people want to know; returns of how many."""
    there = timelines()
    for gone in _coming.keys() - there.keys():
        del _coming[gone]
    near = [
        (start, stage)
        for key, lines in there.items()
        for start in _starts(key, lines, now)
        if (stage := _stage(start, now))
    ]
    if not near:
        return 0
    people = {start.user for start, _ in near}
    wanted = dict(ShiftAhead.objects.filter(pk__in=people).values_list("pk", "ahead"))
    due = [(start, stage) for start, stage in near if stage in wanted.get(start.user, USUAL)]
    return _tell(due[:limit], now) if due else 0


def _starts(key: str, lines: Timelines, now: datetime) -> Sequence[Start]:
    """Who comes on call in the schedule from `now` on, as far as anybody wants to know."""
    kept, until, found = _coming.get(key, (None, now, ()))
    further = now + max(AHEAD.values())
    if kept is not lines or until < further:
        until = further + KNOWN_FOR
        shifts = lines.timeline(now, until).shifts
        found = tuple(
            Start(span.start, key, user)
            for user, spans in by_person(shifts).items()
            for span in spans
            if span.start > now
        )
        _coming[key] = lines, until, found
    return found


def _stage(start: Start, now: datetime) -> str:
    """The time ahead that has come, and not long ago; "" for none."""
    left = start.at - now
    return next((key for key, ahead in AHEAD.items() if ahead - ahead / LATE_SHARE < left <= ahead), "")


def _tell(due: Sequence[tuple[Start, str]], now: datetime) -> int:
    """Tell of those that nobody was told of yet."""
    with transaction.atomic():
        StartTold.objects.filter(starts_at__lt=now - FORGOTTEN_AFTER).delete()
        fresh = [
            start
            for start, stage in due
            if StartTold.objects.get_or_create(
                schedule_id=start.schedule, user_id=start.user, starts_at=start.at, ahead=stage
            )[1]
        ]
        mine: dict[str, list[Start]] = {}
        for start in sorted(fresh, key=lambda each: (each.at, each.schedule)):
            mine.setdefault(start.user, []).append(start)
        send(_notices(mine), now)
    return len(fresh)


def _notices(mine: Mapping[str, Sequence[Start]]) -> Iterator[Notice]:
    names = {row.pk: str(row) for row in Schedule.objects.live()}
    for user, starts in mine.items():
        yield Notice(
            user=user,
            words=partial(_words, starts, names),
            reason="a shift begins",
            path="/shifts",
            begins_at=starts[0].at,
        )


def _words(starts: Sequence[Start], names: Mapping[str, str], here: ZoneInfo) -> tuple[str, list[str]]:
    lines = [_line(start, names, here) for start in starts[:SHIFTS_SAID_MAX]]
    if more := len(starts) - len(lines):
        lines.append(gettext("And %(count)s more of your shifts.") % {"count": more})
    cannot = gettext("Times are those of %(zone)s. If you cannot, ask for cover on the page below.")
    lines.append(cannot % {"zone": here.key})
    first = starts[0]
    where = names.get(first.schedule, first.schedule)
    if len(starts) > 1:
        where = gettext("%(count)s schedules") % {"count": len(starts)}
    return (
        f"{gettext('You are on call from %(time)s') % {'time': moment_words(first.at, here)}}: {where}",
        lines,
    )


def _line(start: Start, names: Mapping[str, str], here: ZoneInfo) -> str:
    before = timelines()[start.schedule].on_call(start.at - timedelta(seconds=1))
    shift = _whole(start)
    when = (
        when_words(shift, here)
        if shift
        else gettext("from %(time)s") % {"time": moment_words(start.at, here)}
    )
    others = listed(names_of(each for each in before if each != start.user))
    said = gettext("%(when)s. Before you: %(who)s.") % {"when": when, "who": others}
    return f"{names.get(start.schedule, start.schedule)}: {said}"


def _whole(start: Start) -> Span | None:
    """The shift that begins, whole; None for one without an end in sight."""
    until = start.at + WHOLE
    spans = by_person(timelines()[start.schedule].timeline(start.at, until).shifts).get(start.user, [])
    return spans[0] if spans and spans[0].end < until else None
