"""The hot path: check a request, store it with everything that came beside it, and only then answer.

The way of a request (all of it in the event loop, except where said):
1. what is small is looked at once; what is large waits in the bulk lane, which has a few milliseconds of each turn;
2. its key is found, its body checked by the vendor's file, its sender's share and the queue's room looked at;
3. it waits for the end of the turn: everything that came in meanwhile shares one transaction and one sync (SQLite: in
   the loop itself when nobody else is writing; otherwise, and on PostgreSQL, in the committer's thread);
4. after the commit everybody is answered, and whoever digests the inbox is woken.
Nothing is answered 2xx before its commit, and a commit that fails has stored nothing of its group.

Beside the loop: the committer; the keeper, which reads the configuration and counts the inbox; a few readers for GET.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, connection
from prometheus_client import Counter

from tocsin.catalog.rules import Configuration, IntegrationValue
from tocsin.intake.hot_body import check_type, clean, unpacked
from tocsin.intake.hot_inline import Inline
from tocsin.intake.hot_pace import PACE
from tocsin.intake.hot_request import FAST_LANE, SMALL_BODY_BYTES, Answer, Choose, Done, Request, Source
from tocsin.intake.hot_share import Room, Shares
from tocsin.intake.hot_store import ARRIVED, Item, Told, once_of, store, waiting
from tocsin.journal import waking
from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import digest

GROUP_ROWS_MAX = 256  # requests in one transaction
GROUP_BYTES_MAX = 4 * 1024 * 1024
BULK_SECONDS = 0.001  # of each turn of the loop, for large bodies
KEEPER_SECONDS = 1.0
PARKED_MAX = 1_000  # requests with a key nobody knows yet, while the configuration is read again
READERS = 2
READS_WAITING_MAX = 64
RETRY_SECONDS = 5
TOO_MUCH_SECONDS = 0.1  # before a sender is told that it sends too much; longer, and it comes in bursts
REFUSALS_LOGGED_MAX = 20  # a second
NO_SPACE = ("disk is full", "no space left", "disk full", "could not extend")

ACCEPTED = Counter("tocsin_events_accepted_total", "Events stored and answered 2xx")
REFUSED = Counter("tocsin_requests_refused_total", "Requests of senders answered with an error", ["status"])
GROUPS = Counter("tocsin_intake_commits_total", "Transactions that stored accepted requests")
_log = structlog.get_logger("tocsin.intake")


class Intake:
    """Takes requests from any server: `submit(request, done)` in the event loop, `done(answer)` called in it later.

    `configuration` may query and is called in a thread; `clock` says what time it is. `inline` lets SQLite commit in
    the loop.
    """

    def __init__(
        self,
        choose: Choose,
        configuration: Callable[[], Configuration],
        clock: Callable[[], datetime],
        *,
        shares: Shares | None = None,
        room: Room | None = None,
        inline: bool = True,
    ) -> None:
        self._choose, self._read_configuration, self._clock = choose, configuration, clock
        self._shares, self._room = shares or Shares(), room or Room()
        self._known: Configuration | None = None
        self._bulk: deque[tuple[Request, Done]] = deque()
        self._pending: deque[Item] = deque()
        self._parked: list[tuple[Request, Done]] = []
        # Pending requests with an Idempotency-Key: the committer's thread looks those up.
        self._once_waiting = 0
        self._armed = self._ending = False
        self._committing = False  # the committer's thread has work
        self._work, self._look = threading.Event(), threading.Event()
        self._inline = Inline() if inline else None
        self._reads_waiting = 0
        self._logged, self._logged_at = 0, 0.0

    # --- beginning and end --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin; called in the event loop."""
        self._loop = asyncio.get_running_loop()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="intake-read")
        self._threads = [
            threading.Thread(target=self._commit_always, name="intake-commit", daemon=True),
            threading.Thread(target=self._keep, name="intake-keep", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self._end_listening = waking.listen(self._on_wake)

    def stop(self, seconds: float) -> bool:
        """Refuse what comes from now on, store what was accepted; False when that took longer. Called in a thread."""
        self._ending = True
        until = time.monotonic() + seconds
        while (self._pending or self._bulk or self._committing) and time.monotonic() < until:
            time.sleep(0.005)
        self._end_listening()
        self._work.set()
        self._look.set()
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._readers.shutdown(wait=False, cancel_futures=True)
        if self._inline is not None:
            self._inline.close()
        return not any(thread.is_alive() for thread in self._threads)

    def _on_wake(self, topic: str) -> None:
        if topic == "configuration":
            self._look.set()

    # --- a request comes in -------------------------------------------------------------------------------------------

    def submit(self, request: Request, done: Done) -> None:
        """Take one request. `done` is called once, perhaps before this returns."""
        if len(request.body) > SMALL_BODY_BYTES or b"content-encoding" in request.headers:
            self._bulk.append((request, done))
            self._arm()
        else:
            self._receive(request, done)

    def _receive(self, request: Request, done: Done) -> None:
        source = self._choose(request.path)
        if source is None:
            done(Answer(404))
            return
        try:
            self._admit(request, source, done)
        except Refused as refused:
            answer = self._refusal(refused, source, request)
            if refused.status == 429:
                # Most senders ask again when they are answered, so one that sends too much is answered late: refusing
                # it as fast as it can ask would cost the others more than taking what it sends.
                self._loop.call_later(TOO_MUCH_SECONDS, done, answer)
            else:
                done(answer)
        except Exception:
            _log.exception("a request could not be read", source=getattr(source, "NAME", ""))
            done(self._refusal(Refused("Something went wrong here", status=500), source, request))

    def _admit(self, request: Request, source: Source, done: Done) -> None:
        if self._ending:
            raise _later("Tocsin is ending")
        if request.method in ("GET", "HEAD"):
            self._read(request, source, done)
            return
        self._room.check()
        came, body = request, request.body
        if body:
            check_type(request, source.forms)
            body = clean(unpacked(request))
        if body is not request.body:
            request = Request(request.method, request.path, request.query, request.headers, body)
        integration = self._sender(request, source, done)
        if integration is None:
            self._park(came, done)
            return
        accepted = source.accept(request, integration, self._clock())
        self._shares.spend(integration.id, accepted.events, self._loop.time())
        self._room.take(integration.id, len(accepted.body))
        once = once_of(request)
        if once is not None:
            self._once_waiting += 1
        self._pending.append(Item(integration.id, accepted, source, request, done, once))
        self._arm()

    def _sender(self, request: Request, source: Source, done: Done) -> IntegrationValue | None:
        """Whose key it is; None when nobody knows it before the configuration is read again. Raises Refused.

        Found by its digest, so that the time it takes tells nothing about the key.
        """
        key = source.key_of(request)
        if not key:
            raise Refused(
                "There is no key", "the key of an integration", "Take it from its page.", status=401
            )
        known = self._known
        integration = known.by_key.get(digest(key)) if known is not None else None
        if integration is None:
            if isinstance(done, _Again):
                raise Refused(
                    "This key opens nothing here",
                    "the key of an integration",
                    "Compare it with its page.",
                    status=401,
                )
            return None
        if not integration.enabled:
            raise Refused(
                "This integration is switched off", mend="Switch it on again on its page.", status=401
            )
        return integration

    def _park(self, request: Request, done: Done) -> None:
        """The key may have been made a moment ago: have the configuration read again, then look once more."""
        if len(self._parked) >= PARKED_MAX:
            raise _later("Too many requests with unknown keys")
        self._parked.append((request, done))
        self._look.set()

    def _unpark(self, known: Configuration | None, parked: list[tuple[Request, Done]]) -> None:
        """The keeper has looked: try the parked ones again. Without a database nobody knows whose they are."""
        if known is not None:
            self._known = known
        for request, done in parked:
            again = _Again(done)
            if known is None and (source := self._choose(request.path)) is not None:
                done(self._refusal(_later("The database does not answer"), source, request))
            else:
                self._receive(request, again)

    # --- the turn of the loop -----------------------------------------------------------------------------------------

    def _arm(self) -> None:
        if not self._armed:
            self._armed = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Look at some bulk, then store what waits."""
        self._armed = False
        if self._bulk:
            until = time.perf_counter() + BULK_SECONDS
            while self._bulk:
                self._receive(*self._bulk.popleft())
                if time.perf_counter() >= until:
                    break
        if self._pending and not self._committing and not self._commit_here():
            self._committing = True
            self._work.set()
        if self._bulk or (self._pending and not self._committing):
            self._arm()

    def _commit_here(self) -> bool:
        """Commit a group in the loop; False when that is not its place now, and nothing was done."""
        inline = self._inline
        if inline is None or self._once_waiting or not inline.begin():
            return False
        items: list[Item] = []
        fault: Exception | None = None
        try:
            items = self._group()
            inline.store(items, self._clock())
        except Exception as error:
            fault = error
        finally:
            inline.end()
        if fault is None:
            waking.deliver(ARRIVED)
        self._answer(items, None, fault)
        return True

    def _group(self) -> list[Item]:
        """The next requests that share a transaction."""
        items: list[Item] = []
        size = 0
        while self._pending and len(items) < GROUP_ROWS_MAX and size < GROUP_BYTES_MAX:
            item = self._pending.popleft()
            items.append(item)
            size += len(item.accepted.body)
        return items

    def _answer(self, items: list[Item], told: list[Told | None] | None, fault: Exception | None) -> None:
        """Tell the senders of a group what became of it."""
        if fault is not None:
            refused = _fault(fault)
            for item in items:
                self._room.give(item.integration_id, len(item.accepted.body))
                item.done(self._refusal(refused, item.source, item.request))
            return
        GROUPS.inc()
        events = sum(item.accepted.events for item in items)
        ACCEPTED.inc(events)
        PACE.came(sum(1 for item in items if item.accepted.lane == FAST_LANE), events)
        for place, item in enumerate(items):
            earlier = told[place] if told is not None else None
            fresh = Answer(item.accepted.status, item.accepted.answer)
            item.done(fresh if earlier is None else self._again(item, earlier))

    def _again(self, item: Item, earlier: Told) -> Answer:
        """The answer to a request whose Idempotency-Key was used before."""
        self._room.give(item.integration_id, len(item.accepted.body))
        if earlier.same:
            return Answer(earlier.status, earlier.answer, ((b"idempotent-replayed", b"true"),))
        refused = Refused(
            "This Idempotency-Key was used for another request", "a new key for a new request", where="Idempotency-Key",
            status=422,
        )  # fmt: skip
        return self._refusal(refused, item.source, item.request)

    # --- the committer's thread ---------------------------------------------------------------------------------------

    def _commit_always(self) -> None:
        try:
            while True:
                self._work.wait()
                self._work.clear()
                while self._pending:
                    self._commit_group()
                self._tell_loop(self._rest)
                if self._ending and not self._pending:
                    return
        finally:
            connection.close()

    def _commit_group(self) -> None:
        items = self._group()
        told, fault = None, None
        try:
            told = store(items, self._clock())
        except Exception as error:
            fault = error
            connection.close()  # what is left of it may be of no use; the next group opens another
        self._tell_loop(self._committed, items, told, fault)

    def _committed(self, items: list[Item], told: list[Told | None] | None, fault: Exception | None) -> None:
        self._once_waiting -= sum(1 for item in items if item.once is not None)
        self._answer(items, told, fault)

    def _rest(self) -> None:
        """The committer has nothing left: the loop may commit again."""
        self._committing = False
        if self._pending:
            self._arm()

    def _tell_loop(self, what: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is there to be answered
            self._loop.call_soon_threadsafe(what, *arguments)

    # --- the keeper's thread ------------------------------------------------------------------------------------------

    def _keep(self) -> None:
        """Read the configuration when it may have changed or somebody waits for it; count what waits in the inbox."""
        try:
            counted = False
            while not self._ending:
                self._look.clear()
                # Who is parked from here on waits for the next look: this one may be older than his key.
                parked, self._parked = self._parked, []
                known: Configuration | None = None
                try:
                    known = self._read_configuration()
                    if self._inline is not None:
                        self._inline.open()
                    if not counted or self._room.uncertain():
                        self._room.set(waiting())
                        counted = True
                except (DatabaseError, InterfaceError) as error:
                    _log.error("intake cannot read the database", error=str(error).strip()[:200])
                    connection.close()
                self._tell_loop(self._unpark, known, parked)
                self._look.wait(KEEPER_SECONDS)
        finally:
            self._tell_loop(self._unpark, None, self._parked)
            connection.close()

    # --- GET ----------------------------------------------------------------------------------------------------------

    def _read(self, request: Request, source: Source, done: Done) -> None:
        integration = self._sender(request, source, done)
        if integration is None:
            self._park(request, done)
            return
        if self._reads_waiting >= READS_WAITING_MAX:
            raise _later("Too many questions at once")
        self._reads_waiting += 1
        self._readers.submit(self._read_in_thread, request, source, integration, done)

    def _read_in_thread(
        self, request: Request, source: Source, integration: IntegrationValue, done: Done
    ) -> None:
        try:
            answer = source.read(request, integration, self._clock())
        except Refused as refused:
            self._tell_loop(self._read_done, partial(self._refusal, refused, source, request), done)
            return
        except Exception as error:
            _log.exception("a question of a sender could not be answered")
            self._tell_loop(self._read_done, partial(self._refusal, _fault(error), source, request), done)
            return
        finally:
            connection.close()  # questions are rare, and an idle connection is not free
        self._tell_loop(self._read_done, lambda: answer, done)

    def _read_done(self, answer: Callable[[], Answer], done: Done) -> None:
        self._reads_waiting -= 1
        done(answer())

    # --- refusals -----------------------------------------------------------------------------------------------------

    def refuse(self, refused: Refused, request: Request) -> Answer:
        """The error as the vendor of `request.path` writes it: for servers, whose own limits refuse too."""
        source = self._choose(request.path)
        return Answer(refused.status) if source is None else self._refusal(refused, source, request)

    def _refusal(self, refused: Refused, source: Source, request: Request) -> Answer:
        number = secrets.token_hex(8)
        headers: tuple[tuple[bytes, bytes], ...] = ()
        if refused.status in (429, 503, 507):
            headers = ((b"retry-after", str(RETRY_SECONDS).encode()),)
        elif refused.status == 401:
            headers = ((b"www-authenticate", b"Bearer"),)
        REFUSED.labels(status=str(refused.status)).inc()
        self._log_refusal(refused, number)
        return Answer(refused.status, source.refusal(refused, number, request), headers)

    def _log_refusal(self, refused: Refused, number: str) -> None:
        """One line, without the address: it may hold a key."""
        now = self._loop.time()
        if now - self._logged_at >= 1:
            if self._logged > REFUSALS_LOGGED_MAX:
                _log.info("more requests refused", count=self._logged - REFUSALS_LOGGED_MAX)
            self._logged, self._logged_at = 0, now
        self._logged += 1
        if self._logged <= REFUSALS_LOGGED_MAX:
            _log.info("request refused", status=refused.status, what=refused.what, request=number)


class _Again:
    """Marks that a request has been parked once: its key is not looked up a third time."""

    __slots__ = ("_done",)

    def __init__(self, done: Done) -> None:
        self._done = done

    def __call__(self, answer: Answer) -> None:
        self._done(answer)


def _later(what: str) -> Refused:
    return Refused(what, mend=f"Send it again in {RETRY_SECONDS} seconds.", status=503)


def _fault(error: Exception) -> Refused:
    """What a sender is told when storing failed: to come again. Nothing of the machine."""
    if isinstance(error, DatabaseError | InterfaceError | OSError):
        text = str(error).lower()
        _log.error("the database refused", error=text.strip()[:200])
        if any(words in text for words in NO_SPACE):
            return Refused("The disk is full; nothing was stored", mend="Send it again later.", status=507)
        return _later("The database does not answer; nothing was stored")
    _log.error("storing failed", exc_info=error)
    return Refused("Something went wrong here; nothing was stored", mend="Send it again later.", status=503)
