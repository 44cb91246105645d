"""What channels say besides their answers: soon, bounded, and nothing hangs on it."""

from __future__ import annotations

import threading
from functools import partial

from structlog.testing import capture_logs

from tocsin.notification.deadline import seconds_left
from tocsin.notification.rules import SEND_DEADLINE, Failed
from tocsin.web.callbacks import THENS_MAX, Afterwards


def test_a_call_is_made_in_a_thread_of_its_own_and_has_a_deadline() -> None:
    afterwards, seen = Afterwards(), list[object]()

    def then() -> None:
        seen.extend((threading.current_thread().daemon, seconds_left(1_000) <= SEND_DEADLINE.total_seconds()))

    afterwards.call(then, "chat")
    afterwards.settle()
    assert seen == [True, True]


def test_what_goes_wrong_stands_in_the_log_and_takes_no_room() -> None:
    afterwards = Afterwards()

    def broken() -> None:
        raise RuntimeError

    with capture_logs() as logged:
        for _ in range(THENS_MAX + 3):
            afterwards.call(broken, "chat")
            afterwards.settle()
        afterwards.call(lambda: Failed("it is busy"), "chat")
        afterwards.settle()
    assert sum(line["event"].startswith("saying something") for line in logged) == THENS_MAX + 3
    assert logged[-1]["why"] == "it is busy"


def test_when_too_many_hang_the_next_is_left_out_and_the_program_goes_on() -> None:
    afterwards, go, made = Afterwards(), threading.Event(), list[int]()

    def then(number: int) -> None:
        go.wait(60)
        made.append(number)

    with capture_logs() as logged:
        for number in range(THENS_MAX + 1):
            afterwards.call(partial(then, number), "chat")
        go.set()
        afterwards.settle()
    assert sorted(made) == list(range(THENS_MAX))
    assert [line["log_level"] for line in logged] == ["warning"]
