"""The shifts of a lane as bars of one band, with the longest text that fits into each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from tocsin.kernel.spans import Span
from tocsin.oncall.rules import Shift
from tocsin.web.calendar_grid.lanes import Lane
from tocsin.web.calendar_grid.people import People
from tocsin.web.periods import Period, View
from tocsin.web.rota_words import extent, in_address, initials, listed

NOBODY = "nobody"
# Shifts of a layer in one band, above which their number is drawn instead: one in two hours of a week.
DENSE = 84
# Widths in px that texts are chosen for: of a band on a desk and on a phone, of the space around a text, of a letter.
DESK, PHONE, PADDING = 960, 350, 15
LETTERS = {"final": 8.6}  # others are set smaller
LETTER = 7.2
CAPITAL = 1.15  # how much wider a capital is: initials are written in these


@dataclass(frozen=True)
class Bar:
    """One shift in a lane, cut to its band. `start` and `end` are those of the whole shift."""

    x: str
    width: str
    kind: str  # "shift", "gap", "over" (a gap of the past), "off" (nobody, on purpose), "take-off", "dense"
    start: datetime
    end: datetime
    tints: tuple[Stripe, ...] = ()
    wide: str = ""  # the text at a desk, and on a phone
    tight: str = ""
    title: str = ""
    by_override: bool = False
    mine: bool = False
    at: str = ""  # the first instant that the bar shows, for an address


@dataclass(frozen=True)
class Stripe:
    """A person's colour in a bar that several share, from top to bottom."""

    tint: int
    y: str
    height: str


def bars(lane: Lane, span: Span, people: People, shown: Period, now: datetime) -> Iterator[Bar]:
    """A lane's shifts within `span` as bars, in the order of the lane; a single one where there are too many to tell
    apart."""
    within = [(shift, both) for shift in lane.shifts if (both := span.common(shift.span))]
    if lane.kind == "layer" and len(within) > DENSE:
        words = f"{len(within)} shifts, drawn in the view of a day"
        yield Bar("0%", "100%", "dense", *span, wide=words, tight="", title=words)
        return
    for shift, both in within:
        kind = _kind(lane, shift)
        part = both.length / span.length
        letter = LETTERS.get(lane.kind, LETTER)
        called = [people.name(user) for user in shift.users]
        if kind == "gap":
            called = [NOBODY]
        elif kind == "off":
            called = ["temporary schedule"] if lane.kind == "override" else ["nobody, on purpose"]
        by_override = lane.kind == "final" and any(not each.startswith("layer:") for each in shift.sources)
        yield Bar(
            x=percent(both.start, span),
            width=width(*both, span),
            kind="over" if kind == "gap" and shift.end <= now else kind,
            start=shift.start,
            end=shift.end,
            tints=_stripes(shift.users, people) if kind == "shift" else (),
            wide=_fitting(called, part * DESK, letter, by_override),
            # A day is wide enough on a phone, too, for names.
            tight=_fitting(called, part * PHONE, letter, by_override, shown.view is not View.DAY),
            title=f"{listed(called)}, {extent(shift.span, lane.known, shown.zone)}",
            by_override=by_override,
            mine=people.reader in shift.users,
            at=in_address(both.start),
        )


def _kind(lane: Lane, shift: Shift) -> str:
    if lane.kind == "override" and "remove" in shift.sources:
        return "take-off"
    if shift.users:
        return "shift"
    return "gap" if lane.kind == "final" else "off"


def _stripes(users: Sequence[str], people: People) -> tuple[Stripe, ...]:
    share = 100 / len(users)
    return tuple(
        Stripe(people.tints.get(user, 0), f"{number * share:.2f}%", f"{share:.2f}%")
        for number, user in enumerate(users)
    )


def _fitting(
    called: Sequence[str], width: float, letter: float, by_override: bool, initials_only: bool = False
) -> str:
    """The longest way to write the names that fits: whole, first names, initials, nothing."""
    if list(called) == [NOBODY]:
        return next((way for way in (NOBODY, "gap") if len(way) * letter + PADDING <= width), "")
    sign = "⇄ " if by_override else ""
    ways = [] if initials_only else [listed(called), " + ".join(name.split(" ")[0] for name in called)]
    short = "+".join(initials(name) for name in called)
    wide = [(way, len(sign + way) * letter) for way in ways]
    for way, needs in [*wide, (short, (len(sign) + CAPITAL * len(short)) * letter)]:
        if needs + PADDING <= width:
            return sign + way
    return ""


def percent(at: datetime, span: Span) -> str:
    return f"{100 * ((at - span.start) / span.length):.3f}%"


def width(start: datetime, end: datetime, span: Span) -> str:
    return f"{100 * ((end - start) / span.length):.3f}%"
