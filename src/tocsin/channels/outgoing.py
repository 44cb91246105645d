"""The one way HTTP leaves this program: guarded, bounded in time and size, and with connections kept warm.

A name is resolved once; if any of its addresses may not be reached, nothing is connected, and otherwise the
connection goes to the very address that was checked (no second look-up that could answer differently). No
redirects, no proxies from the environment, no compression, no cookies.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpcore2

from tocsin.channels.connecting import Guard, Resolver, Unreachable, allowance, resolve
from tocsin.channels.reach import Reach, Target
from tocsin.notification.deadline import seconds_left

DEADLINE = 10.0  # seconds for everything: look-up, connection, request, answer
ANSWER_BYTES_MAX = 65_536  # of head and body together; whoever sends more is cut off
AFTERWARDS = 1.0  # seconds in which a body may follow its status: what counts is known by then
EXCERPT_LENGTH_MAX = 200  # characters of an answer that are ever kept
CONNECTIONS_MAX = 128
IDLE_MAX = 32
KEEP_WARM = 4.0  # seconds; just below the five after which many servers hang up

_BROKEN = (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, OSError)


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the headers by lower-case name, the beginning of the body as text."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    excerpt: str = ""


@dataclass(frozen=True)
class Fetched:
    """All that came back: the status, the headers by lower-case name, the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Outgoing:
    """Speaks to addresses that other people wrote down. Safe to share between threads."""

    def __init__(
        self,
        reach: Reach,
        *,
        resolver: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
        deadline: float = DEADLINE,
    ) -> None:
        self.reach = reach
        self.deadline = deadline
        self._pool = httpcore2.ConnectionPool(
            ssl_context=tls or ssl.create_default_context(),
            max_connections=CONNECTIONS_MAX,
            max_keepalive_connections=IDLE_MAX,
            keepalive_expiry=KEEP_WARM,
            http2=False,
            retries=0,
            network_backend=Guard(reach, resolver or resolve),
        )

    def post(self, target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The answer to a POST of `body`, whatever its status. Raises Unreachable."""
        length = {"Content-Length": str(len(body))}
        with self._bounded(target, ANSWER_BYTES_MAX):
            return self._answer(self._request("POST", target, length | dict(headers), body))

    def get(self, target: Target, headers: Mapping[str, str], most: int) -> Fetched:
        """All that lies at `target`, whatever its status, when it is at most `most` bytes. Raises Unreachable."""
        return self._whole(self._request("GET", target, headers), target, most)

    def exchange(
        self,
        method: str,
        target: Target,
        body: bytes,
        headers: Mapping[str, str],
        most: int,
        seconds: float | None = None,
    ) -> Fetched:
        """The whole answer to `body`, whatever its status, when it is at most `most` bytes. Raises Unreachable.

        For whoever says in the body of an answer what the status does not; the others `post`. `seconds` is what is
        left of a deadline for several calls; None is the client's own.
        """
        length = {"Content-Length": str(len(body))}
        return self._whole(self._request(method, target, length | dict(headers), body), target, most, seconds)

    def _whole(
        self, request: httpcore2.Request, target: Target, most: int, seconds: float | None = None
    ) -> Fetched:
        with self._bounded(target, ANSWER_BYTES_MAX + most, seconds):
            response = self._pool.handle_request(request)
            try:
                body = bytearray()
                for chunk in response.iter_stream():
                    body += chunk
                    if len(body) > most:
                        raise Unreachable(f"the answer is longer than {most} bytes", perhaps=True)
            finally:
                response.close()
        return Fetched(response.status, _headers_of(response), bytes(body))

    def _request(
        self, method: str, target: Target, headers: Mapping[str, str], body: bytes | None = None
    ) -> httpcore2.Request:
        return httpcore2.Request(
            method,
            httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
            headers=[
                ("Host", target.netloc),
                ("User-Agent", "Tocsin"),
                ("Accept-Encoding", "identity"),
                *headers.items(),
            ],
            content=body,
            extensions={"timeout": dict.fromkeys(("connect", "pool"), seconds_left(self.deadline))},
        )

    @contextmanager
    def _bounded(self, target: Target, most: int, seconds: float | None = None) -> Iterator[None]:
        """Around one request: its time and size are bounded, and what goes wrong is said. Raises Unreachable."""
        if target.literal is not None and (why := self.reach.objection(target.literal)):
            raise Unreachable(f"{target.host} may not be called: {why}", forbidden=True)
        had = seconds_left(self.deadline if seconds is None else seconds)
        allowance.begin(had, most)
        try:
            yield
        except httpcore2.TimeoutException as error:
            raise Unreachable(f"no answer within {had:.3g} s", perhaps=allowance.written) from error
        except _BROKEN as error:
            raise Unreachable(_in_words(error), perhaps=allowance.written) from error

    def _answer(self, request: httpcore2.Request) -> Answer:
        response = self._pool.handle_request(request)
        try:
            # The status has arrived and decides; a body that stalls, breaks or never ends changes nothing.
            allowance.shorten(AFTERWARDS)
            beginning = bytearray()
            with suppress(*_BROKEN):
                for chunk in response.iter_stream():
                    beginning += chunk[: ANSWER_BYTES_MAX - len(beginning)]
        finally:
            response.close()
        text = bytes(beginning[: 4 * EXCERPT_LENGTH_MAX]).decode("utf-8", "replace")
        excerpt = "".join(c if c.isprintable() else " " for c in text)[:EXCERPT_LENGTH_MAX]
        return Answer(response.status, _headers_of(response), excerpt)

    def close(self) -> None:
        """Hang up everywhere."""
        self._pool.close()


def _headers_of(response: httpcore2.Response) -> Mapping[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}


def _in_words(error: Exception) -> str:
    """The network's reason without addresses, paths or library names."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {(cause.reason or 'unknown reason').replace('_', ' ').lower()}"
        if isinstance(cause, ConnectionRefusedError):
            return "the connection was refused"
        if isinstance(cause, ConnectionResetError | BrokenPipeError):
            return "the connection was cut"
        cause = cause.__cause__ or cause.__context__  # the pool raises its errors `from None`
    if isinstance(error, httpcore2.RemoteProtocolError):
        return "the answer is not HTTP, or the connection ended without one"
    if isinstance(error, httpcore2.LocalProtocolError):
        return "the request cannot be written as HTTP"
    return "the connection failed"
