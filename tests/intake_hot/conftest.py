from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.intake_hot.serving import Serving
from tocsin.intake.models import Inbox, Remembered


@pytest.fixture
def db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """In this folder: a database that threads share, so without a transaction around the test, and with the tables of
    the hot path emptied after it. Emptying only those is many times faster than emptying all."""
    with django_db_blocker.unblock():
        yield
        Inbox.objects.all().delete()
        Remembered.objects.all().delete()


@pytest.fixture(params=["protocol", "asgi"])
def serving(request: pytest.FixtureRequest, db: None) -> Iterator[Serving]:
    """A real server; every test that asks for it runs with intake in the protocol and over plain ASGI."""
    with Serving(protocol=request.param == "protocol") as one:
        yield one


@pytest.fixture
def inside(db: None) -> Iterator[Serving]:
    """A real server with intake in the protocol."""
    with Serving() as one:
        yield one
