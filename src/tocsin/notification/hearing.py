"""What a provider's request to us says, as values. Pure.

A channel that hears turns one such request into these and decides nothing; the room `answering` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from tocsin.notification.rules import ActVerb, Failed, Message

CALLBACK_BYTES_MAX = 262_144  # of a request that a provider makes to us


@dataclass(frozen=True)
class Callback:
    """A request as it came. `url` is our public address with the query, as the provider called it; `what` is the
    last part of its path ("" for none); header names are in lower case."""

    method: str
    url: str
    what: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Receipt:
    """What became of a message: it arrived, or it did not and why. `delivery` is its id when the request names it,
    else `reference` is the provider's name for it."""

    arrived: bool
    delivery: str = ""
    reference: str = ""
    why: str = ""


@dataclass(frozen=True)
class Pressed:
    """A button or key of the message `delivery`, by whoever is behind `address`."""

    address: str
    delivery: str
    verb: ActVerb
    text: str = ""  # the note, or for how long
    id: str = ""  # the provider's name for this press, so that hearing of it twice does nothing twice


@dataclass(frozen=True)
class Written:
    """Words that somebody sent: an SMS, a reply in a thread. `delivery` or `reference` names the message they
    answer, where the channel can tell."""

    address: str
    text: str
    delivery: str = ""
    reference: str = ""
    id: str = ""  # the provider's name for these words, so that hearing them twice does nothing twice


@dataclass(frozen=True)
class Commanded:
    """A command in chat: its `verb` as typed, and the rest of the line. `place` is the address of the room."""

    address: str
    verb: str
    rest: str = ""
    place: str = ""
    name: str = ""  # how the chat calls them, for who is no person of ours
    id: str = ""  # the provider's name for this command


@dataclass(frozen=True)
class Reported:
    """Somebody says that something is wrong, in their own words, which are kept as they are."""

    address: str
    title: str
    text: str = ""
    service: str = ""  # its id, when they chose one
    urgent: bool = True
    place: str = ""
    name: str = ""
    id: str = ""  # the provider's name for this report


@dataclass(frozen=True)
class AskedAgain:
    """Whoever was called wants to hear the message `delivery` once more."""

    address: str
    delivery: str


Heard = Receipt | Pressed | Written | Commanded | Reported | AskedAgain


class Tone(StrEnum):
    """How what is told back is meant."""

    DONE = "done"
    NOT_DONE = "not done"  # in words why
    ASKED = "asked"  # something is missing or ambiguous
    SILENT = "silent"  # nothing is to be said: the sender is unknown, or a machine


@dataclass(frozen=True)
class Told:
    """What is said back to whoever was heard."""

    text: str = ""
    tone: Tone = Tone.DONE
    minor: bool = False  # not worth a message of its own, such as a letter
    about: str = ""  # the field of what was heard that it is about, such as "service"
    message: Message | None = None  # to be said once more, instead of the text


@dataclass(frozen=True)
class Reply:
    """The answer to the provider's request."""

    status: int = 200
    content_type: str = "text/plain; charset=utf-8"
    body: bytes = b""


def nothing_to_say(told: Sequence[Told]) -> Reply:
    """An empty answer, whatever was told."""
    return Reply()


@dataclass(frozen=True)
class Hearing:
    """One request, understood: what was heard, and how what is told about each is put into an answer.

    `then` is what a provider wants besides its answer, as a call of ours: a window to open, words to whoever pressed.
    It is made when the answer is on its way, in a thread that may wait, ends within SEND_DEADLINE, never raises for
    what a provider may do, and says why it did not work; nothing hangs on it, and it is not made again.
    """

    heard: tuple[Heard, ...] = ()
    answer: Callable[[Sequence[Told]], Reply] = nothing_to_say
    then: Callable[[Sequence[Told]], Failed | None] | None = None


class Hears(Protocol):
    """A channel whose provider calls us."""

    def hear(self, callback: Callback, now: datetime) -> Hearing:
        """What `callback` says. Raises Refused (status 403) for one that is not the provider's, of another account or
        stale; (status 400) for one that cannot be read."""
