"""What a message is, what a channel promises, and what follows from an attempt. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

ATTEMPTS_MAX = 5  # per delivery: the first and four retries
SEND_DEADLINE = timedelta(seconds=10)
LEASE = timedelta(seconds=15)  # longer than the deadline; a dead node is replaced within it
BACKOFF_FIRST = timedelta(seconds=2)
BACKOFF_MAX = timedelta(seconds=30)
RETRIES_WITHIN = timedelta(seconds=45)  # of the first attempt; no retry begins later
# A room has no next channel, so what is told there waits until its account is well, while it is news.
ROOM_NEWS_LIFE = timedelta(minutes=30)
ROOM_BACKOFF_MAX = timedelta(minutes=2)
ROOM_ATTEMPTS_MAX = 24
RULE_STEPS_MAX = 20
ACT_LINK_LIFE = timedelta(hours=24)
LAST_RESORT_AFTER = timedelta(minutes=2)  # a contact that failed lately is tried so long after the others


class DeliveryState(StrEnum):
    """accepted = suppressed + due; due = sent + undeliverable (and what still waits); sent = confirmed + not yet."""

    DUE = "due"  # waits for its time or for a retry
    SENDING = "sending"  # a node holds it under a lease
    SENT = "sent"  # the provider took it
    CONFIRMED = "confirmed"  # the provider or the person says it arrived
    UNDELIVERABLE = "undeliverable"  # given up; `error` says why
    SUPPRESSED = "suppressed"  # not needed any more; `error` says why


class Kind(StrEnum):
    """What a message is for."""

    PAGE = "page"  # somebody is to act
    SHADOW = "shadow"  # a copy of a page, for who learns: they are not to act, and count as nobody
    NOTICE = "notice"  # about their shifts and contacts
    PLACE = "place"  # told to a room: nobody is woken by it, and it counts as nobody
    UPDATE = "update"  # more of what they were paged for; nobody is woken by it, and it counts as nobody
    OVER = "over"  # it is over, for who was told that it began
    CODE = "code"  # digits that prove a contact; goes to that contact alone
    TEST = "test"


class ActVerb(StrEnum):
    """What an answer to a message does. Links name a verb by its place here, so new ones come last."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    ESCALATE = "escalate"
    SNOOZE = "snooze"
    NOTE = "note"


BUTTONS = (ActVerb.ACKNOWLEDGE, ActVerb.RESOLVE, ActVerb.ESCALATE)  # of every message about an incident


@dataclass(frozen=True)
class Act:
    """One button: the word on it and the address it opens (GET shows, POST acts)."""

    verb: ActVerb
    label: str
    url: str


@dataclass(frozen=True)
class Message:
    """What is said to one person, before a channel puts it into its own form.

    `subject` is one line; `lines` are short facts in the order of use; `text` from alerts is data, never markup.
    `thread` is equal for all messages of one incident; `kind` is one of Kind.
    """

    id: str  # stable over retries: the delivery's uuid
    subject: str
    lines: Sequence[str] = ()
    acts: Sequence[Act] = ()
    link: str = ""  # the incident's page
    thread: str = ""
    kind: str = "page"
    urgent: bool = True
    details: Mapping[str, Any] = field(
        default_factory=dict
    )  # for machines: incident number, service, priority …
    note: str = ""  # the handover note, or "rendering failed"
    code: str = (
        ""  # six digits that name this page in an answer by SMS or mail; "" when it cannot be answered
    )
    reply_to: str = ""  # the mailbox where an answer by mail names this page; "" where none is listened to
    language: str = "en"  # of the reader
    replaces: str = (
        ""  # the reference of the message that this one takes the place of, where a channel can do that
    )
    parent: str = (
        ""  # the reference of the first message about this incident at this address; "" when this is it
    )
    state: str = ""  # of the incident: triggered, acknowledged, resolved, closed; "" without one


class Blame(StrEnum):
    """Whose fault it is that a message did not go. What is the provider's counts against it for everybody."""

    ADDRESS = "address"  # this one cannot be reached so; others can
    PROVIDER = "provider"  # it is down, busy, or does not know our account
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Tried:
    """A provider that was asked before the one that counts, and why it did not take the message."""

    provider: str
    why: str
    took: timedelta = timedelta(0)


@dataclass(frozen=True)
class Sent:
    """The provider took it; `reference` is its name for it. `provider` is the account's id, "" for a channel that
    needs none; `before` are those that were asked first. A channel leaves the last two as they are: whoever sends
    takes them from its Limits."""

    reference: str = ""
    confirmed: bool = False
    provider: str = ""
    before: tuple[Tried, ...] = ()
    receipt_within: timedelta | None = None  # in which a receipt is expected; None: none is
    changeable: bool = False  # it can be changed later, under its reference


@dataclass(frozen=True)
class Failed:
    """It did not go. `again` says whether another attempt can help; `after` is what the provider asked to wait.

    `perhaps` says that the provider may have taken it all the same: it got the message and did not answer.
    """

    why: str
    again: bool = True
    after: timedelta | None = None
    blame: Blame = Blame.UNKNOWN
    perhaps: bool = False
    provider: str = ""
    before: tuple[Tried, ...] = ()


@dataclass(frozen=True)
class Rate:
    """At most `count` messages in any span of `per`."""

    count: int
    per: timedelta


@dataclass(frozen=True)
class Limits:
    """What a channel carries, and what it asks not to exceed."""

    text_max: int = 4_000  # characters of a message; the channel itself cuts what is longer
    at_once: int = 16  # messages on their way to one destination
    rates: tuple[Rate, ...] = ()  # to one address; the first page of an incident passes
    storm: tuple[Rate, ...] = ()  # to one address, and first pages keep to it: what is over is told together
    room: tuple[Rate, ...] = ()  # instead of `storm`, to an address that is a place's; (): as for a person
    receipt_within: timedelta | None = (
        None  # in which the provider says whether it arrived; None: it never does
    )
    loud: bool = False  # it rings, so it is not for what can wait
    rings: bool = False  # what is urgent is meant to ring, where the device lets it
    updates: bool = False  # a message can be changed later: `Message.replaces` is its reference
    # What is said later of one incident lies with what was said before, or takes its place: more disturbs nobody.
    gathers: bool = False


class Channel(Protocol):
    """A vendor's way out. One file each under channels/; the core knows none of them by name."""

    name: str  # shown to people: "e-mail", "webhook"
    schemes: Sequence[str]  # of the contact addresses it serves: ("mailto",)

    @property
    def limits(self) -> Limits:
        """What it carries, and what it asks not to exceed."""

    def check(self, address: str) -> str:
        """The address in its plain form. Raises Refused with words when it cannot be one."""

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Sent | Failed:
        """Hand the message to the provider within SEND_DEADLINE; never raises for what a provider may do."""


@dataclass(frozen=True)
class Retry:
    at: datetime


@dataclass(frozen=True)
class GiveUp:
    """`for_good`: the provider will never take it, as for a mailbox that does not exist."""

    why: str
    for_good: bool = False


@dataclass(frozen=True)
class Patience:
    """How long a message is tried: so often, for so long, with pauses that grow so long; and how long a provider may
    ask to be left alone."""

    attempts_max: int = ATTEMPTS_MAX
    within: timedelta = RETRIES_WITHIN
    backoff_max: timedelta = BACKOFF_MAX
    asked_max: timedelta = BACKOFF_MAX


WITH_A_PERSON = Patience()  # the next channel is faster than a provider that asks for more
WITH_A_ROOM = Patience(ROOM_ATTEMPTS_MAX, ROOM_NEWS_LIFE, ROOM_BACKOFF_MAX, ROOM_NEWS_LIFE)


def after_failure(
    failed: Failed,
    attempts: int,
    now: datetime,
    jitter: float,
    tried_for: timedelta = timedelta(0),
    patience: Patience = WITH_A_PERSON,
) -> Retry | GiveUp:
    """What to do after the `attempts`-th attempt failed: 2 s, 4 s, 8 s … spread by `jitter` in [0, 1), then give up.

    `tried_for` is how long ago the first attempt began.
    """
    if not failed.again:
        return GiveUp(failed.why, for_good=failed.blame is not Blame.PROVIDER)
    if attempts >= patience.attempts_max:
        return GiveUp(f"{failed.why} (after {attempts} attempts)")
    wait = min(BACKOFF_FIRST * 2 ** min(attempts - 1, 10), patience.backoff_max) * (0.75 + 0.5 * jitter)
    if failed.after is not None:
        if failed.after > patience.asked_max:
            return GiveUp(f"{failed.why}; it asks to wait {int(failed.after.total_seconds())} s")
        wait = max(wait, failed.after)
    if tried_for + wait > patience.within:
        return GiveUp(f"{failed.why} (after {attempts} attempts)")
    return Retry(now + wait)


@dataclass(frozen=True)
class Step:
    """One line of somebody's rules: this contact, after this delay."""

    contact: str
    delay: timedelta = timedelta(0)


@dataclass(frozen=True)
class Planned:
    """One delivery to make: where it goes and when."""

    contact: str
    address: str
    due_at: datetime


def plan_deliveries(
    steps: Sequence[Step], contacts: Mapping[str, str], now: datetime, failing: Collection[str] = ()
) -> tuple[Planned, ...]:
    """The deliveries of one page: the person's steps, or every contact at once when there is no rule that works.

    `contacts` are those that are paged. A step whose contact is none of them is left out. Those that are `failing` come
    last, LAST_RESORT_AFTER everything else, and at once when there is nothing else; where the first step would fail,
    the next takes its time. () means that the person cannot be reached at all.
    """
    named = [step for step in steps[:RULE_STEPS_MAX] if step.contact in contacts]
    if failing and named and all(step.contact in failing for step in named) and contacts.keys() - failing:
        named = []  # other contacts than those of the rules are better than none
    chosen = named or [Step(name) for name in sorted(contacts)]
    if failing and contacts.keys() & failing:
        chosen = _failing_last(chosen, failing)
    return tuple(Planned(step.contact, contacts[step.contact], now + step.delay) for step in chosen)


def _failing_last(steps: Sequence[Step], failing: Collection[str]) -> list[Step]:
    sound = [step for step in steps if step.contact not in failing]
    last = dict.fromkeys(step.contact for step in steps if step.contact in failing)
    if not sound:
        return [Step(contact) for contact in last]
    first = min(sound, key=lambda step: step.delay)
    at_first = min(step.delay for step in steps)
    sound = [Step(step.contact, at_first) if step is first else step for step in sound]
    end = max(step.delay for step in sound) + LAST_RESORT_AFTER
    return [*sound, *(Step(contact, end) for contact in last)]
