"""Who carries how much: hours, nights, weekends and holidays on call, planned or served, and how even that is. Pure.

What counts as night and weekend is seen from where each person lives. Suggestions are values; nothing acts on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache

from tocsin.kernel.calendars import Calendar
from tocsin.kernel.hours import Window, window_spans
from tocsin.kernel.spans import Span, common, near, total
from tocsin.kernel.zones import zone
from tocsin.oncall.rules.painting import by_person
from tocsin.oncall.rules.values import Shift

NIGHT = Window(time(22), time(6))
WEEKEND = Window(time(0), time(0), days=(5, 6))
SUGGESTIONS_MAX = 10
NONE = timedelta(0)


@dataclass(frozen=True)
class Counting:
    """What is counted apart, by each person's own clock. Other countries, other weekends."""

    nights: tuple[Window, ...] = (NIGHT,)
    weekends: tuple[Window, ...] = (WEEKEND,)


@dataclass(frozen=True)
class Carrier:
    """Somebody whose load is counted: where they live, and the calendar whose holidays are theirs, if any."""

    user: str
    timezone: str
    calendar: Calendar | None = None


@dataclass(frozen=True)
class Load:
    """What one person carries. An hour may be of the night, of a weekend and of a holiday at once."""

    user: str
    shifts: int
    hours: timedelta
    nights: timedelta
    weekends: timedelta
    holidays: timedelta

    @property
    def weight(self) -> timedelta:
        """All hours, those at night, at weekends and on holidays once more for each of these."""
        return self.hours + self.nights + self.weekends + self.holidays


def loads(
    shifts: Sequence[Shift], carriers: Iterable[Carrier], counting: Counting = Counting()
) -> tuple[Load, ...]:
    """The load of each of `carriers` in sorted `shifts`, also of those who have none.

    Pass what `final` computes for the plan, or what was recorded for what was served. Of several schedules, merge
    each person's shifts first, lest an hour on two of them count twice; or do not, if it should.
    """
    held, scales = by_person(shifts), _Scales(shifts, counting)
    return tuple(scales.load(carrier, held.get(carrier.user, ())) for carrier in carriers)


class _Scales:
    """Weighs hours of people. Nights, weekends and holidays of the whole time are worked out once per zone."""

    def __init__(self, shifts: Sequence[Shift], counting: Counting) -> None:
        self._counting = counting
        self._whole = Span(shifts[0].start, max(shift.end for shift in shifts)) if shifts else None
        self._marked: dict[tuple[str, str], list[tuple[Span, ...]]] = {}

    def load(self, carrier: Carrier, spans: Sequence[Span]) -> Load:
        """What `spans`, sorted, are for this person."""
        marked = [
            total(both for span in spans for both in common([span], near(days, span)))
            for days in self._nights_weekends_holidays(carrier)
        ]
        return Load(carrier.user, len(spans), total(spans), *marked)

    def _nights_weekends_holidays(self, carrier: Carrier) -> list[tuple[Span, ...]]:
        key = (carrier.timezone, carrier.calendar.id if carrier.calendar else "")
        if key not in self._marked:
            here, whole = zone(carrier.timezone), self._whole
            kinds = (self._counting.nights, self._counting.weekends)
            self._marked[key] = [window_spans(kind, here, *whole) if whole else () for kind in kinds]
            calendar = carrier.calendar
            self._marked[key].append(calendar.holiday_spans(*whole) if calendar and whole else ())
        return self._marked[key]


def balance(amounts: Iterable[timedelta]) -> float:
    """How even the amounts are, from 1 / n (one of n carries all) to 1 (all carry the same): Jain's index,

        (x1 + ... + xn)² / (n · (x1² + ... + xn²))

    It does not depend on the unit or on how much there is in all. Of nothing, 1: nobody carries more than another.
    """
    hours = [amount / timedelta(hours=1) for amount in amounts]
    squares = sum(hour * hour for hour in hours)
    return sum(hours) ** 2 / (len(hours) * squares) if squares else 1.0


@dataclass(frozen=True)
class Suggestion:
    """That `taker` could take `shift` of `giver`, and the balance of the weights before and after that."""

    shift: Span
    giver: str
    taker: str
    before: float
    after: float


def suggestions(
    shifts: Sequence[Shift],
    carriers: Sequence[Carrier],
    now: datetime,
    counting: Counting = Counting(),
    most: int = SUGGESTIONS_MAX,
) -> tuple[Suggestion, ...]:
    """At most `most` shifts that could change hands, each chosen as if those before it had.

    Each goes from whoever carries most to whoever carries least and is not on call then, and is the one of those to
    come after `now` that evens the weights out most.
    """
    hours = by_person(shifts)
    held = {carrier.user: hours.get(carrier.user, []) for carrier in carriers}
    scales, people = _Scales(shifts, counting), {carrier.user: carrier for carrier in carriers}

    @cache
    def weight(user: str, span: Span) -> timedelta:
        return scales.load(people[user], [span]).weight

    found: list[Suggestion] = []
    while len(found) < min(most, SUGGESTIONS_MAX):
        best = _best(held, weight, now)
        if best is None:
            break
        held[best.giver].remove(best.shift)
        held[best.taker] = sorted([*held[best.taker], best.shift])
        found.append(best)
    return tuple(found)


def _best(
    held: Mapping[str, Sequence[Span]], weight: Callable[[str, Span], timedelta], now: datetime
) -> Suggestion | None:
    """The one shift whose change of hands helps most; None when none helps."""
    weights = {user: sum((weight(user, span) for span in spans), NONE) for user, spans in held.items()}
    before, (*takers, giver) = (
        balance(weights.values()),
        sorted(weights, key=lambda user: weights[user]) or [""],
    )
    for taker in takers:
        options = []
        for span in held[giver]:
            if span.start > now and not near(held[taker], span):
                changed = {
                    giver: weights[giver] - weight(giver, span),
                    taker: weights[taker] + weight(taker, span),
                }
                options.append((balance({**weights, **changed}.values()), span))
        if options and max(options)[0] > before:
            after, shift = max(options)
            return Suggestion(shift, giver, taker, before, after)
    return None
