"""The door for letters: a small SMTP server that says 250 only when what the letter asks for is on the disk.

It relays nothing, knows no users and sends nothing back: what is no mailbox of ours is refused while it is offered.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import structlog
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session, syntax
from django.db import Error, connection

from tocsin.kernel.errors import Refused
from tocsin.sources.letters import LETTER_BYTES_MAX, read_letter
from tocsin.sources.mailboxes import deliver, find_mailbox

CONVERSATIONS_MAX = 50  # at once; more are asked to come back
RECIPIENTS_MAX = 10  # of one letter
COMMANDS_MAX = 100  # of each kind in one conversation
LINE_BYTES_MAX = 16 * 1024  # tools write longer lines than the standard's 1 000
IDLE_SECONDS = 60.0
CUT_OFF_AT = 2 * LETTER_BYTES_MAX  # up to here a letter is read to its end, and then refused
AT_WORK_MAX = 4  # letters that are looked into at once

NO_MAILBOX = "550 5.1.1 There is no such mailbox here"
TAKEN = "250 2.0.0 Taken"
LATER = "451 4.3.0 It cannot be stored now; send it again"
TOO_LARGE = "552 5.3.4 The letter is too large"
BUSY = "421 4.7.0 Too many conversations; come back later"

_log = structlog.get_logger("tocsin.mail")


class Conversation(SMTP):
    """One client. `others` counts all of them. A line ends with CR LF and nothing else.

    The library reads a letter that is too large to its end, and keeps a line that has none: so it is cut off here.
    """

    line_length_limit = LINE_BYTES_MAX

    def __init__(self, *args: Any, others: set[Conversation], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._others = others
        self._bytes: int | None = None  # of the letter that is being read

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:
        self._bytes = 0
        try:
            await super().smtp_DATA(arg)
        finally:
            self._bytes = None

    def data_received(self, data: bytes) -> None:
        if self._bytes is not None:
            self._bytes += len(data)
            if self._bytes > CUT_OFF_AT and isinstance(self.transport, asyncio.Transport):
                self.transport.write(f"{TOO_LARGE}\r\n".encode())
                self.transport.close()
                return
        super().data_received(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the client in; with CONVERSATIONS_MAX there already, ask it to come back."""
        if len(self._others) >= CONVERSATIONS_MAX and isinstance(transport, asyncio.Transport):
            transport.write(f"{BUSY}\r\n".encode())
            transport.close()
            return
        self._others.add(self)
        super().connection_made(transport)

    def eof_received(self) -> bool | None:
        """True when the other half stays open. Who was sent away has no conversation to end."""
        return super().eof_received() if self in self._others else False

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the client. Who was sent away was never counted."""
        if self in self._others:
            self._others.discard(self)
            super().connection_lost(error)


class Postbox(Controller):
    """The door as a part of the program, in a thread of its own."""

    def __init__(self, host: str, port: int, now: Callable[[], datetime]) -> None:
        self._others: set[Conversation] = set()
        self._work = ThreadPoolExecutor(AT_WORK_MAX, thread_name_prefix="letters")
        self._now = now
        super().__init__(
            handler=self,
            hostname=host,
            port=port,
            ready_timeout=10.0,
        )

    def factory(self) -> SMTP:
        """One conversation, with all its bounds; the controller asks for it at each connection."""
        return Conversation(
            self,
            others=self._others,
            hostname="tocsin",
            ident="Tocsin",
            data_size_limit=LETTER_BYTES_MAX,
            enable_SMTPUTF8=True,
            decode_data=False,
            timeout=IDLE_SECONDS,
            command_call_limit=COMMANDS_MAX,
            loop=self.loop,
        )

    @property
    def place(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self.server.sockets[0].getsockname()[:2]  # type: ignore[union-attr]
        return str(host), int(port)

    def start(self) -> None:
        """Listen. Raises Refused where that is not possible."""
        logging.getLogger("mail.log").setLevel(logging.ERROR)  # the library tells of every command
        try:
            super().start()
        except OSError as error:
            raise Refused(
                f"Letters cannot be taken in at {self.hostname}:{self.port} ({error.strerror})",
                "a free port that may be opened",
                where="TOCSIN_MAIL_LISTEN",
            ) from error

    def stop(self, seconds: float = 0) -> None:
        """Take nothing more; what is being stored is stored."""
        super().stop(no_assert=True)
        self._work.shutdown(wait=True, cancel_futures=True)

    def _trigger_server(self) -> None:
        host, port = self.place
        with socket.create_connection((host.replace("0.0.0.0", "127.0.0.1"), port), 1.0) as trial:
            trial.recv(1_024)

    # -- what clients say ----------------------------------------------------------------------------------------------

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient that is a mailbox of ours; else the SMTP answer that refuses it, or asks to come again
        while the database does not answer."""
        if len(envelope.rcpt_tos) >= RECIPIENTS_MAX:
            return "452 4.5.3 Too many recipients"
        try:
            found = await self._apart(find_mailbox, address)
        except Error:
            return LATER
        if found is None:
            return NO_MAILBOX
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Store what the letter asks for; the SMTP answer, which is TAKEN only when it is on the disk."""
        content = envelope.content
        raw = content.encode() if isinstance(content, str) else content or b""
        return str(await self._apart(self._take, tuple(envelope.rcpt_tos), raw, envelope.mail_from))

    async def handle_exception(self, error: Exception) -> str:
        """Log what went wrong and ask for the letter again: nothing of it was promised."""
        _log.error("a letter was not taken", error=f"{type(error).__name__}: {error}"[:300])
        return LATER

    async def _apart(self, work: Callable[..., Any], *args: Any) -> Any:
        """`work` in a thread that may wait for the database."""
        return await asyncio.get_running_loop().run_in_executor(self._work, _with_connection, work, *args)

    def _take(self, recipients: tuple[str, ...], raw: bytes, envelope_from: str | None) -> str:
        """Deliver to each; what cannot be stored is asked for again, and what was done then is not done twice."""
        letter = read_letter(raw, (envelope_from or "").strip("<> "))
        for address in recipients:
            mailbox = find_mailbox(address)
            if mailbox is None:  # closed since it was offered
                continue
            try:
                became = deliver(mailbox, letter, self._now())
            except Refused as refused:
                _log.info("a letter was refused", why=str(refused)[:200])
                return f"{'452 4.3.1' if refused.status in (429, 503) else '550 5.7.1'} {_line(str(refused))}"
            except Error as error:
                connection.close()
                _log.warning("a letter could not be stored", error=str(error).strip()[:200])
                return LATER
            _log.info("a letter came", became=str(became), bytes=len(raw))
        return TAKEN


def _line(text: str) -> str:
    return "".join(sign if sign.isascii() and sign.isprintable() else " " for sign in text)[:300]


def _with_connection(work: Callable[..., Any], *args: Any) -> Any:
    """Letters are rare: none keeps a connection open for the next."""
    try:
        return work(*args)
    finally:
        connection.close()
