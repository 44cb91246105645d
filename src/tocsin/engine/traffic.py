"""What is on its way to the world, and what waits for its destination: who may go now, and how much room is left.

Each grade has places of its own that lesser ones do not take, in all and at each destination: however many messages
wait for a provider that is slow, the next one that presses more goes at once, or as soon as one ends.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping

from tocsin.engine.attempt import destination_of
from tocsin.notification.claimed import Claimed
from tocsin.notification.rules.grades import Closed, Grade

WORKERS_MAX = 128  # messages on their way at once; threads that wait for a provider cost little
WORKERS = {Grade.WORST: WORKERS_MAX, Grade.URGENT: 112, Grade.LOW: 96}  # of a grade and of lesser ones
PER_DESTINATION_MAX = 16  # on their way to one mail server or one web host, and so many more of the worst
PER_DESTINATION = {Grade.WORST: 20, Grade.URGENT: PER_DESTINATION_MAX, Grade.LOW: 12}
HELD_MAX = 16  # of each grade: claimed, and waiting here for their destination
FRESH = 0.5  # seconds within which something claimed is on its way, or else is given back

Places = Mapping[Grade, int]
EVERYWHERE = ""  # the destination that all have in common


class Traffic:
    """Counts; sends nothing and asks no database. Safe to share between threads."""

    def __init__(self, workers_max: int = WORKERS_MAX) -> None:
        self._most = workers_max
        self._workers = {grade: -(-workers_max * most // WORKERS_MAX) for grade, most in WORKERS.items()}
        self._lock = threading.Lock()
        self._under_way: dict[Claimed, str] = {}
        self._counts: Counter[tuple[str, Grade]] = Counter()
        self._held: dict[tuple[str, Grade], deque[Claimed]] = {}
        self._taken_at: dict[Claimed, float] = {}

    def __len__(self) -> int:
        """How many messages are on their way."""
        return len(self._under_way)

    def under_way(self) -> list[Claimed]:
        """The deliveries that are with a provider now."""
        with self._lock:
            return list(self._under_way)

    def room(self) -> int:
        """How many more may be on their way."""
        return self._most - len(self._under_way)

    def closed(self) -> tuple[Closed, ...]:
        """Of what nothing more is claimed now."""
        with self._lock:
            known = {EVERYWHERE, *(there for there, _ in self._counts), *(there for there, _ in self._held)}
            found = ((there, self._closed_to(there)) for there in sorted(known))
            return tuple(Closed(there, grade) for there, grade in found if grade is not None)

    def _closed_to(self, there: str) -> Grade | None:
        """The first grade of which nothing more is claimed for this destination; None while all may come."""
        return next((g for g in Grade if self._is_full(there, g) or (there, g) in self._held), None)

    def _is_full(self, there: str, grade: Grade) -> bool:
        """Whether the places that this grade may take there are taken."""
        places: Places = PER_DESTINATION if there else self._workers
        count = 0
        for each in reversed(Grade):  # places are shared with lesser grades
            count += self._counts[there, each]
            if each <= grade and count >= places[each]:
                return True
        return False

    def _may_go(self, there: str, grade: Grade) -> bool:
        return not (self._is_full(EVERYWHERE, grade) or self._is_full(there, grade))

    def place(self, claimed: Claimed) -> bool | None:
        """Find a place for what was just claimed: True when it goes at once, False when it waits here for its
        destination, None when there is no place for it."""
        there, grade = destination_of(claimed.address), claimed.grade
        with self._lock:
            if self._may_go(there, grade):
                self._begin(claimed, there)
                return True
            if self._is_full(EVERYWHERE, grade):
                return None
            waiting = self._held.setdefault((there, grade), deque())
            if len(waiting) >= HELD_MAX:
                return None
            waiting.append(claimed)
            return False

    def next_held(self) -> Claimed | None:
        """One that waited and may go now, of those that press most; it has its place from here on."""
        with self._lock:
            for there, grade in sorted(self._held, key=lambda each: each[1]):
                if self._may_go(there, grade):
                    waiting = self._held[there, grade]
                    claimed = waiting.popleft()
                    if not waiting:
                        del self._held[there, grade]
                    self._begin(claimed, there)
                    return claimed
        return None

    def _begin(self, claimed: Claimed, there: str) -> None:
        self._under_way[claimed] = there
        self._taken_at[claimed] = time.monotonic()
        for each in (EVERYWHERE, there):
            self._counts[each, claimed.grade] += 1

    def is_fresh(self, claimed: Claimed) -> bool:
        """Whether it has not waited for a thread for so long that it should be asked about again."""
        return time.monotonic() - self._taken_at.get(claimed, float("-inf")) <= FRESH

    def ended(self, some: Iterable[Claimed]) -> None:
        """These are not on their way any more."""
        with self._lock:
            for claimed in some:
                self._taken_at.pop(claimed, None)
                there = self._under_way.pop(claimed, None)
                for each in () if there is None else (EVERYWHERE, there):
                    self._counts[each, claimed.grade] -= 1
                    if not self._counts[each, claimed.grade]:
                        del self._counts[each, claimed.grade]

    def empty_held(self) -> list[Claimed]:
        """Everything that waits, which waits here no more."""
        with self._lock:
            waiting = [claimed for some in self._held.values() for claimed in some]
            self._held.clear()
            return waiting
