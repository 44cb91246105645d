"""A webhook receiver in a process of its own: notes when each marker was first seen, and how many posts came.

It may take its time with every answer, never answer at all, and stand behind many doors (ports): to a sender each
of those is another destination.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import math
import multiprocessing
import re
import socket
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

MARKER = re.compile(rb"pg-[0-9a-z]+-\d+")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.I)


class _Protocol(asyncio.Protocol):
    takes = 0.0  # seconds before each answer
    first: dict[str, float] = {}
    times: dict[str, int] = {}
    posts = 0
    largest = 0
    at_once = most_at_once = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self.buffer, 0, end)
            total = end + 4 + (int(length[1]) if length else 0)
            if len(self.buffer) < total:
                return
            now, head, body = time.monotonic(), bytes(self.buffer[:end]), bytes(self.buffer[end + 4 : total])
            del self.buffer[:total]
            if head.startswith(b"GET "):
                self._say(self._told(head))
            else:
                self._note(body, now)
                self._take_time()

    def _told(self, head: bytes) -> bytes:
        """What the measuring process asks for."""
        seen = _Protocol
        if head.startswith(b"GET /forget"):
            seen.first, seen.times, seen.posts, seen.largest, seen.most_at_once = {}, {}, 0, 0, seen.at_once
            return b""
        again = sum(times - 1 for times in seen.times.values())
        answer = {"first": seen.first, "posts": seen.posts, "largest": seen.largest}
        return json.dumps(answer | {"again": again, "most_at_once": seen.most_at_once}).encode()

    def _note(self, body: bytes, now: float) -> None:
        seen = _Protocol
        seen.posts += 1
        seen.largest = max(seen.largest, len(body))
        for found in set(MARKER.findall(body)):
            marker = found.decode()
            seen.first.setdefault(marker, now)
            seen.times[marker] = seen.times.get(marker, 0) + 1

    def _take_time(self) -> None:
        seen = _Protocol
        if not seen.takes:
            self._say(b"")
            return
        seen.at_once += 1
        seen.most_at_once = max(seen.most_at_once, seen.at_once)
        if seen.takes < math.inf:
            asyncio.get_running_loop().call_later(seen.takes, self._say_late)

    def _say_late(self) -> None:
        _Protocol.at_once -= 1
        if not self.transport.is_closing():
            self._say(b"")

    def _say(self, out: bytes) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(out) + out)


def _serve(socks: Sequence[socket.socket], takes: float) -> None:
    _Protocol.takes = takes

    async def forever() -> None:
        loop = asyncio.get_running_loop()
        servers = [await loop.create_server(_Protocol, sock=sock) for sock in socks]
        await asyncio.gather(*(server.serve_forever() for server in servers))

    asyncio.run(forever())


@dataclass(frozen=True)
class Seen:
    first: dict[str, float]  # marker -> monotonic time of the first post that carried it
    posts: int
    largest: int  # bytes of the largest body
    again: int  # how often a marker came that had come before
    most_at_once: int  # requests that waited for their answers at one time


class Receiver:
    """Use as a context manager; `port` is where it listens, `ports` are all its doors. `takes` are the seconds before
    each answer, `math.inf` for none ever."""

    def __init__(self, takes: float = 0.0, doors: int = 1) -> None:
        self._takes, self._doors = takes, doors

    def __enter__(self) -> Receiver:
        socks = [socket.create_server(("127.0.0.1", 0), backlog=1024) for _ in range(self._doors)]
        self.ports: list[int] = [sock.getsockname()[1] for sock in socks]
        self.port = self.ports[0]
        self._process = multiprocessing.get_context("fork").Process(
            target=_serve, args=(socks, self._takes), daemon=True
        )
        self._process.start()
        for sock in socks:
            sock.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join(10)

    def forget(self) -> None:
        self._get("/forget")

    def seen(self) -> Seen:
        return Seen(**json.loads(self._get("/seen")))

    def wait_for(self, markers: set[str], longest: float, quiet: float = 5.0) -> Seen:
        """What was seen once every marker has come, or nothing new for `quiet` seconds, or after `longest`."""
        end, posts, changed = time.monotonic() + longest, -1, time.monotonic()
        while True:
            seen = self.seen()
            if seen.posts != posts:
                posts, changed = seen.posts, time.monotonic()
            if markers <= seen.first.keys() or time.monotonic() > min(end, changed + quiet):
                return seen
            time.sleep(0.2)

    def _get(self, path: str) -> bytes:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request("GET", path)
            return connection.getresponse().read()
