"""Which part of the program answers which path: the one place where a request chooses its way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tocsin.engine.health import Health
from tocsin.site.answers import App, Receive, Scope, Send, answer
from tocsin.site.clock import now
from tocsin.sources import PATHS


@dataclass
class Router:
    """`pages` is Django, `live` the event stream, `intake` what takes events when the connection itself did not;
    `ending` is set once the program is about to end."""

    pages: App
    intake: App
    live: App
    health: Health
    ending: asyncio.Event

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1000})
            return
        path: str = scope["path"]
        if path.startswith(PATHS):
            await self.intake(scope, receive, send)
        elif path == "/events":
            await self.live(scope, receive, send)
        elif path == "/healthz":
            await self._healthz(send)
        elif path == "/livez":
            await self._livez(send)
        elif path == "/readyz":
            await self._readyz(send)
        else:
            await self.pages(scope, receive, send)

    async def _livez(self, send: Send) -> None:
        """200 while the program can do its work at all: somebody who restarts what is dead looks here."""
        fault = self.health.fault(now())
        await answer(send, 503 if fault else 200, fault or "ok")

    async def _healthz(self, send: Send) -> None:
        """200 while the program does what it is for: whoever watches it looks here. Restarting does not help when
        nobody can be reached, so who restarts looks at /livez."""
        fault = self.health.fault(now()) or self.health.alone
        await answer(send, 503 if fault else 200, fault or "ok")

    async def _readyz(self, send: Send) -> None:
        """200 when requests should come here: a balancer looks here. Says why not, and how late the engine is."""
        at = now()
        why = "the program is ending" if self.ending.is_set() else self.health.not_ready(at)
        said = {"ready": not why, "why": why, "engine_lag_seconds": round(self.health.lag, 3)}
        await answer(send, 503 if why else 200, said, retry_after=2 if why else 0)
