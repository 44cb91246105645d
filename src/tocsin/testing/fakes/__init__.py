"""Vendors that exist on this machine only: they answer as the real ones do, keep what they got, and have bad days.

Each is the HTTP side of one vendor, small: what our channels ask of it and no more. Shipped, so that anybody can try
an account against one.
"""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import Any, TypeVar
from urllib.parse import parse_qs

BODY_BYTES_MAX = 1_000_000


class Mood(StrEnum):
    """What a fake does with the next requests."""

    WELL = "well"
    BUSY = "busy"  # 429, asking to wait
    BROKEN = "broken"  # 500
    HANGS = "hangs"  # takes the request and never answers
    DROPS = "drops"  # does what was asked, and hangs up instead of saying so
    TRICKLES = "trickles"  # takes the request and answers a byte a second
    GARBLES = "garbles"  # answers something that is not HTTP, as one does to TLS who speaks none


@dataclass(frozen=True)
class Request:
    """One request as it came; `data` is its JSON or its form."""

    method: str
    path: str
    headers: Mapping[str, str]
    data: Mapping[str, Any]
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What a fake says to a request."""

    data: Any = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Fake(ABC):
    """The beginning of every fake. `messages` is what it shows to people, by the name that it gave each."""

    wait = 30  # seconds that it asks for when it is busy

    def __init__(self) -> None:
        self.mood = Mood.WELL
        self.requests: list[Request] = []
        self.messages: dict[str, dict[str, Any]] = {}
        self.ended = threading.Event()
        self._lock = threading.Lock()
        self._count = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """Hang up everywhere."""
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @abstractmethod
    def respond(self, request: Request) -> Answer:
        """What it says on a good day."""

    def busy(self) -> Answer:
        """What it says when it is asked too often."""
        return Answer({}, 429, {"Retry-After": str(self.wait)})

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _take(self, request: Request) -> Answer | None:
        """The answer to `request` in the present mood; None for no answer at all."""
        with self._lock:
            self.requests.append(request)
            mood = self.mood
            if mood in (Mood.WELL, Mood.DROPS):
                answer = self.respond(request)
                return answer if mood is Mood.WELL else None
        if mood is Mood.BUSY:
            return self.busy()
        if mood is Mood.BROKEN:
            return Answer({}, 500)
        if mood is Mood.HANGS:
            self.ended.wait()
        return None


def _handler_of(fake: Fake) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), BODY_BYTES_MAX))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = fake._take(Request(self.command, self.path, headers, _data_of(headers, body), body))
            if answer is None:
                self.close_connection = True
                with suppress(OSError):
                    _mutter(fake, self.wfile)
                return
            out = answer.data if isinstance(answer.data, bytes) else json.dumps(answer.data).encode()
            with suppress(OSError):  # whoever asked has given up
                self.send_response(answer.status)
                for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(out)))
                self.end_headers()
                self.wfile.write(out)

        do_GET = do_POST = do_PUT = _serve

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


def _mutter(fake: Fake, out: BufferedIOBase) -> None:
    """What a fake says that does not answer."""
    if fake.mood is Mood.GARBLES:
        out.write(b"\x15\x03\x01\x00\x02\x02\x28" * 20)
    elif fake.mood is Mood.TRICKLES:
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 1_000:
            if fake.ended.wait(1.0):
                return
            out.write(bytes((byte,)))


def _data_of(headers: Mapping[str, str], body: bytes) -> Mapping[str, Any]:
    if "form" in headers.get("content-type", ""):
        return {name: values[0] for name, values in parse_qs(body.decode()).items()}
    with suppress(ValueError):
        data = json.loads(body)
        return data if isinstance(data, dict) else {"": data}
    return {}


AnyFake = TypeVar("AnyFake", bound=Fake)


@contextmanager
def running(fake: AnyFake) -> Iterator[AnyFake]:
    """Around a fake: it is stopped at the end."""
    try:
        yield fake
    finally:
        fake.stop()
