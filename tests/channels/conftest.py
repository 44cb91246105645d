"""What tests of channels may ask for: a server that misbehaves, and clients with little patience."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.channels.faults import FaultServer, fault_server
from tocsin.channels import signing
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.reach import Reach

LOOPBACK = ("127.0.0.0/8",)


@pytest.fixture
def faults() -> Iterator[FaultServer]:
    with fault_server() as server:
        yield server


@pytest.fixture
def outgoing() -> Iterator[Outgoing]:
    """May reach this machine; gives up after half a second instead of ten."""
    client = Outgoing(Reach.of(LOOPBACK), deadline=0.5)
    yield client
    client.close()


@pytest.fixture
def patient() -> Iterator[Outgoing]:
    """The same with two seconds, for tests whose servers answer: a busy machine may take one."""
    client = Outgoing(Reach.of(LOOPBACK), deadline=2)
    yield client
    client.close()


@pytest.fixture
def client() -> Iterator[Callable[..., Outgoing]]:
    """Makes clients to the test's taste, and hangs up for them afterwards."""
    made: list[Outgoing] = []

    def make(*networks: str, **more: Any) -> Outgoing:
        made.append(Outgoing(Reach.of(networks), **{"deadline": 0.5, **more}))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(autouse=True)
def signing_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "_key", b"the key of these tests")
