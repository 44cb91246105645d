"""The same server with nothing behind it: reads the request and answers 202. What is left is Tocsin's own work."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.load import drive, post
from bench.measures import Figures, Shape, answered, percentile
from bench.targets import ROOT, Program, alert


class Empty(Program):
    name = "empty handler"
    ready_path = "/"

    def start(self, folder: Path) -> float:
        environ = os.environ | {"PYTHONPATH": str(ROOT)}
        return self.launch([sys.executable, "-m", "bench.empty", str(self.port)], environ, folder)


def intake(shape: Shape, scale: float) -> Figures:
    """The same requests as Tocsin gets, answered by nobody in particular."""
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
    """Serve on the port of the command line until it is ended."""
    import uvicorn
    import uvloop

    # As site/program.py sets its server up.
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="none",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
    )
    uvloop.run(uvicorn.Server(config).serve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
