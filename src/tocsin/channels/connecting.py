"""Connections of the way out: only to addresses that were checked, and bounded in time and bytes.

The wall clock is not read here; deadlines run on the monotonic clock.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import httpcore2

from tocsin.channels.reach import Address, Reach

ADDRESSES_TRIED_MAX = 4
LOOKUPS_MAX = 32
Resolver = Callable[[str, int, float], Sequence[Address]]


class Unreachable(Exception):
    """The request did not get an answer; says why in words. `forbidden` means that no retry can help, `perhaps` that
    the request may have arrived all the same."""

    def __init__(self, why: str, forbidden: bool = False, perhaps: bool = False) -> None:
        super().__init__(why)
        self.forbidden = forbidden
        self.perhaps = perhaps


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


allowance = _Allowance()


class _Bounded(httpcore2.NetworkStream):
    """A stream under the allowance of the thread that uses it."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return allowance.take(self._stream.read(max_bytes, allowance.seconds()))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        seconds = allowance.seconds()
        allowance.written = True
        self._stream.write(buffer, seconds)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Bounded(self._stream.start_tls(ssl_context, server_hostname, allowance.seconds()))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class Guard(httpcore2.NetworkBackend):
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
        """To the first of the host's addresses that answers, when all of them may be reached. Raises Unreachable."""
        addresses = checked_addresses(host, port, self._reach, self._resolver, allowance.seconds())
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            try:
                share = allowance.seconds() / left
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
