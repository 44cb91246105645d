"""When a failed message is tried again, and through what a person is reached."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tocsin.notification.rules import (
    ATTEMPTS_MAX,
    BACKOFF_MAX,
    LAST_RESORT_AFTER,
    RETRIES_WITHIN,
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


# -- contacts that fail ----------------------------------------------------------------------------------------------

NAMES = ("hook", "mail", "sms")
plans = st.lists(
    st.builds(
        Step, st.sampled_from([*NAMES, "gone"]), st.integers(0, 30).map(lambda m: timedelta(minutes=m))
    ),
    max_size=5,
)
some = st.frozensets(st.sampled_from(NAMES))


@given(plans, some, some)
def test_a_contact_that_fails_comes_after_everything_that_counts_and_keeps_nobody_from_it(
    steps: list[Step], there: frozenset[str], failing: frozenset[str]
) -> None:
    contacts = {name: f"fake:{name}" for name in there}
    plain = plan_deliveries(steps, contacts, T0)
    planned = plan_deliveries(steps, contacts, T0, failing)
    sound = [each for each in planned if each.contact not in failing]
    last = [each for each in planned if each.contact in failing]
    assert bool(planned) == bool(there), "who has any contact is paged"
    assert bool(sound) == bool(there - failing), "and by one that counts when there is one"
    if sound:
        assert all(each.due_at >= max(one.due_at for one in sound) + LAST_RESORT_AFTER for each in last)
        assert min(each.due_at for each in sound) <= min(each.due_at for each in plain) or not (
            {each.contact for each in plain} - failing
        )
    else:
        assert {each.due_at for each in last} <= {T0}
    if not failing & there:
        assert planned == plain


def test_where_the_first_step_fails_the_next_takes_its_time() -> None:
    steps = [Step("mail"), Step("hook", timedelta(minutes=5)), Step("sms", timedelta(minutes=9))]
    contacts = {name: f"fake:{name}" for name in NAMES}
    planned = plan_deliveries(steps, contacts, T0, {"mail"})
    minutes = [(each.contact, (each.due_at - T0) // timedelta(minutes=1)) for each in planned]
    assert minutes == [("hook", 0), ("sms", 9), ("mail", 11)]


def test_when_all_that_the_rules_name_fails_the_others_are_used() -> None:
    planned = plan_deliveries([Step("mail")], {"mail": "fake:m", "sms": "fake:s"}, T0, {"mail"})
    assert [(each.contact, each.due_at - T0) for each in planned] == [
        ("sms", timedelta(0)),
        ("mail", LAST_RESORT_AFTER),
    ]


def test_whoever_asks_for_patience_again_and_again_is_left_for_the_next_channel() -> None:
    busy = Failed("busy", after=timedelta(seconds=30))
    assert isinstance(after_failure(busy, 1, T0, 0.5), Retry)
    assert isinstance(after_failure(busy, 2, T0, 0.5, timedelta(seconds=30)), GiveUp)


@given(attempts=st.integers(1, ATTEMPTS_MAX), jitter=st.floats(0, 0.999), tried=st.integers(0, 120))
def test_no_retry_begins_later_than_it_may(attempts: int, jitter: float, tried: int) -> None:
    tried_for = timedelta(seconds=tried)
    follow = after_failure(Failed("no"), attempts, T0, jitter, tried_for)
    assert isinstance(follow, GiveUp) or tried_for + (follow.at - T0) <= RETRIES_WITHIN
