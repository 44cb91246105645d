"""Send prepared requests over keep-alive connections as fast as they are answered, or at given instants."""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

ANSWER_WAIT_S = 0.5  # the longest sleep of the loop
CHUNK = 65_536


@dataclass
class Driven:
    """What became of each request, in its order. `latency` None: no answer within the limit."""

    started: list[float]
    latency: list[float | None]
    status: list[int]
    wall: float = 0.0
    cpu: float = 0.0  # part of one core that sending took; near 1 the figures are the generator's own limit

    @property
    def accepted(self) -> int:
        return sum(200 <= status < 300 for status in self.status)

    @property
    def refused(self) -> int:
        return len(self.status) - self.accepted


@dataclass
class _Connection:
    """One keep-alive connection and the request that is under way on it."""

    sock: socket.socket
    current: int | None = None
    unsent: bytes = b""
    received: bytearray = field(default_factory=bytearray)


def post(port: int, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """One request, ready to be sent."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"{lines}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def answer_length(buffer: bytearray) -> int:
    """How many bytes the first whole HTTP answer in `buffer` has, 0 when it is not whole yet."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return 0
    head = bytes(buffer[:end]).lower()
    at = head.find(b"content-length:")
    if at >= 0:
        total = end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])
        return total if len(buffer) >= total else 0
    if b"chunked" in head:
        return len(buffer) if buffer.endswith(b"0\r\n\r\n") else 0
    return end + 4


class Driver:
    """One epoll loop over `connections` connections to 127.0.0.1:`port`."""

    def __init__(self, port: int, requests: Sequence[bytes], connections: int) -> None:
        self.port, self.requests = port, requests
        count = len(requests)
        self.result = Driven([0.0] * count, [None] * count, [0] * count)
        self.poll = select.epoll()
        self.open: dict[int, _Connection] = {}
        self.idle: deque[int] = deque()
        for _ in range(connections):
            self._connect()

    def run(self, due: Sequence[float] | None, limit: float) -> Driven:
        """Send everything: each request `due` seconds after the start, or as soon as a connection is free.

        A request that had to wait for a free connection counts from its due time, so that a target that is too
        slow cannot hide it.
        """
        clock, out = time.monotonic, self.result
        cpu, began, sent, self.done = time.process_time(), time.monotonic(), 0, 0
        total = len(self.requests)
        while self.done < total and clock() - began < limit:
            passed = clock() - began
            while self.idle and sent < total and (due is None or due[sent] <= passed):
                out.started[sent] = clock() if due is None else began + due[sent]
                self._send(self.idle.popleft(), sent)
                sent += 1
            waits = due is not None and sent < total and bool(self.idle)
            pause = max(0.0, due[sent] - (clock() - began)) if due is not None and waits else ANSWER_WAIT_S
            for number, events in self.poll.poll(min(pause, ANSWER_WAIT_S)):
                self._serve(number, events)
        out.wall = clock() - began
        out.cpu = (time.process_time() - cpu) / out.wall
        for connection in self.open.values():
            connection.sock.close()
        self.poll.close()
        return out

    def _connect(self) -> None:
        sock = socket.create_connection(("127.0.0.1", self.port))
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open[sock.fileno()] = _Connection(sock)
        self.poll.register(sock.fileno(), select.EPOLLIN)
        self.idle.append(sock.fileno())

    def _send(self, number: int, request: int) -> None:
        connection = self.open[number]
        connection.current = request
        self._push(number, connection, self.requests[request])

    def _push(self, number: int, connection: _Connection, data: bytes) -> None:
        try:
            taken = connection.sock.send(data)
        except BlockingIOError:
            taken = 0
        had, connection.unsent = connection.unsent, data[taken:]
        if connection.unsent:
            self.poll.modify(number, select.EPOLLIN | select.EPOLLOUT)
        elif had:
            self.poll.modify(number, select.EPOLLIN)

    def _serve(self, number: int, events: int) -> None:
        connection = self.open.get(number)
        if connection is None:
            return
        if events & select.EPOLLOUT and connection.unsent:
            self._push(number, connection, connection.unsent)
        if not events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            return
        try:
            data = connection.sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._reconnect(number, connection)
            return
        connection.received += data
        if (length := answer_length(connection.received)) and connection.current is not None:
            request, connection.current = connection.current, None
            self.result.latency[request] = time.monotonic() - self.result.started[request]
            self.result.status[request] = int(connection.received[9:12])
            self.done += 1
            closing = b"onnection: close" in connection.received[:length]
            del connection.received[:length]
            if closing:
                self._reconnect(number, connection)
            else:
                self.idle.append(number)

    def _reconnect(self, number: int, connection: _Connection) -> None:
        """The target closed: a request under way stays without an answer."""
        self.poll.unregister(number)
        connection.sock.close()
        del self.open[number]
        if connection.current is not None:
            self.done += 1
        if number in self.idle:
            self.idle.remove(number)
        self._connect()


def drive(
    port: int,
    requests: Sequence[bytes],
    connections: int,
    due: Sequence[float] | None = None,
    limit: float = 60,
) -> Driven:
    """Send `requests` and wait for their answers, at most `limit` seconds."""
    return Driver(port, requests, connections).run(due, limit)
