"""The contract is kept for whatever is sent: every operation, with bodies and parameters made from the document.

TOCSIN_FUZZ=200 tries that many of each operation; the suite tries a few, the same ones every time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING

import pytest
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings

from tests.api.conftest import Program
from tests.api.test_permissions import ALL, NAMES
from tests.world import World
from tocsin.api.openapi import PREFIX
from tocsin.incident.actions import open_incident
from tocsin.kernel.acting import By

if TYPE_CHECKING:
    from schemathesis import Case
    from schemathesis.specs.openapi.schemas import OpenApiSchema

EXAMPLES = int(os.environ.get("TOCSIN_FUZZ", "3"))
FUZZ = settings(
    max_examples=EXAMPLES,
    derandomize="TOCSIN_FUZZ" not in os.environ,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


# Schemathesis takes a second to import, which only the process that runs these tests has to spend.


@cache
def contract() -> OpenApiSchema:
    """The document as it is served."""
    import schemathesis

    return schemathesis.openapi.from_wsgi(f"{PREFIX}openapi.json", get_wsgi_application())


@cache
def kept_in_every_answer() -> list[Callable[..., object]]:
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    return [
        not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
        checks.negative_data_rejection,
    ]


@pytest.mark.parametrize(("method", "path"), [each[:2] for each in ALL], ids=NAMES)
def test_whatever_is_sent_is_answered_as_the_contract_says(
    world: World, program_of: Callable[..., Program], clock: object, method: str, path: str
) -> None:
    open_incident("shop", "Checkout fails", by=By("user:bo", "api"), now=world.ada.created_at)
    token = program_of(world.ada).token
    operation = contract()[PREFIX.rstrip("/") + path][method]
    checks = kept_in_every_answer()

    def send(case: Case) -> None:
        with transaction.atomic():  # each example meets the same organisation
            answer = case.call(headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"})
            case.validate_response(answer, checks=checks)
            transaction.set_rollback(True)

    from schemathesis import GenerationMode

    for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:
        FUZZ(given(case=operation.as_strategy(generation_mode=mode))(send))()


@pytest.fixture(autouse=True)
def _keep_the_connection() -> Iterator[None]:
    """The requests run in this thread and in this test's transaction, so they must not tidy up connections."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)
