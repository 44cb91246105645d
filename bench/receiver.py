"""A webhook receiver in a process of its own: notes when each marker was first seen, and how many posts came."""

from __future__ import annotations

import asyncio
import http.client
import json
import multiprocessing
import re
import socket
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any

MARKER = re.compile(rb"pg-[0-9a-z]+-\d+")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.I)


class _Protocol(asyncio.Protocol):
    first: dict[str, float] = {}
    posts = 0
    largest = 0

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
            self.transport.write(self._answer(head, body, now))

    def _answer(self, head: bytes, body: bytes, now: float) -> bytes:
        seen, out = _Protocol, b""
        if head.startswith(b"GET /seen"):
            out = json.dumps({"first": seen.first, "posts": seen.posts, "largest": seen.largest}).encode()
        elif head.startswith(b"GET /forget"):
            seen.first, seen.posts, seen.largest = {}, 0, 0
        else:
            seen.posts += 1
            seen.largest = max(seen.largest, len(body))
            for marker in MARKER.findall(body):
                seen.first.setdefault(marker.decode(), now)
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(out) + out


def _serve(sock: socket.socket) -> None:
    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(_Protocol, sock=sock)
        await server.serve_forever()

    asyncio.run(forever())


@dataclass(frozen=True)
class Seen:
    first: dict[str, float]  # marker -> monotonic time of the first post that carried it
    posts: int
    largest: int  # bytes of the largest body


class Receiver:
    """Use as a context manager; `port` is where it listens."""

    def __enter__(self) -> Receiver:
        sock = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = sock.getsockname()[1]
        self._process = multiprocessing.get_context("fork").Process(target=_serve, args=(sock,), daemon=True)
        self._process.start()
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
