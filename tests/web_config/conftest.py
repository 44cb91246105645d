"""Readers at their browsers, in the small world."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.test import Client

from tests.world import Clock, Outbox, World
from tocsin.channels import signing
from tocsin.people.models import User

Reader = Callable[[User | None], Client]


@pytest.fixture
def reader(world: World, clock: Clock, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Opens a browser for somebody, signed in; for None, of a stranger. The site's clock is the test's."""
    monkeypatch.setattr("tocsin.site.clock.now", lambda: clock.now)
    monkeypatch.setattr(signing, "_key", b"a key that only tests use")
    cache.clear()  # what was counted against a browser's address in another test

    def open_one(user: User | None) -> Client:
        client = Client()
        if user is not None:
            client.force_login(user)
        return client

    return open_one


@pytest.fixture
def ada(reader: Reader, world: World) -> Client:
    """An admin's browser."""
    return reader(world.ada)
