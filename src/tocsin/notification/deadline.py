"""How long the message that this thread sends may still take.

Where a second provider stands behind the first, the first gets a part of the time; so whoever waits for a network
asks here. On the monotonic clock; of a thread, as a message is sent in one thread from beginning to end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class _Until(threading.local):
    at: float | None = None


_until = _Until()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What is sent inside has `seconds`, or what is left of a shorter time that already runs."""
    before = _until.at
    at = time.monotonic() + max(0.0, seconds)
    _until.at = at if before is None else min(before, at)
    try:
        yield
    finally:
        _until.at = before


def seconds_left(most: float) -> float:
    """The seconds that are left for the message, at most `most`."""
    if _until.at is None:
        return most
    return max(0.0, min(most, _until.at - time.monotonic()))
