"""What is on its way to the world, and what waits for its destination: who may go now, and how much room is left."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable

from tocsin.engine.attempt import destination_of
from tocsin.notification.delivering import Claimed

WORKERS_MAX = 128  # messages on their way at once; threads that wait for a provider cost little
LOW_URGENCY_MAX = 96  # of those, so that something urgent always finds a thread
PER_DESTINATION_MAX = 16  # on their way to one mail server or one web host
HELD_MAX = 16  # claimed, and waiting here for their destination
FRESH = 0.5  # seconds within which something claimed is on its way, or else is given back


class Traffic:
    """Counts; sends nothing and asks no database. Safe to share between threads."""

    def __init__(self, workers_max: int = WORKERS_MAX) -> None:
        self._most = workers_max
        self._most_low = max(1, workers_max * LOW_URGENCY_MAX // WORKERS_MAX)
        self._lock = threading.Lock()
        self._under_way: dict[Claimed, str] = {}
        self._held: dict[str, deque[Claimed]] = {}
        self._taken_at: dict[Claimed, float] = {}

    def __len__(self) -> int:
        """How many messages are on their way."""
        return len(self._under_way)

    def under_way(self) -> list[Claimed]:
        with self._lock:
            return list(self._under_way)

    def room(self) -> int:
        """How many more may be on their way."""
        return self._most - len(self._under_way)

    def crowded(self) -> tuple[str, ...]:
        """Destinations of which nothing more is claimed now."""
        with self._lock:
            counts = Counter(self._under_way.values())
            full = {there for there, count in counts.items() if count >= PER_DESTINATION_MAX}
            return tuple(sorted(full | self._held.keys()))

    def low_too(self) -> bool:
        """Whether what is not urgent may go as well."""
        with self._lock:
            return self._low_too()

    def _low_too(self) -> bool:
        return sum(not claimed.urgent for claimed in self._under_way) < self._most_low

    def place(self, claimed: Claimed) -> bool | None:
        """Find a place for what was just claimed: True when it goes at once, False when it waits here for its
        destination, None when there is no place for it."""
        there = destination_of(claimed.address)
        with self._lock:
            if len(self._under_way) >= self._most or not (claimed.urgent or self._low_too()):
                return None
            if self._on_their_way(there) < PER_DESTINATION_MAX:
                self._begin(claimed, there)
                return True
            waiting = self._held.setdefault(there, deque())
            if len(waiting) >= HELD_MAX:
                return None
            waiting.append(claimed)
            return False

    def next_held(self) -> Claimed | None:
        """One that waited and may go now; it has its place from here on."""
        with self._lock:
            for there, waiting in self._held.items():
                if len(self._under_way) < self._most and self._on_their_way(there) < PER_DESTINATION_MAX:
                    claimed = waiting.popleft()
                    if not waiting:
                        del self._held[there]
                    self._begin(claimed, there)
                    return claimed
        return None

    def _on_their_way(self, there: str) -> int:
        return sum(destination == there for destination in self._under_way.values())

    def _begin(self, claimed: Claimed, there: str) -> None:
        self._under_way[claimed] = there
        self._taken_at[claimed] = time.monotonic()

    def is_fresh(self, claimed: Claimed) -> bool:
        """Whether it has not waited for a thread for so long that it should be asked about again."""
        return time.monotonic() - self._taken_at.get(claimed, float("-inf")) <= FRESH

    def ended(self, some: Iterable[Claimed]) -> None:
        """These are not on their way any more."""
        with self._lock:
            for claimed in some:
                self._under_way.pop(claimed, None)
                self._taken_at.pop(claimed, None)

    def empty_held(self) -> list[Claimed]:
        """Everything that waits, which waits here no more."""
        with self._lock:
            waiting = [claimed for some in self._held.values() for claimed in some]
            self._held.clear()
            return waiting
