"""Asking, accepting, declining: who ends up on call, and what nobody can do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.oncall_rules.world import DAY, HOUR, WEEK, at, read, schedule, span, weekly
from tocsin.kernel.errors import Refused
from tocsin.kernel.spans import Span
from tocsin.oncall.rules import (
    REMINDERS,
    Accepted,
    Override,
    Request,
    Schedule,
    State,
    Temporary,
    accept,
    ask,
    cover_wanted,
    decline,
    expire,
    on_call,
    reminder_due,
    reminders,
    take,
    withdraw,
)

NOW = at("2026-01-01T12:00")
WEB = schedule(weekly("ada", "bo", "cy"))  # ada from the 5th, bo from the 12th, cy from the 19th of January
ADAS_WEEK = span("2026-01-05T09:00", "2026-01-12T09:00")
BOS_WEEK = span("2026-01-12T09:00", "2026-01-19T09:00")


def asks(user: str, hours: Span, *asked: str, returns: Span | None = None, number: int = 1) -> Request:
    return ask(WEB, Request(str(number), user, hours, NOW, asked, returns), NOW)


def after(schedule: Schedule, *accepted: Accepted) -> Schedule:
    made: tuple[Override | Temporary, ...] = tuple(each for one in accepted for each in one.overrides)
    return replace(schedule, overrides=schedule.overrides + made)


def test_a_cover_puts_whoever_accepts_on_call_in_the_hours_of_whoever_asked() -> None:
    accepted = accept(WEB, asks("ada", ADAS_WEEK), "dan", NOW)
    assert accepted.request.state is State.ACCEPTED and accepted.request.accepted_by == "dan"
    assert read(after(WEB, accepted), "2026-01-05", "2026-01-19T09:00") == [
        "2026-01-05T09:00 2026-01-12T09:00 dan",
        "2026-01-12T09:00 2026-01-19T09:00 bo",
    ]


def test_some_hours_of_a_shift_may_be_covered() -> None:
    evening = span("2026-01-07T18:00", "2026-01-07T23:00")
    accepted = accept(WEB, asks("ada", evening, "dan"), "dan", NOW)
    assert read(after(WEB, accepted), "2026-01-07", "2026-01-08") == [
        "2026-01-07T00:00 2026-01-07T18:00 ada",
        "2026-01-07T18:00 2026-01-07T23:00 dan",
        "2026-01-07T23:00 2026-01-08T00:00 ada",
    ]


def test_a_swap_exchanges_the_hours_of_both() -> None:
    accepted = accept(WEB, asks("ada", ADAS_WEEK, "bo", returns=BOS_WEEK), "bo", NOW)
    assert read(after(WEB, accepted), "2026-01-05", "2026-01-26T09:00") == [
        "2026-01-05T09:00 2026-01-12T09:00 bo",
        "2026-01-12T09:00 2026-01-19T09:00 ada",
        "2026-01-19T09:00 2026-01-26T09:00 cy",
    ]


def test_of_hours_that_have_begun_what_is_left_is_taken() -> None:
    """What has been served stays as it was."""
    now = at("2026-01-07T12:00")
    accepted = accept(WEB, asks("ada", ADAS_WEEK), "dan", now)
    assert read(after(WEB, accepted), "2026-01-05", "2026-01-12") == [
        "2026-01-05T09:00 2026-01-07T12:00 ada",
        "2026-01-07T12:00 2026-01-12T00:00 dan",
    ]


def test_oncall_2787_two_swaps_over_the_same_hours_cannot_both_be_accepted() -> None:
    first = asks("ada", ADAS_WEEK, number=1)
    second = asks("ada", span("2026-01-08", "2026-01-12T09:00"), number=2)
    accepted = accept(WEB, first, "dan", NOW, [second])
    with pytest.raises(Refused, match="ada is not on call then: dan is") as refused:
        accept(after(WEB, accepted), second, "eve", NOW)
    assert refused.value.status == 409


def test_oncall_2787_nor_when_they_share_only_some_hours() -> None:
    """Ada still has the last days of the second request, but some of its hours are Dan's."""
    first = asks("ada", span("2026-01-05T09:00", "2026-01-08"), number=1)
    second = asks("ada", span("2026-01-07", "2026-01-10"), number=2)
    accepted = accept(WEB, first, "dan", NOW, [second])
    with pytest.raises(Refused, match="dan takes some of these hours of ada already"):
        accept(after(WEB, accepted), second, "eve", NOW, [accepted.request])


def test_oncall_2787_hours_given_in_return_are_given_away_too() -> None:
    accepted = accept(WEB, asks("ada", ADAS_WEEK, "bo", returns=BOS_WEEK), "bo", NOW)
    asked = asks("bo", span("2026-01-13", "2026-01-14"), number=2)
    with pytest.raises(Refused, match="ada"):
        accept(after(WEB, accepted), asked, "dan", NOW, [accepted.request])


def test_hours_next_to_one_another_may_go_to_different_people() -> None:
    first = accept(WEB, asks("ada", span("2026-01-05T09:00", "2026-01-08"), number=1), "dan", NOW)
    second = asks("ada", span("2026-01-08", "2026-01-12T09:00"), number=2)
    both = after(WEB, first, accept(after(WEB, first), second, "eve", NOW, [first.request]))
    assert [line.split()[2] for line in read(both, "2026-01-05T09:00", "2026-01-12T09:00")] == ["dan", "eve"]


def test_oncall_4538_a_swap_that_would_swap_nothing_is_refused() -> None:
    with pytest.raises(Refused, match="ada is not on call then: bo is"):
        asks("ada", BOS_WEEK)
    moved = schedule(weekly("cy", "bo", "ada"))
    with pytest.raises(Refused, match="ada is not on call then: cy is"):
        accept(moved, asks("ada", ADAS_WEEK), "dan", NOW)


def test_nobody_takes_hours_in_which_they_are_on_call_already() -> None:
    pair = schedule(weekly(["ada", "bo"], "cy"))
    with pytest.raises(Refused, match="bo is on call then already"):
        accept(pair, asks("ada", ADAS_WEEK), "bo", NOW)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request("1", "ada", span("2025-12-01", "2025-12-08"), NOW), "hours are over"),
        (Request("1", "ada", Span(ADAS_WEEK.start, ADAS_WEEK.start + 900 * DAY), NOW), "too long"),
        (Request("1", "ada", ADAS_WEEK, NOW, ("bo", "ada")), "cannot ask themselves"),
        (Request("1", "ada", ADAS_WEEK, NOW, tuple(f"p{n}" for n in range(21))), "at most 20"),
        (Request("1", "ada", ADAS_WEEK, NOW, (), BOS_WEEK), "one person asked"),
        (Request("1", "ada", ADAS_WEEK, NOW, ("bo",), ADAS_WEEK), "bo is not on call then: ada is"),
    ],
)
def test_what_makes_no_sense_cannot_be_asked(request_: Request, words: str) -> None:
    with pytest.raises(Refused, match=words):
        ask(WEB, request_, NOW)


def test_only_who_was_asked_may_answer_and_nobody_takes_over_from_themselves() -> None:
    asked = asks("ada", ADAS_WEEK, "dan")
    for answer in (accept(WEB, asks("ada", ADAS_WEEK), "dan", NOW),):
        assert answer.overrides
    with pytest.raises(Refused, match="eve was not asked") as refused:
        accept(WEB, asked, "eve", NOW)
    assert refused.value.status == 403
    with pytest.raises(Refused, match="eve was not asked"):
        decline(asked, "eve", NOW)
    with pytest.raises(Refused, match="from themselves"):
        accept(WEB, asks("ada", ADAS_WEEK), "ada", NOW)


def test_it_is_declined_when_all_who_were_asked_have_declined_and_not_before() -> None:
    asked = decline(asks("ada", ADAS_WEEK, "dan", "eve"), "dan", NOW)
    assert asked.state is State.OPEN
    assert decline(asked, "eve", NOW).state is State.DECLINED
    anybody = decline(asks("ada", ADAS_WEEK), "dan", NOW)
    assert anybody.state is State.OPEN and anybody.declined_by == ("dan",)


def test_what_is_no_longer_open_cannot_be_answered_and_says_why() -> None:
    asked = asks("ada", ADAS_WEEK)
    accepted = accept(WEB, asked, "dan", NOW).request
    later = at("2026-02-01")
    for state, request, now in (
        ("accepted by dan", accepted, NOW),
        ("withdrawn", withdraw(asked, NOW), NOW),
        ("expired", asked, later),
    ):
        for answer in (
            lambda r=request, n=now: accept(WEB, r, "eve", n),
            lambda r=request, n=now: decline(r, "eve", n),
            lambda r=request, n=now: withdraw(r, n),
        ):
            with pytest.raises(Refused, match=state):
                answer()
    assert expire(asked, later).state is State.EXPIRED
    assert expire(accepted, later).state is State.ACCEPTED
    assert expire(asked, ADAS_WEEK.end - HOUR).state is State.OPEN


def test_people_are_reminded_from_four_weeks_to_twelve_hours_before() -> None:
    hours = span("2026-03-02T09:00", "2026-03-09T09:00")
    asked = Request("1", "ada", hours, at("2026-01-15"))
    assert reminders(asked) == tuple(hours.start - before for before in REMINDERS)
    late = replace(asked, made_at=hours.start - 2 * DAY)
    assert reminders(late) == (hours.start - DAY, hours.start - 12 * HOUR)


def test_a_reminder_is_due_once_and_one_stands_for_those_missed() -> None:
    hours = span("2026-03-02T09:00", "2026-03-09T09:00")
    asked = Request("1", "ada", hours, at("2026-01-15"))
    first = hours.start - 4 * WEEK
    assert not reminder_due(asked, None, first - timedelta(seconds=1))
    assert reminder_due(asked, None, first)
    assert not reminder_due(asked, first, first + DAY)
    assert reminder_due(asked, first, hours.start - DAY)
    assert not reminder_due(asked, hours.start - DAY, hours.start - 13 * HOUR)
    assert not reminder_due(replace(asked, state=State.ACCEPTED), None, hours.start - DAY)
    assert not reminder_due(asked, None, hours.end)


def test_somebody_takes_a_shift_from_whoever_has_it() -> None:
    taken = take(WEB, ADAS_WEEK, "dan", NOW)
    assert on_call(replace(WEB, overrides=(taken,)), at("2026-01-07")) == ("dan",)
    rest = take(WEB, ADAS_WEEK, "dan", at("2026-01-07"), of="ada")
    assert rest.start == at("2026-01-07") and rest.replaces == ("ada",)


def test_there_must_be_a_shift_to_take() -> None:
    with pytest.raises(Refused, match="Nobody is on call then"):
        take(WEB, span("2026-01-02", "2026-01-03"), "dan", NOW)
    with pytest.raises(Refused, match="ada is on call then already"):
        take(WEB, ADAS_WEEK, "ada", NOW)
    with pytest.raises(Refused, match="bo is not on call then"):
        take(WEB, ADAS_WEEK, "dan", NOW, of="bo")
    with pytest.raises(Refused, match="hours are over"):
        take(WEB, ADAS_WEEK, "dan", at("2026-02-01"))


def test_who_is_away_while_on_call_needs_cover_once() -> None:
    holiday = span("2026-01-10", "2026-01-27")
    wanted = cover_wanted(WEB, "ada", [holiday, span("2026-01-26T12:00", "2026-02-01")], [], NOW)
    assert wanted == (span("2026-01-10", "2026-01-12T09:00"), span("2026-01-26T09:00", "2026-02-01"))
    asked = Request("1", "ada", wanted[0], NOW, state=State.WITHDRAWN)
    assert cover_wanted(WEB, "ada", [holiday], [asked], NOW) == (span("2026-01-26T09:00", "2026-01-27"),)
    assert cover_wanted(WEB, "ada", [holiday], [], at("2026-02-01")) == ()
