"""The live stream: GET /events tells open pages what to look at again, never what is there.

One hub per process hears every wake-up of the journal, and each reader gets the topics it asked for
(`?topic=now&topic=incident:412`). The pages then fetch what changed through their own routes, so permissions stay
with those. Raw ASGI: an idle stream costs a small object, not a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection
from django.http import parse_cookie

from tocsin.incident.models import Incident
from tocsin.incident.readers import sight_of, viewer_of
from tocsin.incident.rules.restricting import Sight
from tocsin.journal import waking
from tocsin.people.models import User
from tocsin.people.rules import May
from tocsin.web.guard import FOREIGN
from tocsin.web.headers import security_headers
from tocsin.web.sessions import person_of

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

CLIENTS_MAX = 2_000
TOPICS_MAX = 20  # that one page may ask for
WAITING_MAX = 64  # different topics that may wait for one slow reader; above it: look at everything again
HEARTBEAT = 15.0
CHECK_EVERY = 60.0  # seconds between two looks whether the session still stands
PACE = 1.0  # seconds between two hints to one reader, however fast things change
RETRY_MS = 3_000
RELOAD = "reload"
_OF_ONE = "incident:"
_TOPIC = re.compile(r"now|console|configuration|schedules|incident:[0-9]{1,18}")


class Reader:
    """One open stream: the topics it asked for, and those that wait to be told."""

    def __init__(self, topics: frozenset[str]) -> None:
        self.topics = topics
        self.waiting: dict[str, None] = {}
        self.woken = asyncio.Event()

    def hear(self, topic: str) -> None:
        """Keep a topic that it asked for, until it is told; too many at once become one: look at everything."""
        if topic not in self.topics:
            return
        if len(self.waiting) >= WAITING_MAX:
            self.waiting = {RELOAD: None}
        elif RELOAD not in self.waiting:
            self.waiting[topic] = None
        self.woken.set()

    def take(self) -> tuple[str, ...]:
        """What waits, in its order, and begin anew."""
        taken = tuple(self.waiting)
        self.waiting = {}
        self.woken.clear()
        return taken


class Hub:
    """Carries wake-ups from the threads that commit to the streams of this process's event loop."""

    def __init__(self) -> None:
        self.readers: set[Reader] = set()
        self._heard: dict[str, None] = {}
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: Callable[[], None] | None = None

    def join(self, reader: Reader) -> None:
        """Let `reader` hear; the first one makes the hub listen. On the event loop."""
        if self._end is None:
            self._loop = asyncio.get_running_loop()
            self._end = waking.listen(self._hear)
        self.readers.add(reader)

    def leave(self, reader: Reader) -> None:
        """`reader` is gone; without any, the hub stops listening."""
        self.readers.discard(reader)
        if not self.readers and self._end is not None:
            self._end()
            self._end = None

    def _hear(self, topic: str) -> None:
        """From any thread, at once: a storm of wake-ups costs the loop one call, not thousands."""
        if not _TOPIC.fullmatch(topic):
            return
        with self._lock:
            first = not self._heard
            self._heard[topic] = None
        if first and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just been closed
                self._loop.call_soon_threadsafe(self._spread)

    def _spread(self) -> None:
        with self._lock:
            heard, self._heard = self._heard, {}
        for reader in tuple(self.readers):
            for topic in heard:
                reader.hear(topic)


class Live:
    """The ASGI application of /events. `clock` says what time it is; `ending` ends every stream."""

    def __init__(self, clock: Callable[[], datetime], ending: asyncio.Event) -> None:
        self.clock, self.ending = clock, ending
        self.hub = Hub()
        self._sessions = ThreadPoolExecutor(1, thread_name_prefix="live-session")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["method"] != "GET":
            await _refuse(send, 405, "Only GET works here.")
            return
        if headers.get("sec-fetch-site") in FOREIGN:
            await _refuse(send, 403, "Another website asked for this.")
            return
        if len(self.hub.readers) >= CLIENTS_MAX:
            await _refuse(send, 503, "Too many pages are open. This one does not change by itself.")
            return
        session = parse_cookie(headers.get("cookie", "")).get(settings.SESSION_COOKIE_NAME, "")
        allowed = await self._hears(session, topics_of(scope["query_string"].decode("latin-1")))
        if allowed is None:
            await _refuse(send, 401, "Sign in first.")
            self._rest()
            return
        reader = Reader(allowed)
        self.hub.join(reader)
        try:
            await send(
                {"type": "http.response.start", "status": 200, "headers": _headers("text/event-stream")}
            )
            await _say(send, f"retry: {RETRY_MS}\n\n")
            await self._stream(reader, session, receive, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            pass  # the reader is gone
        finally:
            self.hub.leave(reader)
            self._rest()

    async def _stream(self, reader: Reader, session: str, receive: Receive, send: Send) -> None:
        """Tell hints and heartbeats until the reader leaves, signs out, or the program ends."""
        loop = asyncio.get_running_loop()
        gone = asyncio.ensure_future(_disconnected(receive))
        ending = asyncio.ensure_future(self.ending.wait())
        checked = loop.time()
        try:
            while not gone.done() and not ending.done():
                woken = asyncio.ensure_future(reader.woken.wait())
                await asyncio.wait(
                    {woken, gone, ending}, timeout=HEARTBEAT, return_when=asyncio.FIRST_COMPLETED
                )
                woken.cancel()
                if loop.time() - checked >= CHECK_EVERY:
                    checked = loop.time()
                    allowed = await self._hears(session, reader.topics)
                    if allowed is None:
                        await _say(send, "event: end\ndata: signed out\n\n")
                        return
                    reader.topics = allowed
                hints = reader.take()
                await _say(send, "".join(f"event: hint\ndata: {topic}\n\n" for topic in hints) or ":\n\n")
                if hints:
                    await asyncio.wait({gone, ending}, timeout=PACE, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            ending.cancel()

    async def _hears(self, session: str, topics: frozenset[str]) -> frozenset[str] | None:
        """Those of `topics` that the session's person may hear of; None when nobody is signed in who sees anything."""
        if not session:
            return None
        return await asyncio.get_running_loop().run_in_executor(self._sessions, self._look, session, topics)

    def _look(self, session: str, topics: frozenset[str]) -> frozenset[str] | None:
        """In the one thread for this, with its own connection to the database."""
        close_old_connections()
        try:
            user = person_of(session, self.clock())
            return topics - _hidden(topics, user) if user is not None and user.may(May.SEE) else None
        except DatabaseError:
            return None

    def _rest(self) -> None:
        """Without any stream, the thread gives its connection back."""
        if not self.hub.readers:
            self._sessions.submit(_close_connection)


def _hidden(topics: frozenset[str], user: User) -> set[str]:
    """Those about incidents of which the person is to know nothing, not even that they move."""
    numbers = [int(topic.removeprefix(_OF_ONE)) for topic in topics if topic.startswith(_OF_ONE)]
    if not numbers:
        return set()
    shut = Incident.objects.filter(pk__in=numbers, restricted=True)
    return {f"{_OF_ONE}{one.pk}" for one in shut if sight_of(one, viewer_of(user)) is Sight.NOTHING}


def _close_connection() -> None:
    """Close the connection of the thread that runs this: it is found by the thread that asks for it."""
    connection.close()


def live_app(clock: Callable[[], datetime], ending: asyncio.Event | None = None) -> Live:
    """The application to mount at /events. Who mounts it may end its streams by `ending`, or by cancelling them."""
    return Live(clock, ending or asyncio.Event())


def topics_of(query: str) -> frozenset[str]:
    """The topics a page asks for; what is none of ours is left out."""
    asked = [value for name, value in parse_qsl(query, max_num_fields=100) if name == "topic"]
    return frozenset([topic for topic in asked if _TOPIC.fullmatch(topic)][:TOPICS_MAX])


def _headers(kind: str) -> list[tuple[bytes, bytes]]:
    named = security_headers() | {
        "Content-Type": kind,
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
    return [(name.lower().encode(), value.encode()) for name, value in named.items()]


async def _refuse(send: Send, status: int, words: str) -> None:
    await send(
        {"type": "http.response.start", "status": status, "headers": _headers("text/plain; charset=utf-8")}
    )
    await send({"type": "http.response.body", "body": words.encode() + b"\n"})


async def _say(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
