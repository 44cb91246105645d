from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.intake_hot.serving import Serving
from tocsin.intake.models import Inbox, Remembered


@pytest.fixture
def tables(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A database that threads share, with the tables of the hot path empty before and after. Emptying only those is
    many times faster than emptying all."""
    with django_db_blocker.unblock():
        yield
        Inbox.objects.all().delete()
        Remembered.objects.all().delete()


@pytest.fixture(params=["protocol", "asgi"])
def serving(request: pytest.FixtureRequest, tables: None) -> Iterator[Serving]:
    """A real server; every test that asks for it runs with intake in the protocol and over plain ASGI."""
    with Serving(protocol=request.param == "protocol") as one:
        yield one


@pytest.fixture
def inside(tables: None) -> Iterator[Serving]:
    """A real server with intake in the protocol."""
    with Serving() as one:
        yield one
