from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.intake_hot.serving import Serving


@pytest.fixture(params=["protocol", "asgi"])
def serving(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[Serving]:
    """A real server; every test that asks for it runs with intake in the protocol and over plain ASGI."""
    with Serving(protocol=request.param == "protocol") as one:
        yield one


@pytest.fixture
def inside(transactional_db: None) -> Iterator[Serving]:
    """A real server with intake in the protocol."""
    with Serving() as one:
        yield one
