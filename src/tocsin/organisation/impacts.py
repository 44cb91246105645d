"""What applying files does to people's shifts, a line for each schedule; by the rule that the editor's page goes by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tocsin.kernel.calendars import Calendar
from tocsin.kernel.durations import in_words
from tocsin.kernel.spans import Span
from tocsin.kernel.zones import wall_clock, zone
from tocsin.oncall.copies import imported_overrides
from tocsin.oncall.reading import as_they_stand
from tocsin.oncall.rules import Gap, Impact, Person, Schedule, follow, impact
from tocsin.organisation import rules
from tocsin.organisation.meaning import calendar_of, schedule_of
from tocsin.organisation.plan import Plan, read_current
from tocsin.organisation.rules import State, merged
from tocsin.people.models import User

HORIZON = timedelta(weeks=12)  # how far ahead is looked
SCHEDULES_MAX = 20  # that are worked out, each in some milliseconds
PEOPLE_SAID_MAX, GAPS_SAID_MAX = 4, 2  # in one line


def impact_lines(planned: Plan, now: datetime) -> list[str]:
    """What becomes of people's shifts within HORIZON when `planned` is applied; [] when nothing does.

    At most SCHEDULES_MAX schedules are looked at; the last line says how many were not.
    """
    state = merged(read_current(), planned.declared, planned.removed)
    before = {key: lines.schedule for key, lines in as_they_stand().items()}
    calendars = {key: calendar_of(key, data) for key, data in state[rules.CALENDARS].items()}
    touched = _touched(planned, state, before, calendars)
    if not touched:
        return []
    after = {
        key: _after(key, planned, state, before.get(key), calendars, now) for key in touched[:SCHEDULES_MAX]
    }
    names = dict(User.objects.values_list("pk", "name"))
    names |= {key: data["name"] for key, data in state[rules.USERS].items()}
    lines = [line for key, then in after.items() if (line := _line(key, before.get(key), then, names, now))]
    if (left := len(touched) - SCHEDULES_MAX) > 0:
        lines.append(f"{left} more schedules were not looked at.")
    return lines


def _touched(
    planned: Plan, state: State, before: Mapping[str, Schedule], calendars: Mapping[str, Calendar]
) -> list[str]:
    """The schedules that change, come or go, and those that name a calendar which changes."""
    changed = {(change.section, change.id) for change in planned.changes}
    days = {key for section, key in changed if section == rules.CALENDARS}
    named = {
        key
        for key, schedule in before.items()
        if any(schedule.calendars.get(day) != calendars.get(day) for day in days & _calendars_of(state, key))
    }
    return sorted({key for section, key in changed if section == rules.SCHEDULES} | named)


def _calendars_of(state: State, key: str) -> set[str]:
    """The ids of the calendars that the layers of a schedule name."""
    layers = state[rules.SCHEDULES].get(key, {}).get("layers", ())
    windows = [window for layer in layers for window in layer.get("restrict", ())]
    return {each[name] for each in windows for name in ("calendar", "outside") if name in each}


def _after(
    key: str,
    planned: Plan,
    state: State,
    before: Schedule | None,
    calendars: Mapping[str, Calendar],
    now: datetime,
) -> Schedule | None:
    """The schedule as it will be; None when it goes."""
    if key not in state[rules.SCHEDULES]:
        return None
    after = replace(schedule_of(key, state[rules.SCHEDULES][key]), calendars=calendars)
    if before is None:
        return after
    declared = next((each for each in planned.declared.of(rules.SCHEDULES) if each.id == key), None)
    if declared is None or "overrides" not in declared.data:
        return follow(before, replace(after, overrides=before.overrides), now)[0]
    brought = imported_overrides().get(key, ())
    kept = tuple(each for each in before.overrides if each.id in brought)
    return replace(after, overrides=(*kept, *after.overrides))


def _line(
    key: str, before: Schedule | None, after: Schedule | None, names: Mapping[str, str], now: datetime
) -> str:
    """What becomes of one schedule, or "" when nothing does."""
    old, new = ([each] if each else [] for each in (before, after))
    found = impact(old, new, now, now + HORIZON)
    there = after or before
    parts = [*_counts(found), *_hours(found, names)]
    if there:
        here = zone(there.timezone)
        parts += _gaps("nobody on call", found.opened, here, found.span)
        parts += _gaps("no longer a gap", found.closed, here, found.span)
    return f"schedule {key}: {'; '.join(parts)}." if parts else ""


def _counts(found: Impact) -> Iterator[str]:
    moved = len(found.moved)
    new = sum(1 for each in found.shifts if each.before is None)
    gone = sum(1 for each in found.shifts if each.after is None)
    for count, one, many in ((moved, "moves", "move"), (new, "is new", "are new"), (gone, "goes", "go")):
        if count:
            yield f"{count} shift{'s' if count > 1 else ''} {one if count == 1 else many}"
    if told := len(found.people):
        yield f"{told} {'person is' if told == 1 else 'people are'} told"


def _hours(found: Impact, names: Mapping[str, str]) -> Iterator[str]:
    """Who gains and loses hours, the most first."""
    changed = sorted((each for each in found.people if each.gained), key=_by_how_much)
    for each in changed[:PEOPLE_SAID_MAX]:
        how = "more" if each.gained > timedelta(0) else "less"
        yield f"{names.get(each.user, each.user)} {in_words(abs(each.gained))} {how}"
    if (left := len(changed) - PEOPLE_SAID_MAX) > 0:
        yield f"{left} others more or less"


def _by_how_much(each: Person) -> tuple[timedelta, str]:
    return -abs(each.gained), each.user


def _gaps(what: str, gaps: Sequence[Gap], here: ZoneInfo, looked: Span) -> Iterator[str]:
    if gaps:
        said = ", ".join(_when(each.span, here, looked) for each in gaps[:GAPS_SAID_MAX])
        left = len(gaps) - GAPS_SAID_MAX
        yield f"{what} {said}" + (f" and {left} times more" if left > 0 else "") + f" ({here.key})"


def _when(span: Span, here: ZoneInfo, looked: Span) -> str:
    start, end = wall_clock(span.start, here), wall_clock(span.end, here)
    if span.end >= looked.end:
        return f"from {start:%Y-%m-%d %H:%M} on"
    last = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%Y-%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M} to {last}"
