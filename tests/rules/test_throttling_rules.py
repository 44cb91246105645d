"""How many messages an address gets, whatever comes: by example, and for whatever comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tocsin.notification.bundling import Other, together
from tocsin.notification.rules import Limits, Message, Rate
from tocsin.notification.rules.throttling import (
    CALL_RATES,
    CALL_STORM,
    STORM,
    TEXT_RATES,
    Waiting,
    admit,
)

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PERSON = Limits(storm=STORM)
seconds = st.integers(0, 900).map(lambda s: T0 + timedelta(seconds=s))
arrivals = st.lists(
    st.builds(Waiting, st.booleans(), seconds, worst=st.booleans(), first=st.booleans()), max_size=60
)
limits = st.sampled_from(
    [PERSON, Limits(rates=TEXT_RATES, storm=STORM), Limits(rates=CALL_RATES, storm=CALL_STORM)]
)


def _live(
    arrivals: list[Waiting], limits: Limits
) -> tuple[list[tuple[datetime, Waiting]], dict[int, datetime]]:
    """Everything that comes, at its own instant: each message that goes with when, and when each was told."""
    waiting = dict(enumerate(arrivals))
    due = {key: one.due_at for key, one in waiting.items()}
    sent: list[tuple[datetime, Waiting]] = []
    told: dict[int, datetime] = {}
    while due:
        now = min(due.values())
        ripe = {key: waiting[key] for key, at in due.items() if at <= now}
        admitted = admit(ripe, [at for at, one in sent if not one.free], limits, now)
        assert admitted.goes or admitted.held is not None
        for key, others in admitted.goes.items():
            sent.append((now, waiting[key]))
            for each in (key, *others):
                told[each] = now
                del due[each]
        for key in admitted.waits:
            assert admitted.held is not None and admitted.held.until > now
            due[key] = admitted.held.until
    return sent, told


@given(arrivals, limits)
def test_everything_is_told_once_and_never_early(arrivals: list[Waiting], limits: Limits) -> None:
    _, told = _live(arrivals, limits)
    assert told.keys() == set(range(len(arrivals)))
    assert all(told[key] >= one.due_at for key, one in enumerate(arrivals))


@given(arrivals, limits)
def test_no_storm_brings_more_than_the_limit(arrivals: list[Waiting], limits: Limits) -> None:
    sent = [at for at, _ in _live(arrivals, limits)[0]]
    for rate in limits.storm:
        for at in sent:
            assert sum(at - rate.per < other <= at for other in sent) <= rate.count


@given(arrivals)
def test_a_first_page_waits_for_a_storm_only(arrivals: list[Waiting]) -> None:
    strict = Limits(rates=(Rate(1, timedelta(hours=1)),))
    sent, told = _live(arrivals, strict)
    assert all(told[key] == one.due_at for key, one in enumerate(arrivals) if one.first)
    others = [at for at, one in sent if not one.first]
    assert len(others) <= 2


@given(arrivals)
def test_the_first_of_the_worst_never_waits_behind_what_is_less(arrivals: list[Waiting]) -> None:
    lesser = [Waiting(one.urgent, one.due_at) for one in arrivals]
    worst = Waiting(True, T0 + timedelta(seconds=450), worst=True, first=True)
    _, told = _live([*lesser, worst], PERSON)
    assert told[len(lesser)] == worst.due_at


def test_what_is_over_the_limit_is_told_with_the_last_that_goes() -> None:
    ripe = {n: Waiting(True, T0 + n * timedelta(seconds=1)) for n in range(5)}
    admitted = admit(ripe, [], PERSON, T0 + MINUTE)
    assert admitted.goes == {0: (), 1: (2, 3, 4)}
    later = admit({9: Waiting(False, T0)}, [T0, T0], PERSON, T0 + timedelta(seconds=30))
    assert later.held is not None
    assert (later.held.until, later.held.why) == (
        T0 + MINUTE,
        "waits: this address gets at most 2 messages in 1m",
    )


def test_what_is_free_neither_waits_nor_carries_nor_counts() -> None:
    ripe = {"retry": Waiting(True, T0, free=True), "page": Waiting(True, T0)}
    admitted = admit(ripe, [T0, T0, T0], PERSON, T0)
    assert (admitted.goes, admitted.waits) == ({"retry": ()}, ("page",))


def test_a_message_names_the_first_of_what_else_it_tells() -> None:
    message = Message("id", "[P1] Checkout fails · Web shop #1", ("Since 09:00",), details={"incident": 1})
    assert together(message, []) is message
    more = together(message, [Other(n, f"[P2] Slow #{n}") for n in range(2, 15)])
    assert more.subject == "[P1] Checkout fails · Web shop #1 and 13 more incidents"
    assert more.lines[:3] == ("Since 09:00", "13 more incidents:", "[P2] Slow #2")
    assert more.lines[-1] == "and 3 besides."
    assert more.details["also"] == list(range(2, 15))


def test_what_is_over_is_named_but_is_no_more_trouble() -> None:
    message = Message("id", "[P1] Checkout fails · Web shop #1", ("Since 09:00",), details={"incident": 1})
    ended = Other(2, "Resolved: [P2] Slow #2", over=True)
    assert together(message, [ended]).subject == message.subject
    assert together(message, [ended]).lines == ("Since 09:00", "Resolved: [P2] Slow #2")
    both = together(message, [ended, Other(3, "[P2] Slow #3")])
    assert both.subject == "[P1] Checkout fails · Web shop #1 and 1 more incident"
    assert both.lines == ("Since 09:00", "1 more incident:", "[P2] Slow #3", "Resolved: [P2] Slow #2")
