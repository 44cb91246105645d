"""Schedules as rows of a calendar: periods, bars in percent, gaps, colours, and words for all of it. No database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from tocsin.kernel.spans import Span
from tocsin.kernel.zones import zone
from tocsin.oncall.rules import Schedule, schedule_from, timeline
from tocsin.web.calendar_grid.bands import Band, bands
from tocsin.web.calendar_grid.entries import entries
from tocsin.web.calendar_grid.lanes import AROUND, lanes
from tocsin.web.calendar_grid.people import TINTS, People, people_of
from tocsin.web.periods import Period, View, period
from tocsin.web.rota_words import extent, in_address, initials, layer_words, listed, when

MADRID = zone("Europe/Madrid")
NAMES = {"ada": "Ada Ortiz", "bo": "Bo Lind", "cy": "Cy Tran"}
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


def people(*users: str, reader: str = "") -> People:
    return people_of(users or tuple(NAMES), NAMES, reader)


def schedule(*layers: dict[str, object], key: str = "web", **more: object) -> Schedule:
    return schedule_from({"id": key, "timezone": "Europe/Madrid", "layers": list(layers), **more})


def drawn(value: Schedule, shown: Period, now: datetime = NOW) -> tuple[Band, ...]:
    line = timeline(value, shown.span.start - AROUND, shown.span.end + AROUND)
    return bands(shown, lanes(value, line, shown.span), people(), now)


def percent(text: str) -> float:
    assert text.endswith("%")
    return float(text[:-1])


WEEKLY: dict[str, object] = {"rotation": "weekly", "start": "2026-01-05T09:00", "users": ["ada", "bo"]}


@pytest.mark.parametrize(
    ("view", "on", "title", "days", "before", "after"),
    [
        (View.MONTH, date(2026, 3, 15), "March 2026", 42, date(2026, 2, 1), date(2026, 4, 1)),
        (View.MONTH, date(2026, 12, 31), "December 2026", 35, date(2026, 11, 1), date(2027, 1, 1)),
        (View.WEEKS, date(2026, 3, 4), "2 to 15 March 2026", 14, date(2026, 2, 16), date(2026, 3, 16)),
        (
            View.WEEKS,
            date(2026, 12, 31),
            "28 December 2026 to 10 January 2027",
            14,
            date(2026, 12, 14),
            date(2027, 1, 11),
        ),
        (View.DAY, date(2026, 3, 29), "Sunday 29 March 2026", 1, date(2026, 3, 28), date(2026, 3, 30)),
    ],
)
def test_a_period_has_whole_weeks_from_monday_and_knows_its_neighbours(
    view: View, on: date, title: str, days: int, before: date, after: date
) -> None:
    shown = period(view, on, MADRID)
    assert (shown.title, shown.before, shown.after) == (title, before, after)
    assert sum((last - first).days for first, last in shown.bands) == days
    assert view is View.DAY or all(first.weekday() == 0 for first, _ in shown.bands)


@pytest.mark.parametrize("view", list(View))
@pytest.mark.parametrize(
    "name", ["Europe/Madrid", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu"]
)
def test_the_last_row_fills_every_band_without_a_hole(view: View, name: str) -> None:
    value = schedule(
        WEEKLY,
        {
            "rotation": "daily",
            "start": "2026-01-05T22:00",
            "users": ["cy"],
            "restrict": [{"days": ["sat-sun"], "from": "22:00", "to": "07:00"}],
        },
    )
    for on in (date(2026, 3, 29), date(2026, 4, 5), date(2026, 10, 25)):
        for band in drawn(value, period(view, on, zone(name))):
            bars = band.rows[-1].bars
            assert percent(bars[0].x) == 0
            for one, other in pairwise(bars):
                assert percent(one.x) + percent(one.width) == pytest.approx(percent(other.x), abs=0.01)
            assert percent(bars[-1].x) + percent(bars[-1].width) == pytest.approx(100, abs=0.01)


def test_a_day_on_which_the_clocks_are_set_forward_has_23_hours() -> None:
    (band,) = drawn(schedule(WEEKLY), period(View.DAY, date(2026, 3, 29), MADRID))
    assert band.end - band.start == timedelta(hours=23)
    three = next(tick for tick in band.ticks if tick.text == "03:00")
    assert percent(three.x) == pytest.approx(100 * 2 / 23, abs=0.01)


def test_a_day_that_a_zone_skipped_has_no_tick() -> None:
    shown = period(View.MONTH, date(2011, 12, 1), zone("Pacific/Apia"))
    days = [tick.day for band in drawn(schedule(WEEKLY), shown) for tick in band.ticks]
    assert "2011-12-29" in days and "2011-12-31" in days
    assert "2011-12-30" not in days


def test_a_gap_is_a_bar_that_says_nobody_and_how_long() -> None:
    value = schedule({**WEEKLY, "restrict": [{"days": ["mon-fri"], "from": "09:00", "to": "17:00"}]})
    (band,) = drawn(value, period(View.DAY, date(2026, 3, 4), MADRID))
    gap = band.rows[-1].bars[-1]
    assert gap.kind == "gap"
    assert gap.wide == "nobody"
    assert gap.title == "nobody, Wed 4 Mar 17:00 to Thu 5 Mar 09:00 (16 h)"
    assert gap.tints == ()


def test_an_empty_turn_is_nobody_on_purpose_in_its_layer() -> None:
    value = schedule(WEEKLY, {"rotation": "weekly", "start": "2026-01-05T09:00", "users": [None, "cy"]})
    (band,) = drawn(value, period(View.DAY, date(2026, 3, 4), MADRID))
    assert [row.bars[0].kind for row in band.rows] == ["shift", "off", "shift"]


def test_people_who_are_on_call_together_share_the_bar() -> None:
    value = schedule({"rotation": "weekly", "start": "2026-01-05T09:00", "users": [["ada", "bo"]]})
    bar = drawn(value, period(View.DAY, date(2026, 3, 4), MADRID))[0].rows[-1].bars[0]
    assert bar.wide == "Ada Ortiz and Bo Lind"
    assert [(stripe.y, stripe.height) for stripe in bar.tints] == [("0.00%", "50.00%"), ("50.00%", "50.00%")]


def test_overrides_have_lanes_of_their_own_and_mark_what_they_changed() -> None:
    value = schedule(
        WEEKLY,
        overrides=[
            {"start": "2026-03-04T10:00", "end": "2026-03-04T18:00", "users": ["cy"]},
            {"start": "2026-03-04T15:00", "end": "2026-03-04T16:00", "users": ["bo"], "mode": "add"},
        ],
    )
    (band,) = drawn(value, period(View.DAY, date(2026, 3, 4), MADRID))
    assert [row.kind for row in band.rows] == ["layer", "override", "override", "final"]
    changed = [bar for bar in band.rows[-1].bars if bar.by_override]
    assert changed[0].wide == "⇄ Cy Tran"
    assert not band.rows[-1].bars[0].by_override


def test_a_band_without_overrides_draws_no_lane_for_them() -> None:
    value = schedule(WEEKLY, overrides=[{"start": "2026-03-04", "end": "2026-03-05", "users": ["cy"]}])
    kinds = [[row.kind for row in band.rows] for band in drawn(value, period(View.MONTH, NOW.date(), MADRID))]
    assert kinds[1] == ["layer", "override", "final"]
    assert kinds[2] == ["layer", "final"]


def test_what_would_be_too_dense_to_read_is_counted_instead() -> None:
    value = schedule({"rotation": "hourly", "start": "2026-01-05T09:00", "users": ["ada", "bo"]})
    week = drawn(value, period(View.WEEKS, date(2026, 3, 4), MADRID))[0]
    assert [bar.wide for bar in week.rows[0].bars] == ["168 shifts, drawn in the view of a day"]
    assert len(week.rows[-1].bars) == 168
    assert len(drawn(value, period(View.DAY, date(2026, 3, 4), MADRID))[0].rows[0].bars) == 24


def test_overrides_over_overrides_take_no_more_lanes_than_can_be_read() -> None:
    many = [{"start": "2026-03-04T10:00", "end": "2026-03-04T18:00", "users": ["cy"]}] * 50
    (band,) = drawn(schedule(WEEKLY, overrides=many), period(View.DAY, date(2026, 3, 4), MADRID))
    names = [row.name for row in band.rows if row.kind == "override"]
    assert names == ["Overrides"] * 6 + ["44 more overrides"]


def test_a_name_is_written_as_long_as_it_fits() -> None:
    value = schedule({"rotation": "hourly", "every": 2, "start": "2026-01-05T09:00", "users": ["ada", "bo"]})
    day = drawn(value, period(View.DAY, date(2026, 3, 4), MADRID))[0].rows[-1].bars[1]
    week = drawn(value, period(View.WEEKS, date(2026, 3, 4), MADRID))[0].rows[-1].bars[1]
    assert day.wide in ("Ada", "Bo", "AO", "BL")
    assert week.wide == week.tight == ""
    assert week.title.startswith(("Ada Ortiz, ", "Bo Lind, "))


def test_only_the_band_of_this_instant_has_the_line() -> None:
    lines = [band.now for band in drawn(schedule(WEEKLY), period(View.MONTH, NOW.date(), MADRID))]
    assert [bool(line) for line in lines] == [False, True, False, False, False, False]
    assert percent(lines[1]) == pytest.approx(100 * (2 * 24 + 13) / 168, abs=0.01)


def test_the_same_in_words_from_top_to_bottom() -> None:
    value = schedule({**WEEKLY, "restrict": [{"days": ["mon-fri"], "from": "09:00", "to": "17:00"}]})
    shown = period(View.DAY, date(2026, 3, 4), MADRID)
    line = timeline(value, shown.span.start - AROUND, shown.span.end + AROUND)
    told = entries(line, shown.span, people(reader="ada"), MADRID, NOW)
    assert [[name for name, _ in each.users] for each in told] == [[], ["Ada Ortiz"], []]
    assert [(each.over, each.now, each.mine) for each in told] == [
        (True, False, False),
        (False, True, True),
        (False, False, False),
    ]
    assert told[1].when == "Wed 4 Mar 09:00 to 17:00 (8 h)"


def test_colours_differ_while_there_are_enough_and_stay_the_same() -> None:
    some = [f"user-{number}" for number in range(TINTS)]
    assert len(set(people_of(some, {}).tints.values())) == TINTS
    assert people_of(some, {}).tints == people_of(reversed(some), {}).tints
    assert set(people_of([*some, "one-more"], {}).tints.values()) <= set(range(TINTS))


def test_words_of_times_and_names() -> None:
    start = datetime(2026, 3, 4, 8, tzinfo=UTC)
    span = Span(start, start + timedelta(days=7))
    assert when(span, MADRID) == "Wed 4 Mar 09:00 to Wed 11 Mar 09:00"
    assert extent(span, None, MADRID) == "Wed 4 Mar 09:00 to Wed 11 Mar 09:00 (7 days)"
    assert extent(span, span, MADRID) == "all the time"
    assert extent(span, Span(start - timedelta(1), span.end), MADRID) == "from Wed 4 Mar 09:00"
    assert [initials(name) for name in ("Ada Ortiz", "Bo", "Jean-Luc de la Tour", "")] == [
        "AO",
        "B",
        "JT",
        "?",
    ]
    assert [listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_an_address_never_leads_before_its_instant() -> None:
    start = datetime(2026, 3, 4, 8, 0, 0, 500, tzinfo=UTC)
    assert in_address(start) == "2026-03-04T08:00:01Z"
    assert in_address(start.replace(microsecond=0)) == "2026-03-04T08:00:00Z"


def test_a_layer_is_said_in_one_sentence() -> None:
    value = schedule(
        {
            "rotation": "daily",
            "every": 2,
            "start": "2026-01-05T09:00",
            "end": "2026-12-01",
            "timezone": "Asia/Tokyo",
            "users": ["ada", ["bo", "cy"], None],
            "restrict": [{"days": ["fri"], "from": "17:00", "to": "mon 09:00"}, {"calendar": "office"}],
        }
    )
    assert layer_words(value.layers[0], NAMES, {"office": "Office"}, value.timezone) == (
        "Ada Ortiz, then Bo Lind with Cy Tran, then nobody; every 2 days from 5 January 2026 09:00 until "
        "1 December 2026 00:00 in Asia/Tokyo; only Fri 17:00 to Mon 09:00 and the hours of Office"
    )
