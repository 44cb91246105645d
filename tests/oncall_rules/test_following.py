"""What becomes of an override when the shift under it moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.oncall_rules.world import DAY, at, daily, read, schedule, span, weekly
from tocsin.oncall.rules import Move, follow, moves

NOW = at("2026-01-20")


def cover(start: str, end: str, *users: str, replaces: str = "ada", **more: Any) -> dict[str, Any]:
    return {"start": start, "end": end, "users": list(users), "replaces": [replaces], **more}


def test_oncall_4182_a_swap_of_a_whole_shift_goes_where_the_shift_goes() -> None:
    swap = cover("2026-02-02T09:00", "2026-02-09T09:00", "dan")
    before = schedule(weekly("bo", "cy", "bo", "cy", "ada"), overrides=[swap])
    after = schedule(weekly("bo", "cy", "bo", "cy", "ada", start="2026-01-06T18:00"), overrides=[swap])
    followed, changes = follow(before, after, NOW)
    assert read(followed, "2026-02-02T12:00", "2026-02-10T20:00") == [
        "2026-02-02T12:00 2026-02-03T18:00 cy",
        "2026-02-03T18:00 2026-02-10T18:00 dan",
        "2026-02-10T18:00 2026-02-10T20:00 bo",
    ]
    (change,) = changes
    assert change.number == 1 and change.before.start == at("2026-02-02T09:00")
    assert change.after == replace(change.before, start=at("2026-02-03T18:00"), end=at("2026-02-10T18:00"))


def test_oncall_4182_also_to_another_week() -> None:
    swap = cover("2026-02-02T09:00", "2026-02-09T09:00", "dan")
    before = schedule(weekly("bo", "cy", "bo", "cy", "ada", "eve"), overrides=[swap])
    after = schedule(weekly("bo", "cy", "bo", "cy", "eve", "ada"), overrides=[swap])
    followed, _ = follow(before, after, NOW)
    assert read(followed, "2026-02-02T09:00", "2026-02-16T09:00") == [
        "2026-02-02T09:00 2026-02-09T09:00 eve",
        "2026-02-09T09:00 2026-02-16T09:00 dan",
    ]


def test_a_cover_of_some_hours_stays_at_those_hours_and_is_clipped_to_the_shift() -> None:
    """Ada is at the dentist then, whatever her shift is."""
    dentist = cover("2026-02-02T08:00", "2026-02-02T11:00", "dan")
    before = schedule(weekly("ada", "bo", start="2026-01-19T09:00"), overrides=[dentist])
    after = schedule(weekly("ada", "bo", start="2026-01-19T10:00"), overrides=[dentist])
    followed, changes = follow(before, after, NOW)
    assert not changes
    assert read(followed, "2026-02-02T09:00", "2026-02-02T12:00") == [
        "2026-02-02T09:00 2026-02-02T10:00 bo",
        "2026-02-02T10:00 2026-02-02T11:00 dan",
        "2026-02-02T11:00 2026-02-02T12:00 ada",
    ]


def test_an_override_of_a_shift_that_is_gone_stays_and_does_nothing() -> None:
    swap = cover("2026-02-02T09:00", "2026-02-09T09:00", "dan")
    before = schedule(weekly("ada", "bo", start="2026-01-19T09:00"), overrides=[swap])
    after = schedule(weekly("cy", "bo", start="2026-01-19T09:00"), overrides=[swap])
    followed, changes = follow(before, after, NOW)
    assert not changes and followed == after
    assert read(followed, "2026-02-02T09:00", "2026-02-09T09:00") == ["2026-02-02T09:00 2026-02-09T09:00 cy"]


def test_a_cover_of_several_shifts_follows_them_all() -> None:
    hours = [{"days": ["mon-fri"], "from": "09:00", "to": "17:00"}]
    later = [{"days": ["mon-fri"], "from": "10:00", "to": "18:00"}]
    week = cover("2026-02-02", "2026-02-07", "dan")
    before = schedule(weekly("ada", restrict=hours), overrides=[week])
    followed, (change,) = follow(before, schedule(weekly("ada", restrict=later), overrides=[week]), NOW)
    assert change.after.span == span("2026-02-02T10:00", "2026-02-06T18:00")
    assert {line.split()[2] for line in read(followed, "2026-02-02", "2026-02-07")} == {"dan"}


def test_a_cover_of_a_cover_follows_too() -> None:
    first = cover("2026-02-02T09:00", "2026-02-09T09:00", "dan")
    second = cover("2026-02-02T09:00", "2026-02-09T09:00", "eve", replaces="dan")
    before = schedule(weekly("ada", "bo", start="2026-01-19T09:00"), overrides=[first, second])
    after = schedule(weekly("ada", "bo", start="2026-01-20T09:00"), overrides=[first, second])
    followed, changes = follow(before, after, NOW)
    assert [change.number for change in changes] == [1, 2]
    assert read(followed, "2026-02-03T09:00", "2026-02-10T09:00") == ["2026-02-03T09:00 2026-02-10T09:00 eve"]


def test_overrides_that_are_over_or_name_hours_only_or_are_new_stay() -> None:
    over = cover("2026-01-05T09:00", "2026-01-12T09:00", "dan")
    hours = {"start": "2026-02-02T09:00", "end": "2026-02-09T09:00", "users": ["dan"]}
    new = cover("2026-02-16T09:00", "2026-02-23T09:00", "dan")
    before = schedule(weekly("ada", "bo"), overrides=[over, hours])
    after = schedule(weekly("ada", "bo", start="2026-01-06T09:00"), overrides=[over, hours, new])
    assert follow(before, after, NOW) == (after, ())


def test_when_nothing_moves_nothing_is_looked_at() -> None:
    web = schedule(weekly("ada", "bo"), overrides=[cover("2026-02-02T09:00", "2026-02-09T09:00", "dan")])
    assert follow(web, web, NOW) == (web, ())


def test_computed_anew_whenever_it_is_read_a_cover_is_clipped_to_shifts_that_moved_without_an_edit() -> None:
    """Nobody may have called `follow`, as when the rules of a zone change: still nobody covers what is not Ada's."""
    swap = cover("2026-02-02T09:00", "2026-02-09T09:00", "dan")
    moved = schedule(weekly("ada", "bo", start="2026-01-20T09:00"), overrides=[swap])
    assert read(moved, "2026-02-02T09:00", "2026-02-10T09:00") == [
        "2026-02-02T09:00 2026-02-03T09:00 bo",
        "2026-02-03T09:00 2026-02-09T09:00 dan",
        "2026-02-09T09:00 2026-02-10T09:00 ada",
    ]


def test_a_shift_that_is_still_there_is_itself_and_others_become_those_they_share_most_with() -> None:
    monday, tuesday = span("2026-02-02", "2026-02-03"), span("2026-02-03", "2026-02-04")
    later, far = span("2026-02-03T12:00", "2026-02-04T12:00"), span("2026-06-01", "2026-06-02")
    assert moves([monday, tuesday], [monday, later]) == (Move(tuesday, later),)
    assert moves([monday], [far]) == (Move(monday, None), Move(None, far))
    assert moves([monday, tuesday], [later]) == (Move(tuesday, later), Move(monday, None))


def test_daily_shifts_that_change_hands_are_followed_one_by_one() -> None:
    swaps = [
        cover("2026-02-02T09:00", "2026-02-03T09:00", "dan"),
        cover("2026-02-05T09:00", "2026-02-06T09:00", "eve"),
    ]
    before = schedule(daily("ada", "bo", "cy", start="2026-01-30T09:00"), overrides=swaps)
    after = schedule(daily("ada", "bo", "cy", start="2026-01-31T09:00"), overrides=swaps)
    followed, changes = follow(before, after, NOW)
    assert [change.after.start - change.before.start for change in changes] == [DAY, DAY]
    people = [line.split()[2] for line in read(followed, "2026-02-03T09:00", "2026-02-09T09:00")]
    assert people == ["dan", "bo", "cy", "eve", "bo", "cy"]
