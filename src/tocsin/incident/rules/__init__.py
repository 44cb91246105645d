"""What an incident may become, and why not. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tocsin.kernel.phrases import phrase

TITLE_LENGTH_MAX = 300
NOTE_LENGTH_MAX = 10_000


class State(StrEnum):
    TRIGGERED = "triggered"  # nobody has it
    ACKNOWLEDGED = "acknowledged"  # somebody has it, or has put it off until a time (snoozed)
    RESOLVED = "resolved"  # it is over
    CLOSED = "closed"  # and nothing is left to do about it


OPEN = (State.TRIGGERED, State.ACKNOWLEDGED)


class Verb(StrEnum):
    ACKNOWLEDGE = "acknowledge"
    SNOOZE = "snooze"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    CLOSE = "close"
    EXPIRE = "expire"  # an acknowledgement that ran out
    WORSEN = "worsen"  # a joined alert is worse than what was paged


@dataclass(frozen=True)
class To:
    """The transition happens."""

    state: State


@dataclass(frozen=True)
class Nothing:
    """It stays as it is, and that is no error; `why` is told to who asked."""

    why: str


@dataclass(frozen=True)
class Not:
    """It cannot be done."""

    why: str


_TABLE: dict[tuple[State, Verb], To | Nothing | Not] = {
    (State.TRIGGERED, Verb.ACKNOWLEDGE): To(State.ACKNOWLEDGED),
    (State.TRIGGERED, Verb.SNOOZE): To(State.ACKNOWLEDGED),
    (State.TRIGGERED, Verb.RESOLVE): To(State.RESOLVED),
    (State.TRIGGERED, Verb.REOPEN): Nothing("it is open"),
    (State.TRIGGERED, Verb.CLOSE): Not("resolve it first"),
    (State.TRIGGERED, Verb.EXPIRE): Nothing("nobody has it"),
    (State.TRIGGERED, Verb.WORSEN): To(State.TRIGGERED),
    (State.ACKNOWLEDGED, Verb.ACKNOWLEDGE): Nothing(phrase("somebody has it already")),
    (State.ACKNOWLEDGED, Verb.SNOOZE): To(State.ACKNOWLEDGED),
    (State.ACKNOWLEDGED, Verb.RESOLVE): To(State.RESOLVED),
    (State.ACKNOWLEDGED, Verb.REOPEN): Nothing("it is open"),
    (State.ACKNOWLEDGED, Verb.CLOSE): Not("resolve it first"),
    (State.ACKNOWLEDGED, Verb.EXPIRE): To(State.TRIGGERED),
    (State.ACKNOWLEDGED, Verb.WORSEN): To(State.TRIGGERED),
    (State.RESOLVED, Verb.ACKNOWLEDGE): Nothing(phrase("it is resolved already")),
    (State.RESOLVED, Verb.SNOOZE): Nothing(phrase("it is resolved already")),
    (State.RESOLVED, Verb.RESOLVE): Nothing(phrase("it is resolved already")),
    (State.RESOLVED, Verb.REOPEN): To(State.TRIGGERED),
    (State.RESOLVED, Verb.CLOSE): To(State.CLOSED),
    (State.RESOLVED, Verb.EXPIRE): Nothing("it is over"),
    (State.RESOLVED, Verb.WORSEN): Nothing("it is over"),
    (State.CLOSED, Verb.ACKNOWLEDGE): Nothing(phrase("it is closed")),
    (State.CLOSED, Verb.SNOOZE): Nothing(phrase("it is closed")),
    (State.CLOSED, Verb.RESOLVE): Nothing(phrase("it is closed")),
    (State.CLOSED, Verb.REOPEN): To(State.TRIGGERED),
    (State.CLOSED, Verb.CLOSE): Nothing(phrase("it is closed")),
    (State.CLOSED, Verb.EXPIRE): Nothing("it is over"),
    (State.CLOSED, Verb.WORSEN): Nothing("it is over"),
}


def transition(
    state: State, verb: Verb, *, snoozed: bool = False, mine: bool = False, called: bool = False
) -> To | Nothing | Not:
    """What `verb` does to an incident in `state`; `mine`: it is with whoever asks; `called`: whoever asks was paged
    about it after somebody took it.

    What is snoozed can be taken by anybody, or put off again; what somebody works on, they alone put off. Who passes
    it on gives it to whoever of those called answers first.
    """
    if state is State.ACKNOWLEDGED:
        if verb is Verb.ACKNOWLEDGE and (snoozed or (called and not mine)):
            return To(State.ACKNOWLEDGED)
        if verb is Verb.SNOOZE and not (snoozed or mine or called):
            return Nothing(phrase("somebody has it already"))
    return _TABLE[state, verb]
