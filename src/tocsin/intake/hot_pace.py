"""Accepting goes before digesting: while events pour in, the digest rests between its batches.

Both need the interpreter and the writer's place, and a thread that computes holds them against one that answers:
beside a digest without rests senders got a quarter of the answers (docs/reference/intake.md). What is accepted is
safe and waits in order; what is not accepted in time may be lost at its sender. A small post that comes in among bulk
ends the rest at once: it may be the one that has to page.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

PRESSED_REQUESTS = 250.0  # small posts a second; then no single one of them can hurry the digest
PRESSED_EVENTS = 3_000.0  # events a second
WINDOW_SECONDS = 0.1
REST_FACTOR = 9.0  # of the time a batch took: a tenth of the interpreter while senders press
REST_SECONDS_MAX = 0.15  # nothing waits longer than this for a batch that could have begun
PRESSED_ROWS = 50  # of one batch: it holds the writer's place as long as it takes


class Pace:
    """What the loop and the digest of this process know of each other."""

    def __init__(self) -> None:
        self._began = self._until = 0.0
        self._small = self._events = 0
        self._small_rate = self._event_rate = 0.0
        self._hurry = threading.Event()  # a small post waits

    def came(self, small: int, events: int) -> None:
        """So many small posts, and so many events in all, have just been committed."""
        self._small += small
        self._events += events
        if small:
            self._hurry.set()
        now = time.perf_counter()
        if now - self._began >= WINDOW_SECONDS:
            self._small_rate = self._small / (now - self._began)
            self._event_rate = self._events / (now - self._began)
            self._began, self._small, self._events = now, 0, 0

    def pressed(self) -> bool:
        """Whether events come in faster than both can go on side by side."""
        lately = time.perf_counter() - self._began < 2 * WINDOW_SECONDS
        return lately and (self._small_rate >= PRESSED_REQUESTS or self._event_rate >= PRESSED_EVENTS)

    @contextmanager
    def batch(self, rows: int) -> Iterator[int]:
        """Around one batch of the digest: waits before it while senders press; gives the rows it should take."""
        while self.pressed() and (left := self._until - time.perf_counter()) > 0:
            if self._small_rate >= PRESSED_REQUESTS:
                time.sleep(min(left, WINDOW_SECONDS / 10))
            elif self._hurry.wait(min(left, WINDOW_SECONDS / 10)):
                break
        self._hurry.clear()
        began = time.perf_counter()
        try:
            yield min(rows, PRESSED_ROWS) if self.pressed() else rows
        finally:
            ended = time.perf_counter()
            self._until = ended + min(REST_FACTOR * (ended - began), REST_SECONDS_MAX)


PACE = Pace()
