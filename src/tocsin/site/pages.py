"""Django's pages in a few threads beside the event loop.

The body is collected on the loop before a thread is taken, and the answer leaves its thread whole: a slow client
costs memory that is bounded, never one of the few threads. (Why not a library: docs/adr/0009-pages-in-threads.md.)
"""

from __future__ import annotations

import asyncio
import contextvars
import io
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tocsin.site.answers import Receive, Scope, Send, answer

THREADS = 4
WAITING_MAX = 64  # requests that may wait for a thread; more are asked to come back
BODY_MAX = 4 * 1024 * 1024  # organisation files are the largest that come this way
BODY_SECONDS = 20.0

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True)
class Made:
    """A finished answer."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Pages:
    """The ASGI application around a WSGI one, which `load` gives when the first thread needs it."""

    def __init__(self, load: Callable[[], Wsgi]) -> None:
        self._load = load
        self._app: Wsgi | None = None
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="page")
        self._inside = 0

    def warm(self) -> None:
        """Import the application in one of its threads now, so that the first visitor does not wait for it."""
        self._threads.submit(self._application)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._inside >= THREADS + WAITING_MAX:
            await answer(send, 503, "Too many pages are being made at this moment. Try again.", retry_after=1)
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _collect(scope, receive)
        except TimeoutError:
            await answer(send, 408, "The request did not arrive in time.", close=True)
            return
        except _TooLarge:
            await answer(send, 413, f"The body is larger than {BODY_MAX // 1024} KB.", close=True)
            return
        except _Gone:
            return
        environ = environ_of(scope, body)
        context = contextvars.copy_context()
        self._inside += 1
        try:
            made = await asyncio.get_running_loop().run_in_executor(
                self._threads, context.run, self._make, environ
            )
        finally:
            self._inside -= 1
        await send({"type": "http.response.start", "status": made.status, "headers": made.headers})
        await send({"type": "http.response.body", "body": made.body})

    def close(self) -> None:
        """Take no more work; what is being made is finished by its thread."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _application(self) -> Wsgi:
        if self._app is None:
            self._app = self._load()
        return self._app

    def _make(self, environ: Environ) -> Made:
        return answer_of(self._application(), environ)


def answer_of(app: Wsgi, environ: Environ) -> Made:
    """Run a WSGI application for one request, to the end."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        started.append((status, headers))

    pieces = app(environ, start_response)
    try:
        body = b"".join(pieces)
    finally:
        getattr(pieces, "close", lambda: None)()
    status, headers = started[-1]
    return Made(
        int(status[:3]),
        [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        body if environ["REQUEST_METHOD"] != "HEAD" else b"",
    )


class _TooLarge(Exception):
    pass


class _Gone(Exception):
    """The client left before the request was complete."""


async def _collect(scope: Scope, receive: Receive) -> bytes:
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > BODY_MAX:
        raise _TooLarge
    pieces, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        piece = message.get("body", b"")
        size += len(piece)
        if size > BODY_MAX:
            raise _TooLarge
        pieces.append(piece)
        more = message.get("more_body", False)
    return b"".join(pieces)


def environ_of(scope: Mapping[str, Any], body: bytes) -> Environ:
    """The request as WSGI has it. Headers with an underscore are left out: they would pass for others."""
    host, port = scope.get("server") or ("localhost", 80)
    client = scope.get("client") or ("", 0)
    environ: MutableMapping[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 0),
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if "_" in name or name == "content-length":
            continue
        key = "CONTENT_TYPE" if name == "content-type" else "HTTP_" + name.upper().replace("-", "_")
        if key in environ:
            value = environ[key] + ("; " if key == "HTTP_COOKIE" else ",") + value
        environ[key] = value
    return dict(environ)
