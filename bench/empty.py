"""The same server with nothing behind it: reads the request and answers 202. What is left is Tocsin's own work."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.load import drive, post
from bench.measures import Figures, Shape, answered, percentile
from bench.targets import _Program, alert


class Empty(_Program):
    name = "empty handler"
    ready_path = "/"

    def start(self, folder: Path) -> float:
        return self.launch([sys.executable, "-m", "bench.empty", str(self.port)], dict(os.environ), folder)


def intake(shape: Shape, scale: float) -> Figures:
    """The same requests as Tocsin gets, answered by nobody in particular."""
    import json

    target = Empty()
    count = max(1, int(shape.alerts * scale) // shape.batch)
    bodies: Sequence[bytes] = [
        json.dumps([alert("intake", f"{n}-{i}", "Intake", "warning") for i in range(shape.batch)]).encode()
        for n in range(count)
    ]
    headers = {"Authorization": f"Bearer {'0' * 32}"}
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-empty-") as folder:
        target.start(Path(folder))
        try:
            requests = [post(target.port, "/api/v2/alerts", body, headers) for body in bodies]
            driven = drive(target.port, requests, shape.connections)
        finally:
            target.stop()
    return {
        "alerts/s": driven.accepted * shape.batch / driven.wall,
        "p50 ms": percentile(answered(driven), 0.5),
        "generator": driven.cpu,
    }


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Read the body, say yes."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    status = 200 if scope["method"] == "GET" else 202
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def main() -> int:
    import uvloop
    from tocsin.site.serving import Server

    from tocsin.site.run import take_port

    listening = take_port("127.0.0.1", int(sys.argv[1]))
    server = Server(app, lambda: None)
    uvloop.run(server.serve(sockets=[listening]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
