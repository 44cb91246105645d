"""A real server in a thread: uvicorn with intake inside its protocol, and the same over plain ASGI behind it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from tests.patience import PATIENCE
from tocsin.catalog.rules import Configuration, IntegrationType, IntegrationValue
from tocsin.intake.hot import Intake
from tocsin.intake.models import Inbox
from tocsin.kernel.ids import digest
from tocsin.site.intake_app import intake_app
from tocsin.site.protocol import intake_protocol
from tocsin.sources import PATHS, source_of

KEY = "0123456789abcdef0123456789abcdef"
OTHER_KEY = "fedcba9876543210fedcba9876543210"
OFF_KEY = "00000000000000000000000000000000"
SHOP = IntegrationValue("shop-events", "shop", IntegrationType.EVENTS, "Shop events")
OTHER = IntegrationValue("other-events", "other", IntegrationType.EVENTS, "Other events")
OFF = IntegrationValue("off-events", "shop", IntegrationType.EVENTS, "Switched off", enabled=False)
CONFIGURATION = Configuration(
    version=1,
    integrations={one.id: one for one in (SHOP, OTHER, OFF)},
    by_key={digest(KEY): SHOP, digest(OTHER_KEY): OTHER, digest(OFF_KEY): OFF},
)


async def page(scope: Any, receive: Any, send: Any) -> None:
    """What stands for every path that is not intake's. /slow answers late."""
    while (await receive()).get("more_body"):
        pass
    if scope["path"] == "/slow":
        await asyncio.sleep(0.2)
    body = b"page " + scope["path"].encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]}
    )
    await send({"type": "http.response.body", "body": body})


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Serving:
    """One running server. `protocol=False` takes intake over plain ASGI only."""

    def __init__(self, *, protocol: bool = True, tls: tuple[str, str] | None = None, **options: Any) -> None:
        options.setdefault("configuration", lambda: CONFIGURATION)
        options.setdefault("clock", lambda: datetime.now(UTC))
        self.intake = Intake(source_of, **options)
        self.protocol, self.tls = protocol, tls
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self.listening.getsockname()[1]
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._serve()), name="serving")

    def __enter__(self) -> Serving:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    async def _serve(self) -> None:
        answers = intake_app(self.intake)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await (answers if scope["path"].startswith(PATHS) else page)(scope, receive, send)

        config = uvicorn.Config(
            app, loop="none", http=intake_protocol(self.intake) if self.protocol else "httptools", ws="none",
            lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=2,
            ssl_certfile=self.tls[0] if self.tls else None, ssl_keyfile=self.tls[1] if self.tls else None,
        )  # fmt: skip
        self.server = uvicorn.Server(config)
        self.server.capture_signals = contextlib.nullcontext  # type: ignore[assignment]
        self.intake.start()
        asyncio.get_running_loop().call_later(0.01, self._ready.set)
        try:
            await self.server.serve(sockets=[self.listening])
        finally:
            assert await asyncio.get_running_loop().run_in_executor(None, self.intake.stop, 10.0)

    # --- talking to it ---

    def connect(self) -> socket.socket:
        one = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return one

    def ask(
        self, path: str, body: Any = None, *, method: str = "POST", headers: dict[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        with self.connect() as one:
            one.sendall(written(path, body, method=method, headers=headers))
            (answer,) = read(one, 1, method)
        return answer

    def post(self, body: Any, path: str = f"/hooks/{KEY}", **headers: str) -> Answer:
        return self.ask(
            path, body, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )


def written(
    path: str,
    body: Any = None,
    *,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    length: bool = True,
) -> bytes:
    raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"host": "localhost", "content-type": "application/json"} | (headers or {})
    if length:
        lines["content-length"] = str(len(raw))
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in lines.items() if value
    )
    return head.encode("latin-1") + b"\r\n" + raw


def read(one: socket.socket, count: int, method: str = "POST") -> list[Answer]:
    """The next `count` answers, fewer when the connection ends before."""
    data, answers = b"", list[Answer]()
    while len(answers) < count:
        while (end := data.find(b"\r\n\r\n")) < 0:
            try:
                more = one.recv(65_536)
            except ConnectionResetError:
                more = b""
            if not more:
                return answers
            data += more
        head, data = data[:end].decode("latin-1"), data[end + 4 :]
        status = int(head.split()[1])
        headers = dict(re.findall(r"\r\n([^:]+): *([^\r]*)", head))
        headers = {name.lower(): value for name, value in headers.items()}
        size = 0 if status < 200 or method == "HEAD" else int(headers.get("content-length", 0))
        while len(data) < size and (more := one.recv(65_536)):
            data += more
        answers.append(Answer(status, headers, data[:size]))
        data = data[size:]
    return answers


def stored() -> list[str]:
    """The bodies in the inbox, in the order of arrival."""
    return [bytes(row.body).decode() for row in Inbox.objects.order_by("id")]


def ended(one: socket.socket) -> bool:
    """Whether the server ends the connection; waits for it."""
    with contextlib.suppress(ConnectionResetError):
        while one.recv(65_536):
            pass
    one.close()
    return True


def memory() -> int:
    """Bytes this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def pour(one: socket.socket, data: bytes, most: int) -> int:
    """Send `data` again and again until the other side has had enough of it; returns how many bytes went."""
    sent = 0
    one.settimeout(1)
    with contextlib.suppress(ConnectionError, TimeoutError):
        while sent < most:
            sent += one.send(data)
    one.settimeout(PATIENCE)
    return sent
