"""Covers, swaps, absences and feeds as they are stored: the rules decide, here it is seen who is on call after."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.oncall.conftest import BY, WEEKLY, written
from tests.world import Clock, World
from tocsin.journal.models import Entry
from tocsin.kernel.acting import by_user
from tocsin.kernel.errors import Refused
from tocsin.kernel.spans import Span
from tocsin.oncall.absences import add_absence, ask_for_absent, remove_absence
from tocsin.oncall.actions import on_call_at, remove_override, save_schedule
from tocsin.oncall.feeds import find_feed, make_feed, revoke_feed
from tocsin.oncall.models import CoverRequest, Feed, Override, Schedule
from tocsin.oncall.permissions import may_act_for, may_edit, may_end, may_override
from tocsin.oncall.rules import Mode, State
from tocsin.oncall.rules import Override as OverrideValue
from tocsin.oncall.swaps import (
    OPEN_MAX,
    accept_cover,
    ask_cover,
    decline_cover,
    take_shift,
    withdraw_cover,
)
from tocsin.people.actions import deactivate_user

DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
BO, CY, MO = (by_user(name, "web") for name in ("bo", "cy", "mo"))


def week(clock: Clock) -> Span:
    """That of bo."""
    return Span(clock.now, clock.now + WEEK)


def test_who_accepts_is_on_call_from_then_on(primary: str, clock: Clock) -> None:
    asked = ask_cover(primary, "bo", week(clock), BO, clock.now, asked=["mo"], note="Wedding")
    accepted = accept_cover(asked.pk, "mo", MO, clock.forward(hours=2))
    assert (accepted.state, accepted.accepted_by_id) == (State.ACCEPTED, "mo")
    assert on_call_at(primary, clock.now - timedelta(minutes=1)) == ("bo",)
    assert on_call_at(primary, clock.now) == ("mo",)
    assert on_call_at(primary, clock.now + WEEK) == ("cy",)


def test_a_swap_gives_hours_in_return(primary: str, clock: Clock) -> None:
    theirs = Span(clock.now + WEEK, clock.now + 2 * WEEK)
    asked = ask_cover(primary, "bo", week(clock), BO, clock.now, asked=["cy"], returns=theirs)
    accept_cover(asked.pk, "cy", CY, clock.now)
    assert on_call_at(primary, clock.now) == ("cy",)
    assert on_call_at(primary, clock.now + WEEK) == ("bo",)


def test_two_swaps_over_the_same_hours_cannot_both_be_accepted(primary: str, clock: Clock) -> None:
    first, second = (ask_cover(primary, "bo", week(clock), BO, clock.now) for _ in range(2))
    accept_cover(first.pk, "mo", MO, clock.now)
    with pytest.raises(Refused, match="mo takes some of these hours of bo already"):
        accept_cover(second.pk, "ada", BY, clock.now)
    with pytest.raises(Refused, match="The request was accepted by mo"):
        accept_cover(first.pk, "ada", BY, clock.now)
    assert on_call_at(primary, clock.now) == ("mo",)


def test_what_was_agreed_and_then_taken_back_may_be_agreed_anew(primary: str, clock: Clock) -> None:
    first = ask_cover(primary, "bo", week(clock), BO, clock.now)
    accept_cover(first.pk, "mo", MO, clock.now)
    remove_override(Override.objects.get().pk, BY, clock.now)
    second = ask_cover(primary, "bo", week(clock), BO, clock.now)
    accept_cover(second.pk, "ada", BY, clock.now)
    assert on_call_at(primary, clock.now) == ("ada",)


def test_a_request_ends_when_all_say_no_or_it_is_withdrawn(primary: str, clock: Clock) -> None:
    asked = ask_cover(primary, "bo", week(clock), BO, clock.now, asked=["mo", "cy"])
    assert decline_cover(asked.pk, "mo", MO, clock.now).state == State.OPEN
    with pytest.raises(Refused, match="ada was not asked"):
        decline_cover(asked.pk, "ada", BY, clock.now)
    assert decline_cover(asked.pk, "cy", CY, clock.now).state == State.DECLINED
    other = ask_cover(primary, "bo", week(clock), BO, clock.now)
    assert withdraw_cover(other.pk, BO, clock.now).state == State.WITHDRAWN
    with pytest.raises(Refused, match="was withdrawn"):
        accept_cover(other.pk, "mo", MO, clock.now)
    kinds = Entry.objects.filter(kind__startswith="cover.").values_list("kind", flat=True)
    assert sorted(kinds) == [
        "cover.asked",
        "cover.asked",
        "cover.declined",
        "cover.declined",
        "cover.withdrawn",
    ]


def test_only_what_makes_sense_is_asked(primary: str, clock: Clock) -> None:
    for more, why in (
        ({"asked": ["bo"]}, "cannot ask themselves"),
        ({"asked": ["nobody"]}, "No active person 'nobody'"),
        ({"note": "x" * 501}, "too long"),
    ):
        with pytest.raises(Refused, match=why):
            ask_cover(primary, "bo", week(clock), BO, clock.now, **more)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="mo is not on call then: bo is"):
        ask_cover(primary, "mo", week(clock), MO, clock.now)
    with pytest.raises(Refused, match="ends before it begins"):
        ask_cover(primary, "bo", Span(clock.now, clock.now), BO, clock.now)
    assert not CoverRequest.objects.exists()


def test_a_shift_is_taken_at_once(primary: str, clock: Clock) -> None:
    span = week(clock)
    take_shift(primary, span, "mo", MO, clock.forward(hours=1), of="bo")
    assert on_call_at(primary, clock.now) == ("mo",)
    with pytest.raises(Refused, match="mo is on call then already"):
        take_shift(primary, span, "mo", MO, clock.now)


def test_who_is_away_has_cover_asked_for(primary: str, clock: Clock) -> None:
    away = Span(clock.now + DAY, clock.now + 3 * WEEK)
    absence = add_absence("bo", away, "Parental leave", BO, clock.now)
    spans = [(row.starts_at, row.ends_at) for row in CoverRequest.objects.all()]
    assert spans == [(away.start, clock.now + WEEK), (clock.now + 2 * WEEK, away.end)]
    assert ask_for_absent(BO, clock.now) == 0  # once is enough
    assert "Parental" not in "".join(str(entry.data) for entry in Entry.objects.all())
    first = CoverRequest.objects.first()
    assert first is not None
    accept_cover(first.pk, "mo", MO, clock.now)
    remove_absence(absence.pk, BO, clock.now)
    states = CoverRequest.objects.values_list("state", flat=True)
    assert list(states) == [State.ACCEPTED, State.WITHDRAWN]


def test_who_is_away_for_more_shifts_than_may_be_asked_about_is_away_all_the_same(
    primary: str, clock: Clock
) -> None:
    """The nearest are asked about; the others when those have been answered, and nobody else has to wait for that."""
    save_schedule(written(primary, {**WEEKLY, "rotation": "daily"}), "web", BY, clock.now)
    add_absence("bo", Span(clock.now, clock.now + 50 * WEEK), "", BO, clock.now)
    asked = CoverRequest.objects.filter(user="bo")
    assert asked.count() == OPEN_MAX
    assert max(row.ends_at for row in asked) < clock.now + 29 * WEEK
    add_absence("cy", week(clock), "", MO, clock.now)
    assert CoverRequest.objects.filter(user="cy").count() == 3
    for row in asked[:10]:
        withdraw_cover(row.pk, BO, clock.now)
    assert ask_for_absent(BY, clock.now) == 10


def test_a_changed_schedule_may_need_more_cover(primary: str, clock: Clock) -> None:
    add_absence("mo", week(clock), "", MO, clock.now)
    assert not CoverRequest.objects.exists()
    save_schedule(written(primary, {**WEEKLY, "users": ["mo"]}), "web", BY, clock.now)
    assert ask_for_absent(BY, clock.now) == 1


def test_a_feed_opens_with_its_secret_until_it_is_revoked(primary: str, clock: Clock, world: World) -> None:
    feed, secret = make_feed("schedule", primary, "bo", BO, clock.now)
    assert find_feed(secret) == feed and find_feed("cal_other") is None
    assert secret not in str(Feed.objects.values())
    revoke_feed(feed.pk, BO, clock.now)
    assert find_feed(secret) is None
    mine, another = make_feed("mine", "", "bo", BO, clock.now)
    assert find_feed(another) == mine
    deactivate_user("bo", BY, clock.now)
    assert find_feed(another) is None
    for kind, of, why in (
        ("all", "", "'all' is no feed"),
        ("schedule", "ops", "No schedule"),
        ("team", "ops", "No team"),
    ):
        with pytest.raises(Refused, match=why):
            make_feed(kind, of, "cy", CY, clock.now)


def test_ones_own_hours_are_ones_own_and_others_are_the_managers(
    primary: str, clock: Clock, world: World
) -> None:
    row = Schedule.objects.get()
    assert may_edit(world.mo, row) and may_edit(world.ada, None)
    assert may_edit(world.bo, row)  # leads the team that looks after it
    assert not may_edit(world.cy, row) and not may_edit(world.bo, None) and not may_edit(world.sam, row)
    assert may_act_for(world.cy, "cy") and not may_act_for(world.cy, "bo") and may_act_for(world.mo, "bo")
    assert not may_act_for(world.sam, "sam")

    def made(*users: str, mode: Mode = Mode.REPLACE) -> OverrideValue:
        return OverrideValue("", *week(clock), users, mode=mode)

    assert may_override(world.cy, row, made("cy")) and may_override(world.cy, row, made("cy", mode=Mode.ADD))
    assert not may_override(world.cy, row, made("bo"))
    assert not may_override(world.cy, row, made("cy", mode=Mode.REMOVE))
    assert not may_override(world.sam, row, made("sam"))
    own = Override.objects.get(pk=take_shift(primary, week(clock), "cy", CY, clock.now))
    assert may_end(world.cy, own) and may_end(world.mo, own) and not may_end(world.sam, own)
    agreed = ask_cover(primary, "cy", week(clock), CY, clock.now)
    accept_cover(agreed.pk, "mo", CY, clock.now)
    (override,) = Override.objects.filter(request=agreed)
    assert not may_end(world.cy, override)
