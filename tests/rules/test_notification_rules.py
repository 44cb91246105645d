"""When a failed message is tried again, and through what a person is reached."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tocsin.notification.rules import (
    ATTEMPTS_MAX,
    BACKOFF_MAX,
    RULE_STEPS_MAX,
    Failed,
    GiveUp,
    Retry,
    Step,
    after_failure,
    plan_deliveries,
)

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
jitters = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, ATTEMPTS_MAX - 1), jitters, st.none() | st.integers(0, 30))
def test_a_retry_waits_at_least_what_the_provider_asks_and_never_long(
    attempts: int, jitter: float, asked: int | None
) -> None:
    after = None if asked is None else timedelta(seconds=asked)
    follow = after_failure(Failed("no", after=after), attempts, T0, jitter)
    assert isinstance(follow, Retry)
    assert T0 + (after or timedelta(0)) <= follow.at <= T0 + BACKOFF_MAX * 1.25


@given(st.integers(1, 100), jitters)
def test_it_is_given_up_in_the_end_at_once_when_nothing_can_help_and_when_the_wait_is_too_long(
    attempts: int, jitter: float
) -> None:
    assert isinstance(after_failure(Failed("no"), ATTEMPTS_MAX - 1 + attempts, T0, jitter), GiveUp)
    refused = after_failure(Failed("no such number", again=False), 1, T0, jitter)
    assert refused == GiveUp("no such number", for_good=True)
    slow = after_failure(Failed("busy", after=timedelta(seconds=120)), 1, T0, jitter)
    assert slow == GiveUp("busy; it asks to wait 120 s")


@given(jitters)
def test_all_attempts_together_take_less_than_a_minute(jitter: float) -> None:
    now = T0
    for attempts in range(1, ATTEMPTS_MAX):
        follow = after_failure(Failed("no"), attempts, now, jitter)
        assert isinstance(follow, Retry)
        now = follow.at
    assert now - T0 <= timedelta(seconds=60)


names = st.sampled_from(["mail", "hook", "phone", "gone"])
steps = st.lists(st.builds(Step, names, st.integers(0, 600).map(lambda s: timedelta(seconds=s))), max_size=25)
contacts = st.dictionaries(st.sampled_from(["mail", "hook", "phone"]), st.just("x:y"))


@given(steps, contacts)
def test_whoever_has_a_contact_is_reached_by_it_or_by_what_the_rules_say(
    some: list[Step], known: dict[str, str]
) -> None:
    planned = plan_deliveries(some, known, T0)
    assert bool(planned) == bool(known)
    assert {plan.contact for plan in planned} <= known.keys()
    working = [step for step in some[:RULE_STEPS_MAX] if step.contact in known]
    if working:
        assert [(p.contact, p.due_at) for p in planned] == [(s.contact, T0 + s.delay) for s in working]
    else:
        assert all(plan.due_at == T0 for plan in planned)
