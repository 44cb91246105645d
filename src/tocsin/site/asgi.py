"""Which part of the program answers which path: the one place where a request chooses its way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from tocsin.engine.health import Health
from tocsin.site.answers import App, Event, Receive, Scope, Send, answer
from tocsin.site.clock import now


@dataclass
class Ending:
    """Whether the program is about to end. Live streams are ended by it: the server would wait for them for ever."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Router:
    """`pages` is Django, `live` the event stream, `intake` what takes events (None: nothing does)."""

    pages: App
    live: App | None
    intake: App | None
    intake_paths: tuple[str, ...]
    health: Health
    ending: Ending

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1000})
            return
        path: str = scope["path"]
        if self.intake is not None and path.startswith(self.intake_paths):
            await self.intake(scope, receive, send)
        elif path == "/events" and self.live is not None:
            await self._stream(self.live, scope, receive, send)
        elif path == "/healthz":
            await self._healthz(send)
        elif path == "/readyz":
            await self._readyz(send)
        else:
            await self.pages(scope, receive, send)

    async def _healthz(self, send: Send) -> None:
        """200 while the program can do its work at all: somebody who restarts what is dead looks here."""
        fault = self.health.fault(now())
        await answer(send, 503 if fault else 200, fault or "ok")

    async def _readyz(self, send: Send) -> None:
        """200 when requests should come here: a balancer looks here. Says why not, and how late the engine is."""
        at = now()
        why = "the program is ending" if self.ending.begun.is_set() else self.health.not_ready(at)
        said = {"ready": not why, "why": why, "engine_lag_seconds": round(self.health.lag, 3)}
        await answer(send, 503 if why else 200, said, retry_after=2 if why else 0)

    async def _stream(self, live: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Run a live stream until it ends, or until the program does."""
        started = ended = False

        async def watched(message: Event) -> None:
            nonlocal started, ended
            started = True
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        stream = asyncio.ensure_future(live(scope, receive, watched))
        ending = asyncio.ensure_future(self.ending.begun.wait())
        try:
            await asyncio.wait({stream, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
            stream.cancel()
        try:
            await stream
        except asyncio.CancelledError:
            if started and not ended:
                await send({"type": "http.response.body", "body": b""})
            elif not started:
                await answer(send, 503, "The program is ending. Come back in a moment.", retry_after=2)
