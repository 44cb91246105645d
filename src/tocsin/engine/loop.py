"""The engine: looks at every duty in turn, again and again, in a thread of its own.

1. A commit that has made work wakes it at once; otherwise it looks when the next row falls due, and at least once
   a second, because a wake-up is a hint and hints get lost.
2. One small statement asks which duties have something to do; those that have get their turn, in their order. What
   one moved on is work for the next, so the engine asks again until nothing is due. A commit that names the duty it
   has made work for spares the asking: that duty has its turn first, and all are asked afterwards.
3. Each duty stands alone. One that raises is logged, counted and left in peace for a while; the others go on.
4. A duty that has met its limit has more to do, so the loop does not rest; but every duty gets its turn before the
   same one is asked again.
5. A database that does not answer is asked again, slowly, with a fresh connection.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.models import QuerySet

from tocsin.engine.health import FAILURES, MOVED, Health
from tocsin.journal import waking

REST_MAX = timedelta(seconds=1)
BACKOFF_FIRST = timedelta(seconds=1)
BACKOFF_MAX = timedelta(seconds=30)
AWAY_REST = timedelta(seconds=1)
TOPIC = "duties"
YIELD = timedelta(milliseconds=0.5)  # between two looks, for the threads that the first one woke
BREATH = timedelta(milliseconds=2)  # the same after a hurried look, for the sender's threads

_log = structlog.get_logger("tocsin.engine")


@dataclass(frozen=True)
class Duty:
    """Finds rows in a state and moves them on: `act(now)` returns how many. `limit` is how many one look moves at
    most; `every` is how long it rests between looks even when the engine is awake; `waits` selects the one instant
    at which its first row falls due; `hears` is the topic of commits that have made work for it."""

    name: str
    act: Callable[[datetime], int]
    limit: int = 0
    every: timedelta = timedelta(0)
    waits: QuerySet[Any, Any] | None = None
    hears: str = ""


@dataclass
class _Turn:
    """How one duty fares."""

    duty: Duty
    told: threading.Event = field(default_factory=threading.Event)  # a commit has made work for it
    not_before: datetime | None = None
    failures: int = 0


class Engine:
    """`clock` gives the instant; `waits` says for each duty that waits for rows when its first one falls due, None
    for never (a duty it does not name has its turn in every look); `between` is called once a look with the instant,
    for what belongs to the program rather than to a room."""

    def __init__(
        self,
        duties: Sequence[Duty],
        clock: Callable[[], datetime],
        health: Health,
        waits: Callable[[], Mapping[str, datetime | None]] = dict,
        between: Callable[[datetime, bool], None] = lambda now, idle: None,
    ) -> None:
        self._turns = [_Turn(duty) for duty in duties]
        self._clock = clock
        self._health = health
        self._waits = waits
        self._between = between
        self._hurried = False  # whether the last look was for those who were told alone
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._end_listening: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin to look, in the background, and to listen for wake-ups."""
        self._end_listening = waking.listen(self._heard)
        self._thread.start()

    def stop(self, seconds: float) -> bool:
        """Finish the duty at hand and end; returns whether that happened within `seconds`."""
        self._end_listening()
        self._stopping.set()
        self._awake.set()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _heard(self, topic: str) -> None:
        own = threading.current_thread() is self._thread  # what it has done itself it looks after anyway
        if topic == TOPIC and not own:
            self._awake.set()
        for turn in self._turns:
            if turn.duty.hears == topic:
                turn.told.set()
                self._awake.set()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                rest = self._look_safely()
                if rest > timedelta(0):
                    self._awake.wait(rest.total_seconds())
                else:
                    time.sleep(YIELD.total_seconds())
        finally:
            connection.close()

    def _look_safely(self) -> timedelta:
        self._awake.clear()
        try:
            rest = self.look()
        except (OperationalError, InterfaceError) as error:
            self._away(error)
            return AWAY_REST
        except Exception:
            _log.exception("the engine's look failed")
            return BACKOFF_FIRST
        if self._health.away_since is not None:
            _log.warning("the database answers again", away_since=self._health.away_since.isoformat())
            self._health.away_since = None
        return rest

    def look(self) -> timedelta:
        """Give every duty that has something to do its turn; returns how long to rest. Raises only when the
        database does not answer."""
        told = [turn for turn in self._turns if turn.told.is_set()]
        for turn in told:
            turn.told.clear()  # before its turn: what it is told from here on is for the next
        self._hurried = bool(told) and not self._hurried  # every other look is for all, whatever comes in
        if self._hurried and not self._health.refused:
            for turn in told:
                self._take(turn, {})
            return BREATH
        began, waits = self._clock(), self._waits()
        more = False
        for turn in () if self._health.refused else self._turns:
            if _ready(turn, waits, began) and not self._stopping.is_set() and self._take(turn, waits):
                more = True
        now, due = self._clock(), min(filter(None, waits.values()), default=None)
        self._health.looked(now, began - due if due is not None else timedelta(0))
        self._between(now, due is None and not more)
        if more:
            return timedelta(0)
        # What falls due while this look goes on is for the next one, at once; what was due before has had its turn.
        wanted = filter(None, (due, *(turn.not_before for turn in self._turns)))
        return max(timedelta(0), min([REST_MAX, *(at - now for at in wanted if at > began)]))

    def _take(self, turn: _Turn, waits: Mapping[str, datetime | None]) -> bool:
        """One turn of one duty; returns whether there may be more to do because of it."""
        now = self._clock()
        if turn.not_before is not None and now < turn.not_before:
            return False
        name = turn.duty.name
        try:
            moved = turn.duty.act(now)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            self._failed(turn, now, error)
            return False
        if turn.failures:
            turn.failures = 0
            self._health.failing.pop(name, None)
            _log.warning("a duty works again", duty=name)
        if moved:
            MOVED.labels(name).inc(moved)
        limit = 1 if name in waits else turn.duty.limit  # what it moved on is work for the duties after it
        more = bool(limit) and moved >= limit
        turn.not_before = now + turn.duty.every if turn.duty.every and not more else None
        return more

    def _failed(self, turn: _Turn, now: datetime, error: Exception) -> None:
        turn.failures += 1
        rest = min(BACKOFF_FIRST * 2 ** min(turn.failures - 1, 10), BACKOFF_MAX)
        turn.not_before = now + rest
        name = turn.duty.name
        self._health.failing[name] = f"{type(error).__name__}: {error}"[:300]
        FAILURES.labels(name).inc()
        _log.exception("a duty failed; the others go on", duty=name, again_in_seconds=rest.total_seconds())
        if isinstance(error, DatabaseError):
            connection.close()  # what it was in the middle of must not be met by the next

    def _away(self, error: Exception) -> None:
        if self._health.away_since is None:
            self._health.away_since = self._clock()
            _log.error("the database does not answer; trying again", error=str(error).strip()[:300])
        self._health.looked_at = self._clock()
        connection.close()


def _ready(turn: _Turn, waits: Mapping[str, datetime | None], now: datetime) -> bool:
    if turn.duty.name not in waits:
        return True
    due = waits[turn.duty.name]
    return due is not None and due <= now
