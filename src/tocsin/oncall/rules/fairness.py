"""Who carries how much: hours, nights, weekends and holidays on call, planned or served, and how even that is. Pure.

What counts as night and weekend is seen from where each person lives. Suggestions are values; nothing acts on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from tocsin.kernel.calendars import Calendar
from tocsin.kernel.hours import Window, window_spans
from tocsin.kernel.spans import Span, common, total
from tocsin.kernel.zones import zone
from tocsin.oncall.rules.painting import shifts_of
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
    return tuple(
        _load(carrier, [shift.span for shift in shifts_of(shifts, carrier.user)], counting)
        for carrier in carriers
    )


def _load(carrier: Carrier, spans: Sequence[Span], counting: Counting) -> Load:
    """What `spans`, sorted, are for this person."""
    if not spans:
        return Load(carrier.user, 0, NONE, NONE, NONE, NONE)
    start, end, here = spans[0].start, spans[-1].end, zone(carrier.timezone)
    nights = window_spans(counting.nights, here, start, end)
    weekends = window_spans(counting.weekends, here, start, end)
    holidays = carrier.calendar.holiday_spans(start, end) if carrier.calendar else ()
    return Load(
        carrier.user,
        len(spans),
        total(spans),
        total(common(spans, nights)),
        total(common(spans, weekends)),
        total(common(spans, holidays)),
    )


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
    people = {carrier.user: carrier for carrier in carriers}
    held = {user: [shift.span for shift in shifts_of(shifts, user)] for user in people}
    found: list[Suggestion] = []
    while len(found) < min(most, SUGGESTIONS_MAX):
        best = _best(held, people, now, counting)
        if best is None:
            break
        held[best.giver].remove(best.shift)
        held[best.taker] = sorted([*held[best.taker], best.shift])
        found.append(best)
    return tuple(found)


def _best(
    held: Mapping[str, Sequence[Span]], people: Mapping[str, Carrier], now: datetime, counting: Counting
) -> Suggestion | None:
    """The one shift whose change of hands helps most; None when none helps."""

    def weight(user: str, spans: Sequence[Span]) -> timedelta:
        return _load(people[user], spans, counting).weight

    weights = {user: weight(user, spans) for user, spans in held.items()}
    before, (*takers, giver) = (
        balance(weights.values()),
        sorted(weights, key=lambda user: weights[user]) or [""],
    )
    for taker in takers:
        free = [
            span
            for span in held[giver]
            if span.start > now and not any(span.common(own) for own in held[taker])
        ]
        options = []
        for span in free:
            changed = {
                giver: weights[giver] - weight(giver, [span]),
                taker: weights[taker] + weight(taker, [span]),
            }
            options.append((balance({**weights, **changed}.values()), span))
        if options and max(options)[0] > before:
            after, shift = max(options)
            return Suggestion(shift, giver, taker, before, after)
    return None
