"""A mail server with bad days."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tocsin.testing.fakes import Mood

GREYLISTED = "451 4.7.1 Greylisted, please come again"


class FakeMail:
    """At `url`; what it got stands in `letters`, each with whether it was taken."""

    def __init__(self) -> None:
        self.mood = Mood.WELL
        self.letters: list[tuple[bytes, bool]] = []
        self.ended = asyncio.Event()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port: int = free.getsockname()[1]
        self._controller = Controller(self, hostname="127.0.0.1", port=self._port)
        self._controller.start()

    @property
    def url(self) -> str:
        """For TOCSIN_SMTP_URL."""
        return f"smtp://127.0.0.1:{self._port}?from=tocsin@example.com&tls=never"

    def __enter__(self) -> FakeMail:
        return self

    def __exit__(self, *raised: object) -> None:
        """Hang up everywhere."""
        self._controller.loop.call_soon_threadsafe(self.ended.set)
        self._controller.stop()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """What the server says to a letter."""
        content = envelope.content or b""
        letter = content.encode() if isinstance(content, str) else content
        taken = self.mood in (Mood.WELL, Mood.DROPS)
        self.letters.append((letter, taken))
        if self.mood is Mood.WELL:
            return "250 2.0.0 Taken"
        if self.mood is Mood.BUSY:
            return GREYLISTED
        if self.mood is Mood.BROKEN:
            return "554 5.3.0 This server has a fault of its own"
        transport: Any = server.transport
        if self.mood in (Mood.HANGS, Mood.TRICKLES):
            await self.ended.wait()
        if self.mood is Mood.GARBLES:
            transport.write(b"\x15\x03\x01\x00\x02\x02\x28\r\n")
        transport.abort() if self.mood is Mood.DROPS else transport.close()
        return "421 4.3.2 Going away"
