"""The two programs that are measured: how each is started, fed and asked."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from bench.load import post

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN_S = 60.0
STOP_WITHIN_S = 20.0
# What a measurement wants done with an alert: taken in only; paged at once; or grouped with the others of a storm.
ROUTES = ("intake", "page", "storm")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def get(port: int, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """Status and body of a GET; (0, b"") while nobody listens."""
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
    except OSError:
        return 0, b""


class Target(Protocol):
    name: str
    port: int

    @property
    def pid(self) -> int: ...

    def prepare(self, folder: Path, hook_port: int) -> None:
        """Make an empty instance in `folder` whose pages go to the receiver at `hook_port`."""

    def start(self) -> float:
        """Start it; returns the seconds until it was ready."""

    def stop(self) -> None: ...

    def request(self, route: str, alerts: Sequence[dict[str, Any]]) -> bytes:
        """One POST of `alerts`, as `alert()` makes them."""

    def wait_until_idle(self, longest: float) -> float:
        """Wait until everything accepted has been worked off; returns the seconds that took."""


def alert(route: str, key: str, name: str, severity: str) -> dict[str, Any]:
    """One alert as Alertmanager's API v2 takes it, about 500 bytes; both programs get the same bytes."""
    return {
        "labels": {
            "alertname": name,
            "severity": severity,
            "key": key,
            "route": route,
            "env": "prod",
            "instance": f"host-{key}.example.net:9100",
            "service": "checkout",
        },
        "annotations": {"summary": f"{name} on {key}", "description": "p99 above 2 s for 5 minutes " * 3},
        "startsAt": datetime.now(UTC).isoformat(),
        "generatorURL": "http://prom.example.net/graph?g0.expr=up",
    }


class Program:
    """A program started by its command and ended by its process id."""

    name = ""
    ready_path = "/"

    def __init__(self) -> None:
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def launch(self, command: Sequence[str], environ: dict[str, str], folder: Path) -> float:
        began = time.monotonic()
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environ, stdout=log, stderr=log, cwd=folder)
        while time.monotonic() - began < READY_WITHIN_S:
            if self.process.poll() is not None:
                break
            if get(self.port, self.ready_path)[0] == 200:
                return time.monotonic() - began
            time.sleep(0.005)
        raise RuntimeError(
            f"{self.name} did not start:\n{(folder / 'log').read_text(errors='replace')[-3000:]}"
        )

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


class Alertmanager(Program):
    """Debian's prometheus-alertmanager, set to the fastest page it can give. It keeps alerts in memory only."""

    name = "alertmanager"
    ready_path = "/-/ready"
    PROGRAM = "prometheus-alertmanager"

    @classmethod
    def absent(cls) -> str:
        """Why it cannot be measured here, or ""."""
        return (
            ""
            if shutil.which(cls.PROGRAM)
            else f"{cls.PROGRAM} is not installed (apt-get install {cls.PROGRAM})"
        )

    def prepare(self, folder: Path, hook_port: int) -> None:
        self.folder = folder
        (folder / "alertmanager.yml").write_text(
            f"""
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 4h
  routes:
    - matchers: [route="intake"]   # pure intake: nothing behind it, its best case
      receiver: none
receivers:
  - name: none
  - name: hook
    webhook_configs:
      - {{url: "http://127.0.0.1:{hook_port}/", send_resolved: false, max_alerts: 0}}
"""
        )

    def start(self) -> float:
        command = [
            self.PROGRAM,
            f"--config.file={self.folder / 'alertmanager.yml'}",
            f"--storage.path={self.folder / 'store'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
            "--log.level=error",
        ]
        return self.launch(command, dict(os.environ), self.folder)

    def request(self, route: str, alerts: Sequence[dict[str, Any]]) -> bytes:
        return post(self.port, "/api/v2/alerts", json.dumps(alerts).encode(), {})

    def wait_until_idle(self, longest: float) -> float:
        return 0.0


class Tocsin(Program):
    """This program as `tocsin run` starts it: SQLite, every accepted alert synced to disk before the answer."""

    name = "tocsin"
    ready_path = "/readyz"
    KEYS = {route: f"{number:032x}" for number, route in enumerate(ROUTES, 0xBE4C)}
    COMMAND = str(Path(sys.executable).with_name("tocsin"))

    def prepare(self, folder: Path, hook_port: int) -> None:
        """Make the instance with its `organisation` and the keys of the routes."""
        self.folder = folder
        self.environ = {
            name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")
        } | {
            "TOCSIN_DATA": str(folder / "data"),
            "TOCSIN_ALLOWED_NETWORKS": "127.0.0.0/8",
            "TOCSIN_LOG": "error",
        }
        file = folder / "organisation.yaml"
        file.write_text(self.organisation(hook_port))
        (folder / "data").mkdir()
        for command in (["migrate"], ["apply", str(file)]):
            done = subprocess.run(
                [self.COMMAND, *command], env=self.environ, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise RuntimeError(f"tocsin {command[0]} failed:\n{done.stdout}{done.stderr}")

    def organisation(self, hook_port: int) -> str:
        """The organisation file: who is paged, through what."""
        return f"""
users:
  - id: ada
    name: Ada Ortiz
    email: ada@example.com
    role: responder
    contacts: {{hook: "http://127.0.0.1:{hook_port}/"}}
    rules: {{high: [hook], low: [hook]}}
teams:
  - {{id: web, name: Web, members: [ada]}}
policies:
  - {{id: web, name: Web, levels: [{{notify: ["user:ada"], timeout: 1h}}]}}
services:
  - id: intake
    name: Intake
    team: web
    grouping: {{by: [alertname], window: 10m}}
    integrations: [{{id: bench-intake, type: alertmanager, key: "{self.KEYS["intake"]}"}}]
  - id: page
    name: Page
    team: web
    policy: web
    integrations: [{{id: bench-page, type: alertmanager, key: "{self.KEYS["page"]}"}}]
  - id: storm
    name: Storm
    team: web
    policy: web
    grouping: {{by: [alertname], window: 10m}}
    integrations: [{{id: bench-storm, type: alertmanager, key: "{self.KEYS["storm"]}"}}]
"""

    def start(self) -> float:
        command = [self.COMMAND, "run", "--host", "127.0.0.1", "--port", str(self.port)]
        return self.launch([*command, "--data", str(self.folder / "data")], self.environ, self.folder)

    def request(self, route: str, alerts: Sequence[dict[str, Any]]) -> bytes:
        return self.request_with(self.KEYS[route], alerts)

    def request_with(self, key: str, alerts: Sequence[dict[str, Any]]) -> bytes:
        """The same through the integration that has this key."""
        headers = {"Authorization": f"Bearer {key}"}
        return post(self.port, "/api/v2/alerts", json.dumps(alerts).encode(), headers)

    def waiting(self) -> int:
        """How many accepted requests the inbox still holds, as /metrics says."""
        _, text = get(self.port, "/metrics")
        found = re.search(rb"^tocsin_inbox_waiting(?:_requests)? ([0-9.e+]+)$", text, re.M)
        if found is None:
            raise RuntimeError("/metrics does not say how many requests wait in the inbox")
        return int(float(found[1]))

    def wait_until_idle(self, longest: float) -> float:
        began = time.monotonic()
        while self.waiting() and time.monotonic() - began < longest:
            time.sleep(0.05)
        return time.monotonic() - began
