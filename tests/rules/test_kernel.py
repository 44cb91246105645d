"""Durations, ids, priorities and the transitions of an incident."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.incident.rules import Not, Nothing, State, To, Verb, transition
from tocsin.kernel.durations import LONGEST, format_duration, in_words, parse_duration
from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import check_slug, new_key, slug_of
from tocsin.kernel.urgency import DEFAULT_MATRIX, Impact, Urgency, impact_of_tier, priority_of
from tocsin.people.rules import SCOPES, TABLE, May, Role, may


@given(st.integers(0, int(LONGEST.total_seconds())))
def test_a_duration_is_read_as_it_is_written(seconds: int) -> None:
    span = timedelta(seconds=seconds)
    assert parse_duration(format_duration(span)) == span


@pytest.mark.parametrize(
    "text", ["", "5", "m", "5 m", "-5m", "1.5h", "5m1h", "400d", "99999999999h", "5M", None, 5, "٥m"]
)
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(Refused):
        parse_duration(text)


@given(st.text(max_size=80))
def test_no_text_breaks_the_reading_of_durations_and_ids(text: str) -> None:
    for read in (parse_duration, check_slug):
        try:
            read(text)
        except Refused as refused:
            assert str(refused)


def test_durations_for_a_reader_in_a_hurry() -> None:
    assert in_words(timedelta(seconds=160)) == "2 min 40 s"
    assert in_words(timedelta(days=3, hours=4, minutes=5)) == "3 days 4 h"
    assert in_words(timedelta(days=1)) == "1 day"
    assert in_words(timedelta(milliseconds=300)) == "now"


@given(st.text(max_size=100))
def test_a_slug_made_from_a_name_is_one(name: str) -> None:
    made = slug_of(name)
    assert made == "" or check_slug(made) == made


def test_a_key_has_the_length_that_pagerduty_s_clients_insist_on() -> None:
    assert len(new_key()) == 32
    assert new_key() != new_key()


def test_priorities_fall_from_what_is_worst_to_what_is_least() -> None:
    order = [priority_of(DEFAULT_MATRIX, impact, urgency) for impact, urgency in product(Impact, Urgency)]
    assert sorted(order)[0] == "P1" == priority_of(DEFAULT_MATRIX, impact_of_tier(1), Urgency.HIGH)
    assert priority_of(DEFAULT_MATRIX, impact_of_tier(9), Urgency.LOW) == "P5"


def test_every_verb_has_an_answer_in_every_state() -> None:
    for state, verb in product(State, Verb):
        answer = transition(state, verb)
        assert isinstance(answer, To | Nothing | Not)
        if not isinstance(answer, To):
            assert answer.why


def test_what_is_over_is_only_opened_again_by_hand() -> None:
    for state in (State.RESOLVED, State.CLOSED):
        for verb in set(Verb) - {Verb.REOPEN, Verb.CLOSE}:
            assert not isinstance(transition(state, verb), To)
        assert transition(state, Verb.REOPEN) == To(State.TRIGGERED)


def test_each_role_may_what_the_one_below_may_and_more() -> None:
    ladder = [TABLE[role] for role in (Role.STAKEHOLDER, Role.RESPONDER, Role.MANAGER, Role.ADMIN)]
    assert all(lower < higher for lower, higher in pairwise(ladder))
    assert ladder[-1] == frozenset(May)
    assert not may("owner", May.SEE)
    assert not may(Role.STAKEHOLDER, May.ACT)
    assert all(scope <= frozenset(May) for scope in SCOPES.values())
