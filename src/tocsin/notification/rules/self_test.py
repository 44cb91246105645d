"""What became of a test of somebody's contacts, in words, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tocsin.notification.rules import DeliveryState

TEST_LASTS = timedelta(minutes=15)  # then what has not arrived counts as not arrived
TESTS_PER_HOUR_MAX = 10  # of one person: messages cost money, and ring


class Came(StrEnum):
    """How far a test message has come; each word says more than the one before it."""

    WAITING = "waiting"
    FAILED = "failed"
    ACCEPTED = "accepted"  # the provider took it, and that is all that is known
    UNCONFIRMED = "unconfirmed"  # the provider took it, and its receipt has not come in time
    DELIVERED = "delivered"  # the provider says that it arrived
    SILENT = "silent"  # its person says that it did not ring
    REACHED = "reached"  # its person says that it reached them


OPEN = (Came.WAITING, Came.ACCEPTED)  # which may change yet, as long as the test runs
GOOD = (Came.DELIVERED, Came.REACHED)


@dataclass(frozen=True)
class Word:
    """What its person says of one message. `rang` is None where nobody asked."""

    at: datetime
    rang: bool | None = None


def came(state: DeliveryState, told_with_another: bool, receipt_overdue: bool, word: Word | None) -> Came:
    """How far a message has come, by what is stored of it; what its person says counts most."""
    if word is not None:
        return Came.SILENT if word.rang is False else Came.REACHED
    if state is DeliveryState.CONFIRMED:
        return Came.DELIVERED
    if state is DeliveryState.SENT:
        return Came.UNCONFIRMED if receipt_overdue else Came.ACCEPTED
    if state is DeliveryState.SUPPRESSED:
        return Came.ACCEPTED if told_with_another else Came.FAILED
    return Came.FAILED if state is DeliveryState.UNDELIVERABLE else Came.WAITING


def said(how: Came, why: str, over: bool) -> str:
    """The state of one message as a sentence."""
    if how is Came.FAILED:
        return f"It did not go: {why}." if why else "It did not go."
    if how is Came.WAITING and why:
        return f"It waits: {why}."
    words = {
        Came.WAITING: "It is on its way.",
        Came.ACCEPTED: "Its provider took it. Nobody has said that it arrived."
        if over
        else "Its provider took it. Has it arrived?",
        Came.UNCONFIRMED: "Its provider took it, and has not said in time that it arrived.",
        Came.DELIVERED: "It arrived, says its provider.",
        Came.SILENT: "It did not ring.",
        Came.REACHED: "It reached its person.",
    }
    return words[how]


def mend(how: Came, over: bool) -> str:
    """What to do about it; "" for nothing."""
    if how is Came.WAITING and over:
        return "Is the program running? Look at what became of every message, or run: tocsin doctor."
    if how is Came.ACCEPTED and over:
        return (
            "If it is there, open its link or enter its code. If not: look among spam, then at the address."
        )
    words = {
        Came.FAILED: "Correct the address or what the reason names, then test again.",
        Came.UNCONFIRMED: "Is the device on, and on the network? If so, look at the address, then test again.",
        Came.SILENT: "Let Tocsin ring although the device is silenced: its settings for interruptions say what may.",
    }
    return words.get(how, "")


def verdict(ways: Sequence[Came], over: bool) -> str:
    """The whole test in one sentence."""
    good = sum(how in GOOD for how in ways)
    if not ways:
        return "There was no contact to send to."
    if good == len(ways):
        named = {1: "The only contact was", 2: "Both contacts were"}.get(good, f"All {good} contacts were")
        return f"{named} reached."
    rest = len(ways) - good
    if not over and all(how in (*GOOD, *OPEN) for how in ways):
        return f"{good} of {len(ways)} reached so far."
    return f"{good} of {len(ways)} reached: {rest} {'was' if rest == 1 else 'were'} not."
