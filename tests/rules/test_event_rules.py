"""What an event does to the alert with its key, in whatever order events come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tocsin.catalog.rules import Grouping
from tocsin.intake.rules import (
    FOLLOW_UPS,
    Action,
    AlertState,
    Effect,
    Event,
    Seen,
    effect,
    group_key,
    key_digest,
    may_join,
    unreadable,
)

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
actions = st.sampled_from([Action.TRIGGER, Action.RESOLVE, Action.ACKNOWLEDGE, Action.NOTE])


def play(events: list[tuple[int, Action]]) -> Seen | None:
    """The alert after `events`, applied in the order given, with an incident that stays open while it fires."""
    seen: Seen | None = None
    for seq, action in events:
        what = effect(seen, Event(action, "k"), seq)
        if what in (Effect.NEW, Effect.REPEAT, Effect.REFIRE):
            seen = Seen(AlertState.FIRING, seq, True)
        elif what in (Effect.RESOLVE, Effect.EARLY_RESOLVE):
            seen = Seen(AlertState.RESOLVED, seq, False)
        elif what is not Effect.STALE and seen is not None and action not in FOLLOW_UPS:
            seen = Seen(seen.state, seq, seen.incident_open)
    return seen


@given(st.lists(actions, min_size=1, max_size=8), st.randoms())
def test_however_events_overtake_each_other_the_newest_news_stands(
    sent: list[Action], random: object
) -> None:
    numbered = list(enumerate(sent, 1))
    shuffled = list(numbered)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    last, news = play(shuffled), [action for action in sent if action not in FOLLOW_UPS]
    if not news:
        assert last is None
        return
    assert last is not None
    assert last.state is (AlertState.FIRING if news[-1] is Action.TRIGGER else AlertState.RESOLVED)


@given(st.sampled_from(AlertState), st.booleans(), actions)
def test_the_same_event_a_second_time_is_stale(state: AlertState, still_open: bool, action: Action) -> None:
    assert effect(Seen(state, 5, still_open), Event(action, "k"), 5) is Effect.STALE


def test_a_trigger_joins_begins_anew_or_comes_back() -> None:
    trigger = Event(Action.TRIGGER, "k")
    assert effect(None, trigger, 1) is Effect.NEW
    assert effect(Seen(AlertState.FIRING, 1, True), trigger, 2) is Effect.REPEAT
    assert effect(Seen(AlertState.FIRING, 1, False), trigger, 2) is Effect.NEW
    assert effect(Seen(AlertState.RESOLVED, 1, True), trigger, 2) is Effect.REFIRE
    assert effect(Seen(AlertState.RESOLVED, 1, False), trigger, 2) is Effect.NEW


def test_a_trigger_dated_before_the_resolve_was_overtaken_on_the_network() -> None:
    seen = Seen(AlertState.RESOLVED, 1, False, ended_at=T0)
    assert effect(seen, Event(Action.TRIGGER, "k", happened_at=T0 - timedelta(seconds=1)), 2) is Effect.STALE
    assert effect(seen, Event(Action.TRIGGER, "k", happened_at=T0 + timedelta(seconds=1)), 2) is Effect.NEW


def test_what_has_no_open_alert_cannot_be_acknowledged_resolved_or_noted() -> None:
    assert effect(None, Event(Action.ACKNOWLEDGE, "k"), 1) is Effect.NOTHING
    assert effect(None, Event(Action.NOTE, "k"), 1) is Effect.NOTHING
    assert effect(Seen(AlertState.RESOLVED, 1, False), Event(Action.RESOLVE, "k"), 2) is Effect.NOTHING


def test_a_change_is_context_whatever_its_key() -> None:
    assert effect(Seen(AlertState.FIRING, 9, True), Event(Action.CHANGE, "k"), 1) is Effect.CHANGE


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_a_key_belongs_to_its_integration(one: str, other: str, key: str, another: str) -> None:
    if "\n" not in one + other and (one, key) != (other, another):
        assert key_digest(one, key) != key_digest(other, another)


@given(
    st.dictionaries(st.sampled_from("abc"), st.text(max_size=5)), st.lists(st.sampled_from("abc"), max_size=3)
)
def test_alerts_belong_together_when_the_chosen_fields_are_equal(
    fields: dict[str, str], by: list[str]
) -> None:
    grouping = Grouping(tuple(by), timedelta(minutes=10))
    others = {name: value for name, value in fields.items() if name in by}
    assert group_key(grouping, fields) == group_key(grouping, others | {"z": "else"})
    assert group_key(None, fields) == ""


def test_a_window_is_open_until_it_has_passed() -> None:
    grouping = Grouping((), timedelta(minutes=10))
    assert may_join(grouping, T0, T0 + timedelta(minutes=9, seconds=59))
    assert not may_join(grouping, T0, T0 + timedelta(minutes=10))
    assert not may_join(grouping, None, T0)
    assert not may_join(None, T0, T0)


@given(st.binary(max_size=3_000))
def test_what_nobody_can_read_still_becomes_an_alert_that_can_be_stored(body: bytes) -> None:
    event = unreadable(7, body, "ValueError")
    assert "\x00" not in event.description
    assert event.description.encode("utf-8")
