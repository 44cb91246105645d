"""Short answers straight from the event loop, without Django."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tocsin.web.headers import security_headers

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


async def answer(
    send: Send, status: int, said: str | dict[str, Any], *, retry_after: int = 0, close: bool = False
) -> None:
    """Send one whole answer: words as plain text, a dict as JSON."""
    if isinstance(said, str):
        kind, body = b"text/plain; charset=utf-8", said.encode() + b"\n"
    else:
        kind, body = b"application/json", json.dumps(said).encode()
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *((name.lower().encode(), value.encode()) for name, value in security_headers().items()),
    ]
    if retry_after:
        headers.append((b"retry-after", str(retry_after).encode()))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
