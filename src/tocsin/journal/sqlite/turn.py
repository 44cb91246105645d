"""A lock that is handed over in the order of asking, reentrant for its holder."""

from __future__ import annotations

import threading
from collections import deque


class Turn:
    """Like threading.RLock, but whoever waits is next.

    An RLock may be taken by whoever comes by before those who wait for it: the engine, which asks again a moment
    after letting go, would keep a sender's commit waiting for many of its own.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()  # of everything below; held for a moment, never while waiting
        self._waiting: deque[tuple[int, threading.Lock]] = deque()
        self._holder: int | None = None
        self._depth = 0

    def acquire(self, blocking: bool = True) -> bool:
        """Take it, or take it once more; False when somebody else has it and `blocking` is not wanted."""
        me = threading.get_ident()
        with self._guard:
            if self._holder in (None, me):
                self._holder = me
                self._depth += 1
                return True
            if not blocking:
                return False
            called = threading.Lock()
            called.acquire()
            place = (me, called)
            self._waiting.append(place)
        try:
            called.acquire()  # until `release` makes this thread the holder
        except BaseException:  # a signal, while waiting: give up the place, or what was handed over meanwhile
            with self._guard:
                handed = place not in self._waiting
                if not handed:
                    self._waiting.remove(place)
            if handed:
                self.release()
            raise
        return True

    def release(self) -> None:
        """Let it go, to the one who has waited longest. Raises RuntimeError when this thread does not hold it."""
        with self._guard:
            if self._holder != threading.get_ident():
                raise RuntimeError("the turn is held by another thread, or by nobody")
            self._depth -= 1
            if self._depth:
                return
            if not self._waiting:
                self._holder = None
                return
            self._holder, called = self._waiting.popleft()
            self._depth = 1
            called.release()

    def __enter__(self) -> Turn:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
