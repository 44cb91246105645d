"""Accepting goes before digesting: while single posts pour in, the digest rests between its batches.

Both need the interpreter, and a thread that computes holds it against one that answers: beside a digest without rests
senders got a quarter of the answers (docs/reference/intake.md). What is accepted is safe and waits in order; what is
not accepted in time may be lost at its sender. Bulk posts do not count: they come to thousands of alerts a second
without hurrying anybody, and what is critical among them must page at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

PRESSED_REQUESTS = 1_000.0  # a second
WINDOW_SECONDS = 0.1
REST_FACTOR = 4.0  # of the time a batch took
PRESSED_ROWS = 50  # of one batch: it holds the writer's place as long as it takes
REST_SECONDS_MAX = 0.15  # nobody's page waits longer than this for a batch that could have begun


class Pace:
    """What the loop and the digest of this process know of each other."""

    def __init__(self) -> None:
        self._began = self._until = 0.0
        self._count = 0
        self._rate = 0.0

    def came(self, requests: int) -> None:
        """So many requests have just been committed. Called in the loop or by the committer."""
        self._count += requests
        now = time.perf_counter()
        if now - self._began >= WINDOW_SECONDS:
            self._rate = self._count / (now - self._began)
            self._began, self._count = now, 0

    def pressed(self) -> bool:
        """Whether single posts come in faster than both can go on side by side."""
        return self._rate >= PRESSED_REQUESTS and time.perf_counter() - self._began < 2 * WINDOW_SECONDS

    @contextmanager
    def batch(self, rows: int) -> Iterator[int]:
        """Around one batch of the digest: waits before it while senders press; gives the rows it should take."""
        while self.pressed() and (left := self._until - time.perf_counter()) > 0:
            time.sleep(min(left, WINDOW_SECONDS / 10))
        began = time.perf_counter()
        try:
            yield min(rows, PRESSED_ROWS) if self.pressed() else rows
        finally:
            ended = time.perf_counter()
            self._until = ended + min(REST_FACTOR * (ended - began), REST_SECONDS_MAX)


PACE = Pace()
