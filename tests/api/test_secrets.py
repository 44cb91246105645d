"""What opens something never leaves, except where it was asked for by somebody who may have it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.api.conftest import Program
from tests.api.test_permissions import ALL, address
from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.catalog.actions import rotate_key
from tocsin.incident.models import Incident
from tocsin.kernel.acting import By
from tocsin.kernel.ids import digest
from tocsin.notification.links import act_token
from tocsin.notification.models import Delivery, Page
from tocsin.notification.rules import ActVerb
from tocsin.people.actions import add_token, make_sign_in_link
from tocsin.people.models import User
from tocsin.people.rules import Role, Scope

CLI = By("cli", "cli")
HIDDEN_ADDRESS = "fake:canary-address-of-cy"


@pytest.fixture
def canaries(world: World, clock: Clock, outbox: Outbox) -> dict[str, str]:
    """Everything that opens something, after a road on which all of it was used."""
    world.cy.contacts.update(address=HIDDEN_ADDRESS)
    key = rotate_key("shop-events", CLI, clock.now)[1]
    token = add_token(world.ada, "canary", Scope.ADMIN, None, CLI, clock.now)[1]
    link = make_sign_in_link(world.bo, clock.now, timedelta(hours=1))
    road = Road(world, clock)
    road.event("disk")
    road.live(minutes=6)
    found = {
        "key": key,
        "key digest": digest(key),
        "token": token,
        "token digest": digest(token),
        "link": link,
    }
    found |= {
        f"act link {page.pk} {verb}": act_token(page.pk, verb)
        for page in Page.objects.all()
        for verb in ActVerb
    }
    return found | {f"password of {user}": user.password for user in User.objects.all()}


def every_answer(program: Program) -> dict[str, str]:
    """What each reading operation says, of things that are there."""
    number = Incident.objects.get().pk
    alert = program.get(f"/incidents/{number}/alerts").body["items"][0]["id"]
    delivery = str(Delivery.objects.order_by("pk")[0].pk)
    there = {
        "services": "shop",
        "integrations": "shop-events",
        "policies": "web",
        "users": "cy",
        "teams": "web",
    }
    said = {}
    for method, path, _ in ALL:
        if method != "GET" or path.endswith("/key"):
            continue
        room = path.split("/")[1]
        real = path.replace("{number}", str(number))
        real = real.replace(
            "{id}", {"alerts": str(alert), "deliveries": delivery}.get(room, there.get(room, "1"))
        )
        said[path] = program.get(real).text
    said["exported"] = program.get("/organisation").text
    return said


@pytest.mark.parametrize("role", list(Role))
def test_no_answer_holds_what_opens_something(
    world: World, canaries: dict[str, str], program_of: Callable[..., Program], role: Role
) -> None:
    program = program_of(next(person for person in world.people if person.role == role))
    for path, said in every_answer(program).items():
        leaked = [name for name, value in canaries.items() if value in said]
        assert not leaked, f"{path} says {leaked}"


@pytest.mark.parametrize("role", [Role.MANAGER, Role.RESPONDER, Role.STAKEHOLDER])
def test_the_address_of_somebody_else_is_not_shown(
    world: World, canaries: dict[str, str], program_of: Callable[..., Program], role: Role
) -> None:
    program = program_of(next(person for person in world.people if person.role == role))
    assert [path for path, said in every_answer(program).items() if HIDDEN_ADDRESS in said] == []


def test_an_admin_sees_where_each_message_went(canaries: dict[str, str], ada: Program) -> None:
    deliveries = ada.get("/deliveries?user=cy").body["items"]
    assert {one["address"] for one in deliveries} == {HIDDEN_ADDRESS}
    whole = ada.get(f"/deliveries/{deliveries[0]['id']}").body
    assert whole["subject"].startswith("[P1] Checkout fails")
    assert whole["tries"][0]["outcome"] == "sent"


def test_a_refusal_never_repeats_what_was_sent_as_a_secret(ada: Program, canaries: dict[str, str]) -> None:
    for method, path, _ in ALL:
        answer = ada.call(method, address(path) + f"?token={canaries['token']}")
        assert canaries["token"] not in answer.text, f"{method} {path}"
