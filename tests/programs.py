"""Real programs for tests: `tocsin run` in a folder of its own, on a free port, ended by its process id."""

from __future__ import annotations

import atexit
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests import warm
from tests.patience import PATIENCE


def environment(data: Path, **more: str) -> dict[str, str]:
    """The environment of a program on `data`, free of the suite's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TOCSIN_", "DJANGO_"))}
    return kept | {"TOCSIN_DATA": str(data), "PYTHONWARNINGS": "default"} | more


@dataclass
class Program:
    """A running `tocsin run`."""

    data: Path
    process: warm.Program
    said: list[str] = field(default_factory=list)
    log: Path = Path()

    @property
    def address(self) -> str:
        return (self.data / "address").read_text().strip()

    @property
    def sign_in_link(self) -> str | None:
        found = [re.search(r"http\S+/sign-in/link/\S+", line) for line in self.said]
        return next((link[0] for link in found if link), None)

    @property
    def token(self) -> str:
        return (self.data / "token").read_text().strip()

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """One request with the local token; the status and what JSON the answer holds, or its text."""
        status, _, text = self.raw(method, path, body, headers)
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text.decode()

    def raw(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        url = urlsplit(self.address)
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=PATIENCE)
        try:
            sent = {"Authorization": f"Bearer {self.token}"} if path.startswith("/api/") else {}
            data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            if data is not None:
                sent["Content-Type"] = "application/json"
            connection.request(method, path, data, sent | dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def kill(self) -> None:
        """What a power cut leaves of a process."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def end(self) -> int:
        """Ask it to end, as a service manager does; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@cache
def _tables() -> Path:
    """An embedded database with nothing but its tables. Making those costs more than most of what is tested with
    them, so it is done once; that it works from nothing is what tests/site/test_program.py and test_schema.py tell."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-tables-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = tocsin(folder, "migrate")
    assert made.returncode == 0, made.stderr
    return folder / "tocsin.db"


def prepared(data: Path) -> Path:
    """`data` as a data folder whose tables are there, and nothing else, unless it has a database already."""
    data.mkdir(parents=True, exist_ok=True)
    if not (data / "tocsin.db").exists():
        shutil.copy(_tables(), data)
    return data


@contextmanager
def running(data: Path, *words: str, from_nothing: bool = False, **more: str) -> Iterator[Program]:
    """`tocsin run` on a free port unless told otherwise, ready, until the block ends."""
    words = words if "--port" in words else ("--port", "0", *words)
    if from_nothing or "TOCSIN_DATABASE_URL" in more:
        data.mkdir(parents=True, exist_ok=True)
    else:
        prepared(data)
    log = data.parent / f"{data.name}.log"
    reading, writing = os.pipe()
    with os.fdopen(reading) as says:
        with os.fdopen(writing, "w") as out, log.open("a") as errors, Path(os.devnull).open() as nothing:
            process = warm.start("tocsin", ["run", *words], environment(data, **more), nothing, out, errors)
        program = Program(data, process, log=log)
        try:
            _wait_until_ready(program, says)
            yield program
        finally:
            process.kill()
            process.wait(PATIENCE)


def _wait_until_ready(program: Program, says: Iterable[str]) -> None:
    for line in says:  # it prints its address once it answers, and its link after that
        program.said.append(line.rstrip("\n"))
        if line.startswith("Ready"):
            return
    raise AssertionError(f"the program ended: {program.log.read_text()}")


def tocsin(data: Path, *words: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """One command on a data folder, to its end."""
    return warm.run("tocsin", *words, env=environment(data, **more), stdin=stdin)


ORGANISATION = """
users:
  - id: bo
    name: Bo Lind
    email: bo@example.com
    role: admin
    contacts: {console: "console:bo"}
    rules: {high: [console], low: [console]}
policies:
  - {id: web, name: Web, levels: [{notify: ["user:bo"], timeout: 1h}]}
services:
  - id: shop
    name: Web shop
    policy: web
    integrations:
      - {id: shop-events, type: events, key: "0123456789abcdef0123456789abcdef"}
"""
KEY = "0123456789abcdef0123456789abcdef"


def declare(program: Program, text: str = ORGANISATION) -> None:
    """Give the program its small organisation."""
    status, said = program.ask("POST", "/api/v1/organisation/apply", {"files": [{"text": text}]})
    assert status == 200, said


def trigger(program: Program, key: str, severity: str = "critical") -> int:
    """Send one event; the status of the answer."""
    event = {
        "routing_key": KEY,
        "event_action": "trigger",
        "dedup_key": key,
        "payload": {"summary": f"{key} fails", "severity": severity, "source": "test"},
    }
    status, _ = program.ask("POST", "/v2/enqueue", event)
    return status


def incidents(program: Program, *, state: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = program.ask(
        "GET", f"/api/v1/incidents?limit=200{state and '&state=' + state}"
    )[1]["items"]
    return found
