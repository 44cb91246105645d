"""Everything that runs in the one process, and how it begins and ends. Imported once Django is set up."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Protocol

import structlog
import uvicorn
import uvloop
from django.conf import settings
from django.db import Error, connection, transaction
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tocsin import channels, sources
from tocsin.catalog.snapshot import as_it_stands
from tocsin.channels.break_glass import BreakGlass
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.reach import Reach
from tocsin.channels.webhook import Webhook
from tocsin.engine.calendars import Calendars
from tocsin.engine.cards import Cards
from tocsin.engine.delivery import Sender
from tocsin.engine.duties import duties
from tocsin.engine.health import Health
from tocsin.engine.hooks import Hooks
from tocsin.engine.last_resort import LastResort
from tocsin.engine.loop import Engine
from tocsin.engine.succeeding import succeed
from tocsin.engine.waits import waits_of
from tocsin.intake.hot import Intake
from tocsin.journal.actions import ORGANISATION, Fact, release_lease, write
from tocsin.kernel.acting import ENGINE
from tocsin.kernel.errors import Refused
from tocsin.organisation.demo import make_demo
from tocsin.site import schema
from tocsin.site.answers import App
from tocsin.site.asgi import Router
from tocsin.site.checkpoint import Checkpointer
from tocsin.site.clock import CLOCK, now
from tocsin.site.config import Config
from tocsin.site.first_run import ADDRESS_FILE, keep_local_token, sign_in_link, write_private
from tocsin.site.intake_app import intake_app
from tocsin.site.mail import Postbox
from tocsin.site.pages import Pages, Wsgi
from tocsin.site.postgres import Ears, connection_arguments, database_seconds
from tocsin.site.protocol import intake_protocol
from tocsin.site.secret import check_secret
from tocsin.web.live import live_app

END_SECONDS = 7.5  # then the process ends whatever hangs; what was accepted is on the disk
DRAIN_SECONDS = 3  # for requests that are being answered
PART_SECONDS = 5.0  # for each part; all end at the same time
KEEP_ALIVE_SECONDS = 75
CLOCK_EVERY = timedelta(seconds=2)
SCHEMA_EVERY = timedelta(seconds=15)
ALONE_EVERY = timedelta(seconds=5)
SWITCH_SECONDS = 0.0005  # a thread that computes lets the event loop have its turn this soon

_log = structlog.get_logger("tocsin")


class Part(Protocol):
    """What runs beside the server, in a thread of its own."""

    def start(self) -> None:
        """Begin, in the background."""

    def stop(self, seconds: float) -> object:
        """End, and wait for that at most `seconds`."""


class Server(uvicorn.Server):
    """Uvicorn as a part: it says when it answers, and leaves the signals to the program."""

    def __init__(self, config: uvicorn.Config, opened: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._opened = opened

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the doors, then say so."""
        await super().startup(sockets)
        await self._opened()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone: the program ends its parts in an order of its own."""
        yield


class Program:
    """Everything that one process runs, from its doors open to its last answer given."""

    def __init__(self, config: Config, listening: socket.socket, local: str) -> None:
        self.config = config
        self.listening = listening
        self.local = local
        self.health = Health()
        self.pages = Pages(_django)
        self.intake = Intake(sources.source_of, as_it_stands, now)
        self.link: str | None = None
        self._known = schema.known_steps()
        self._last: LastResort | None = None
        self._list: BreakGlass | None = None
        self._clock_checked = self._schema_checked = self._alone_checked = datetime.min.replace(
            tzinfo=now().tzinfo
        )

    def prepare(self, demo: bool) -> None:
        """Bring the database up to date and make what a fresh instance needs. Raises Refused."""
        channels.wire(self.config, self.config.secret_key)
        self._list = channels.break_glass_list(self.config, self.config.break_glass)
        try:
            if connection.vendor == "postgresql":
                CLOCK.follow(database_seconds)
            schema.upgrade()
            check_secret(self.config)
            if self.config.sqlite_path is not None:
                succeed(now())
            if demo:
                make_demo(now())
            keep_local_token(self.config.data, now())
            self.link = sign_in_link(self.config, now(), demo)
        except Error as error:
            raise Refused(
                f"The database cannot be used ({str(error).strip().splitlines()[0]})",
                mend="Check TOCSIN_DATABASE_URL and the server, or the data folder and its disk; then start again.",
            ) from error
        finally:
            connection.close()  # from here on this thread runs the event loop

    def run(self) -> None:
        """Serve until a signal; then end in order."""
        try:
            uvloop.run(self._serve())
        finally:
            (self.config.data / ADDRESS_FILE).unlink(missing_ok=True)

    async def _serve(self) -> None:
        self.ending = asyncio.Event()
        server = self._server()
        parts = self._parts()
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, self._end, server)
        for part in parts:
            part.start()
        parts_end = asyncio.ensure_future(self._end_of(parts))
        try:
            await server.serve(sockets=[self.listening])
        finally:
            self._end(server)
            await parts_end
            self.pages.close()

    async def _end_of(self, parts: Sequence[Part]) -> None:
        """Wait for the end to begin, then end every part: at once, while requests are still being answered."""
        await self.ending.wait()
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(len(parts), thread_name_prefix="stop") as stopping:
            await asyncio.gather(*(loop.run_in_executor(stopping, part.stop, PART_SECONDS) for part in parts))
        await loop.run_in_executor(None, self._let_go)

    def _let_go(self) -> None:
        """Release what other nodes would wait for."""
        try:
            release_lease("seal", self.config.node, now())
        except Error as error:
            _log.warning("the lease could not be released", error=str(error).strip()[:200])
        finally:
            connection.close()

    def _server(self) -> Server:
        app = Router(
            pages=self._behind_proxies(self.pages),
            intake=intake_app(self.intake),
            live=self._behind_proxies(live_app(now, self.ending)),
            health=self.health,
            ending=self.ending,
        )
        config = uvicorn.Config(
            app,
            loop="none",
            http=intake_protocol(self.intake),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
        return Server(config, self._opened)

    def _behind_proxies(self, app: App) -> App:
        """Believe what trusted proxies say of the client's address and scheme; nobody else."""
        if not self.config.trusted_proxies:
            return app
        return ProxyHeadersMiddleware(app, list(self.config.trusted_proxies))  # type: ignore[arg-type, return-value]

    async def _opened(self) -> None:
        """The server answers: make ready what the first visitor would wait for, and say so once the engine looks."""
        write_private(self.config.data / ADDRESS_FILE, self.local)
        self.pages.warm()
        print(f"Tocsin runs on {self.config.url}")  # noqa: T201
        while self.health.looked_at is None and not self.ending.is_set():
            await asyncio.sleep(0.005)
        if self.link:
            print(f"Sign in once, within 24 hours: {self.link}")  # noqa: T201
        print("Ready. Ctrl-C ends it.", flush=True)  # noqa: T201
        gc.collect()
        # A page passes through four threads; none of them may hold the interpreter for long while another waits.
        sys.setswitchinterval(SWITCH_SECONDS)
        gc.freeze()  # what is loaded stays; the collector need not walk it again beside what comes

    # --- what runs beside the server ---

    def _parts(self) -> list[Part]:
        """What is started in this order and stopped in the other."""
        parts: list[Part] = []
        if self.config.sqlite_path is not None:
            parts.append(Checkpointer(self.config.sqlite_path))
        else:
            parts.append(Ears(connection_arguments(settings.DATABASES["default"])))
        sender = Sender(now, random.random)
        cards = Cards(now, random.random)
        self._last = last = LastResort(self.config.last_resort, now, self.health, self._list)
        outgoing = Outgoing(Reach.of(self.config.allowed_networks))
        looks = Calendars(outgoing, now)
        hooks = Hooks(Webhook(outgoing), self.config.node, now, random.random)
        work = duties(
            sources.READERS,
            self.config.seal_key,
            self.config.node,
            leaving=sender.leaving,
            look_at_calendars=looks.look,
            change_cards=cards.look,
            sound=last.look,
            send_to_hooks=hooks.look,
        )
        parts += [sender, self.intake]
        if self.config.mail_listen is not None:
            parts.append(Postbox(*self.config.mail_listen, now))
        parts.append(Engine(work, now, self.health, waits_of(work), self._between))
        return parts

    def _between(self, at: datetime, idle: bool) -> None:
        """What the program does between two looks of the engine, in the engine's thread."""
        if at - self._clock_checked >= CLOCK_EVERY:
            self._clock_checked = at
            watch_clock(at, idle)
        if self._last is not None and at - self._alone_checked >= ALONE_EVERY:
            self._alone_checked = at
            self._last.watch(at)
        if at - self._schema_checked >= SCHEMA_EVERY:
            self._schema_checked = at
            self._watch_schema()

    def _watch_schema(self) -> None:
        """The tables are not this program's, a newer one's or an older one's: it takes events on, and decides nothing
        more."""
        refused = schema.look(self._known).misfit
        if refused and refused != self.health.refused:
            _log.error("this node decides nothing more", why=refused)
        self.health.refused = refused

    # --- the end ---

    def _end(self, server: Server) -> None:
        """The signal: stop listening, end the live streams, and guard against whatever hangs."""
        if self.ending.is_set():
            return
        self.ending.set()
        server.should_exit = True
        guard = threading.Timer(END_SECONDS, os._exit, [1])
        guard.daemon = True
        guard.start()


def watch_clock(at: datetime, idle: bool) -> None:
    """Note when the machine's or the database's clock has stepped; take the step over when nothing waits."""
    step = CLOCK.check()
    if step is not None:
        seconds = round(step.total_seconds(), 1)
        _log.warning("the clock was set; running timers keep their length", seconds=seconds)
        with transaction.atomic():
            write([Fact(ORGANISATION, "instance.clock_stepped", {"seconds": seconds})], ENGINE, at)
    if idle:
        CLOCK.adopt()


def _django() -> Wsgi:
    from django.core.handlers.wsgi import WSGIHandler  # with it come the pages of every room

    return WSGIHandler()
