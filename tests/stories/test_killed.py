"""kill -9 between any two steps of the road: after a restart the page goes out, at most once more than it should."""

from __future__ import annotations

import json
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.patience import eventually
from tests.programs import KEY, Program, declare, incidents, running, tocsin, trigger

pytestmark = (
    pytest.mark.sqlite
)  # the points are the same on PostgreSQL; there, tests/site tells of dying nodes

# Every point between the accepted event and the recorded message, in the order of the road.
POINTS = (
    "intake.committed",
    "digest: read",
    "digest: stored",
    "digest: before commit",
    "digest: committed",
    "climb: decided",
    "climb: paged",
    "delivery: claimed",
    "delivery: handed over",
    "delivery: before the record commits",
)
ORGANISATION = """
users:
  - id: bo
    name: Bo Lind
    email: bo@example.com
    role: admin
    contacts: {hook: "http://127.0.0.1:%d/"}
    rules: {high: [hook], low: [hook]}
policies:
  - {id: web, name: Web, levels: [{notify: ["user:bo"], timeout: 1h}]}
services:
  - {id: shop, name: Web shop, policy: web, integrations: [{id: shop-events, type: events, key: "%s"}]}
"""


class Hook:
    """Bo's receiver of webhooks, which lives on while the program dies."""

    def __init__(self) -> None:
        self.got: list[dict[str, object]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)


def survivor(data: Path) -> AbstractContextManager[Program]:
    return running(data, TOCSIN_ALLOWED_NETWORKS="127.0.0.0/8")


@pytest.fixture(scope="module")
def receiver() -> Iterator[Hook]:
    one = Hook()
    yield one
    one.close()


@pytest.fixture
def hook(receiver: Hook) -> Hook:
    receiver.got.clear()
    return receiver


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory, receiver: Hook) -> Path:
    """A data folder with the organisation in it, and nobody using it."""
    folder = tmp_path_factory.mktemp("declared") / "data"
    with survivor(folder) as program:
        declare(program, ORGANISATION % (receiver.port, KEY))
        assert program.end() == 0
    return folder


@pytest.fixture
def data(tmp_path: Path, declared: Path) -> Path:
    return shutil.copytree(declared, tmp_path / "data")


@pytest.mark.parametrize("point", POINTS)
def test_a_page_survives_a_death_at(point: str, data: Path, hook: Hook) -> None:
    with running(data, TOCSIN_ALLOWED_NETWORKS="127.0.0.0/8", TOCSIN_CRASH_AT=f"{point}:1") as program:
        try:
            answered = trigger(program, "db") == 202
        except (OSError, HTTPException):
            answered = False
        assert program.process.wait(60) == -9, f"it never came to {point!r}"
    with survivor(data) as program:
        if not answered:  # the sender was not told that it arrived, so it sends it again
            assert trigger(program, "db") == 202
        eventually(lambda: hook.got)
        eventually(lambda: program.ask("GET", "/api/v1/numbers")[1]["confirmed"])
        (incident,) = incidents(program)
        assert incident["title"] == "db fails"
        messages = Counter(str(message["id"]) for message in hook.got)
        assert len(messages) == 1, "one delivery, under one stable id"
        assert max(messages.values()) <= 2, "at most one repeat for one death"
        number = incident["number"] if "number" in incident else incident["id"]
        assert program.ask("POST", f"/api/v1/incidents/{number}/acknowledge")[0] == 200
        assert program.end() == 0
    verified = tocsin(data, "audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_an_acknowledgement_that_was_not_committed_is_not_told_as_one(data: Path, hook: Hook) -> None:
    with running(
        data, TOCSIN_ALLOWED_NETWORKS="127.0.0.0/8", TOCSIN_CRASH_AT="incident: before commit:1"
    ) as program:
        assert trigger(program, "db") == 202
        eventually(lambda: hook.got)
        (incident,) = incidents(program)
        number = incident["number"] if "number" in incident else incident["id"]
        with pytest.raises((OSError, HTTPException)):
            program.ask("POST", f"/api/v1/incidents/{number}/acknowledge")
    with survivor(data) as program:
        (incident,) = incidents(program)
        assert incident["state"] == "triggered"
