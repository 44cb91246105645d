"""Several providers as one channel: who is asked, who is left alone, and what a message costs meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tocsin.notification.deadline import seconds_left, within
from tocsin.notification.rules import Blame, Failed, Message, Sent
from tocsin.notification.rules.circuit import FAILURES_TO_REST, REST_FIRST, Health
from tocsin.notification.switching import Circuits, Line, Switch
from tocsin.notification.vendors import Account
from tocsin.testing.pretend import (
    DEAD,
    LOCKED_OUT,
    NOBODY_THERE,
    Pretend,
    behaviour,
    busy,
    forget,
)

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
URGENT = Message("m-1", "The shop is down")
CALM = Message("m-2", "Your shift begins tomorrow", urgent=False)


@pytest.fixture
def circuits() -> Iterator[Circuits]:
    yield Circuits()
    forget()


@pytest.fixture
def switch(circuits: Circuits) -> Switch:
    """Two accounts with one vendor, the first before the second."""
    lines = [Line(name, Pretend().open(Account(name, {"token": name}))) for name in ("first", "second")]
    return Switch("pretend", lines, circuits)


def send(switch: Switch, message: Message = URGENT, at: datetime = NOW) -> Sent | Failed:
    return switch.send("pretend:bo", "Bo", message, at)


def test_the_first_provider_is_asked_and_named(switch: Switch) -> None:
    outcome = send(switch)
    assert isinstance(outcome, Sent)
    assert (outcome.provider, outcome.before) == ("first", ())
    assert outcome.receipt_within == timedelta(seconds=90)
    assert behaviour("second").asked == 0


def test_the_second_takes_over_within_the_same_attempt(switch: Switch) -> None:
    behaviour("first").always = DEAD
    outcome = send(switch)
    assert isinstance(outcome, Sent)
    assert outcome.provider == "second"
    assert [(tried.provider, tried.why) for tried in outcome.before] == [("first", "HTTP 503")]


def test_when_nobody_takes_it_everybody_is_named_and_the_last_counts(switch: Switch) -> None:
    behaviour("first").always = LOCKED_OUT
    behaviour("second").always = DEAD
    outcome = send(switch)
    assert isinstance(outcome, Failed)
    assert (outcome.provider, outcome.why, outcome.again) == ("second", "HTTP 503", True)
    assert [tried.provider for tried in outcome.before] == ["first"]


def test_a_wrong_address_is_wrong_for_everybody(switch: Switch) -> None:
    behaviour("first").always = NOBODY_THERE
    outcome = send(switch)
    assert isinstance(outcome, Failed)
    assert not outcome.again
    assert behaviour("second").asked == 0


def test_who_fails_again_and_again_is_not_asked_until_its_rest_is_over(
    switch: Switch, circuits: Circuits
) -> None:
    behaviour("first").always = DEAD
    for _ in range(FAILURES_TO_REST + 5):
        assert isinstance(send(switch), Sent)
    assert behaviour("first").asked == FAILURES_TO_REST
    assert circuits.state("first", NOW).health is Health.RESTING
    assert circuits.state("first", NOW).error == "HTTP 503"
    behaviour("first").always = None
    later = NOW + REST_FIRST + timedelta(seconds=1)
    outcome = send(switch, at=later)
    assert isinstance(outcome, Sent)
    assert outcome.provider == "first"
    assert circuits.state("first", later).health is Health.WELL


def test_who_asks_to_be_left_alone_is_and_the_other_takes_over(switch: Switch) -> None:
    behaviour("first").script.append(busy(timedelta(seconds=120)))
    assert isinstance(send(switch), Sent)
    for second in range(1, 120, 7):
        outcome = send(switch, at=NOW + timedelta(seconds=second))
        assert isinstance(outcome, Sent)
        assert outcome.provider == "second"
    assert behaviour("first").asked == 1
    outcome = send(switch, at=NOW + timedelta(seconds=125))
    assert isinstance(outcome, Sent)
    assert outcome.provider == "first"


def test_when_everybody_rests_it_is_said_at_once_with_the_time_until_somebody_may_be_asked(
    switch: Switch,
) -> None:
    behaviour("first").always = behaviour("second").always = DEAD
    for _ in range(FAILURES_TO_REST):
        send(switch)
    outcome = send(switch)
    assert isinstance(outcome, Failed)
    assert behaviour("first").asked == behaviour("second").asked == FAILURES_TO_REST
    assert outcome.after is not None
    assert timedelta(0) < outcome.after <= REST_FIRST + timedelta(seconds=1)
    assert "first is left alone until 03:00:0" in outcome.why
    assert "HTTP 503" in outcome.why


def test_whoever_may_have_it_already_is_not_doubled_by_what_can_wait(switch: Switch) -> None:
    behaviour("first").gate.set()  # it hangs for no time at all, and nobody knows whether it took the message
    behaviour("first").always = behaviour("first").hang
    calm = send(switch, CALM)
    assert isinstance(calm, Failed)
    assert calm.perhaps
    assert behaviour("second").asked == 0
    urgent = send(switch, URGENT)
    assert isinstance(urgent, Sent)
    assert urgent.provider == "second"


def test_the_first_gets_a_part_of_the_time_and_the_last_what_is_left(switch: Switch) -> None:
    behaviour("first").always = DEAD
    send(switch)
    assert 5 < behaviour("first").had[0] <= 6
    assert 6 < behaviour("second").had[0] <= 10


def test_a_message_that_breaks_here_says_nothing_against_the_provider(
    switch: Switch, circuits: Circuits
) -> None:
    def broken(message: Message) -> Sent:
        raise ZeroDivisionError

    behaviour("first").script.append(broken)
    with pytest.raises(ZeroDivisionError):
        send(switch)
    assert circuits.state("first", NOW).health is Health.WELL
    assert isinstance(send(switch), Sent)


def test_what_is_known_of_a_provider_that_is_gone_is_forgotten(switch: Switch, circuits: Circuits) -> None:
    behaviour("first").always = DEAD
    send(switch)
    circuits.keep_only(["second"])
    assert circuits.state("first", NOW).failures == 0
    circuits.answered("first", Failed("late", blame=Blame.PROVIDER), NOW, NOW)
    assert circuits.state("first", NOW).failures == 0


def test_time_within_a_time_is_the_shorter_of_the_two() -> None:
    assert seconds_left(10.0) == 10.0
    with within(3):
        with within(8):
            assert seconds_left(10.0) <= 3
        with within(0):
            assert seconds_left(10.0) == 0
        assert 0 < seconds_left(10.0) <= 3
    assert seconds_left(10.0) == 10.0
