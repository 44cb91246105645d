"""Calling a provider's own API: JSON there, JSON back, and what its status means."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from tocsin.channels.connecting import Unreachable
from tocsin.channels.outgoing import Fetched, Outgoing
from tocsin.channels.reach import read_target
from tocsin.channels.webhook import retry_after
from tocsin.kernel.errors import Refused
from tocsin.notification.deadline import seconds_left
from tocsin.notification.rules import Blame, Failed

ANSWER_BYTES_MAX = 262_144  # providers send the whole message back
HELD_MAX = 1_000  # that asked us to wait, remembered at once
HOLD_MAX = timedelta(hours=1)  # however long somebody asks for


@dataclass(frozen=True)
class Said:
    """What a provider answered; `data` is {} when that is no JSON object."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""  # the beginning of what is no JSON object

    def at(self, *path: str) -> str:
        """The text that stands at `path` in the data; "" when there is none."""
        found: Any = self.data
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found if isinstance(found, str) else ""


class Errand:
    """Calls to one provider that all together end within one deadline; made where they begin."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._until = time.monotonic() + seconds_left(outgoing.deadline)

    def call(
        self,
        method: str,
        url: str,
        payload: Mapping[str, Any] | Sequence[Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Said | Failed:
        """What the provider at `url` answers to `payload`, or why it did not."""
        if payload is None:
            return self.call_with(method, url, b"", headers or {})
        # ASCII only: a lone surrogate in an alert's text then stays an escape and breaks nothing.
        body = json.dumps(payload, separators=(",", ":"), allow_nan=False).encode()
        kind = {"Content-Type": "application/json; charset=utf-8"}
        return self.call_with(method, url, body, {**kind, **(headers or {})})

    def call_with(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Said | Failed:
        """The same with a body of any kind."""
        left = self._until - time.monotonic()
        if left <= 0:
            return Failed(f"no answer within {self._outgoing.deadline:g} s", blame=Blame.PROVIDER)
        asked = {"Accept": "application/json", **headers}
        try:
            target = read_target(url)
            return _read(self._outgoing.exchange(method, target, body, asked, ANSWER_BYTES_MAX, left))
        except Unreachable as error:
            perhaps = error.perhaps
            return Failed(str(error), again=not error.forbidden, blame=Blame.PROVIDER, perhaps=perhaps)
        except Refused as refused:
            return Failed(str(refused), again=False, blame=Blame.PROVIDER)


def _read(fetched: Fetched) -> Said:
    try:
        data = json.loads(fetched.body)
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, dict):
        return Said(fetched.status, fetched.headers, data)
    return Said(fetched.status, fetched.headers, {}, fetched.body[:1_000].decode("utf-8", "replace"))


def busy(said: Said, now: datetime, after: timedelta | None = None) -> Failed:
    """The failure of an answer that asks for patience; `after` is what its body says, else its header counts."""
    if after is None:
        after = retry_after(said.headers.get("retry-after", ""), now)
    return Failed("it is asked too often for now (HTTP 429)", after=after, blame=Blame.PROVIDER)


def out_of_order(said: Said) -> Failed:
    """The failure of an answer that is not the provider's own: a fault over there, or another program's page."""
    if said.status >= 500:
        return Failed(f"it has a fault of its own (HTTP {said.status})", blame=Blame.PROVIDER)
    if 300 <= said.status < 400:
        return Failed(
            f"HTTP {said.status}: it points elsewhere, and redirects are not followed",
            again=False,
            blame=Blame.PROVIDER,
        )
    return Failed(f"HTTP {said.status}, and nothing that can be read", blame=Blame.PROVIDER)


class Patience:
    """Who asked not to be called for a while; those are not, whoever's message it is. Safe to share."""

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}
        self._lock = Lock()

    def heed(self, whom: str, outcome: object, now: datetime) -> None:
        """Remember what `whom` asked for, when `outcome` says that it did."""
        if not isinstance(outcome, Failed) or not outcome.after:
            return
        with self._lock:
            if len(self._until) >= HELD_MAX:
                self._until = {held: end for held, end in self._until.items() if end > now}
            if len(self._until) < HELD_MAX:  # else each message finds out for itself
                self._until[whom] = now + min(outcome.after, HOLD_MAX)

    def objection(self, whom: str, now: datetime) -> Failed | None:
        """Why `whom` may not be called at `now`; None when it may."""
        until = self._until.get(whom)
        if until is None or now >= until:
            return None
        why = f"it asked not to be called before {until:%H:%M:%S} UTC"
        return Failed(why, after=until - now, blame=Blame.PROVIDER)


class Once:
    """Requests that were heard, for as long as somebody might send them again. Safe to share; one node's memory."""

    def __init__(self, span: timedelta, most: int = 10_000) -> None:
        self._span, self._most = span, most
        self._heard: OrderedDict[str, datetime] = OrderedDict()
        self._lock = Lock()

    def knows(self, request: str, now: datetime) -> bool:
        """Whether `request` was heard within the span before `now`."""
        at = self._heard.get(request)
        return at is not None and now - at <= self._span

    def remember(self, request: str, now: datetime) -> None:
        """Know `request` from now on; the oldest ones are forgotten when there are too many."""
        with self._lock:
            self._heard[request] = now
            while len(self._heard) > self._most:
                self._heard.popitem(last=False)
