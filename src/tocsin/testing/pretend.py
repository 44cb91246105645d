"""A vendor that exists nowhere: its accounts do what a test wants, and it signs what it calls us with.

    register_vendor(Pretend())
    behaviour("first").script.append(DEAD)

Addresses are `pretend:` and a word. What an account took stands in its behaviour's `sent`.
"""

from __future__ import annotations

import hmac
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import check_slug
from tocsin.notification.deadline import seconds_left
from tocsin.notification.hearing import (
    Callback,
    Commanded,
    Heard,
    Hearing,
    Pressed,
    Receipt,
    Reply,
    Reported,
    Told,
    Written,
)
from tocsin.notification.rules import SEND_DEADLINE, ActVerb, Blame, Failed, Limits, Message, Sent
from tocsin.notification.vendors import Account, Field

KIND = SCHEME = "pretend"
SIGNATURE = "pretend-signature"
KEEP_MAX = 10_000  # messages that one account remembers

Outcome = Sent | Failed | Callable[[Message], Sent | Failed]

DEAD = Failed("HTTP 503", blame=Blame.PROVIDER)
LOCKED_OUT = Failed("HTTP 401: the token is not known", again=False, blame=Blame.PROVIDER)
NOBODY_THERE = Failed("there is no such mailbox", again=False, blame=Blame.ADDRESS)


def busy(after: timedelta) -> Failed:
    """It answers 429, and says how long it wants to be left alone."""
    return Failed("HTTP 429", after=after, blame=Blame.PROVIDER)


@dataclass
class Behaviour:
    """What one account does with the next messages: `script` first, then `always`. Safe to share between threads."""

    always: Outcome | None = None  # None: it takes everything
    script: deque[Outcome] = field(default_factory=deque)
    sent: deque[tuple[str, Message]] = field(default_factory=lambda: deque(maxlen=KEEP_MAX))
    asked: int = 0
    had: list[float] = field(default_factory=list)  # seconds that each message still had
    gate: threading.Event = field(default_factory=threading.Event)  # what hangs ends when it is set

    def hang(self, message: Message) -> Failed:
        """It takes the request and never answers: the message may have arrived."""
        left = seconds_left(SEND_DEADLINE.total_seconds())
        self.gate.wait(left)
        return Failed(f"no answer within {left:.0f} s", blame=Blame.PROVIDER, perhaps=True)

    def next(self, message: Message) -> Sent | Failed:
        """What becomes of this message: the next of `script`, and `always` when that is at its end."""
        self.asked += 1
        self.had.append(seconds_left(SEND_DEADLINE.total_seconds()))
        outcome = self.script.popleft() if self.script else self.always
        if outcome is None:
            return Sent(f"{KIND}-{message.id}")
        return outcome(message) if callable(outcome) else outcome


_behaviours: dict[str, Behaviour] = {}


def behaviour(account: str) -> Behaviour:
    """That of the account with this id."""
    return _behaviours.setdefault(account, Behaviour())


def forget() -> None:
    """Every account behaves well again, and remembers nothing."""
    _behaviours.clear()


class Pretend:
    """The vendor."""

    kind = KIND
    title = "Pretend"
    schemes: Sequence[str] = (SCHEME,)
    hears = True
    fields: Sequence[Field] = (
        Field("token", "Token", "Any word; what the vendor calls us with is signed under it.", secret=True),
        Field("sender", "Sender", "Whom messages come from.", required=False, default="Tocsin"),
    )

    def check(self, address: str) -> str:
        """The address in its plain form. Raises Refused."""
        return f"{SCHEME}:{check_slug(address.partition(':')[2].strip().lower(), 'address')}"

    def open(self, account: Account) -> PretendChannel:
        """The channel of this account. Raises Refused for a token with a space in it."""
        if " " in account.settings["token"]:
            raise Refused("The token has a space in it", "one word", where="token")
        return PretendChannel(account)

    def manifest(self, callback_url: str) -> Mapping[str, Any]:
        """An app that calls us there."""
        return {"name": "Tocsin", "calls": callback_url}


class PretendChannel:
    """One account with it."""

    name = "pretend"
    schemes: Sequence[str] = (SCHEME,)
    limits = Limits(receipt_within=timedelta(seconds=90))

    def __init__(self, account: Account) -> None:
        self.account = account

    def check(self, address: str) -> str:
        """The address in its plain form. Raises Refused."""
        return Pretend().check(address)

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Sent | Failed:
        """What the account's behaviour says."""
        how = behaviour(self.account.id)
        outcome = how.next(message)
        if isinstance(outcome, Sent):
            how.sent.append((address.partition(":")[2], message))
        return outcome

    def find(self, email: str) -> str:
        """Whoever is called what stands before the @, at example.com. Raises Refused for anybody else."""
        name, _, host = email.partition("@")
        if host != "example.com":
            raise Refused("Pretend knows nobody by this address", where="email")
        return self.check(f"{SCHEME}:{name}")

    def introduce(self) -> Failed | None:
        """Agreed, unless it is to fail."""
        always = behaviour(self.account.id).always
        return always if isinstance(always, Failed) else None

    def hear(self, callback: Callback, now: datetime) -> Hearing:
        """What a JSON document says that is signed over our address and itself. Raises Refused."""
        signed = callback.headers.get(SIGNATURE, "")
        if not hmac.compare_digest(signed, signature(self.account, callback.url, callback.body)):
            raise Refused("The signature is not this account's", status=403)
        try:
            heard = tuple(_heard(each) for each in json.loads(callback.body))
        except (ValueError, KeyError, TypeError) as error:
            raise Refused("The document cannot be read", status=400) from error
        return Hearing(heard, _answer)


def signature(account: Account, url: str, body: bytes) -> str:
    """What the vendor puts beside a request to `url`, as it was called."""
    return hmac.digest(account.settings["token"].encode(), url.encode() + b"\0" + body, sha256).hex()


_KINDS: Mapping[str, Callable[..., Heard]] = {
    "receipt": Receipt,
    "pressed": Pressed,
    "written": Written,
    "commanded": Commanded,
    "reported": Reported,
}


def _heard(each: dict[str, Any]) -> Heard:
    said = dict(each)
    kind = _KINDS[said.pop("kind")]
    if "verb" in said and kind is Pressed:
        said["verb"] = ActVerb(said["verb"])
    return kind(**said)


def _answer(told: Sequence[Told]) -> Reply:
    body = json.dumps([{"text": each.text, "tone": str(each.tone)} for each in told]).encode()
    return Reply(200, "application/json", body)
