"""Programs of the organisation are told that a restricted incident moves, and nothing of what it is about."""

from __future__ import annotations

import json

import pytest

from tests.hooks.conftest import Told
from tocsin.catalog.actions import refresh
from tocsin.catalog.models import Service
from tocsin.hooks.collecting import collect
from tocsin.hooks.models import Message
from tocsin.incident.actions import acknowledge, resolve
from tocsin.incident.describing import add_note, rename
from tocsin.incident.restricting import restrict
from tocsin.kernel.acting import by_user

BO, ADA = by_user("bo", "web"), by_user("ada", "web")


@pytest.fixture
def opened(told: Told) -> int:
    told.hook()
    told.event("db", title="zebra-title", description="zebra-text")
    told.look()
    return told.incident().pk


def test_a_webhook_is_told_a_number_and_how_much_it_presses(told: Told) -> None:
    Service.objects.update(restricted=True, name="zebra-service")
    refresh()
    told.hook()
    told.event("db", title="zebra-title", description="zebra-text")
    told.look()
    number = told.incident().pk
    acknowledge(number, BO, told.now)
    add_note(number, "zebra-note", BO, told.now)
    rename(number, "zebra-anew", BO, told.now)
    resolve(number, BO, told.now, "zebra-ending")
    told.look()
    told.tell()
    assert {"incident.opened", "climb.paged", "incident.noted", "incident.renamed"} <= set(told.events_told)
    for said in told.documents:
        assert "zebra" not in json.dumps(said)
        about = said["incident"]
        assert (about["id"], about["restricted"], about["title"]) == (
            number,
            True,
            f"Restricted incident #{number}",
        )
        assert about["service"] == {"id": None, "name": None}
        assert set(said["detail"].values()) <= {None}


def test_an_event_that_waits_says_it_no_more_once_it_is_restricted(told: Told, opened: int) -> None:
    while collect(told.now):
        pass
    assert any("zebra" in body for body in Message.objects.values_list("body", flat=True))
    restrict(opened, ADA, told.now)
    told.tell()
    assert told.documents
    assert all("zebra" not in json.dumps(said) for said in told.documents)


def test_of_what_is_not_restricted_everything_is_told_as_before(told: Told, opened: int) -> None:
    told.tell()
    assert told.documents[0]["incident"]["restricted"] is False
    assert told.documents[0]["incident"]["title"] == "zebra-title"
