"""What tests of channels may ask for: a server that misbehaves, and clients that call it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.channels.faults import FaultServer, fault_server
from tests.patience import PATIENCE
from tocsin.channels import signing
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.reach import Reach
from tocsin.testing.fakes import Mood

LOOPBACK = ("127.0.0.0/8",)
HASTE = 0.5  # seconds after which a server that never answers is given up


@pytest.fixture
def faults() -> Iterator[FaultServer]:
    with fault_server() as server:
        yield server


@pytest.fixture
def outgoing(request: pytest.FixtureRequest) -> Iterator[Outgoing]:
    """May reach this machine. For servers that answer at once, and may be slow on a machine that does much else; one
    that the test has hang is given up soon."""
    mood = getattr(request.node, "callspec", None) and request.node.callspec.params.get("mood")
    client = Outgoing(Reach.of(LOOPBACK), deadline=HASTE if mood is Mood.HANGS else PATIENCE)
    yield client
    client.close()


@pytest.fixture
def hasty() -> Iterator[Outgoing]:
    """The same for servers that never answer: it gives up after half a second."""
    client = Outgoing(Reach.of(LOOPBACK), deadline=HASTE)
    yield client
    client.close()


@pytest.fixture
def client() -> Iterator[Callable[..., Outgoing]]:
    """Makes clients to the test's taste, and hangs up for them afterwards."""
    made: list[Outgoing] = []

    def make(*networks: str, **more: Any) -> Outgoing:
        made.append(Outgoing(Reach.of(networks), **{"deadline": PATIENCE, **more}))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(autouse=True)
def signing_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "_key", b"the key of these tests")
