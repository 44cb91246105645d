"""The one way HTTP leaves this program: guarded, bounded in time and size, and with connections kept warm.

A name is resolved once; if any of its addresses may not be reached, nothing is connected, and otherwise the
connection goes to the very address that was checked (no second look-up that could answer differently). No
redirects, no proxies from the environment, no compression, no cookies.

The wall clock is not read here; deadlines run on the monotonic clock.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpcore2

from tocsin.channels.reach import Address, Reach, Target
from tocsin.notification.deadline import seconds_left

DEADLINE = 10.0  # seconds for everything: look-up, connection, request, answer
ANSWER_BYTES_MAX = 65_536  # of head and body together; whoever sends more is cut off
AFTERWARDS = 1.0  # seconds in which a body may follow its status: what counts is known by then
EXCERPT_LENGTH_MAX = 200  # characters of an answer that are ever kept
CONNECTIONS_MAX = 128
IDLE_MAX = 32
KEEP_WARM = 4.0  # seconds; just below the five after which many servers hang up
ADDRESSES_TRIED_MAX = 4
LOOKUPS_MAX = 32

_BROKEN = (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, OSError)

Resolver = Callable[[str, int, float], Sequence[Address]]


class Unreachable(Exception):
    """The request did not get an answer; says why in words. `forbidden` means that no retry can help, `perhaps` that
    the request may have arrived all the same."""

    def __init__(self, why: str, forbidden: bool = False, perhaps: bool = False) -> None:
        super().__init__(why)
        self.forbidden = forbidden
        self.perhaps = perhaps


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
            network_backend=_Guard(reach, resolver or resolve),
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
        _allowance.begin(had, most)
        try:
            yield
        except httpcore2.TimeoutException as error:
            raise Unreachable(f"no answer within {had:.3g} s", perhaps=_allowance.written) from error
        except _BROKEN as error:
            raise Unreachable(_in_words(error), perhaps=_allowance.written) from error

    def _answer(self, request: httpcore2.Request) -> Answer:
        response = self._pool.handle_request(request)
        try:
            # The status has arrived and decides; a body that stalls, breaks or never ends changes nothing.
            _allowance.shorten(AFTERWARDS)
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


# -- deadlines and sizes -------------------------------------------------------------------------------------


class _Allowance(threading.local):
    """What the request that this thread is making may still use: seconds, and bytes of the answer.

    A request runs in one thread from beginning to end, while its connection outlives it; so the bounds belong
    to the thread and not to the stream. httpcore2's own timeouts start anew at each read, and would never end
    a sender of one byte per second.
    """

    until = 0.0
    bytes_left = 0
    written = False  # something of the request has left

    def begin(self, seconds: float, size: int) -> None:
        self.until, self.bytes_left, self.written = time.monotonic() + seconds, size, False

    def shorten(self, seconds: float) -> None:
        self.until = min(self.until, time.monotonic() + seconds)

    def seconds(self) -> float:
        """What is left of the time. Raises ReadTimeout when nothing is."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout
        return left

    def take(self, data: bytes) -> bytes:
        self.bytes_left -= len(data)
        if self.bytes_left < 0:
            raise httpcore2.ReadError("the answer is too long")
        return data


_allowance = _Allowance()


class _Bounded(httpcore2.NetworkStream):
    """A stream under the allowance of the thread that uses it."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return _allowance.take(self._stream.read(max_bytes, _allowance.seconds()))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        seconds = _allowance.seconds()
        _allowance.written = True
        self._stream.write(buffer, seconds)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Bounded(self._stream.start_tls(ssl_context, server_hostname, _allowance.seconds()))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


# -- where connections may go --------------------------------------------------------------------------------


class _Guard(httpcore2.NetworkBackend):
    """Connects to addresses that were checked, and to nothing else."""

    def __init__(self, reach: Reach, resolver: Resolver) -> None:
        self._reach = reach
        self._resolver = resolver
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        addresses = checked_addresses(host, port, self._reach, self._resolver, _allowance.seconds())
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            try:
                share = _allowance.seconds() / left
                return _Bounded(self._plain.connect_tcp(str(address), port, share, None, socket_options))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if left == 1:
                    raise
        raise AssertionError("there is always an address, and the last one returns or raises")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.NetworkStream:
        raise Unreachable("files are not called", forbidden=True)


def checked_addresses(
    host: str, port: int, reach: Reach, resolver: Resolver, seconds: float
) -> Sequence[Address]:
    """The addresses of `host`, when every one of them may be reached. Raises Unreachable."""
    addresses = resolver(host, port, seconds)
    if not addresses:
        raise Unreachable(f"the name {host} has no address")
    for address in addresses:
        why = reach.objection(address)
        if why is None and not reach.allows(address) and _is_this_machine(address):
            why = "it is this machine"
        if why is not None:
            raise Unreachable(f"{host} may not be called: {why}", forbidden=True)
    return addresses[:ADDRESSES_TRIED_MAX]


def _is_this_machine(address: Address) -> bool:
    """Whether `address` is one of our own: the kernel would speak to it from itself. Nothing is sent."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return ipaddress.ip_address(probe.getsockname()[0]) == address
    except OSError:
        return False  # there is no way to it; connecting will say so


_lookups = threading.BoundedSemaphore(LOOKUPS_MAX)


def resolve(host: str, port: int, seconds: float) -> Sequence[Address]:
    """The addresses of `host`, asked of the system once, within `seconds`. Raises Unreachable.

    The system's resolver cannot be told to give up, so it runs in a thread that is left behind when it hangs;
    there are at most LOOKUPS_MAX of those.
    """
    with suppress(ValueError):
        return (ipaddress.ip_address(host),)
    until = time.monotonic() + seconds
    if not _lookups.acquire(timeout=seconds):
        raise Unreachable("too many names are being looked up already")
    found: queue.SimpleQueue[Sequence[Address] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.put(tuple(dict.fromkeys(ipaddress.ip_address(row[4][0]) for row in rows)))
        except OSError as error:
            found.put(error)
        except ValueError as error:  # a zone that this machine does not have, a name that IDNA refuses
            found.put(OSError(str(error)))
        finally:
            _lookups.release()

    threading.Thread(target=look_up, name="look-up", daemon=True).start()
    try:
        addresses = found.get(timeout=max(0.0, until - time.monotonic()))
    except queue.Empty:
        raise Unreachable(f"the name {host} was not resolved within {seconds:.0f} s") from None
    if isinstance(addresses, OSError):
        raise Unreachable(f"the name {host} cannot be resolved")
    return addresses
