"""Writers of a SQLite database take their turns."""

from __future__ import annotations

import threading

import pytest

from tests.patience import PATIENCE, eventually
from tocsin.journal.sqlite.turn import Turn


def test_who_waits_longest_is_next_even_when_the_holder_asks_again_at_once() -> None:
    turn, order = Turn(), list[str]()

    def write(name: str) -> None:
        with turn:
            order.append(name)

    turn.acquire()
    threads = [threading.Thread(target=write, args=(name,)) for name in ("first", "second", "third")]
    for number, thread in enumerate(threads, 1):
        thread.start()
        eventually(lambda number=number: len(turn._waiting) == number, rest=0.001)  # type: ignore[misc]
    turn.release()
    write("the one who was quick to ask again")
    for thread in threads:
        thread.join(PATIENCE)
    assert order == ["first", "second", "third", "the one who was quick to ask again"]


def test_the_holder_may_take_it_again_and_must_let_go_as_often() -> None:
    turn = Turn()
    taken: list[bool] = []

    def try_it() -> None:
        taken.append(turn.acquire(blocking=False))
        if taken[-1]:
            turn.release()

    def elsewhere() -> bool:
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join(PATIENCE)
        return taken[-1]

    turn.acquire()
    turn.acquire()
    turn.release()
    assert not elsewhere()
    turn.release()
    assert elsewhere()


def test_only_its_holder_lets_go() -> None:
    turn = Turn()
    with pytest.raises(RuntimeError, match="by nobody"):
        turn.release()


def test_nobody_holds_it_together_with_another() -> None:
    turn, inside, most, done = Turn(), 0, 0, 0

    def work() -> None:
        nonlocal inside, most, done
        for _ in range(500):
            with turn, turn:
                inside += 1
                most = max(most, inside)
                inside -= 1
                done += 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert (most, done, inside) == (1, 4_000, 0)
