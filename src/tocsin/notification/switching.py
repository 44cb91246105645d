"""Several providers for one purpose as one channel: the first that is well is asked, the next when it does not take
the message.

1. Providers are asked in their order, while the time of the attempt lasts. Behind each stands the next, so all but the
   last get SHARE of what is left; who hangs costs seconds, not the message.
2. Who has failed often enough by its own fault rests (rules/circuit.py); who asked to be left alone is.
3. When none may be asked, that is said at once, with the time until one may: the person's next channel is faster.

How each is belongs to this node's memory, as a bad day may be one node's only.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tocsin.notification.deadline import seconds_left, within
from tocsin.notification.rules import SEND_DEADLINE, Blame, Channel, Failed, Limits, Message, Sent, Tried
from tocsin.notification.rules.circuit import (
    Circuit,
    Health,
    another_may_try,
    asked,
    did_not_take_it,
    health,
    may_be_asked,
    not_asked,
    rests_until,
    took_it,
)

SHARE = 0.6  # of the time that is left, while another provider stands behind
SECONDS_LEAST = 1.0  # with less than this nobody is asked any more


@dataclass(frozen=True)
class State:
    """How one provider is on this node. `until` is when a rest ends; the rest is None until it has happened."""

    health: Health = Health.WELL
    until: datetime | None = None
    failures: int = 0  # in a row, its own
    sent_at: datetime | None = None
    failed_at: datetime | None = None
    error: str = ""


@dataclass
class _Known:
    circuit: Circuit = field(default_factory=Circuit)
    sent_at: datetime | None = None
    failed_at: datetime | None = None
    error: str = ""


class Circuits:
    """What this node knows of its providers. Safe to share between threads; one entry for each provider there is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}

    def ask(self, provider: str, now: datetime) -> bool:
        """Whether a message may go to it at `now`; it then counts as having left."""
        with self._lock:
            known = self._known.setdefault(provider, _Known())
            if not may_be_asked(known.circuit, now):
                return False
            known.circuit = asked(known.circuit, now)
            return True

    def answered(self, provider: str, outcome: Sent | Failed, began: datetime, now: datetime) -> None:
        """What became at `now` of the message that left at `began`."""
        with self._lock:
            if (known := self._known.get(provider)) is None:
                return  # it was changed meanwhile: nothing is known of it as it is now
            if isinstance(outcome, Sent):
                known.circuit, known.sent_at = took_it(known.circuit), now
            else:
                known.circuit = did_not_take_it(known.circuit, outcome, began, now)
                known.failed_at, known.error = now, outcome.why[:500]

    def gave_up(self, provider: str, began: datetime) -> None:
        """The message that left at `began` broke here, before the provider had it."""
        with self._lock:
            if (known := self._known.get(provider)) is not None:
                known.circuit = not_asked(known.circuit, began)

    def state(self, provider: str, now: datetime) -> State:
        """How it is at `now`."""
        with self._lock:
            known = self._known.get(provider) or _Known()
            circuit = known.circuit
            until = rests_until(circuit) if health(circuit, now) is Health.RESTING else None
            return State(
                health(circuit, now), until, circuit.failures, known.sent_at, known.failed_at, known.error
            )

    def forget(self, provider: str) -> None:
        """Know nothing of it, as at the start."""
        with self._lock:
            self._known.pop(provider, None)

    def keep_only(self, providers: Collection[str]) -> None:
        """Forget every other one."""
        with self._lock:
            self._known = {
                provider: known for provider, known in self._known.items() if provider in providers
            }


@dataclass(frozen=True)
class Line:
    """One provider of a switch: the account's id, and its channel."""

    provider: str
    channel: Channel


class Switch:
    """The providers of one scheme, in their order, as one channel."""

    def __init__(self, scheme: str, lines: Sequence[Line], circuits: Circuits) -> None:
        self.name = lines[0].channel.name
        self.schemes: Sequence[str] = (scheme,)
        self._lines = tuple(lines)
        self._circuits = circuits

    @property
    def limits(self) -> Limits:
        """Those of the first provider; what was sent says itself what can be done with it."""
        return self._lines[0].channel.limits

    def check(self, address: str) -> str:
        """The address in its plain form. Raises Refused."""
        return self._lines[0].channel.check(address)

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Sent | Failed:
        """Hand the message to the first provider that takes it, within SEND_DEADLINE."""
        began = time.monotonic()
        tried: list[Tried] = []
        failed: Failed | None = None
        perhaps = False  # that one of them has it all the same
        with within(SEND_DEADLINE.total_seconds()):
            for behind, line in zip(range(len(self._lines) - 1, -1, -1), self._lines, strict=True):
                left = seconds_left(SEND_DEADLINE.total_seconds())
                at = now + timedelta(seconds=time.monotonic() - began)
                if (failed is not None and left < SECONDS_LEAST) or not self._circuits.ask(line.provider, at):
                    continue
                with within(left * SHARE if behind else left):
                    outcome = self._ask(line, address, to_name, message, at)
                ended = now + timedelta(seconds=time.monotonic() - began)
                self._circuits.answered(line.provider, outcome, at, ended)
                if isinstance(outcome, Sent):
                    return _taken(outcome, line, tried)
                perhaps = perhaps or outcome.perhaps
                failed = replace(outcome, provider=line.provider, before=tuple(tried), perhaps=perhaps)
                tried.append(Tried(line.provider, failed.why, ended - at))
                if not another_may_try(failed, message.urgent):
                    break
        return self._nobody(now) if failed is None else failed

    def _ask(self, line: Line, address: str, to_name: str, message: Message, at: datetime) -> Sent | Failed:
        try:
            return line.channel.send(address, to_name, message, at)
        except BaseException:
            self._circuits.gave_up(line.provider, at)
            raise

    def _nobody(self, now: datetime) -> Failed:
        """Every provider rests: which, why, and until when."""
        states = {line.provider: self._circuits.state(line.provider, now) for line in self._lines}
        first = min((state.until for state in states.values() if state.until is not None), default=now)
        said = "; ".join(_resting_words(provider, state) for provider, state in states.items())
        return Failed(said, after=max(first - now, timedelta(seconds=1)), blame=Blame.PROVIDER)


def _resting_words(provider: str, state: State) -> str:
    if state.until is None:  # the one message that finds out is under way
        return f"{provider} is being tried again after failures"
    why = f" ({state.error[:120]})" if state.error else ""
    return f"{provider} is left alone until {state.until:%H:%M:%S} UTC{why}"


def _taken(sent: Sent, line: Line, before: Sequence[Tried]) -> Sent:
    """`sent` with who took it, and what that provider can do with it afterwards."""
    limits = line.channel.limits
    return replace(
        sent,
        provider=line.provider,
        before=tuple(before),
        receipt_within=None if sent.confirmed else limits.receipt_within,
        changeable=limits.updates and bool(sent.reference),
    )
