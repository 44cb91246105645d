"""The sender: claims deliveries that are due, hands each to its channel, and writes down what became of it.

1. One thread talks to the database, many talk to the world. It writes down finished attempts (several in one
   commit), then claims what is due, urgent first, and hands it to threads that only send.
2. No more is claimed than can be sent. One destination gets so many threads and no more, and while some of its
   messages wait here, no others of it are claimed unless they press more: who hangs, hangs alone (`Traffic`).
3. What has waited here is asked about again before it goes, and what has waited for a thread is given back:
   nobody is disturbed who has answered meanwhile.
4. Send first, record after. An attempt that cannot be recorded is kept and tried again; nothing is claimed while
   the database does not answer, so that this node never sends twice what it knows it has sent.
5. A commit wakes it, or the next instant at which something is due; a look every two seconds is for wake-ups that
   got lost between nodes. What the engine makes due in a commit of its own it claims in that commit (`leaving`), and
   the message goes without waiting for this thread, which then only has the record to write.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from tocsin.engine.attempt import Clock, Finder, deliver_one
from tocsin.engine.traffic import HELD_MAX, PER_DESTINATION_MAX, WORKERS_MAX, Traffic
from tocsin.engine.workers import Workers
from tocsin.journal import waking
from tocsin.journal.commits import unsynced
from tocsin.notification.channels import channel_at_hand, get_ready
from tocsin.notification.claimed import Claimed
from tocsin.notification.claiming import claim, next_delivery_at, release, still_wanted
from tocsin.notification.leaving import at_hand
from tocsin.notification.models import Delivery
from tocsin.notification.recording import Result, record_all

BATCH_MAX = PER_DESTINATION_MAX + HELD_MAX  # claimed at once
LOOK_AT_LEAST = 2.0
COMPANY = 0.02  # seconds a record waits for others, and for pages to go before it
COMPANY_TIMES = 5  # it waits so long again while others come, so often at most
CROWD = 8  # messages under way
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
        find: Finder = channel_at_hand,
        workers_max: int = WORKERS_MAX,
    ) -> None:
        self._clock, self._jitter, self._find = clock, jitter, find
        self._traffic = Traffic(workers_max)
        self._workers = Workers(self._send)
        self._done: queue.SimpleQueue[Result] = queue.SimpleQueue()
        # Below: touched by the sender's own thread only.
        self._unrecorded: list[Result] = []
        self._complained: set[Claimed] = set()

        self._told = threading.Event()  # a commit has made something due, or may have
        self._told.set()
        self._awake = threading.Event()
        self._leaving = 0  # the thread that claims by itself what it makes due at this moment
        self._stopping = threading.Event()
        self._stop_by = 0.0
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)
        self._end_listening: Callable[[], None] = lambda: None
        self.looked_at: datetime | None = None  # the last time that a look at the tables succeeded

    @property
    def under_way(self) -> int:
        """How many messages are being sent at this moment."""
        return len(self._traffic)

    @property
    def unrecorded(self) -> int:
        """How many attempts were made and could not be written down yet."""
        return len(self._unrecorded)

    def start(self) -> None:
        """Begin to send, in the background, and to listen for wake-ups."""
        self._end_listening = waking.listen(self._heard)
        self._thread.start()

    def stop(self, seconds: float = STOP_WITHIN) -> bool:
        """Claim nothing more, wait for what is under way, give back the rest; True when that was done in time."""
        self._end_listening()
        self._stop_by = time.monotonic() + seconds
        self._stopping.set()
        self._tell()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _heard(self, topic: str) -> None:
        if topic == TOPIC and self._leaving == threading.get_ident():
            self._awake.set()  # what is due has been claimed; something may be due a little later
        elif topic == TOPIC:
            self._tell()

    def _tell(self) -> None:
        self._told.set()
        self._awake.set()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._awake.clear()  # before looking: what wakes from here on is seen in the next round
                if self._awake.wait(self._look_safely()):
                    self._wait_for_company()
            self._wind_up()
        finally:
            connection.close()

    def _wait_for_company(self) -> None:
        """Let what has ended wait for what ends soon: until something is due, or nothing more comes, or much is under
        way, for then only what is written down makes room for more."""
        for _ in range(COMPANY_TIMES):
            ended = self._done.qsize()
            if self._told.wait(COMPANY) or self._done.qsize() == ended or self.under_way >= CROWD:
                return

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
        hurried = self._told.is_set() and not self._unrecorded
        self._collect()
        if not hurried:
            self._write_down()
        now = self._clock()
        self._start_held(now)
        rest = 0.0
        if (
            not self._told.is_set()
        ):  # a message has ended, or time has passed: ask before taking the writer's lock
            rest = self._rest(now)
        if rest <= 0:
            self._told.clear()
            rest = BRIEFLY if self.send_due(now) else self._rest(now) or ELSEWHERE_REST
        if hurried:
            self._write_down()
        self.looked_at = now
        return rest

    def _rest(self, now: datetime) -> float:
        """The seconds until something falls due that could be sent then; 0 when it could be sent now."""
        due = None
        if self._room() > 0:
            due = next_delivery_at(self._traffic.closed())
        if due is None:
            return LOOK_AT_LEAST  # a commit wakes us, or a message that ends and makes room
        return min(max((due - now).total_seconds(), 0.0), LOOK_AT_LEAST)

    def _room(self) -> int:
        return self._traffic.room() - len(self._unrecorded)

    def send_due(self, now: datetime, limit: int = BATCH_MAX) -> int:
        """Claim what is due and begin to send it; returns how many were claimed."""
        claimed = self._claim(now, limit)
        self._begin(claimed)
        return len(claimed)

    def _claim(self, now: datetime, limit: int, made: Sequence[Delivery] | None = None) -> Sequence[Claimed]:
        get_ready()  # the threads that send ask no database
        room = min(limit, self._room())
        return claim(now, room, self._traffic.closed(), made) if room > 0 else ()

    def _begin(self, claimed: Iterable[Claimed]) -> None:
        for one in claimed:
            placed = self._traffic.place(one)
            if placed:
                self._workers.hand(one)
            elif placed is None:
                self._finished(self._not_made(one))

    @contextmanager
    def leaving(self, now: datetime) -> Iterator[None]:
        """A transaction in the caller's thread whose pages leave with its commit.

        The commit does not wait for the disk: what it makes is made again from the inbox, which did (ADR 0001).
        Only where a writer holds everything (SQLite): elsewhere two nodes that lock the rows of several actions in
        their own order could wait for each other in a circle, so there the sender claims as it always does.
        """
        if connection.vendor != "sqlite":
            yield
            return
        self._leaving = threading.get_ident()
        claimed: list[Claimed] = []
        try:
            with unsynced(), at_hand() as made:
                transaction.on_commit(lambda: self._begin(claimed))  # before anybody who waits for the commit
                yield
                if not self._unrecorded:
                    claimed += self._claim_safely(now, made)
        finally:
            self._leaving = 0

    def _claim_safely(self, now: datetime, made: Sequence[Delivery]) -> Sequence[Claimed]:
        """What of `made` is due; nothing when that fails, for what was decided stands, and the sender will find it."""
        try:
            with transaction.atomic():
                return self._claim(now, BATCH_MAX, made)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            _log.exception("what was just made due could not be claimed; the sender tries by itself")
            return ()

    def _start_held(self, now: datetime) -> None:
        """Begin what waited for its destination, unless it is no longer wanted or its lease would not last."""
        while self._room() > 0 and (claimed := self._traffic.next_held()) is not None:
            # Somebody may have answered, or it may be another node's now; `release` knows which.
            if still_wanted(claimed, now):
                self._workers.hand(claimed)
            else:
                self._traffic.ended([claimed])
                self._give_back([claimed], now)

    def _give_back(self, some: Sequence[Claimed], now: datetime) -> None:
        if some:
            with transaction.atomic():
                release(some, now)

    # -- in the workers' threads ---------------------------------------------------------------------------------

    def _send(self, claimed: Claimed) -> None:
        if self._traffic.is_fresh(claimed) and not self._stopping.is_set():
            self._finished(deliver_one(claimed, self._clock, self._find))
        else:  # no thread was free for a while; it is claimed anew if it is still wanted
            self._finished(self._not_made(claimed))

    def _not_made(self, claimed: Claimed) -> Result:
        return Result(claimed, None, timedelta(0), self._clock())

    def _finished(self, result: Result) -> None:
        self._done.put(result)
        self._awake.set()

    # -- afterwards ----------------------------------------------------------------------------------------------

    def _collect(self) -> None:
        """Take what the threads have finished."""
        with suppress(queue.Empty):
            while True:
                result = self._done.get_nowait()
                self._unrecorded.append(result)
                self._traffic.ended([result.claimed])

    def _write_down(self) -> None:
        """Record what is finished. Raises when the database does not answer; everything is kept then."""
        if not self._unrecorded:
            return
        try:
            record_all(self._unrecorded, self._jitter, self._clock())
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
                record_all([result], self._jitter, now)
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
            self._give_back(self._traffic.empty_held(), now)
        while True:
            self._awake.clear()
            self._collect()  # also what ended during the last wait: given back, it would be sent again
            try:
                self._write_down()
            except Exception as error:
                _log.warning("recording at the end failed", error=str(error).strip()[:300])
            left = self._stop_by - 1.0 - time.monotonic()
            if left <= 0 or not (self._traffic or self._unrecorded):
                break
            self._awake.wait(min(left, AWAY_REST))
        if left_over := self._traffic.under_way():
            _log.warning("messages were still under way at the end", count=len(left_over))
            with suppress(Exception):  # their leases end by themselves
                self._give_back(left_over, self._clock())
