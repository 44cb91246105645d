"""Errors that are forced, at every address: what is answered says nothing of the inside, and nobody is told a secret
(TRUST D22)."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.template.backends.django import Template
from django.test import Client

from tests.counted import times
from tests.pretend import pretend as pretend  # noqa: PLC0414 - a fixture
from tests.web.conftest import SignedIn
from tests.web.test_guard import example, routes
from tests.world import Clock, World
from tocsin.kernel.acting import By
from tocsin.kernel.ids import digest
from tocsin.notification.providers import ProviderValue, save_provider
from tocsin.people.actions import add_token
from tocsin.people.rules import Scope

ERRORS = times(usual=300, whole=5_000)
TRIES_MAX = 20 * ERRORS  # most of what is forced is refused before it comes to the database
SECRET = "canary-secret-"  # how every secret here begins
INSIDE = "canary-inside"  # what only the inside says: statements, addresses, folders
MARKS = (SECRET, INSIDE, "Traceback (most", 'File "/', "site-packages", "SELECT ", "django.db")
SENT = (
    (b"", "application/json"),
    (b"{", "application/json"),
    (b"[" * 50_000, "application/json"),
    (b'{"name": NaN, "name": 1e999}', "application/json"),
    (b"\xff\xfe\x00", "application/json"),
    (b"--x\r\nContent-Disposition: form-data\r\n\r\n", "multipart/form-data; boundary=y"),
    (b"a=%ff&b=%00&next=//x", "application/x-www-form-urlencoded"),
    (b"<a/>", "text/xml; charset=utf-7"),
)
TOKENS = (
    "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.",
    "Bearer eyJhbGciOiJIUzI1NiJ9.e30.AAAA",
    "Bearer " + "x" * 9_000,
    "Bearer",
    "Basic YWRhOmFkYQ==",
    "Bearer to_\udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
)
ODD = ("%00", "..%2f..%2fetc/passwd", "\u202e", "a" * 3_000, "'\"><x>", "%ff%fe", "x\\y", "__debug__", ".env")

Fault = Callable[[Random], AbstractContextManager[None]]


@contextmanager
def database_fails(chance: Random) -> Iterator[None]:
    """One of the first statements finds a database that says what it should not."""
    left = chance.randint(0, 6)

    def execute(run: Callable[..., Any], sql: str, *rest: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise OperationalError(f'{INSIDE}: connection to "db.inner" failed for {sql}')
        return run(sql, *rest)

    with connection.execute_wrapper(execute):
        yield


@contextmanager
def template_fails(chance: Random) -> Iterator[None]:
    """The first page that is rendered cannot be; the page that says so can."""
    honest, failed = Template.render, []

    def render(self: Template, *args: Any, **kwargs: Any) -> Any:
        if not failed:
            failed.append(True)
            raise RuntimeError(f"{INSIDE}: the template is broken")
        return honest(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Template, "render", render)
        yield


FAULTS: dict[str, Fault] = {
    "database": database_fails,
    "template": template_fails,
    "token": lambda chance: nullcontext(),
    "body": lambda chance: nullcontext(),
    "address": lambda chance: nullcontext(),
}


@pytest.fixture
def secrets(world: World, clock: Clock, pretend: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind of secret that an instance has, each beginning with SECRET."""
    monkeypatch.setattr(settings, "SECRET_KEY", f"{SECRET}key-that-is-long-enough-to-be-used-for-signing")
    urls = {name: f"smtp://tocsin:{SECRET}{name}@inner:1" for name in ("database_url", "smtp_url")}
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, **urls))
    monkeypatch.setenv("TOCSIN_DATABASE_PASSWORD", f"{SECRET}environment")
    save_provider(
        ProviderValue("main", "pretend", "Main", {"token": f"{SECRET}provider"}), By("cli", "cli"), clock.now
    )
    world.integration.key_digest = digest(f"{SECRET}integration")
    world.integration.save()


@pytest.mark.counted
def test_d22_no_error_says_anything_of_the_inside(
    secrets: None, world: World, clock: Clock, signed_in: SignedIn, caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    chance, seen, statuses = Random(22), Counter[str](), Counter[int]()
    addresses = [example(route) for route, _ in routes() if "(" not in route and "^" not in route]
    assert len(addresses) > 200
    clients = [Client(), signed_in("ada"), signed_in("ada"), signed_in("sam")]
    for client in clients:
        client.raise_request_exception = False
    _, token = add_token(world.ada, "test", Scope.ADMIN, None, By("cli", "cli"), clock.now)
    caplog.set_level(logging.DEBUG)
    for _ in range(TRIES_MAX):
        if seen.total() >= ERRORS:
            break
        fault = chance.choice(list(FAULTS))
        address, method = chance.choice(addresses), chance.choice(["GET", "POST", "POST", "PUT", "DELETE"])
        if fault == "address":
            address += chance.choice(["/", ""]) + chance.choice(ODD)
        body, kind = chance.choice(SENT) if fault == "body" else (b"{}", "application/json")
        headers = {"Authorization": chance.choice(TOKENS) if fault == "token" else f"Bearer {token}"}
        if chance.random() < 0.5:
            headers["Accept"] = "application/json"
        client = chance.choice(clients)
        with FAULTS[fault](chance):
            answer = client.generic(method, address, body, content_type=kind, headers=headers)
        if answer.status_code < 400:
            continue
        said = f"{answer.headers}\n{answer.getvalue().decode('utf-8', 'replace')}"
        assert [mark for mark in MARKS if mark in said] == [], (fault, method, address, said[:2_000])
        seen[fault] += 1
        statuses[answer.status_code] += 1
    assert seen.total() == ERRORS and set(seen) == set(FAULTS), seen
    assert {400, 401, 403, 404, 405, 500, 503} <= set(statuses), statuses
    logged = caplog.text + "".join(capsys.readouterr())
    assert SECRET not in logged
    assert INSIDE in logged, "the log is where it is said"
