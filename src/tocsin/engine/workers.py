"""Threads that come with work and go without it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

WORKER_REST = 30.0  # seconds without work after which a thread ends

Work = TypeVar("Work")


class Workers(Generic[Work]):
    """Does each piece of work at once, in a thread of its own; threads that rest are used first."""

    def __init__(self, work: Callable[[Work], None]) -> None:
        self._work = work
        self._queue: queue.SimpleQueue[Work] = queue.SimpleQueue()
        self._idle = 0
        self._lock = threading.Lock()

    def hand(self, piece: Work) -> None:
        """Have `piece` worked on at once."""
        with self._lock:
            start = self._idle == 0
            if not start:
                self._idle -= 1  # one of those that rest will take it
        self._queue.put(piece)
        if start:
            threading.Thread(target=self._run, name="send", daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                piece = self._queue.get(timeout=WORKER_REST)
            except queue.Empty:
                with self._lock:
                    if self._idle > 0:
                        self._idle -= 1
                        return
                continue  # somebody counted on us just now
            self._work(piece)
            with self._lock:
                self._idle += 1
