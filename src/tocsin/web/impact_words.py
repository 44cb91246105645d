"""What a change of a schedule does, in words: said before it is saved, to whoever is about to save it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tocsin.kernel.durations import in_words
from tocsin.kernel.spans import Span
from tocsin.oncall.rules import Gap, Impact, Person, ShiftChange, Why
from tocsin.web.calendar_grid.people import People
from tocsin.web.rota_words import listed, when

SHIFTS_NAMED = 3  # of one person; the page says how many more there are
GAPS_NAMED = 10
HORIZON = timedelta(weeks=12)  # how far ahead a change is looked at

_WHY = {
    Why.ON_CALL_NOW: "at once: this changes who is on call now",
    Why.NEXT_SHIFT: "their next shift changes",
    Why.LATER_SHIFTS: "later shifts change",
}


@dataclass(frozen=True)
class PersonSaid:
    """One person, with what changes for them."""

    name: str
    tint: int
    hours: str  # "12 h more", "2 days less", "as many hours as before"
    shifts: tuple[str, ...]
    more: int
    told: str  # why they are told


@dataclass(frozen=True)
class Said:
    """All of it. `counts` are (number, noun) of what is not zero."""

    counts: tuple[tuple[int, str], ...]
    opened: tuple[str, ...]
    opened_more: int
    closed: tuple[str, ...]
    closed_more: int
    people: tuple[PersonSaid, ...]
    services: tuple[str, ...]
    told: str

    @property
    def nothing(self) -> bool:
        return not self.counts


def said(impact: Impact, people: People, zone: ZoneInfo, services: Sequence[str] = ()) -> Said:
    """`impact` in words, times by the clocks of `zone`; `services` are those whose pages go through the schedule."""
    groups = [group for person in impact.people for group in _grouped(impact.shifts, person.user)]
    moved = sum(1 for each in groups if each.before and each.after)
    gained = sum(len(each.after) for each in groups if not each.before)
    lost = sum(len(each.before) for each in groups if not each.after)
    counts = (
        (moved, _noun(moved, "shift changes", "shifts change")),
        (gained, _noun(gained, "new shift", "new shifts")),
        (lost, _noun(lost, "shift goes", "shifts go")),
        (len(impact.opened), _noun(len(impact.opened), "gap opens", "gaps open")),
        (len(impact.closed), _noun(len(impact.closed), "gap closes", "gaps close")),
        (len(impact.people), _noun(len(impact.people), "person is told", "people are told")),
    )
    told = tuple(_person(each, impact.shifts, people, zone) for each in _pressing_first(impact.people))
    return Said(
        tuple((number, noun) for number, noun in counts if number),
        _gaps(impact.opened, zone, impact.span.end),
        max(0, len(impact.opened) - GAPS_NAMED),
        _gaps(impact.closed, zone, impact.span.end),
        max(0, len(impact.closed) - GAPS_NAMED),
        told,
        tuple(services) if impact.people or impact.opened or impact.closed else (),
        people.listed([each.user for each in impact.people]) if impact.people else "",
    )


def _noun(count: int, one: str, many: str) -> str:
    return one if count == 1 else many


def _pressing_first(people: Sequence[Person]) -> list[Person]:
    order = list(Why)
    return sorted(people, key=lambda each: (order.index(each.why), -abs(each.gained), each.user))


def _gaps(gaps: Sequence[Gap], zone: ZoneInfo, horizon: datetime) -> tuple[str, ...]:
    return tuple(_gap(each.span, zone, horizon) for each in gaps[:GAPS_NAMED])


def _gap(span: Span, zone: ZoneInfo, horizon: datetime) -> str:
    if span.end >= horizon:
        return f"{when(span, zone)}, and from then on"
    return f"{when(span, zone)} ({in_words(span.length)})"


@dataclass(frozen=True)
class _Group:
    """Shifts that became others; one may have been cut in parts, or several have grown together."""

    before: tuple[Span, ...]
    after: tuple[Span, ...]


def _grouped(shifts: Sequence[ShiftChange], user: str) -> list[_Group]:
    """What became of the shifts of `user`, the earliest first."""
    mine = [each for each in shifts if each.user == user]
    new = [each.after for each in mine if each.after and not each.before]
    lost = [each.before for each in mine if each.before and not each.after]
    groups = []
    for each in mine:
        if each.before and each.after:
            parts = [span for span in new if each.before.holds(span)]
            grown = [span for span in lost if each.after.holds(span)]
            new = [span for span in new if span not in parts]
            lost = [span for span in lost if span not in grown]
            groups.append(_Group(tuple(sorted([each.before, *grown])), tuple(sorted([each.after, *parts]))))
    groups += [_Group((), (span,)) for span in new] + [_Group((span,), ()) for span in lost]
    return sorted(groups, key=lambda group: min(group.before + group.after))


def _person(person: Person, shifts: Sequence[ShiftChange], people: People, zone: ZoneInfo) -> PersonSaid:
    groups = _grouped(shifts, person.user)
    return PersonSaid(
        people.name(person.user),
        people.tints.get(person.user, 0),
        _hours(person.gained),
        tuple(_group(each, zone) for each in groups[:SHIFTS_NAMED]),
        max(0, len(groups) - SHIFTS_NAMED),
        _WHY[person.why],
    )


def _hours(gained: timedelta) -> str:
    if not gained:
        return "as many hours as before"
    return f"{in_words(abs(gained))} {'more' if gained > timedelta(0) else 'less'}"


def _group(group: _Group, zone: ZoneInfo) -> str:
    before = listed([when(span, zone) for span in group.before])
    after = listed([when(span, zone) for span in group.after])
    if before and after:
        return f"{before} {'becomes' if len(group.before) == 1 else 'become'} {after}"
    return f"new: {after}" if after else f"no longer: {before}"
