"""What must hold of every climb, whatever its policy, its people and the clock do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.escalation.rules import (
    LEVELS_MAX,
    Climb,
    Exhausted,
    Handover,
    Level,
    NobodyAtAll,
    PageLevel,
    Policy,
    Roster,
    Target,
    TargetKind,
    check_policy,
    escalate,
    forecast,
    parse_target,
    policy_as_data,
    policy_from,
    push,
)
from tocsin.kernel.errors import Refused

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
NAMES = ("ada", "bo", "cy", "di")
targets = st.builds(
    Target,
    st.sampled_from([TargetKind.USER, TargetKind.TEAM, TargetKind.SCHEDULE]),
    st.sampled_from([*NAMES, "web", "gone"]),
)
levels = st.builds(
    Level,
    st.lists(targets, max_size=3).map(tuple),
    st.integers(1, 3600).map(lambda seconds: timedelta(seconds=seconds)),
)
policies = st.builds(
    Policy, st.just("p"), st.just("P"), st.lists(levels, max_size=5).map(tuple), st.integers(0, 3)
)
rosters = st.builds(
    Roster,
    st.frozensets(st.sampled_from(NAMES)),
    st.fixed_dictionaries({"web": st.lists(st.sampled_from(NAMES), unique=True).map(tuple)}),
)
lates = st.integers(0, 10_000).map(lambda seconds: timedelta(seconds=seconds))


@given(policies, rosters, st.lists(lates, min_size=60, max_size=60))
def test_a_climb_ends_and_pages_no_more_often_than_its_policy_says(
    policy: Policy, roster: Roster, waits: list[timedelta]
) -> None:
    climb, now, pages, ends = Climb(T0), T0, 0, 0
    for wait in waits:
        decision, climb = escalate(policy, roster, climb, now)
        pages += isinstance(decision, PageLevel)
        ends += isinstance(decision, Exhausted | NobodyAtAll)
        now += wait
        now = max(now, climb.due_at or now)
    assert pages <= policy.pages_max
    assert (ends, climb.due_at) == (1, None)


@given(policies, rosters, lates)
def test_the_next_timeout_runs_from_now_and_not_from_when_it_was_due(
    policy: Policy, roster: Roster, late: timedelta
) -> None:
    now = T0 + late
    decision, climb = escalate(policy, roster, Climb(T0), now)
    if isinstance(decision, PageLevel):
        assert climb.due_at == now + policy.levels[decision.number - 1].timeout
        assert escalate(policy, roster, climb, now) == (None, climb)


@given(policies, rosters)
def test_who_is_paged_is_somebody_and_everybody_of_the_level_once(policy: Policy, roster: Roster) -> None:
    decision, _ = escalate(policy, roster, Climb(T0), T0)
    if isinstance(decision, PageLevel):
        assert decision.people == roster.people(policy.levels[decision.number - 1].notify)
        assert len(set(decision.people)) == len(decision.people) > 0
        assert set(decision.people) <= roster.users
        assert all(not roster.people(policy.levels[number - 1].notify) for number in decision.skipped)
    else:
        assert isinstance(decision, NobodyAtAll)
        assert not any(roster.people(level.notify) for level in policy.levels)


@given(policies, rosters, st.integers(-10_000, 0))
def test_nothing_happens_before_its_time(policy: Policy, roster: Roster, early: int) -> None:
    climb = Climb(T0 + timedelta(seconds=1))
    assert escalate(policy, roster, climb, T0 + timedelta(seconds=early)) == (None, climb)


@given(policies, rosters)
def test_the_forecast_is_what_then_happens(policy: Policy, roster: Roster) -> None:
    climb, seen = Climb(T0), []
    while climb.due_at is not None:
        now = climb.due_at
        decision, climb = escalate(policy, roster, climb, now)
        if isinstance(decision, PageLevel):
            seen.append((now, decision.number, decision.round, decision.people))
    ahead = forecast(policy, roster, Climb(T0), T0, most=1_000)
    assert [(a.at, a.number, a.round, a.people) for a in ahead] == seen


@given(policies, rosters, st.integers(0, 40))
def test_escalating_by_hand_always_brings_the_next_level_and_after_the_end_the_first(
    policy: Policy, roster: Roster, sent: int
) -> None:
    pushed = push(policy, Climb(None, sent), T0)
    assert pushed.due_at == T0
    assert pushed.pages_sent == (sent if sent < policy.pages_max else 0)


@given(policies)
def test_a_policy_survives_being_stored(policy: Policy) -> None:
    assert policy_from(policy_as_data(policy)) == policy


@pytest.mark.parametrize(
    "text", ["", "bo", "user:", "user:Bo Lind", "user:bo/next", "robot:x", "schedule:a/last", 7]
)
def test_what_is_no_target_is_refused_with_words(text: object) -> None:
    with pytest.raises(Refused) as refused:
        parse_target(text, "line 4")
    assert "line 4" in str(refused.value)


@given(targets)
def test_a_target_is_read_as_it_is_written(target: Target) -> None:
    assert parse_target(str(target)) == target


def test_a_policy_out_of_bounds_is_refused() -> None:
    level = Level((), timedelta(minutes=1))
    for policy in (
        Policy("p", "P", (level,) * (LEVELS_MAX + 1)),
        Policy("p", "P", (level,), repeat=-1),
        Policy("p", "P", (Level((), timedelta(0)),)),
    ):
        with pytest.raises(Refused, match="policy p"):
            check_policy(policy)


def test_a_handover_note_says_what_was_written_and_nothing_else() -> None:
    assert Handover(impact="all", tried=" restarted ").as_text() == "Impact: all\nTried so far: restarted"
    assert Handover().as_text() == ""
    with pytest.raises(Refused):
        Handover(tried="x" * 2_001)
