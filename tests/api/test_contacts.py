"""Contacts over REST: a code is asked for and entered by their owner, and by nobody else."""

from __future__ import annotations

import re

import pytest

from tests.api.conftest import Program
from tests.stories.road import Road
from tests.world import Clock, Outbox, World

REACH = {"contacts": {"fake": "fake:bo", "phone": "fake:bo-phone"}, "high": [{"contact": "fake"}]}


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    return Road(world, clock)


@pytest.fixture(autouse=True)
def _fake_channel(outbox: Outbox) -> None:
    """Addresses such as fake:bo can be delivered to."""


def code_in(outbox: Outbox) -> str:
    found = re.search(r"is (\d{3} \d{3})", outbox.to("bo-phone")[-1].subject)
    assert found
    return found[1]


def test_what_one_adds_is_unverified_until_its_code_is_entered(
    bo: Program, road: Road, outbox: Outbox
) -> None:
    contacts = bo.put("/users/bo/reach", REACH).body["contacts"]
    assert [(each["name"], each["state"]) for each in contacts] == [
        ("fake", "verified"),
        ("phone", "unverified"),
    ]
    sent = bo.post("/users/bo/contacts/phone/code")
    assert sent.status == 202
    assert sent.body["expires_at"].startswith("2026-03-02T09:15:00")
    road.send()
    wrong = bo.post("/users/bo/contacts/phone/verify", {"code": "1"})
    assert (wrong.status, wrong.error["where"]) == (400, "code")
    right = bo.post("/users/bo/contacts/phone/verify", {"code": code_in(outbox)})
    assert (right.status, right.body["state"]) == (200, "verified")


def test_nobody_asks_for_or_enters_the_code_of_anothers(
    bo: Program, mo: Program, ada: Program, road: Road, outbox: Outbox
) -> None:
    bo.put("/users/bo/reach", REACH)
    bo.post("/users/bo/contacts/phone/code")
    road.send()
    for other in (mo, ada):
        assert other.post("/users/bo/contacts/phone/code").status == 403
        answer = other.post("/users/bo/contacts/phone/verify", {"code": code_in(outbox)})
        assert answer.status == 403
    assert Program().post("/users/bo/contacts/phone/verify", {"code": code_in(outbox)}).status == 401


def test_what_an_administrator_writes_is_vouched_for(ada: Program, bo: Program) -> None:
    contacts = ada.put("/users/bo/reach", REACH).body["contacts"]
    assert [(each["state"], each["vouched_by"]) for each in contacts] == [
        ("verified", ""),
        ("vouched for", "user:ada"),
    ]


def test_an_address_of_somebody_else_is_refused_and_a_contact_that_is_not_there_is_not_found(
    bo: Program,
) -> None:
    answer = bo.put("/users/bo/reach", {"contacts": {"fake": "fake:cy"}})
    assert answer.status == 409
    assert "cy" not in answer.text.lower().replace("policy", "")
    assert bo.post("/users/bo/contacts/dove/code").status == 404
    assert bo.post("/users/bo/contacts/fake/code").status == 409, "it is verified"


def test_too_many_codes_are_refused_with_a_status_that_says_wait(bo: Program) -> None:
    bo.put("/users/bo/reach", REACH)
    for _ in range(3):
        assert bo.post("/users/bo/contacts/phone/code").status == 202
    assert bo.post("/users/bo/contacts/phone/code").status == 429
