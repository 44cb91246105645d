"""Whose turn it is, told as people would: hand-offs, joins, leaves, empty slots, odd months."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.oncall_rules.world import DAY, HOUR, MADRID, at, daily, read, schedule, told, weekly
from tocsin.kernel.calendars import Calendar, Holiday
from tocsin.kernel.hours import windows_from
from tocsin.kernel.zones import moment, zone
from tocsin.oncall.rules import HandOffs, gaps, layer_from, layer_shifts, on_call


def test_the_turn_passes_every_week_at_the_same_time_on_the_wall() -> None:
    assert read(schedule(weekly("ada", "bo")), "2026-03-16", "2026-04-08") == [
        "2026-03-16T00:00 2026-03-16T09:00 bo",
        "2026-03-16T09:00 2026-03-23T09:00 ada",
        "2026-03-23T09:00 2026-03-30T09:00 bo",  # an hour less than a week: the clocks went forward
        "2026-03-30T09:00 2026-04-06T09:00 ada",
        "2026-04-06T09:00 2026-04-08T00:00 bo",
    ]


def test_nobody_is_on_call_before_the_first_shift_and_shifts_begin_sharp() -> None:
    web = schedule(weekly("ada"))
    assert on_call(web, at("2026-01-05T09:00") - DAY / 86_400_000) == ()
    assert on_call(web, at("2026-01-05T09:00")) == ("ada",)


def test_a_layer_ends_when_it_says() -> None:
    web = schedule(weekly("ada", end="2026-01-07T12:00"))
    assert read(web, "2026-01-01", "2026-02-01") == ["2026-01-05T09:00 2026-01-07T12:00 ada"]


def test_people_of_one_slot_are_on_call_together_and_an_empty_slot_is_nobody_on_purpose() -> None:
    web = schedule(daily("ada", ["bo", "cy"], None))
    assert read(web, "2026-01-05", "2026-01-09") == [
        "2026-01-05T09:00 2026-01-06T09:00 ada",
        "2026-01-06T09:00 2026-01-07T09:00 bo+cy",
        "2026-01-08T09:00 2026-01-09T00:00 ada",
    ]
    (layer,) = web.layers
    shown = told(layer_shifts(layer, MADRID, at("2026-01-07T09:00"), at("2026-01-08T09:00")))
    assert shown == ["2026-01-07T09:00 2026-01-08T09:00 -"]


def test_a_fixed_set_of_people_never_hands_over() -> None:
    web = schedule({"rotation": "fixed", "start": "2026-01-05", "users": ["ada", "bo"]})
    assert read(web, "2026-01-01", "2027-01-01") == ["2026-01-05T00:00 2027-01-01T00:00 ada+bo"]


def test_a_rotation_of_one_person_is_one_long_shift() -> None:
    assert read(schedule(daily("ada")), "2026-01-01", "2026-06-01") == [
        "2026-01-05T09:00 2026-06-01T00:00 ada"
    ]


def test_hourly_turns_keep_to_the_wall_clock() -> None:
    """Twelve hours from nine to nine all year; on the night of the change a turn is an hour shorter or longer."""
    web = schedule({"rotation": "hourly", "every": 12, "start": "2026-03-01T09:00", "users": ["ada", "bo"]})
    assert read(web, "2026-03-28T12:00", "2026-03-29T12:00") == [
        "2026-03-28T12:00 2026-03-28T21:00 ada",
        "2026-03-28T21:00 2026-03-29T09:00 bo",
        "2026-03-29T09:00 2026-03-29T12:00 ada",
    ]


def test_a_turn_of_one_hour_is_passed_over_when_the_clocks_skip_it_and_lasts_two_when_they_repeat_it() -> (
    None
):
    web = schedule({"rotation": "hourly", "start": "2026-01-01", "users": ["ada", "bo", "cy"]})
    spring = read(web, "2026-03-29T01:00", "2026-03-29T05:00")
    assert [line.split()[2] for line in spring] == [
        "bo",
        "ada",
        "bo",
    ]  # cy's hour, from two to three, was none
    autumn = read(web, "2026-10-25T01:00", "2026-10-25T04:00")
    assert autumn == [
        "2026-10-25T01:00 2026-10-25T02:00 bo",
        "2026-10-25T02:00 2026-10-25T03:00 cy",  # three o'clock comes two hours after two
        "2026-10-25T03:00 2026-10-25T04:00 ada",
    ]


@pytest.mark.parametrize("minutes", range(0, 180, 10))
def test_what_was_handed_over_stays_so_when_the_clocks_show_the_hour_again(minutes: int) -> None:
    """At half past two the first time; the second time that it is two o'clock, bo is on call already."""
    web = schedule(daily("ada", "bo", start="2026-10-24T02:30"))
    now = at("2026-10-25T01:00") + minutes * HOUR / 60
    assert on_call(web, now) == (("bo",) if minutes >= 90 else ("ada",))


def test_a_monthly_turn_from_the_31st_is_handed_over_on_the_last_day_of_shorter_months() -> None:
    web = schedule({"rotation": "monthly", "start": "2027-12-31T09:00", "users": ["ada", "bo"]})
    starts = [line.split()[0] for line in read(web, "2027-12-01", "2028-06-01")]
    assert [start[:10] for start in starts] == [
        *("2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30", "2028-05-31")
    ]


def test_a_yearly_turn_from_the_29th_of_february_is_handed_over_on_the_28th_in_other_years() -> None:
    layer = layer_from(
        {"rotation": "monthly", "every": 12, "start": "2024-02-29T09:00", "users": ["ada", "bo"]}
    )
    hand_offs = HandOffs(layer, zone("UTC"))
    assert [moment(hand_offs.at(number)).date().isoformat() for number in range(5)] == [
        *("2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29")
    ]


def test_weeks_run_on_through_week_53_and_the_end_of_the_year() -> None:
    web = schedule(weekly("ada", "bo", start="2026-12-21T09:00"))
    assert read(web, "2026-12-21", "2027-01-18T09:00") == [
        "2026-12-21T09:00 2026-12-28T09:00 ada",
        "2026-12-28T09:00 2027-01-04T09:00 bo",  # 2026 has a week 53
        "2027-01-04T09:00 2027-01-11T09:00 ada",
        "2027-01-11T09:00 2027-01-18T09:00 bo",
    ]


@pytest.mark.parametrize("days", [400])
def test_the_29th_of_february_is_a_day_like_others(days: int) -> None:
    web = schedule(daily("ada", "bo", start="2028-02-01T09:00"))
    assert not gaps(web, at("2028-02-01T09:00"), at("2028-02-01T09:00") + days * DAY)
    assert on_call(web, at("2028-02-29T12:00")) == ("ada",)


def test_every_other_week() -> None:
    web = schedule(weekly("ada", "bo", every=2))
    assert read(web, "2026-01-05", "2026-02-02T09:00") == [
        "2026-01-05T09:00 2026-01-19T09:00 ada",
        "2026-01-19T09:00 2026-02-02T09:00 bo",
    ]


# --- joining and leaving ---


def names(web: Any, start: str, end: str) -> list[str]:
    return [line.split()[2] for line in read(web, start, end)]


def test_who_joins_waits_for_their_place_and_no_turn_before_changes() -> None:
    joining = {"user": "cy", "from": "2026-02-01"}
    before, after = schedule(weekly("ada", "bo")), schedule(weekly("ada", joining, "bo"))
    assert read(before, "2026-01-05", "2026-02-01") == read(after, "2026-01-05", "2026-02-01")
    # On 1 February bo has the turn; ada follows bo as before, then the new one, who stands after ada.
    assert names(after, "2026-01-26T09:00", "2026-03-02T09:00") == ["bo", "ada", "cy", "bo", "ada"]


def test_who_leaves_is_passed_over_from_then_on_and_no_turn_before_changes() -> None:
    leaving = {"user": "bo", "until": "2026-02-02T09:00"}
    before, after = schedule(weekly("ada", "bo", "cy")), schedule(weekly("ada", leaving, "cy"))
    assert read(before, "2026-01-05", "2026-02-02T09:00") == read(after, "2026-01-05", "2026-02-02T09:00")
    assert names(after, "2026-01-19T09:00", "2026-02-23T09:00") == ["cy", "ada", "cy", "ada", "cy"]


def test_who_leaves_in_the_middle_of_a_turn_is_followed_at_once() -> None:
    """The next one takes what is left of it, and the order goes on from there: bo's last days are cy's."""
    web = schedule(weekly("ada", {"user": "bo", "until": "2026-01-14"}, "cy"))
    assert read(web, "2026-01-05", "2026-02-02T09:00") == [
        "2026-01-05T09:00 2026-01-12T09:00 ada",
        "2026-01-12T09:00 2026-01-14T00:00 bo",
        "2026-01-14T00:00 2026-01-19T09:00 cy",
        "2026-01-19T09:00 2026-01-26T09:00 ada",
        "2026-01-26T09:00 2026-02-02T09:00 cy",
    ]


def test_when_one_of_two_leaves_the_other_stays_on_call() -> None:
    web = schedule(weekly(["ada", {"user": "bo", "until": "2026-01-07"}], "cy"))
    assert names(web, "2026-01-05", "2026-01-26T09:00") == ["ada+bo", "ada", "cy", "ada"]


def test_a_rotation_that_everybody_has_left_has_gaps_until_somebody_joins() -> None:
    web = schedule(weekly({"user": "ada", "until": "2026-01-07"}, {"user": "bo", "from": "2026-01-21"}))
    assert read(web, "2026-01-05", "2026-02-09T09:00") == [
        "2026-01-05T09:00 2026-01-07T00:00 ada",
        "2026-01-21T00:00 2026-02-09T09:00 bo",
    ]


def test_who_joins_in_an_hour_that_the_clocks_skip_is_passed_over_with_it() -> None:
    """Two hand-offs and the join fall on one instant: cy joins, has the hour that does not exist, and hands over."""
    joining = {"user": "cy", "from": "2026-03-29T02:00"}
    web = schedule({"rotation": "hourly", "start": "2026-03-29", "users": ["ada", "bo", joining, "dan"]})
    assert names(web, "2026-03-29", "2026-03-29T06:00") == ["ada", "bo", "dan", "ada", "bo"]


def test_somebody_may_leave_and_come_back() -> None:
    away = [{"user": "bo", "until": "2026-01-12"}, {"user": "bo", "from": "2026-02-02"}]
    web = schedule(weekly("ada", away, "cy"))
    assert names(web, "2026-01-05T09:00", "2026-03-02T09:00") == [
        "ada",
        "cy",
        "ada",
        "cy",
        "ada",
        "bo",
        "cy",
        "ada",
    ]


# --- restrictions ---

WORK = {"days": ["mon-fri"], "from": "09:00", "to": "17:00"}
WEEKEND = {"days": ["fri"], "from": "17:00", "to": "mon 09:00"}


def test_restrictions_cut_shifts_and_do_not_change_whose_turn_it_is() -> None:
    free, bound = schedule(daily("ada", "bo", "cy")), schedule(daily("ada", "bo", "cy", restrict=[WORK]))
    assert (
        read(bound, "2026-01-08", "2026-01-13")
        == [
            "2026-01-08T09:00 2026-01-08T17:00 ada",
            "2026-01-09T09:00 2026-01-09T17:00 bo",
            "2026-01-12T09:00 2026-01-12T17:00 bo",  # Saturday was cy's and Sunday ada's, though nobody was on call
        ]
    )
    for line in read(bound, "2026-01-08", "2026-01-13"):
        assert on_call(free, at(line.split()[0])) == (line.split()[2],)


def test_a_window_may_last_over_midnight_and_over_several_days() -> None:
    nights = {"from": "22:00", "to": "06:00"}
    web = schedule(weekly("ada", restrict=[WEEKEND, nights]))
    assert read(web, "2026-01-07T12:00", "2026-01-12T12:00") == [
        "2026-01-07T22:00 2026-01-08T06:00 ada",
        "2026-01-08T22:00 2026-01-09T06:00 ada",
        "2026-01-09T17:00 2026-01-12T09:00 ada",
    ]


def test_a_window_may_begin_before_the_first_shift_and_end_after_the_last() -> None:
    web = schedule(weekly("ada", start="2026-01-10T12:00", end="2026-01-11T12:00", restrict=[WEEKEND]))
    assert read(web, "2026-01-05", "2026-01-20") == ["2026-01-10T12:00 2026-01-11T12:00 ada"]


OFFICE = Calendar(
    "office",
    "Office",
    "Europe/Madrid",
    windows_from([WORK]),
    (Holiday(datetime(2026, 1, 6).date(), "Reyes"),),
)


def test_a_working_calendar_restricts_a_layer_with_its_holidays() -> None:
    web = schedule(daily("ada", restrict=[{"calendar": "office"}]), calendars=(OFFICE,))
    assert read(web, "2026-01-05", "2026-01-08") == [
        "2026-01-05T09:00 2026-01-05T17:00 ada",
        "2026-01-07T09:00 2026-01-07T17:00 ada",
    ]


def test_one_layer_in_working_hours_and_one_outside_them_leave_no_gap() -> None:
    web = schedule(
        weekly("ada", "bo", restrict=[{"calendar": "office"}]),
        daily("cy", "dan", restrict=[{"outside": "office"}]),
        calendars=(OFFICE,),
    )
    assert not gaps(web, at("2026-01-05T09:00"), at("2027-01-01"))
    assert on_call(web, at("2026-01-06T12:00")) == ("dan",)  # a holiday


def test_a_calendar_that_there_is_no_more_restricts_nothing() -> None:
    web = schedule(daily("ada", restrict=[{"calendar": "gone"}]), daily("bo", restrict=[{"outside": "gone"}]))
    assert on_call(web, at("2026-01-05T23:00")) == ("bo",)


def test_a_layer_may_live_in_a_zone_of_its_own() -> None:
    web = schedule(daily("ada", "bo", timezone="Asia/Kolkata", start="2026-01-05T09:00"))
    assert told(layer_shifts(web.layers[0], MADRID, at("2026-01-05"), at("2026-01-06")), "Asia/Kolkata") == [
        "2026-01-05T09:00 2026-01-06T04:30 ada"
    ]
