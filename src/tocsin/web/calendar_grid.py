"""Schedules as rows of a calendar: pure values, in percent of a row's width, that the templates draw.

A page shows one `Period` (a month, two weeks, a day) in one zone, cut into `Band`s that stand one below the other (a
week each, or the day). Every band has the same lanes: each layer, the overrides, and what comes out of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zlib import crc32
from zoneinfo import ZoneInfo

from tocsin.kernel.hours import midnight
from tocsin.kernel.spans import Span
from tocsin.kernel.zones import instant, wall_clock
from tocsin.oncall.rules import Override, Schedule, Shift, Temporary, Timeline, layer_shifts
from tocsin.web.periods import DAY, Period, View
from tocsin.web.rota_words import extent, in_address, in_turns, initials, listed

TINTS = 12  # colours in calendar.css
AROUND = timedelta(
    days=31
)  # computed beyond the period, so that a shift that reaches out of it says its whole span
NOBODY = "nobody"
OVERRIDE_LANES_MAX = 6  # drawn; a lane says how many more overrides there are
DENSE = (
    84  # shifts of a layer in one band, above which their number is drawn instead: one in two hours of a week
)
HOURS_BETWEEN = 3  # two hours that the day view names
# Widths in px that texts are chosen for: of a band on a desk and on a phone, of the space around a text, of a letter.
DESK, PHONE, PADDING = 960, 350, 15
LETTERS = {"final": 8.6}  # others are set smaller
LETTER = 7.2
CAPITAL = 1.15  # how much wider a capital is: initials are written in these


@dataclass(frozen=True)
class Tick:
    """A day, or in the day view an hour, at the head of a band."""

    x: str
    width: str
    text: str  # at a desk, and on a phone
    tight: str
    day: str  # ISO
    today: bool = False
    weekend: bool = False
    other: bool = False  # a day of another month
    line: bool = True  # drawn through the lanes


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


@dataclass(frozen=True)
class Lane:
    """What one lane shows over the whole period."""

    name: str
    shifts: tuple[Shift, ...]
    kind: str = "layer"  # "layer", "override", "final", "mine"
    note: str = ""  # what it says on hover: the rotation
    known: Span | None = None  # what was computed: a shift that ends there may go on
    link: str = ""  # where a press on a bar leads, before the instant


@dataclass(frozen=True)
class Row:
    """A lane in one band."""

    name: str
    kind: str
    note: str
    link: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Band:
    start: datetime
    end: datetime
    ticks: tuple[Tick, ...]
    rows: tuple[Row, ...]
    now: str  # where the line of this instant stands, "" outside


@dataclass(frozen=True)
class People:
    """Names and colours of those on the page; `reader` is who looks at it."""

    names: Mapping[str, str]
    tints: Mapping[str, int]
    reader: str = ""

    def name(self, user: str) -> str:
        return self.names.get(user, user)

    def listed(self, users: Sequence[str]) -> str:
        """Like "Ada Ortiz", "Ada Ortiz and Bo Lind", "Ada Ortiz, Bo Lind and Cy Tran"; "nobody" for none."""
        return listed([self.name(user) for user in users]) or "nobody"


def people_of(users: Iterable[str], names: Mapping[str, str], reader: str = "") -> People:
    """A colour for each: as a rule always the same one, and different ones while there are enough."""
    free, tints = set(range(TINTS)), {}
    for user in sorted(set(users)):
        wanted = crc32(user.encode()) % TINTS
        while free and wanted not in free:
            wanted = (wanted + 1) % TINTS
        free.discard(wanted)
        tints[user] = wanted
    return People(names, tints, reader)


def lanes(schedule: Schedule, final: Timeline, shown: Span, link: str = "") -> tuple[Lane, ...]:
    """The lanes of `schedule`, the layers from the weakest to the strongest, then what is made of them, whose bars lead
    to `link`."""
    known = Span(shown.start - AROUND, shown.end + AROUND)
    found = [
        Lane(
            layer.name or f"Layer {number}",
            layer_shifts(layer, schedule.timezone, *known, schedule.calendars, f"layer:{number}"),
            note=in_turns(layer),
            known=known,
        )
        for number, layer in enumerate(schedule.layers, 1)
    ]
    changes = tuple(_change(each) for each in schedule.overrides if each.span.common(shown))
    if changes:
        found.extend(_override_lanes(changes))
    found.append(
        Lane("Who is paged", final.stretches, "final", known=Span(final.start, final.end), link=link)
    )
    return tuple(found)


def _change(override: Override | Temporary) -> Shift:
    if isinstance(override, Temporary):
        return Shift(override.start, override.end, (), ("temporary",))
    return Shift(override.start, override.end, override.users, (override.mode.value,) * len(override.users))


def _override_lanes(changes: Sequence[Shift]) -> Iterator[Lane]:
    stacked = _stacked(changes)
    for row in stacked[:OVERRIDE_LANES_MAX]:
        yield Lane("Overrides", row, "override")
    if left := sum(len(row) for row in stacked[OVERRIDE_LANES_MAX:]):
        yield Lane(f"{left} more overrides", stacked[OVERRIDE_LANES_MAX], "override")


def _stacked(changes: Sequence[Shift]) -> list[tuple[Shift, ...]]:
    """`changes` in as few rows as keep them from lying one over the other."""
    rows: list[list[Shift]] = []
    for each in sorted(changes):
        row = next((row for row in rows if row[-1].end <= each.start), None)
        if row is None:
            rows.append([each])
        else:
            row.append(each)
    return [tuple(row) for row in rows]


def bands(shown: Period, drawn: Sequence[Lane], people: People, now: datetime) -> tuple[Band, ...]:
    """The bands of the page."""
    return tuple(_band(shown, first, after, drawn, people, now) for first, after in shown.bands)


def _band(
    shown: Period, first: date, after: date, drawn: Sequence[Lane], people: People, now: datetime
) -> Band:
    span = Span(midnight(first, shown.zone), midnight(after, shown.zone))
    ticks = _hours(shown, span) if shown.view is View.DAY else _days(shown, first, after, span, now)
    rows = [
        Row(lane.name, lane.kind, lane.note, lane.link, tuple(_bars(lane, span, people, shown, now)))
        for lane in drawn
    ]
    rows = [row for row in rows if row.bars or row.kind not in ("override", "mine")]
    return Band(*span, tuple(ticks), tuple(rows), _percent(now, span) if span.start <= now < span.end else "")


def _days(shown: Period, first: date, after: date, span: Span, now: datetime) -> Iterator[Tick]:
    today = wall_clock(now, shown.zone).date()
    for number in range((after - first).days):
        day = first + number * DAY
        start, end = midnight(day, shown.zone), midnight(day + DAY, shown.zone)
        if start >= end:  # a day that the zone skipped
            continue
        yield Tick(
            _percent(start, span),
            _width(start, end, span),
            f"{day:%a} {day.day}" + (f" {day:%b}" if day.day == 1 or number == 0 else ""),
            f"{day:%a} {day.day}",
            day.isoformat(),
            today=day == today,
            weekend=day.weekday() > 4,
            other=shown.view is View.MONTH and day.month != shown.on.month,
            line=number > 0,
        )


def _hours(shown: Period, span: Span) -> Iterator[Tick]:
    """Every third hour of the wall clock, where it is in the day: one may be missing, or stand further right."""
    for hour in range(0, 24, HOURS_BETWEEN):
        wall = datetime.combine(shown.on, datetime.min.time()) + timedelta(hours=hour)
        start, end = (instant(wall + timedelta(hours=more), shown.zone) for more in (0, HOURS_BETWEEN))
        start, end = max(start, span.start), min(end, span.end)
        if start < end:
            yield Tick(
                _percent(start, span),
                _width(start, end, span),
                f"{hour:02}:00",
                f"{hour:02}",
                shown.on.isoformat(),
                line=hour > 0,
            )


def _bars(lane: Lane, span: Span, people: People, shown: Period, now: datetime) -> Iterator[Bar]:
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
            x=_percent(both.start, span),
            width=_width(*both, span),
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


def _percent(at: datetime, span: Span) -> str:
    return f"{100 * ((at - span.start) / span.length):.3f}%"


def _width(start: datetime, end: datetime, span: Span) -> str:
    return f"{100 * ((end - start) / span.length):.3f}%"


@dataclass(frozen=True)
class Entry:
    """One stretch of the final schedule, in words."""

    at: str  # an instant of it, for an address
    when: str
    users: tuple[tuple[str, int], ...]  # name and colour
    by_override: bool
    now: bool
    over: bool
    mine: bool


def entries(line: Timeline, shown: Span, people: People, zone: ZoneInfo, now: datetime) -> tuple[Entry, ...]:
    """The stretches that touch `shown`, for reading from top to bottom; gaps are among them, without users."""
    known = Span(line.start, line.end)
    return tuple(
        Entry(
            in_address(max(shift.start, shown.start)),
            extent(shift.span, known, zone),
            tuple((people.name(user), people.tints.get(user, 0)) for user in shift.users),
            any(not each.startswith("layer:") for each in shift.sources),
            shift.start <= now < shift.end,
            shift.end <= now,
            people.reader in shift.users,
        )
        for shift in line.stretches
        if shown.common(shift.span)
    )
