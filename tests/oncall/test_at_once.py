"""Several people at the same moment: what one has committed, the next one finds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection

from tests.oncall.conftest import BY
from tests.world import Clock
from tocsin.kernel.acting import by_user
from tocsin.kernel.errors import Refused
from tocsin.kernel.spans import Span
from tocsin.oncall.actions import add_override, on_call_at, remove_override
from tocsin.oncall.models import CoverRequest, Override
from tocsin.oncall.rules import Override as OverrideValue
from tocsin.oncall.rules import State
from tocsin.oncall.swaps import accept_cover, ask_cover

pytestmark = pytest.mark.django_db(transaction=True)
WEEK = timedelta(weeks=1)


def together(*acts: Callable[[], object]) -> list[object]:
    """What each of `acts` returned or was refused with, all begun at one moment, each in a thread of its own."""
    barrier, results = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number: int, act: Callable[[], object]) -> None:
        try:
            barrier.wait()
            results[number] = act()  # type: ignore[call-overload]
        except Refused as refused:
            results[number] = refused  # type: ignore[call-overload]
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(results)


def test_of_two_who_accept_the_same_hours_at_once_one_gets_them(
    transactional_db: None, primary: str, clock: Clock
) -> None:
    span = Span(clock.now, clock.now + WEEK)
    first, second = (ask_cover(primary, "bo", span, by_user("bo", "web"), clock.now).pk for _ in range(2))
    results = together(
        lambda: accept_cover(first, "mo", by_user("mo", "web"), clock.now),
        lambda: accept_cover(second, "ada", by_user("ada", "web"), clock.now),
    )
    refused = [each for each in results if isinstance(each, Refused)]
    assert len(refused) == 1 and refused[0].status == 409
    assert CoverRequest.objects.filter(state=State.ACCEPTED).count() == 1
    (override,) = Override.objects.standing()
    assert on_call_at(primary, clock.now) == tuple(override.users)


def test_of_two_answers_to_one_request_one_counts(transactional_db: None, primary: str, clock: Clock) -> None:
    span = Span(clock.now, clock.now + WEEK)
    asked = ask_cover(primary, "bo", span, by_user("bo", "web"), clock.now).pk
    results = together(
        *(lambda who=who: accept_cover(asked, who, by_user(who, "web"), clock.now) for who in ("mo", "ada"))
    )
    assert sum(isinstance(each, Refused) for each in results) == 1
    assert Override.objects.count() == 1


def test_who_asks_after_a_commit_is_told_what_it_made_whatever_thread_made_it(
    transactional_db: None, primary: str, clock: Clock
) -> None:
    assert on_call_at(primary, clock.now) == ("bo",)
    for _ in range(10):
        value = OverrideValue("", clock.now, clock.now + WEEK, ("mo",))
        (made,) = together(lambda value=value: add_override(primary, value, BY, clock.now))
        assert on_call_at(primary, clock.now) == ("mo",)
        together(lambda made=made: remove_override(made, BY, clock.now))  # type: ignore[misc]
        assert on_call_at(primary, clock.now) == ("bo",)
