"""What must hold of every climb, whatever its policy, its people and the clock do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.escalation.rules import (
    LEVELS_MAX,
    Climb,
    Clocks,
    Exhausted,
    Handover,
    Level,
    NobodyAtAll,
    PageLevel,
    Policy,
    Roster,
    Target,
    TargetKind,
    Waits,
    When,
    check_policy,
    escalate,
    forecast,
    parse_target,
    policy_as_data,
    policy_from,
    push,
    resumed,
    when_from,
)
from tocsin.kernel.calendars import Calendar, Holiday, calendar_from
from tocsin.kernel.errors import Refused
from tocsin.kernel.urgency import Urgency

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
NAMES = ("ada", "bo", "cy", "di")


def turn(at: datetime, every: int) -> tuple[str, ...]:
    """Each of ada, bo, somebody who left, and nobody is on call for `every` minutes."""
    names = ("ada", "bo", "left", "")
    return tuple(filter(None, [names[int(at.timestamp()) // (60 * every) % len(names)]]))


def next_minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0) + timedelta(minutes=1)


targets = st.builds(
    Target,
    st.sampled_from([TargetKind.USER, TargetKind.TEAM, TargetKind.SCHEDULE]),
    st.sampled_from([*NAMES, "web", "gone"]),
)
conditions = st.none() | st.builds(
    When, st.sampled_from(["office", "gone"]), st.booleans(), st.sampled_from(Clocks)
)
levels = st.builds(
    Level,
    st.lists(targets, max_size=3).map(tuple),
    st.integers(1, 3600).map(lambda seconds: timedelta(seconds=seconds)),
    conditions,
)
policies = st.builds(
    Policy, st.just("p"), st.just("P"), st.lists(levels, max_size=5).map(tuple), st.integers(0, 3)
)
rosters = st.builds(
    Roster,
    st.frozensets(st.sampled_from(NAMES)),
    st.fixed_dictionaries({"web": st.lists(st.sampled_from(NAMES), unique=True).map(tuple)}),
    st.integers(1, 5).map(lambda every: lambda schedule, shift, at: turn(at, every)),
    st.just(lambda calendar, zone, at: None if calendar == "gone" else at.minute % 2 == len(zone) % 2),
    st.just({"user:bo": "Europe/Berlin", "schedule:web": "UTC"}),
    # Both change at whole minutes at most, so that no change is missed.
    st.just(lambda calendar, zone, at: None if calendar == "gone" else next_minute(at)),
    st.just(lambda schedule, at: next_minute(at)),
)
urgencies = st.sampled_from(Urgency)
lates = st.integers(0, 10_000).map(lambda seconds: timedelta(seconds=seconds))


@given(policies, rosters, st.lists(lates, min_size=60, max_size=60), urgencies)
def test_a_climb_ends_and_pages_no_more_often_than_its_policy_says(
    policy: Policy, roster: Roster, waits: list[timedelta], urgency: Urgency
) -> None:
    climb, now, pages, ends = Climb(T0), T0, 0, 0
    for wait in waits:
        decision, climb = escalate(policy, roster, climb, now, urgency)
        pages += isinstance(decision, PageLevel)
        ends += isinstance(decision, Exhausted | NobodyAtAll)
        now += wait if not isinstance(decision, Waits) else timedelta(0)
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
    def behind(level: Level) -> tuple[str, ...]:
        return roster.find(level.notify, level.when, T0).people

    decision, _ = escalate(policy, roster, Climb(T0), T0)
    if isinstance(decision, PageLevel):
        assert decision.people == behind(policy.levels[decision.number - 1])
        assert len(set(decision.people)) == len(decision.people) > 0
        assert set(decision.people) <= roster.users
        assert not any(behind(policy.levels[number - 1]) for number in decision.skipped)
        assert set(decision.closed) <= set(decision.skipped)
    else:
        assert isinstance(decision, NobodyAtAll)
        assert not any(behind(level) for level in policy.levels)


@given(policies, rosters, st.integers(-10_000, 0))
def test_nothing_happens_before_its_time(policy: Policy, roster: Roster, early: int) -> None:
    climb = Climb(T0 + timedelta(seconds=1))
    assert escalate(policy, roster, climb, T0 + timedelta(seconds=early)) == (None, climb)


@given(policies, rosters, urgencies)
def test_the_forecast_is_what_then_happens(policy: Policy, roster: Roster, urgency: Urgency) -> None:
    climb, seen, waited = Climb(T0), [], False
    while climb.due_at is not None:
        now = climb.due_at
        decision, climb = escalate(policy, roster, climb, now, urgency)
        if isinstance(decision, PageLevel):
            seen.append((now, decision.number, decision.round, decision.people, waited))
        waited = isinstance(decision, Waits)
    ahead = forecast(policy, roster, Climb(T0), T0, most=1_000, urgency=urgency)
    assert [(a.at, a.number, a.round, a.people, a.opens) for a in ahead] == seen


@given(policies, rosters, st.integers(0, 4))
def test_a_climb_waits_only_at_low_urgency_and_exactly_until_a_level_opens(
    policy: Policy, roster: Roster, sent: int
) -> None:
    """Between now and the instant it waits for, no level that is left would page or be open with nobody on it."""
    climb = Climb(T0, min(sent, policy.pages_max))
    high, _ = escalate(policy, roster, climb, T0)
    low, after = escalate(policy, roster, climb, T0, Urgency.LOW)
    assert not isinstance(high, Waits)
    if not isinstance(low, Waits):
        assert low == high
        return
    assert isinstance(high, NobodyAtAll | Exhausted)
    assert after == Climb(low.until, climb.pages_sent)

    def is_closed(number: int, at: datetime) -> bool:
        level = policy.levels[number - 1]
        found = roster.find(level.notify, level.when, at)
        return found.closed and not found.people

    minutes = int((low.until - T0).total_seconds()) // 60
    for at in [T0 + timedelta(minutes=passed) for passed in range(minutes)]:
        assert all(is_closed(number, at) for number in low.closed)
    assert not is_closed(low.number, low.until)
    then, _ = escalate(policy, roster, after, low.until, Urgency.LOW)
    assert not isinstance(then, Waits)


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


def level(*notify: str, when: When | None = None) -> Level:
    return Level(tuple(parse_target(each) for each in notify), timedelta(minutes=5), when)


def test_an_empty_schedule_is_passed_over_at_once_and_named() -> None:
    policy = Policy("p", "P", (level("schedule:web"), level("schedule:db/next", "user:bo")))
    decision, climb = escalate(policy, Roster(frozenset({"bo"})), Climb(T0), T0)
    assert decision == PageLevel(2, 1, ("bo",), skipped=(1,), empty=("schedule:web", "schedule:db/next"))
    assert climb == Climb(T0 + timedelta(minutes=5), 2)


def test_who_is_paged_by_a_schedule_is_who_is_on_call_at_that_instant() -> None:
    """The forecast names who will be on call then, and not who is now."""
    hand_off = T0 + timedelta(minutes=5)
    roster = Roster(
        frozenset({"ada", "bo"}), on_call=lambda schedule, shift, at: ("bo",) if at >= hand_off else ("ada",)
    )
    policy = Policy("p", "P", (level("schedule:web"),), repeat=1)
    ahead = forecast(policy, roster, Climb(T0), T0)
    assert [(each.at, each.people) for each in ahead] == [(T0, ("ada",)), (hand_off, ("bo",))]


def open_at(*, office: bool, berlin: bool) -> Roster:
    """ada lives by the office's clock, bo and the schedule, on which ada is, by another."""
    return Roster(
        frozenset({"ada", "bo"}),
        on_call=lambda schedule, shift, at: ("ada",),
        is_open=lambda calendar, zone, at: berlin if zone == "Europe/Berlin" else office,
        zones={"user:bo": "Europe/Berlin", "schedule:web": "Europe/Berlin"},
    )


@pytest.mark.parametrize(
    ("when", "office", "berlin", "people"),
    [
        (When("office"), True, False, ("ada", "bo")),
        (When("office"), False, True, ()),
        (When("office", outside=True), False, True, ("ada", "bo")),
        (When("office", clocks=Clocks.SCHEDULE), True, False, ("bo",)),
        (When("office", clocks=Clocks.SCHEDULE), False, True, ("ada",)),
        (When("office", clocks=Clocks.PERSON), True, False, ("ada",)),
        (When("office", clocks=Clocks.PERSON), False, True, ("bo",)),
        (When("office", True, Clocks.PERSON), False, True, ("ada",)),
    ],
)
def test_a_condition_is_read_by_the_clock_it_names(
    when: When, office: bool, berlin: bool, people: tuple[str, ...]
) -> None:
    found = open_at(office=office, berlin=berlin).find(level("schedule:web", "user:bo").notify, when, T0)
    assert (found.people, found.closed) == (people, people != ("ada", "bo"))


def test_a_level_for_other_hours_is_passed_over_at_once_and_said() -> None:
    policy = Policy("p", "P", (level("user:ada", when=When("office")), level("user:bo")))
    decision, _ = escalate(policy, open_at(office=False, berlin=False), Climb(T0), T0)
    assert decision == PageLevel(2, 1, ("bo",), skipped=(1,), closed=(1,))
    alone = Policy("p", "P", policy.levels[:1])
    decision, _ = escalate(alone, open_at(office=False, berlin=False), Climb(T0), T0)
    assert decision == NobodyAtAll(closed=(1,))


def test_a_calendar_that_is_gone_keeps_nobody_out() -> None:
    for outside in (False, True):
        found = Roster(frozenset({"bo"})).find(level("user:bo").notify, When("gone", outside), T0)
        assert found.people == ("bo",)


OFFICE = calendar_from(
    {"id": "office", "timezone": "UTC", "hours": [{"days": ["mon-fri"], "from": "08:00", "to": "17:00"}]}
)
NEVER = calendar_from({"id": "never", "timezone": "UTC", "hours": []})


def by_calendar(**calendars: Calendar) -> Roster:
    """bo is there; calendars are as they are."""

    def next_edge(calendar: str, zone: str, at: datetime) -> datetime | None:
        spans = calendars[calendar].open_spans(at, at + timedelta(days=20))
        return next((edge for span in spans for edge in span if at < edge < at + timedelta(days=20)), None)

    return Roster(
        frozenset({"bo", "cy"}),
        is_open=lambda calendar, zone, at: calendars[calendar].is_open(at),
        next_edge=next_edge,
    )


FRIDAY_NIGHT = datetime(2026, 3, 6, 22, tzinfo=UTC)
MONDAY = datetime(2026, 3, 9, 8, tzinfo=UTC)


def test_low_urgency_waits_for_monday_morning_and_high_urgency_for_nothing() -> None:
    office = When("office")
    policy = Policy("p", "P", (level("user:bo", when=office), level("user:cy", when=office)))
    roster = by_calendar(office=OFFICE)
    climb = Climb(FRIDAY_NIGHT)
    decision, after = escalate(policy, roster, climb, FRIDAY_NIGHT, Urgency.LOW)
    assert decision == Waits(MONDAY, 1, closed=(1, 2))
    assert after == Climb(MONDAY, 0)
    ahead = forecast(policy, roster, climb, FRIDAY_NIGHT, urgency=Urgency.LOW)
    assert [(each.at, each.people, each.opens) for each in ahead] == [
        (MONDAY, ("bo",), True),
        (MONDAY + timedelta(minutes=5), ("cy",), False),
    ]
    assert forecast(policy, roster, after, FRIDAY_NIGHT, urgency=Urgency.LOW) == ahead, "and while it waits"
    assert escalate(policy, roster, climb, FRIDAY_NIGHT)[0] == NobodyAtAll(closed=(1, 2))


def test_what_began_in_the_evening_goes_on_in_the_morning_where_it_was() -> None:
    policy = Policy("p", "P", (level("user:bo", when=When("office")), level("user:cy", when=When("office"))))
    evening = datetime(2026, 3, 2, 16, 58, tzinfo=UTC)
    roster = by_calendar(office=OFFICE)
    ahead = forecast(policy, roster, Climb(evening), evening, urgency=Urgency.LOW)
    morning = datetime(2026, 3, 3, 8, tzinfo=UTC)
    assert [(each.at, each.number, each.opens) for each in ahead] == [(evening, 1, False), (morning, 2, True)]


def test_a_level_without_a_condition_and_nobody_on_it_is_no_reason_to_wait() -> None:
    policy = Policy("p", "P", (level("user:bo", when=When("office")), level("user:gone")))
    decision, _ = escalate(policy, by_calendar(office=OFFICE), Climb(FRIDAY_NIGHT), FRIDAY_NIGHT, Urgency.LOW)
    assert decision == NobodyAtAll(closed=(1,))


def test_nobody_waits_for_what_does_not_open_within_two_weeks() -> None:
    roster = by_calendar(office=replace(OFFICE, holidays=tuple(holidays_until(20))), never=NEVER)
    for calendar in ("office", "never"):
        policy = Policy("p", "P", (level("user:bo", when=When(calendar)),))
        decision, after = escalate(policy, roster, Climb(FRIDAY_NIGHT), FRIDAY_NIGHT, Urgency.LOW)
        assert decision == NobodyAtAll(closed=(1,))
        assert after.due_at is None


def test_a_climb_that_everything_stood_still_for_goes_on_a_little_later() -> None:
    climb = Climb(due_at=T0)
    for seconds in (0, 1, 60):
        assert resumed(climb, T0 + timedelta(seconds=seconds)) is None
    at = resumed(climb, T0 + timedelta(hours=1))
    assert at == T0 + timedelta(hours=1, seconds=20)
    assert resumed(Climb(due_at=at), at) is None, "once"
    assert resumed(Climb(due_at=None), T0) is None
    assert resumed(Climb(due_at=T0, put_off=True), T0 + timedelta(hours=1)) is None, (
        "never twice for one page"
    )


def holidays_until(days: int) -> list[Holiday]:
    return [Holiday((FRIDAY_NIGHT + timedelta(days=day)).date(), "") for day in range(days)]


@pytest.mark.parametrize(
    "data",
    [[], "office", {}, {"calendar": "a", "outside": "b"}, {"calendar": "A b"}, {"calendar": "a", "zone": "Mars"},
     {"calendar": "a", "open": True}],
)  # fmt: skip
def test_what_is_no_condition_is_refused_with_words(data: object) -> None:
    with pytest.raises(Refused) as refused:
        when_from(data, "when")
    assert refused.value.expected and refused.value.where == "when"
