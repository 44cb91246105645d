"""The sender: claims deliveries that are due, hands each to its channel, and writes down what became of it.

1. One thread talks to the database, many talk to the world. It writes down finished attempts (several in one
   commit), then claims what is due, urgent first, and hands it to threads that only send.
2. No more is claimed than can be sent. One destination gets so many threads and no more, and while some of its
   messages wait here, no others of it are claimed: who hangs, hangs alone.
3. What has waited here is asked about again before it goes, and what has waited for a thread is given back:
   nobody is disturbed who has answered meanwhile.
4. Send first, record after. An attempt that cannot be recorded is kept and tried again; nothing is claimed while
   the database does not answer, so that this node never sends twice what it knows it has sent.
5. A commit wakes it, or the next instant at which something is due; a look every two seconds is for wake-ups that
   got lost between nodes.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from tocsin.engine.attempt import Clock, Finder, Result, deliver_one, destination_of, keep
from tocsin.engine.workers import Workers
from tocsin.journal import waking
from tocsin.notification.channels import channel_for
from tocsin.notification.delivering import Claimed, claim, next_delivery_at, release, still_wanted
from tocsin.notification.models import Delivery
from tocsin.notification.rules import SEND_DEADLINE

WORKERS_MAX = 128  # messages on their way at once; threads that wait for a provider cost little
LOW_URGENCY_MAX = 96  # of those, so that something urgent always finds a thread
PER_DESTINATION_MAX = 16  # on their way to one mail server or one web host
HELD_MAX = 16  # claimed, and waiting here for their destination
BATCH_MAX = PER_DESTINATION_MAX + HELD_MAX  # claimed at once
FRESH = 0.5  # seconds within which something claimed is on its way, or else is given back
LOOK_AT_LEAST = 2.0
AWAY_REST = 0.5  # seconds between attempts to reach the database
BRIEFLY = 0.02  # seconds in which what was begun gets the processor, before the next look
ELSEWHERE_REST = 0.1  # seconds to wait when what is due is held by another node
STOP_WITHIN = 8.0
TOPIC = "deliveries"

_log = structlog.get_logger("tocsin.engine.delivery")


class Sender:
    """Sends what is due until it is stopped. `clock` gives the instant, `jitter` a number in [0, 1)."""

    def __init__(
        self,
        clock: Clock,
        jitter: Callable[[], float],
        find: Finder = channel_for,
        workers_max: int = WORKERS_MAX,
    ) -> None:
        self._clock, self._jitter, self._find = clock, jitter, find
        self._workers_max = workers_max
        self._low_max = max(1, workers_max * LOW_URGENCY_MAX // WORKERS_MAX)
        self._workers = Workers(self._send)
        self._done: queue.SimpleQueue[Result] = queue.SimpleQueue()
        # Below: touched by the sender's own thread only.
        self._under_way: dict[Claimed, str] = {}
        self._held: dict[str, deque[Claimed]] = {}
        self._taken_at: dict[Claimed, float] = {}
        self._unrecorded: list[Result] = []

        self._complained: set[Claimed] = set()

        self._told = True  # whether a commit has made something due, or may have
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._stop_by = 0.0
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)
        self._end_listening: Callable[[], None] = lambda: None
        self.looked_at: datetime | None = None  # the last time that a look at the tables succeeded

    @property
    def under_way(self) -> int:
        """How many messages are being sent at this moment."""
        return len(self._under_way)

    @property
    def unrecorded(self) -> int:
        """How many attempts were made and could not be written down yet."""
        return len(self._unrecorded)

    def start(self) -> None:
        self._end_listening = waking.listen(self._heard)
        self._thread.start()

    def stop(self, seconds: float = STOP_WITHIN) -> bool:
        """Claim nothing more, wait for what is under way, give back the rest; True when that was done in time."""
        self._end_listening()
        self._stop_by = time.monotonic() + seconds
        self._stopping.set()
        self._awake.set()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _heard(self, topic: str) -> None:
        if topic == TOPIC:
            self._told = True
            self._awake.set()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._awake.clear()  # before looking: what wakes from here on is seen in the next round
                self._awake.wait(self._look_safely())
            self._wind_up()
        finally:
            connection.close()

    def _look_safely(self) -> float:
        """One look; returns for how many seconds nothing more is to be done."""
        try:
            return self.look()
        except (OperationalError, InterfaceError) as error:
            _log.warning(
                "the database does not answer; the sender tries again", error=str(error).strip()[:300]
            )
        except Exception:
            _log.exception("the sender's look failed")
        connection.close()
        return AWAY_REST

    def look(self) -> float:
        """Write down what is finished, start what is due; returns the seconds until something falls due."""
        # What a commit has just made due goes before the record of what has gone, but not before one that failed.
        hurried = self._told and not self._unrecorded
        self._collect()
        if not hurried:
            self._write_down()
        now = self._clock()
        self._start_held(now)
        rest = 0.0
        if not self._told:  # a message has ended, or time has passed: ask before taking the writer's lock
            rest = self._rest(now)
        if rest <= 0:
            self._told = False
            rest = BRIEFLY if self.send_due(now) else self._rest(now) or ELSEWHERE_REST
        if hurried:
            self._write_down()
        self.looked_at = now
        return rest

    def _rest(self, now: datetime) -> float:
        """The seconds until something falls due that could be sent then; 0 when it could be sent now."""
        due = next_delivery_at(self._crowded(), self._low_too()) if self._free() > 0 else None
        if due is None:
            return LOOK_AT_LEAST  # a commit wakes us, or a message that ends and makes room
        return min(max((due - now).total_seconds(), 0.0), LOOK_AT_LEAST)

    def send_due(self, now: datetime, limit: int = BATCH_MAX) -> int:
        """Claim what is due and begin to send it; returns how many were begun."""
        room = min(limit, self._free())
        if room <= 0:
            return 0
        too_many: list[Claimed] = []
        begun = 0
        for claimed in claim(now, room, self._crowded(), self._low_too()):
            destination = destination_of(claimed.address)
            self._taken_at[claimed] = time.monotonic()
            if not claimed.urgent and not self._low_too():
                too_many.append(claimed)
            elif self._on_their_way(destination) < PER_DESTINATION_MAX:
                self._begin(claimed, destination)
                begun += 1
            elif len(self._held.get(destination, ())) < HELD_MAX:
                self._held.setdefault(destination, deque()).append(claimed)
            else:
                too_many.append(claimed)
        self._give_back(too_many, now)
        return begun

    # -- who may go ----------------------------------------------------------------------------------------------

    def _free(self) -> int:
        return self._workers_max - len(self._under_way) - len(self._unrecorded)

    def _on_their_way(self, destination: str) -> int:
        return Counter(self._under_way.values())[destination]

    def _crowded(self) -> tuple[str, ...]:
        """Destinations of which nothing more is claimed now."""
        full = {d for d, count in Counter(self._under_way.values()).items() if count >= PER_DESTINATION_MAX}
        return tuple(sorted(full | self._held.keys()))

    def _low_too(self) -> bool:
        return sum(not claimed.urgent for claimed in self._under_way) < self._low_max

    def _start_held(self, now: datetime) -> None:
        """Begin what waited for its destination, unless it is no longer wanted or its lease would not last."""
        for destination, waiting in list(self._held.items()):
            while waiting and self._free() > 0 and self._on_their_way(destination) < PER_DESTINATION_MAX:
                claimed = waiting.popleft()
                if now + SEND_DEADLINE >= claimed.lease_until:
                    self._give_back([claimed], now)
                elif still_wanted(claimed):
                    self._taken_at[claimed] = time.monotonic()
                    self._begin(claimed, destination)
                else:
                    # Somebody has answered, or it is another node's now; `release` knows which.
                    self._give_back([claimed], now)
            if not waiting:
                del self._held[destination]

    def _is_fresh(self, claimed: Claimed) -> bool:
        return time.monotonic() - self._taken_at[claimed] <= FRESH

    def _begin(self, claimed: Claimed, destination: str) -> None:
        self._under_way[claimed] = destination
        self._workers.hand(claimed)

    def _give_back(self, some: Iterable[Claimed], now: datetime) -> None:
        some = list(some)
        if not some:
            return
        with transaction.atomic():
            release(some, now)
        for claimed in some:
            self._taken_at.pop(claimed, None)

    # -- in the workers' threads ---------------------------------------------------------------------------------

    def _send(self, claimed: Claimed) -> None:
        if self._is_fresh(claimed) and not self._stopping.is_set():
            result = deliver_one(claimed, self._clock, self._find)
        else:  # no thread was free for a while; it is claimed anew if it is still wanted
            result = Result(claimed, None, timedelta(0), self._clock())
        self._done.put(result)
        self._awake.set()

    # -- afterwards ----------------------------------------------------------------------------------------------

    def _collect(self) -> None:
        """Take what the threads have finished."""
        with suppress(queue.Empty):
            while True:
                result = self._done.get_nowait()
                self._under_way.pop(result.claimed, None)
                self._taken_at.pop(result.claimed, None)
                self._unrecorded.append(result)

    def _write_down(self) -> None:
        """Record what is finished. Raises when the database does not answer; everything is kept then."""
        if not self._unrecorded:
            return
        try:
            keep(self._unrecorded, self._jitter, self._clock())
            self._unrecorded.clear()
        except (OperationalError, InterfaceError):
            if len(self._unrecorded) == 1:
                raise
            self._write_down_singly()
        except Exception:
            self._write_down_singly()

    def _write_down_singly(self) -> None:
        """One result must not keep the others from being recorded."""
        now = self._clock()
        for result in list(self._unrecorded):
            try:
                keep([result], self._jitter, now)
            except (OperationalError, InterfaceError):
                raise
            except Delivery.DoesNotExist:
                _log.info("a delivery was deleted while it was sent", delivery=str(result.claimed.id))
            except Exception:
                if result.claimed not in self._complained:
                    self._complained.add(result.claimed)
                    _log.exception("an attempt cannot be recorded", delivery=str(result.claimed.id))
                if now < result.claimed.lease_until:
                    continue
            self._complained.discard(result.claimed)
            self._unrecorded.remove(result)

    def _wind_up(self) -> None:
        """Wait for what is under way as long as there is time, record it, and give back the rest at once."""
        now = self._clock()
        with suppress(Exception):
            self._give_back([claimed for waiting in self._held.values() for claimed in waiting], now)
        self._held.clear()
        while (self._under_way or self._unrecorded) and (left := self._stop_by - 1.0 - time.monotonic()) > 0:
            self._awake.clear()
            self._collect()
            try:
                self._write_down()
            except Exception as error:
                _log.warning("recording at the end failed", error=str(error).strip()[:300])
            if self._under_way or self._unrecorded:
                self._awake.wait(min(left, AWAY_REST))
        if self._under_way:
            _log.warning("messages were still under way at the end", count=len(self._under_way))
            with suppress(Exception):  # their leases end by themselves
                self._give_back(list(self._under_way), self._clock())
