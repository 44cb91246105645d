"""Intake inside the server: requests of senders are answered by the connection itself, everything else goes to ASGI.

`intake_protocol(intake)` is what `uvicorn.Config(http=…)` takes; `intake_app` does the same over plain ASGI.

What a connection owes, in the order the requests came, stands in `_owed`; answers may be ready in another order and
wait for their turn. Nobody may keep a connection busy with little: a head or a body that is not whole after
`DEADLINE_SECONDS` ends it, and so does silence; one address may hold only so many.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tocsin.intake.hot import Intake
from tocsin.intake.hot_body import too_large
from tocsin.intake.hot_request import Answer, Request
from tocsin.intake.rules import BODY_BYTES_MAX
from tocsin.kernel.errors import Refused
from tocsin.sources import PATHS, source_of

HEAD_BYTES_MAX = 64 * 1024
DEADLINE_SECONDS = 10.0  # for a head, and for a body of a sender, from its first byte to its last
KEEP_ALIVE_SECONDS = 75.0
SWEEP_SECONDS = 1.0
# After a refusal the rest of the body is read away so long, so that the sender reads the answer.
LINGER_SECONDS = 2.0
LINGER_BYTES_MAX = BODY_BYTES_MAX
PIPELINED_MAX = 64  # requests of one connection that wait for answers; then no more is read
CONNECTIONS_PER_ADDRESS_MAX = 1_000

_PREFIXES = tuple(path.encode() for path in PATHS)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# The same care as on pages, in as few bytes as a machine's answer needs.
SAFE_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
_SAFE = b"".join(name + b": " + value + b"\r\n" for name, value in SAFE_HEADERS)


def intake_protocol(intake: Intake) -> type[asyncio.Protocol]:
    """The protocol class for one server: uvicorn's own, with intake inside."""
    return type("IntakeProtocol", (_Protocol,), {"intake": intake, "sockets": Connections()})


class Connections:
    """All connections of one server, and the sweep that ends those whose client does nothing."""

    def __init__(self) -> None:
        self._by_address: dict[str, set[_Protocol]] = {}
        self._sweeping = False

    def add(self, one: _Protocol) -> None:
        """Take a connection in; when its address has too many, the one that waits longest for its client ends."""
        of_address = self._by_address.setdefault(one.address, set())
        of_address.add(one)
        if len(of_address) > CONNECTIONS_PER_ADDRESS_MAX:
            waiting = [other for other in of_address if other.waits_since]
            min(waiting, key=lambda other: other.waits_since, default=one).drop()
        if not self._sweeping:
            self._sweeping = True
            one.loop.call_later(SWEEP_SECONDS, self._sweep, one.loop)

    def remove(self, one: _Protocol) -> None:
        """Forget a connection that has ended."""
        of_address = self._by_address.get(one.address)
        if of_address is not None:
            of_address.discard(one)
            if not of_address:
                del self._by_address[one.address]

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look at every connection, and again soon while there is one."""
        now = loop.time()
        for of_address in tuple(self._by_address.values()):
            for one in tuple(of_address):
                one.check_time(now)
        self._sweeping = bool(self._by_address)
        if self._sweeping:
            loop.call_later(SWEEP_SECONDS, self._sweep, loop)


class _Owed:
    """The answer to one request of a connection, when it is there. Called with it."""

    __slots__ = ("closes", "head_only", "protocol", "text")

    def __init__(self, protocol: _Protocol, head_only: bool, closes: bool) -> None:
        self.protocol, self.head_only, self.closes = protocol, head_only, closes
        self.text: bytes | None = None

    def __call__(self, answer: Answer) -> None:
        self.text = written(answer, self.head_only, self.closes)
        self.protocol.send_ready()


class _Protocol(HttpToolsProtocol):
    intake: Intake
    sockets: Connections

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.address = ""
        # Since when this side waits for the client; 0 while it is the client who waits.
        self.waits_since = 0.0
        self._limit = DEADLINE_SECONDS
        self._owed: deque[_Owed] = deque()
        # A page asked for behind a sender's request, and its application.
        self._held: tuple[Any, Any] | None = None
        self._mine = self._in_head = self._in_message = self._deaf = False
        self._head_bytes = self._body_bytes = 0
        self.body: list[bytes] = []

    # --- the connection -----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there; from now on it has its time to say something."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        self.waits_since = self.loop.time()
        self.sockets.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone: nothing is owed to it any more."""
        self.sockets.remove(self)
        self._owed.clear()
        self._held = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, within the bounds of a head and of the time; a connection that was refused is only listened out."""
        if self._deaf:
            self._body_bytes += len(data)
            if self._body_bytes > LINGER_BYTES_MAX:
                self.transport.close()
            return
        super().data_received(data)
        if not self._in_message:
            return
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse_now(Refused("The head of the request is too large", "at most 64 KB", status=431))
                return
        if (self._in_head or self._mine) and (not self.waits_since or self._limit != DEADLINE_SECONDS):
            self.waits_since, self._limit = self.loop.time(), DEADLINE_SECONDS

    def check_time(self, now: float) -> None:
        """End the connection when its client has been silent or slow for too long."""
        if not self.waits_since or now - self.waits_since < self._limit:
            return
        if self._in_message and not self._deaf:
            self._refuse_now(Refused("The request did not come in time", "all of it within 10 s", status=408))
        else:
            self.drop()

    def drop(self) -> None:
        """End the connection without a word."""
        if not self.transport.is_closing():
            self.transport.close()

    def shutdown(self) -> None:
        """The server ends: what is owed is still answered."""
        if self._owed:
            self._owed[-1].closes = True
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        """The client does not read what it asked for."""
        super().pause_writing()
        self.flow.pause_reading()  # who does not read answers does not get to ask more

    def resume_writing(self) -> None:
        """It reads again, and may ask again."""
        super().resume_writing()
        if len(self._owed) < PIPELINED_MAX:
            self.flow.resume_reading()

    # --- one request --------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._in_message = self._in_head = True
        self._mine = False
        self._head_bytes = self._body_bytes = 0
        self.body = []

    def on_headers_complete(self) -> None:
        """Decide whose it is: the intake's, answered here, or a page's, handed to uvicorn."""
        self._in_head = False
        if (
            self.url.startswith(_PREFIXES)
            and (self.cycle is None or self.cycle.response_complete)
            and not self._held
        ):
            self._mine = True
            if self.expect_100_continue and not self._too_long():
                go_on = _Owed(self, False, False)
                go_on.text = _CONTINUE
                self._owed.append(go_on)
                self.send_ready()
            return
        self.waits_since = 0.0  # pages have their own time limits
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()  # sets up what ASGI needs, and only what ASGI needs
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()

    def _too_long(self) -> bool:
        """Whether the request itself says that its body is too large; then it is refused before it comes."""
        for name, value in self.headers:
            if name == b"content-length" and (len(value) > 9 or int(value) > BODY_BYTES_MAX):
                self._refuse_now(too_large())
                return True
        return False

    def on_body(self, body: bytes) -> None:
        """Keep a piece, up to the bound."""
        if not self._mine:
            super().on_body(body)
        elif not self._deaf:
            self._body_bytes += len(body)
            if self._body_bytes > BODY_BYTES_MAX:
                self._refuse_now(too_large())
            else:
                self.body.append(body)

    def on_message_complete(self) -> None:
        """The request is whole: hand it to the intake, which answers when it is stored."""
        self._in_message = False
        if not self._mine:
            super().on_message_complete()
            return
        if self._deaf:
            return
        self.waits_since = 0.0
        request = self._request()
        owed = _Owed(self, request.method == "HEAD", self._closes(request))
        self._owed.append(owed)
        if len(self._owed) >= PIPELINED_MAX:
            self.flow.pause_reading()
        self.intake.submit(request, owed)

    def _request(self) -> Request:
        path, _, query = self.url.decode("latin-1").partition("?")
        body = self.body[0] if len(self.body) == 1 else b"".join(self.body)
        method = self.parser.get_method().decode("ascii")
        return Request(method, path, query.partition("#")[0], dict(self.headers), body)

    def _closes(self, request: Request) -> bool:
        """Whether the connection ends with this answer. A client of HTTP/1.0 expects that unless told otherwise."""
        if not self.parser.should_keep_alive() or self.parser.should_upgrade():
            return True
        return b"connection" in request.headers and self.parser.get_http_version() == "1.0"

    # --- answering ----------------------------------------------------------------------------------------------------

    def send_ready(self) -> None:
        """Write the answers that are there, in the order of their requests."""
        owed = self._owed
        if not owed or owed[0].text is None or self.transport.is_closing():
            return
        texts: list[bytes] = []
        closes = False
        while owed and not closes and (text := owed[0].text) is not None:
            texts.append(text)
            closes = owed.popleft().closes
        self.transport.write(texts[0] if len(texts) == 1 else b"".join(texts))
        if closes:
            self._owed.clear()
            self._end_softly()
        elif not owed:
            self._nothing_owed()

    def _nothing_owed(self) -> None:
        if not self._in_message:
            self.waits_since, self._limit = self.loop.time(), KEEP_ALIVE_SECONDS
        if self._held is not None:
            held, self._held = self._held, None
            super()._start_asgi_task(*held)
        if self.flow.read_paused and not self.flow.write_paused:
            self.flow.resume_reading()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """A page that was asked for behind a sender's request waits until that is answered."""
        if self._owed:
            self._held = (cycle, app)
            self.flow.pause_reading()
        else:
            super()._start_asgi_task(cycle, app)

    def _end_softly(self) -> None:
        """Close; after a refused body only when the sender has had time to read why."""
        if self._deaf and not self.transport.is_closing():
            self.waits_since, self._limit = self.loop.time(), LINGER_SECONDS
            if self.transport.can_write_eof():
                self.transport.write_eof()
        else:
            self.drop()

    def _refuse_now(self, refused: Refused) -> None:
        """Answer before the request is whole, then end the connection; what still comes is not looked at."""
        self._deaf, self._in_message = True, False
        self.body, self._body_bytes = [], 0
        if self.cycle is not None and not self.cycle.response_complete:
            self.drop()  # a page is being answered: there is no room for another answer
            return
        path = self.url.decode("latin-1").partition("?")[0] if self.url else ""
        request = Request("POST", path if source_of(path) else "/hooks/", "", {}, b"")
        owed = _Owed(self, False, True)
        self._owed.append(owed)
        owed(self.intake.refuse(refused, request))

    def send_400_response(self, msg: str) -> None:
        """What is not HTTP, or says two things about its length."""
        self._refuse_now(Refused("The request is not HTTP as it should be", "HTTP/1.1", status=400))


def written(answer: Answer, head_only: bool, closes: bool) -> bytes:
    """The whole answer as it goes over the wire."""
    extra = b"".join(b"%s: %s\r\n" % header for header in answer.headers)
    if closes:
        extra += b"connection: close\r\n"
    if answer.status == 204:
        return b"%s%s%s\r\n" % (STATUS_LINE[204], _SAFE, extra)
    kind = b"content-type: application/json\r\n" if answer.body else b""
    head = b"%s%s%s%scontent-length: %d\r\n\r\n" % (
        STATUS_LINE[answer.status], kind, _SAFE, extra, len(answer.body),
    )  # fmt: skip
    return head if head_only else head + answer.body
