"""The worst that can be written: refused in words, or computed in a moment. What it costs is counted, not timed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.oncall_rules.world import HOUR, schedule, weekly
from tocsin.kernel.errors import Refused
from tocsin.kernel.spans import Span
from tocsin.oncall.rules import Move, follow, following, moves, timeline
from tocsin.oncall.rules.following import NEAREST_MAX
from tocsin.oncall.rules.sizes import (
    DATES_IN_ALL_MAX,
    NAMES_AT_ONCE_MAX,
    SEATS_IN_ALL_MAX,
    TEMPORARY_LAYERS_AT_ONCE_MAX,
    TEMPORARY_LAYERS_MAX,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
PEOPLE = [f"p{number}" for number in range(200)]


def written(hours: int) -> str:
    return (START + hours * HOUR).strftime("%Y-%m-%dT%H:%MZ")


def override(start: int, end: int, *users: str, **more: Any) -> dict[str, Any]:
    return {"start": written(start), "end": written(end), "users": list(users), **more}


def temporary(start: int, end: int, layers: int, *users: Any) -> dict[str, Any]:
    return {"start": written(start), "end": written(end), "layers": [weekly(*users or ("ada",))] * layers}


def refusal(*layers: dict[str, Any], **more: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        schedule(*layers, **more)
    return refused.value


# --- how much holds at once ---


def test_ten_thousand_overrides_one_over_the_other_are_refused_and_it_is_said_where_it_is_too_much() -> None:
    """Each of a year's hours would be looked at ten thousand times: minutes, for whoever opens the page."""
    overrides = [
        override(number % 100, number % 100 + 8_000, "bo", replaces=["ada"]) for number in range(10_000)
    ]
    said = refusal(weekly("ada"), overrides=overrides)
    assert f"at most {NAMES_AT_ONCE_MAX}" in str(said) and "2026-01-01 00:00 UTC" in said.what
    assert said.where == "overrides.5000"  # the 51st of those that begin in the first hour


def test_as_many_as_may_hold_at_once_do_whatever_came_before_and_comes_after() -> None:
    several = NAMES_AT_ONCE_MAX // 2
    overrides = [
        override(day * 24, day * 24 + 24, f"p{number}", replaces=["ada"])
        for day in range(20)
        for number in range(several)
    ]
    assert len(schedule(weekly("ada"), overrides=overrides).overrides) == 20 * several
    more = [*overrides, override(30, 31, "bo")]
    assert refusal(weekly("ada"), overrides=more).where == f"overrides.{20 * several}"


def test_hundreds_of_people_are_never_on_call_at_once_by_overrides() -> None:
    overrides = [override(0, 24, *PEOPLE[n : n + 20], mode="add") for n in range(0, 200, 20)]
    assert "120 people in overrides at once" in refusal(weekly("ada"), overrides=overrides).what


def test_of_temporary_schedules_too_only_so_much_holds_at_once_and_in_all() -> None:
    most = TEMPORARY_LAYERS_AT_ONCE_MAX
    assert schedule(overrides=[temporary(0, 24, most), temporary(24, 48, most)]).overrides
    said = refusal(overrides=[temporary(0, 24, most), temporary(23, 48, 1)])
    assert said.where == "overrides.1" and f"at most {most}" in str(said)
    many = [temporary(n, n + 1, 20) for n in range(TEMPORARY_LAYERS_MAX // 20 + 1)]
    assert f"at most {TEMPORARY_LAYERS_MAX}" in str(refusal(overrides=many))


def test_so_many_sit_in_all_layers_and_so_many_of_them_join_or_leave() -> None:
    crowd = weekly(*[PEOPLE[:20]] * 100)
    assert schedule(crowd, crowd)
    assert f"at most {SEATS_IN_ALL_MAX}" in str(refusal(crowd, crowd, crowd))
    dated = weekly(*[{"user": user, "from": "2026-02-01"} for user in PEOPLE[:100]])
    assert schedule(*[dated] * (DATES_IN_ALL_MAX // 100))
    assert f"at most {DATES_IN_ALL_MAX}" in str(refusal(*[dated] * (DATES_IN_ALL_MAX // 100 + 1)))
    assert f"at most {DATES_IN_ALL_MAX}" in str(
        refusal(dated, overrides=[{**temporary(n, n + 1, 1), "layers": [dated]} for n in range(5)])
    )


# --- what moved where ---


def test_of_thousands_of_hourly_shifts_that_move_only_the_nearest_are_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each with each of five weeks took half a minute for the preview of an hourly rotation."""
    compared = 0
    distance = following._distance

    def counted(one: Span, other: Span) -> Any:
        nonlocal compared
        compared += 1
        return distance(one, other)

    monkeypatch.setattr(following, "_distance", counted)
    count = 2_000
    before = [Span(START + 2 * n * HOUR, START + (2 * n + 1) * HOUR) for n in range(count)]
    after = [Span(each.start + HOUR / 2, each.end + HOUR / 2) for each in before]
    assert moves(before, after) == tuple(Move(*pair) for pair in zip(before, after, strict=True))
    assert compared <= count * 2 * NEAREST_MAX


def test_a_cover_of_one_of_many_short_shifts_goes_no_further_than_the_shift_it_covers() -> None:
    """With a third person there are fewer shifts of Ada's: hers of then must not become one of weeks away."""
    turns = {"rotation": "hourly", "every": 12, "start": "2026-01-05T08:00"}
    line = timeline(schedule({**turns, "users": ["ada", "bo"]}), START, START + 1_800 * HOUR)
    covered = next(each for each in line.shifts if each.start > START + 900 * HOUR and each.users == ("ada",))
    cover = {"start": f"{covered.start:%Y-%m-%dT%H:%MZ}", "end": f"{covered.end:%Y-%m-%dT%H:%MZ}"}
    overrides = [{**cover, "users": ["dan"], "replaces": ["ada"]}]
    before = schedule({**turns, "users": ["ada", "bo"]}, overrides=overrides)
    after = schedule({**turns, "users": ["ada", "bo", "cy"]}, overrides=overrides)
    _, followed = follow(before, after, START)
    assert all(abs(each.after.start - covered.start) <= 48 * HOUR for each in followed)
