"""When a provider is asked, and when it is left alone for a while. Pure.

1. A provider is well until FAILURES_TO_REST sends in a row have failed through its own fault; then it rests.
2. After the rest one message tries it again. It takes it: it is well. It does not: it rests twice as long, up to
   REST_MAX, so that no page waits longer than that on what is only believed.
3. What a provider asks for itself (Retry-After) is kept besides: it is not called before.
4. An address that cannot be reached says nothing against a provider; it has answered, so it is well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from tocsin.notification.rules import SEND_DEADLINE, Blame, Failed

FAILURES_TO_REST = 3
REST_FIRST = timedelta(seconds=5)
REST_MAX = timedelta(minutes=1)
ASKED_REST_MAX = timedelta(hours=1)  # however long a provider asks for
TRY_MAX = 2 * SEND_DEADLINE  # a try that was not heard of for so long has ended


class Health(StrEnum):
    """How a provider is, on one node."""

    WELL = "well"
    RESTING = "resting"  # it is not asked
    TRIED_AGAIN = "tried again"  # its rest is over, and one message finds out


@dataclass(frozen=True)
class Circuit:
    """What is known of a provider. The first value is that of one which is well."""

    failures: int = 0  # in a row, its own
    rests: int = 0  # in a row, without a message that it took
    until: datetime | None = None  # it rests until then, or has rested and was not well since
    asked_until: datetime | None = None  # it asked not to be called before
    tried_at: datetime | None = None  # when the message left that finds out


def health(circuit: Circuit, now: datetime) -> Health:
    """How the provider is at `now`."""
    if (until := rests_until(circuit)) is not None and now < until:
        return Health.RESTING
    return Health.WELL if circuit.until is None else Health.TRIED_AGAIN


def rests_until(circuit: Circuit) -> datetime | None:
    """When it may be asked again, which may have passed; None when nothing was against it."""
    return max((at for at in (circuit.until, circuit.asked_until) if at is not None), default=None)


def may_be_asked(circuit: Circuit, now: datetime) -> bool:
    """Whether a message may go to it at `now`; after a rest one at a time."""
    if health(circuit, now) is Health.RESTING:
        return False
    return circuit.tried_at is None or now >= circuit.tried_at + TRY_MAX


def asked(circuit: Circuit, now: datetime) -> Circuit:
    """A message goes to it at `now`, as it may."""
    return circuit if circuit.until is None else replace(circuit, tried_at=now)


def not_asked(circuit: Circuit, began: datetime) -> Circuit:
    """The message that left at `began` did not come as far as the provider, so it found nothing out."""
    return replace(circuit, tried_at=None) if circuit.tried_at == began else circuit


def took_it(circuit: Circuit) -> Circuit:
    """It took a message: it is well. What it asked for itself still holds."""
    return Circuit(asked_until=circuit.asked_until)


def did_not_take_it(circuit: Circuit, failed: Failed, began: datetime, now: datetime) -> Circuit:
    """What follows at `now` when a message that left at `began` has failed."""
    if failed.after is not None and failed.blame is not Blame.ADDRESS:
        asked_until = now + min(failed.after, ASKED_REST_MAX)
        if circuit.asked_until is not None:
            asked_until = max(asked_until, circuit.asked_until)
        return Circuit(asked_until=asked_until)
    if not is_its_fault(failed):
        return took_it(circuit) if failed.blame is Blame.ADDRESS else not_asked(circuit, began)
    if circuit.until is None:
        failures = circuit.failures + 1
        return (
            _rest(circuit, failures, now)
            if failures >= FAILURES_TO_REST
            else replace(circuit, failures=failures)
        )
    if circuit.tried_at is not None and began >= circuit.tried_at:
        return _rest(circuit, circuit.failures + 1, now)
    return circuit  # it left before the rest began, and says nothing new


def is_its_fault(failed: Failed) -> bool:
    """Whether the provider is to blame. Where nobody said, what another attempt may mend is its trouble."""
    return failed.blame is Blame.PROVIDER or (failed.blame is Blame.UNKNOWN and failed.again)


def another_may_try(failed: Failed, urgent: bool) -> bool:
    """Whether the next provider gets a message that this one did not take.

    Not when the address is at fault. When the message may have arrived all the same, only one that is urgent goes
    again: to be woken twice is better than not at all, and a notice that comes twice is no better than one that is
    late.
    """
    return failed.blame is not Blame.ADDRESS and (urgent or not failed.perhaps)


def _rest(circuit: Circuit, failures: int, now: datetime) -> Circuit:
    rests = circuit.rests + 1
    length = min(REST_FIRST * 2 ** min(circuit.rests, 10), REST_MAX)
    return Circuit(failures, rests, until=now + length, asked_until=circuit.asked_until)
