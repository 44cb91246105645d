"""People who call the API, each with a token, at the instant of the test's clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client

from tests.world import Clock, World
from tocsin.kernel.acting import By
from tocsin.people.actions import add_token
from tocsin.people.models import User
from tocsin.people.rules import Scope
from tocsin.site import clock as site_clock

PREFIX = "/api/v1"


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str]
    text: str

    @property
    def error(self) -> dict[str, str]:
        assert set(self.body) - {"problems"} == {"error", "request_id"}, self.body
        assert set(self.body["error"]) == {"what", "expected", "mend", "where"}
        error: dict[str, str] = self.body["error"]
        return error


@dataclass
class Program:
    """A client with a token; `call("post", "/incidents", {...})`."""

    token: str | None = None
    client: Client = field(default_factory=Client)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        given = dict(headers)
        if self.token is not None:
            given.setdefault("Authorization", f"Bearer {self.token}")
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        kind = given.pop("content_type", "application/json")
        path = path if path.startswith(PREFIX) else PREFIX + path
        answer = self.client.generic(method.upper(), path, content, content_type=kind, headers=given)
        text = answer.content.decode()
        is_json = text and answer.headers.get("Content-Type", "").startswith("application/json")
        return Answer(answer.status_code, json.loads(text) if is_json else None, dict(answer.headers), text)

    def get(self, path: str) -> Answer:
        return self.call("get", path)

    def post(self, path: str, body: Any = None) -> Answer:
        return self.call("post", path, body)

    def put(self, path: str, body: Any) -> Answer:
        return self.call("put", path, body)

    def delete(self, path: str) -> Answer:
        return self.call("delete", path)


@pytest.fixture(autouse=True)
def _at_the_clocks_instant(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(site_clock, "now", lambda: clock.now)


@pytest.fixture
def program_of(world: World, clock: Clock) -> Callable[..., Program]:
    """`program_of(world.bo)` calls as bo, with a token of the widest scope unless another is named."""

    def make(user: User, scope: Scope = Scope.ADMIN) -> Program:
        _, plain = add_token(user, "test", scope, None, By("cli", "cli"), clock.now)
        return Program(plain)

    return make


@pytest.fixture
def ada(program_of: Callable[..., Program], world: World) -> Program:
    """The admin."""
    return program_of(world.ada)


@pytest.fixture
def mo(program_of: Callable[..., Program], world: World) -> Program:
    """The manager."""
    return program_of(world.mo)


@pytest.fixture
def bo(program_of: Callable[..., Program], world: World) -> Program:
    """A responder."""
    return program_of(world.bo)


@pytest.fixture
def sam(program_of: Callable[..., Program], world: World) -> Program:
    """The stakeholder."""
    return program_of(world.sam)


@pytest.fixture
def stranger(world: World) -> Program:
    """Nobody."""
    return Program()
