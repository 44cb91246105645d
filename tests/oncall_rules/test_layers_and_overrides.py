"""Layers over layers, overrides over layers, and what others got wrong about it."""

from __future__ import annotations

import pytest

from tests.oncall_rules.world import HOUR, MADRID, WEEK, at, daily, read, schedule, span, told, weekly
from tocsin.kernel.errors import Refused
from tocsin.oncall.rules import (
    final,
    gaps,
    layer_shifts,
    next_shift,
    on_call,
    previous_shift,
    shadow_shifts,
    shadowing,
    timeline,
)

NIGHTS = {"from": "21:00", "to": "09:00"}


def override(start: str, end: str, *users: str, **more: object) -> dict[str, object]:
    return {"start": start, "end": end, "users": list(users), **more}


def test_a_later_layer_wins_where_it_has_somebody_and_only_there() -> None:
    web = schedule(weekly("ada", "bo"), daily("cy", None, restrict=[NIGHTS]))
    assert read(web, "2026-01-05T12:00", "2026-01-07T12:00") == [
        "2026-01-05T12:00 2026-01-05T21:00 ada",
        "2026-01-05T21:00 2026-01-06T09:00 cy",
        "2026-01-06T09:00 2026-01-07T12:00 ada",  # the night of the empty slot too
    ]


def test_every_shift_says_what_gave_it() -> None:
    web = schedule(
        weekly("ada"),
        daily("cy", restrict=[NIGHTS]),
        overrides=[
            override("2026-01-06T10:00", "2026-01-06T11:00", "bo", mode="add", id="help"),
            override("2026-01-06T12:00", "2026-01-06T13:00", "dan"),
        ],
    )
    shifts = final(web, at("2026-01-06"), at("2026-01-07"))
    assert [(*shift.users, *shift.sources) for shift in shifts] == [
        ("cy", "layer:2"),
        ("ada", "layer:1"),
        ("ada", "bo", "layer:1", "override:help"),
        ("ada", "layer:1"),
        ("dan", "override:2"),
        ("ada", "layer:1"),
        ("cy", "layer:2"),
    ]


def test_a_later_override_wins_over_an_earlier_one_whichever_begins_first() -> None:
    web = schedule(
        weekly("ada"),
        overrides=[
            override("2026-01-06T12:00", "2026-01-06T20:00", "bo"),
            override("2026-01-06T10:00", "2026-01-06T14:00", "cy"),
        ],
    )
    assert read(web, "2026-01-06", "2026-01-07") == [
        "2026-01-06T00:00 2026-01-06T10:00 ada",
        "2026-01-06T10:00 2026-01-06T14:00 cy",
        "2026-01-06T14:00 2026-01-06T20:00 bo",
        "2026-01-06T20:00 2026-01-07T00:00 ada",
    ]


def test_replace_without_replaces_puts_people_on_call_also_where_nobody_would_be() -> None:
    web = schedule(overrides=[override("2026-01-06T12:00", "2026-01-06T13:00", "bo", "cy")])
    assert read(web, "2026-01-06", "2026-01-07") == ["2026-01-06T12:00 2026-01-06T13:00 bo+cy"]


def test_add_and_remove_change_who_else_is_there() -> None:
    web = schedule(
        weekly(["ada", "bo"]),
        overrides=[
            override("2026-01-06T12:00", "2026-01-06T14:00", "cy", "ada", mode="add"),
            override("2026-01-06T13:00", "2026-01-06T15:00", "ada", mode="remove"),
        ],
    )
    assert read(web, "2026-01-06T11:00", "2026-01-06T16:00") == [
        "2026-01-06T11:00 2026-01-06T12:00 ada+bo",
        "2026-01-06T12:00 2026-01-06T13:00 ada+bo+cy",
        "2026-01-06T13:00 2026-01-06T14:00 bo+cy",
        "2026-01-06T14:00 2026-01-06T15:00 bo",
        "2026-01-06T15:00 2026-01-06T16:00 ada+bo",
    ]


def test_whom_to_remove_may_be_written_either_way() -> None:
    one = override("2026-01-06", "2026-01-07", "ada", mode="remove")
    other = {"start": "2026-01-06", "end": "2026-01-07", "replaces": ["ada"], "mode": "remove"}
    assert schedule(overrides=[one]) == schedule(overrides=[other])


def test_who_replaces_stands_where_the_replaced_one_stood() -> None:
    cover = override("2026-01-06", "2026-01-07", "dan", "cy", replaces=["ada", "bo"])
    web = schedule(weekly(["eve", "ada", "cy", "bo"]), overrides=[cover])
    assert on_call(web, at("2026-01-06T12:00")) == ("eve", "dan", "cy")


def test_a_temporary_schedule_replaces_everything_made_before_it_and_later_overrides_change_it() -> None:
    conference = {
        "id": "conference",
        "start": "2026-01-06T09:00",
        "end": "2026-01-08T09:00",
        "layers": [
            daily("dan", "eve", start="2026-01-06T09:00", restrict=[{"from": "09:00", "to": "21:00"}])
        ],
    }
    web = schedule(
        weekly("ada"),
        overrides=[
            override("2026-01-06T10:00", "2026-01-06T11:00", "bo"),
            conference,
            override("2026-01-07T12:00", "2026-01-07T13:00", "cy", replaces=["eve"]),
        ],
    )
    assert read(web, "2026-01-06T08:00", "2026-01-08T10:00") == [
        "2026-01-06T08:00 2026-01-06T09:00 ada",
        "2026-01-06T09:00 2026-01-06T21:00 dan",
        "2026-01-07T09:00 2026-01-07T12:00 eve",
        "2026-01-07T12:00 2026-01-07T13:00 cy",
        "2026-01-07T13:00 2026-01-07T21:00 eve",
        "2026-01-08T09:00 2026-01-08T10:00 ada",
    ]
    assert gaps(web, *span("2026-01-06T09:00", "2026-01-08T09:00")) == (
        span("2026-01-06T21:00", "2026-01-07T09:00"),
        span("2026-01-07T21:00", "2026-01-08T09:00"),
    )


# --- the people before and after ---


def test_the_next_and_the_previous_shift_are_those_of_other_people() -> None:
    web = schedule(weekly("ada", None, "bo"))
    now = at("2026-01-07T12:00")
    following = next_shift(web, now)
    assert following and told((following,)) == ["2026-01-19T09:00 2026-01-26T09:00 bo"]
    before = previous_shift(web, at("2026-01-20T12:00"))
    assert before and told((before,)) == ["2026-01-05T09:00 2026-01-12T09:00 ada"]
    assert previous_shift(web, now) is None


def test_who_is_on_call_alone_for_ever_has_nobody_next() -> None:
    assert next_shift(schedule(weekly("ada")), at("2026-02-01")) is None


def test_with_nobody_on_call_the_next_shift_is_the_next_of_anybody() -> None:
    web = schedule(weekly("ada", "bo", start="2026-06-01T09:00"))
    found = next_shift(web, at("2026-01-01"))
    assert found and told((found,)) == ["2026-06-01T09:00 2026-06-08T09:00 ada"]


# --- what others got wrong ---


def test_goalert_4362_a_cover_over_two_shifts_and_a_gap_ends_the_first_and_leaves_the_gap() -> None:
    """A cover of Ada from Monday to Wednesday is clipped to her shifts: the night between them stays a gap."""
    web = schedule(
        weekly("ada", restrict=[{"from": "09:00", "to": "17:00"}]),
        overrides=[override("2026-01-06T00:00", "2026-01-08T00:00", "bo", replaces=["ada"])],
    )
    assert read(web, "2026-01-05T12:00", "2026-01-08T12:00") == [
        "2026-01-05T12:00 2026-01-05T17:00 ada",
        "2026-01-06T09:00 2026-01-06T17:00 bo",
        "2026-01-07T09:00 2026-01-07T17:00 bo",
        "2026-01-08T09:00 2026-01-08T12:00 ada",
    ]
    assert span("2026-01-06T17:00", "2026-01-07T09:00") in gaps(web, *span("2026-01-06", "2026-01-08"))


def test_goalert_2745_several_people_in_one_added_shift() -> None:
    added = override("2026-01-06T12:00", "2026-01-06T13:00", "bo", "cy", mode="add")
    assert on_call(schedule(weekly("ada"), overrides=[added]), at("2026-01-06T12:30")) == ("ada", "bo", "cy")


def test_goalert_3049_a_slot_may_be_empty_so_that_somebody_rests() -> None:
    assert gaps(schedule(weekly("ada", None)), *span("2026-01-12T09:00", "2026-01-26T09:00")) == (
        span("2026-01-12T09:00", "2026-01-19T09:00"),
    )


def test_goalert_2196_joining_and_leaving_can_be_planned() -> None:
    web = schedule(weekly("ada", {"user": "bo", "from": "2026-02-02", "until": "2026-03-02"}))
    people = {user for shift in final(web, *span("2026-02-02", "2026-03-02")) for user in shift.users}
    assert people == {"ada", "bo"}
    assert all(on_call(web, at(day)) == ("ada",) for day in ("2026-01-14", "2026-01-28", "2026-03-04"))


@pytest.mark.parametrize("name", ["America/New_York", "Asia/Tokyo", "Pacific/Auckland"])
def test_oncall_4197_daily_shifts_are_right_where_the_zone_is_not_utc(name: str) -> None:
    """The weekday of a window is that of the wall clock there, not that of UTC."""
    monday = [{"days": ["mon"], "from": "00:00", "to": "00:00"}]
    web = schedule(daily("ada", "bo", start="2026-01-05T00:00", timezone=name, restrict=monday))
    shifts = layer_shifts(web.layers[0], MADRID, at("2026-01-01"), at("2026-01-15"))
    assert told(shifts, name) == [
        "2026-01-05T00:00 2026-01-06T00:00 ada",
        "2026-01-12T00:00 2026-01-13T00:00 bo",
    ]


def test_oncall_4247_shifts_written_with_an_offset_are_the_same_instants_in_every_zone() -> None:
    one = override("2026-07-01T12:00Z", "2026-07-01T13:00Z", "bo")
    other = override("2026-07-01T14:00", "2026-07-01T15:00", "bo")
    assert final(schedule(overrides=[one]), *span("2026-07-01", "2026-07-02")) == final(
        schedule(overrides=[other]), *span("2026-07-01", "2026-07-02")
    )


def test_linkedin_oncall_215_rotations_may_be_of_any_length() -> None:
    web = schedule({"rotation": "daily", "every": 3, "start": "2026-01-05T09:00", "users": ["ada", "bo"]})
    assert [shift.length for shift in final(web, at("2026-01-05T09:00"), at("2026-01-17T09:00"))] == [
        72 * HOUR
    ] * 4


def test_pagerduty_and_oneuptime_disagree_about_the_order_of_layers_here_the_last_wins() -> None:
    assert on_call(schedule(weekly("ada"), weekly("bo")), at("2026-01-06")) == ("bo",)


def test_oncall_empty_shifts_do_not_hide_the_layer_below() -> None:
    assert on_call(schedule(weekly("ada"), weekly(None)), at("2026-01-06")) == ("ada",)


def test_goalert_a_replacement_of_somebody_who_is_not_on_call_adds_nobody() -> None:
    cover = override("2026-01-06", "2026-01-07", "cy", replaces=["bo"])
    assert on_call(schedule(weekly("ada"), overrides=[cover]), at("2026-01-06T12:00")) == ("ada",)
    assert on_call(schedule(overrides=[cover]), at("2026-01-06T12:00")) == ()


def test_alertmanager_2648_hours_are_those_of_the_named_zone_on_both_sides_of_a_change() -> None:
    web = schedule(weekly("ada", restrict=[{"from": "09:00", "to": "17:00"}]))
    assert read(web, "2026-03-28", "2026-03-30") == [
        "2026-03-28T09:00 2026-03-28T17:00 ada",
        "2026-03-29T09:00 2026-03-29T17:00 ada",
    ]


# --- shadows ---


def test_a_trainee_shadows_somebody_and_never_counts_as_being_on_call() -> None:
    watching = {"trainee": "dan", "of": "bo", "start": "2026-01-05T09:00", "end": "2026-01-20T09:00"}
    web = schedule(weekly("ada", "bo"), shadows=[watching])
    assert told(shadow_shifts(web, *span("2026-01-05", "2026-02-01"))) == [
        "2026-01-12T09:00 2026-01-19T09:00 dan"
    ]
    assert shadowing(web, at("2026-01-13")) == ("dan",)
    assert on_call(web, at("2026-01-13")) == ("bo",)


def test_a_shadow_of_whoever_is_on_call_watches_everybody_but_themselves() -> None:
    watching = {"trainee": "bo", "start": "2026-01-05T09:00", "end": "2026-01-19T09:00"}
    web = schedule(weekly("ada", "bo"), shadows=[watching])
    assert told(shadow_shifts(web, *span("2026-01-05", "2026-02-01"))) == [
        "2026-01-05T09:00 2026-01-12T09:00 bo"
    ]
    alone = schedule(shadows=[watching])
    assert shadow_shifts(alone, *span("2026-01-05", "2026-02-01")) == ()
    assert gaps(alone, *span("2026-01-05", "2026-01-06")) == (span("2026-01-05", "2026-01-06"),)


# --- bounds ---


def test_a_span_that_is_too_long_too_far_or_empty_is_refused() -> None:
    web = schedule(weekly("ada"))
    for start, end in (
        ("2026-01-01", "2030-01-01"),
        ("2026-01-02", "2026-01-01"),
        ("2026-01-02", "2026-01-02"),
    ):
        with pytest.raises(Refused, match="cannot be computed at once"):
            final(web, at(start), at(end))
    far = at("2026-01-01").replace(year=9000)
    with pytest.raises(Refused, match="out of reach"):
        final(web, far, far + WEEK)
    with pytest.raises(Refused, match="not part of the span"):
        timeline(web, at("2026-01-01"), at("2026-01-02")).on_call(at("2026-01-02"))


def test_ten_thousand_overrides_are_computed_in_their_order() -> None:
    """Each hour of a year is given to one person, then some of them to another."""
    start = at("2026-01-01")
    people = ["ada", "bo", "cy"]
    overrides = [
        {
            "start": (start + number % 8_000 * HOUR).isoformat(timespec="minutes"),
            "end": (start + (number % 8_000 + 1) * HOUR).isoformat(timespec="minutes"),
            "users": [people[number % 3]],
        }
        for number in range(10_000)
    ]
    web = schedule(weekly("dan"), overrides=overrides)
    line = timeline(web, start, start + 8_000 * HOUR)
    assert line.on_call(start) == (people[8_000 % 3],)  # the last one made for that hour
    assert line.on_call(start + 2_001 * HOUR) == (people[2_001 % 3],)
    assert not line.gaps
