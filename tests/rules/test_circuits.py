"""When a provider is asked, and when it is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.notification.rules import Blame, Failed
from tocsin.notification.rules.circuit import (
    ASKED_REST_MAX,
    FAILURES_TO_REST,
    REST_FIRST,
    REST_MAX,
    TRY_MAX,
    Circuit,
    Health,
    another_may_try,
    asked,
    did_not_take_it,
    health,
    is_its_fault,
    may_be_asked,
    not_asked,
    rests_until,
    took_it,
)

T0 = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DEAD = Failed("HTTP 503", blame=Blame.PROVIDER)
NO_MAILBOX = Failed("no such number", again=False, blame=Blame.ADDRESS)


def failing(circuit: Circuit, times: int, at: datetime) -> Circuit:
    for _ in range(times):
        circuit = did_not_take_it(asked(circuit, at), DEAD, at, at)
    return circuit


def test_a_provider_rests_after_failures_in_a_row_and_not_before() -> None:
    assert health(failing(Circuit(), FAILURES_TO_REST - 1, T0), T0) is Health.WELL
    resting = failing(Circuit(), FAILURES_TO_REST, T0)
    assert health(resting, T0) is Health.RESTING
    assert not may_be_asked(resting, T0 + REST_FIRST - SECOND)


def test_a_message_that_it_takes_makes_the_count_begin_anew() -> None:
    almost = took_it(failing(Circuit(), FAILURES_TO_REST - 1, T0))
    assert health(failing(almost, FAILURES_TO_REST - 1, T0), T0) is Health.WELL


def test_addresses_that_cannot_be_reached_never_make_it_rest() -> None:
    circuit = failing(Circuit(), FAILURES_TO_REST - 1, T0)
    for _ in range(100):
        circuit = did_not_take_it(circuit, NO_MAILBOX, T0, T0)
    assert circuit == Circuit()


def test_after_its_rest_one_message_tries_it_and_the_others_do_not() -> None:
    later = T0 + REST_FIRST
    resting = failing(Circuit(), FAILURES_TO_REST, T0)
    assert health(resting, later) is Health.TRIED_AGAIN
    assert may_be_asked(resting, later)
    tried = asked(resting, later)
    assert not may_be_asked(tried, later + SECOND)
    assert may_be_asked(took_it(tried), later + SECOND)
    assert health(took_it(tried), later) is Health.WELL


def test_a_try_that_fails_makes_it_rest_longer_up_to_a_bound() -> None:
    circuit, at, lengths = failing(Circuit(), FAILURES_TO_REST, T0), T0, []
    for _ in range(10):
        until = rests_until(circuit)
        assert until is not None
        lengths.append(until - at)
        at = until
        circuit = did_not_take_it(asked(circuit, at), DEAD, at, at)
    assert lengths[:4] == [REST_FIRST, 2 * REST_FIRST, 4 * REST_FIRST, 8 * REST_FIRST]
    assert set(lengths[4:]) == {REST_MAX}


def test_sends_that_left_before_the_rest_began_do_not_make_it_longer() -> None:
    later = T0 + REST_FIRST
    tried = asked(failing(Circuit(), FAILURES_TO_REST, T0), later)
    assert did_not_take_it(tried, DEAD, T0 - SECOND, later + SECOND) == tried


def test_a_try_that_broke_here_or_was_never_heard_of_lets_another_try() -> None:
    later = T0 + REST_FIRST
    tried = asked(failing(Circuit(), FAILURES_TO_REST, T0), later)
    assert may_be_asked(not_asked(tried, later), later)
    assert not_asked(tried, T0) == tried
    assert may_be_asked(tried, later + TRY_MAX)


def test_what_a_provider_asks_for_is_kept_and_is_no_failure() -> None:
    busy = Failed("HTTP 429", after=timedelta(minutes=2), blame=Blame.PROVIDER)
    circuit = did_not_take_it(Circuit(), busy, T0, T0)
    assert not may_be_asked(circuit, T0 + timedelta(seconds=119))
    assert may_be_asked(circuit, T0 + timedelta(minutes=2))
    assert health(circuit, T0 + timedelta(minutes=2)) is Health.WELL
    assert not may_be_asked(took_it(circuit), T0 + SECOND)  # by a message that left before
    shorter = did_not_take_it(circuit, Failed("HTTP 429", after=SECOND, blame=Blame.PROVIDER), T0, T0)
    assert rests_until(shorter) == T0 + timedelta(minutes=2)


def test_an_address_that_asks_for_patience_does_not_speak_for_its_provider() -> None:
    busy = Failed("this room is busy", after=timedelta(minutes=2), blame=Blame.ADDRESS)
    assert may_be_asked(did_not_take_it(Circuit(), busy, T0, T0), T0)


@pytest.mark.parametrize(
    ("failed", "fault"),
    [
        (Failed("no", blame=Blame.PROVIDER, again=False), True),
        (Failed("no", blame=Blame.ADDRESS), False),
        (Failed("no"), True),
        (Failed("no", again=False), False),
    ],
)
def test_where_nobody_says_whose_fault_it_is_trouble_that_passes_is_the_providers(
    failed: Failed, fault: bool
) -> None:
    assert is_its_fault(failed) is fault


def test_only_what_is_urgent_goes_again_when_it_may_have_arrived() -> None:
    perhaps = Failed("no answer", blame=Blame.PROVIDER, perhaps=True)
    assert another_may_try(perhaps, urgent=True)
    assert not another_may_try(perhaps, urgent=False)
    assert another_may_try(DEAD, urgent=False)
    assert not another_may_try(NO_MAILBOX, urgent=True)


ANSWERS = st.one_of(
    st.none(),
    st.builds(
        Failed,
        why=st.just("no"),
        again=st.booleans(),
        after=st.none() | st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=2)),
        blame=st.sampled_from(Blame),
    ),
)
STEPS = st.lists(
    st.tuples(st.timedeltas(min_value=timedelta(0), max_value=timedelta(minutes=3)), ANSWERS), max_size=40
)


@given(steps=STEPS)
def test_nobody_is_left_alone_for_longer_than_a_bound_and_nobody_asked_while_resting(
    steps: list[tuple[timedelta, Failed | None]],
) -> None:
    circuit, now = Circuit(), T0
    for wait, answer in steps:
        now += wait
        if not may_be_asked(circuit, now):
            continue
        assert health(circuit, now) is not Health.RESTING
        circuit = asked(circuit, now)
        circuit = took_it(circuit) if answer is None else did_not_take_it(circuit, answer, now, now)
        until = rests_until(circuit)
        assert until is None or until <= now + max(REST_MAX, ASKED_REST_MAX)
        assert circuit.until is None or circuit.until <= now + REST_MAX
        assert may_be_asked(circuit, now + max(REST_MAX, ASKED_REST_MAX) + TRY_MAX)


@given(steps=STEPS, at=st.integers(min_value=0, max_value=600))
def test_while_it_is_tried_again_there_is_one_message_on_its_way(
    steps: list[tuple[timedelta, Failed | None]], at: int
) -> None:
    circuit, now = failing(Circuit(), FAILURES_TO_REST, T0), T0 + timedelta(seconds=at)
    if health(circuit, now) is Health.TRIED_AGAIN:
        circuit = asked(circuit, now)
        for wait, _ in steps:
            instant = now + min(wait, TRY_MAX - SECOND)
            assert not may_be_asked(circuit, instant)
