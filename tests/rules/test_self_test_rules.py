"""What became of a test, in words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tocsin.notification.rules import DeliveryState
from tocsin.notification.rules.self_test import GOOD, Came, Word, came, mend, said, verdict

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "together", "overdue", "word", "expected"),
    [
        (DeliveryState.DUE, False, False, None, Came.WAITING),
        (DeliveryState.SENDING, False, False, None, Came.WAITING),
        (DeliveryState.SENT, False, False, None, Came.ACCEPTED),
        (DeliveryState.SENT, False, True, None, Came.UNCONFIRMED),
        (DeliveryState.CONFIRMED, False, False, None, Came.DELIVERED),
        (DeliveryState.UNDELIVERABLE, False, False, None, Came.FAILED),
        (DeliveryState.SUPPRESSED, True, False, None, Came.ACCEPTED),
        (DeliveryState.SUPPRESSED, False, False, None, Came.FAILED),
        (DeliveryState.UNDELIVERABLE, False, False, Word(AT), Came.REACHED),
        (DeliveryState.CONFIRMED, False, False, Word(AT, rang=False), Came.SILENT),
        (DeliveryState.SENT, False, True, Word(AT, rang=True), Came.REACHED),
    ],
)
def test_how_far_a_message_has_come(
    state: DeliveryState, together: bool, overdue: bool, word: Word | None, expected: Came
) -> None:
    assert came(state, together, overdue, word) is expected


@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize("how", list(Came))
def test_each_state_is_a_sentence_and_what_is_bad_says_what_to_do(how: Came, over: bool) -> None:
    assert said(how, "", over).endswith((".", "?"))
    if how in GOOD:
        assert mend(how, over) == ""
    elif over:
        assert mend(how, over).endswith(".") or mend(how, over).endswith("doctor.")


@pytest.mark.parametrize(
    ("ways", "over", "expected"),
    [
        ([], False, "There was no contact to send to."),
        ([Came.REACHED], False, "The only contact was reached."),
        ([Came.REACHED, Came.DELIVERED], True, "Both contacts were reached."),
        ([Came.REACHED] * 3, True, "All 3 contacts were reached."),
        ([Came.REACHED, Came.WAITING], False, "1 of 2 reached so far."),
        ([Came.REACHED, Came.FAILED], False, "1 of 2 reached: 1 was not."),
        ([Came.ACCEPTED, Came.ACCEPTED], True, "0 of 2 reached: 2 were not."),
    ],
)
def test_the_whole_of_it_is_one_sentence(ways: list[Came], over: bool, expected: str) -> None:
    assert verdict(ways, over) == expected
