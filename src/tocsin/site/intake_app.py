"""Intake as a plain ASGI application: for other servers, and for what was pipelined behind a page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tocsin.intake.hot import Intake
from tocsin.intake.hot_body import too_large
from tocsin.intake.hot_request import Answer, Request
from tocsin.intake.rules import BODY_BYTES_MAX
from tocsin.site.protocol import SAFE_HEADERS

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
App = Callable[
    [Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


def intake_app(intake: Intake) -> App:
    """Intake as an ASGI application. It answers each request when what is in it is stored; a body that is too large is
    refused before it is whole. What is no HTTP is left alone."""

    async def app(
        scope: Scope, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            return
        path = scope.get("raw_path", b"").decode("latin-1").partition("?")[0] or scope["path"]
        body = await _body(receive)
        if body is None:
            return
        request = Request(
            scope["method"], path, scope["query_string"].decode("latin-1"), dict(scope["headers"]), body
        )
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def done(answer: Answer) -> None:
            if not answered.done():
                answered.set_result(answer)

        if len(body) > BODY_BYTES_MAX:
            done(intake.refuse(too_large(), request))
        else:
            intake.submit(request, done)
        await _send(await answered, request.method == "HEAD", send)

    return app


async def _body(receive: Callable[[], Awaitable[Message]]) -> bytes | None:
    """The body, cut when it is too large to be read; None when the client has gone."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > BODY_BYTES_MAX or not message.get("more_body"):
            return bytes(body)


async def _send(answer: Answer, head_only: bool, send: Callable[[Message], Awaitable[None]]) -> None:
    headers = [
        (b"content-length", str(len(answer.body)).encode()),
        *SAFE_HEADERS,
        *answer.headers,
    ]
    if answer.body:
        headers.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head_only else answer.body})
