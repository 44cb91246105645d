"""Nobody may what is not declared: every operation against every role, every scope and nobody at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from ninja.operation import Operation

from tests.api.conftest import PREFIX, Program
from tests.world import PASSWORD, Clock, World
from tocsin.api.auth import Needs
from tocsin.api.room import Room
from tocsin.api.urls import api
from tocsin.kernel.acting import By
from tocsin.people.actions import add_token, deactivate_user, set_role
from tocsin.people.models import User
from tocsin.people.rules import SCOPES, TABLE, May, Role, Scope

CLI = By("cli", "cli")


def operations() -> Iterator[tuple[str, str, Operation]]:
    for router in api._get_bound_routers():
        for path, view in router.path_operations.items():
            for operation in view.operations:
                for method in operation.methods:
                    yield method, path, operation


ALL = sorted(
    ((method, path, operation) for method, path, operation in operations()), key=lambda each: each[:2]
)
NAMES = [f"{method} {path}" for method, path, _ in ALL]


def need(operation: Operation) -> May:
    (check,) = operation.auth_callbacks
    assert isinstance(check, Needs)
    return check.may


def address(path: str) -> str:
    """A path of something that does not exist, so that whoever is let in changes nothing."""
    for name, value in (("{number}", "999999"), ("{id}", "999999")):
        path = path.replace(name, value)
    path = path.replace("{message}", "00000000-0000-4000-8000-000000000000")
    if path.startswith("/deliveries/"):
        path = "/deliveries/00000000-0000-4000-8000-000000000000"
    return path


def test_there_are_operations() -> None:
    assert len(ALL) >= 45


@pytest.mark.parametrize(("method", "path", "operation"), ALL, ids=NAMES)
def test_every_operation_says_what_it_needs(method: str, path: str, operation: Operation) -> None:
    assert isinstance(need(operation), May)
    assert operation.openapi_extra == {"x-needs": need(operation).name.lower()}


def test_an_operation_added_without_saying_it_is_open_to_nobody(ada: Program) -> None:
    """The rooms cannot add one; whoever goes round them meets the API's own answer."""
    with pytest.raises(TypeError, match="may"):
        Room("x").get("/x", answer=None)  # type: ignore[call-arg]
    assert api.auth is not None
    (default,) = api.auth  # type: ignore[misc]
    with pytest.raises(Exception, match="does not say who may use it"):
        default(None)


@pytest.mark.parametrize(("method", "path", "operation"), ALL, ids=NAMES)
def test_nobody_gets_nothing(stranger: Program, method: str, path: str, operation: Operation) -> None:
    answer = stranger.call(method, address(path))
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.error["what"] == "Nobody is signed in"


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_exactly_what_its_line_of_the_table_says(
    world: World, program_of: Callable[..., Program], role: Role
) -> None:
    program = program_of(next(person for person in world.people if person.role == role))
    for method, path, operation in ALL:
        answer = program.call(method, address(path))
        allowed = need(operation) in TABLE[role]
        assert (answer.status != 403) is allowed or needs_more(path), f"{role} {method} {path}: {answer.text}"
        assert answer.status not in (401, 500), f"{role} {method} {path}: {answer.text}"


def needs_more(path: str) -> bool:
    """Somebody else's contacts: the operation asks again once it knows whose they are."""
    return path.endswith(("/reach", "/test", "/quiet", "/reached", "/rang"))


@pytest.mark.parametrize("scope", list(Scope))
def test_a_token_may_what_its_scope_and_its_owner_may_and_no_more(
    world: World, program_of: Callable[..., Program], scope: Scope
) -> None:
    for person in world.people:
        program = program_of(person, scope)
        rights = TABLE[Role(person.role)] & SCOPES[scope]
        for method, path, operation in ALL:
            answer = program.call(method, address(path))
            allowed = need(operation) in rights
            assert (answer.status != 403) is allowed or needs_more(path), f"{person} {scope} {method} {path}"


def test_a_token_follows_its_owner_down(
    world: World, program_of: Callable[..., Program], clock: Clock
) -> None:
    program = program_of(world.mo)
    body = {"name": "Search"}
    assert program.put("/services/search", body).status == 201
    set_role("mo", Role.RESPONDER, CLI, clock.now)
    assert program.put("/services/search", body).status == 403
    deactivate_user("mo", CLI, clock.now)
    assert program.get("/services").status == 401


def test_an_expired_a_revoked_and_a_misspelt_token_open_nothing(
    world: World, ada: Program, clock: Clock
) -> None:
    _, short = add_token(world.bo, "short", Scope.READ, clock.now + timedelta(hours=1), CLI, clock.now)
    row, plain = add_token(world.bo, "revoked", Scope.READ, None, CLI, clock.now)
    assert Program(short).get("/me").status == 200
    assert Program(plain).get("/me").status == 200
    assert ada.delete(f"/tokens/{row.pk}").status == 204
    clock.forward(hours=1)
    for bad in (short, plain, plain.upper(), plain[:-1], plain + " x", "", "é", "x" * 10_000):
        assert Program(bad).get("/me").status == 401, bad[:50]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YWRhOmFkYQ==", "bearer\ttok", "Token x"])
def test_a_header_that_is_no_bearer_token_is_not_let_in(stranger: Program, header: str) -> None:
    assert stranger.call("get", "/me", Authorization=header).status == 401


def signed_in(person: User, **options: Any) -> Client:
    client = Client(**options)
    assert client.login(email=person.email, username=person.email, password=PASSWORD)
    return client


def test_a_bad_token_does_not_fall_back_to_the_session(world: World) -> None:
    client = signed_in(world.ada)
    assert client.get(f"{PREFIX}/me").status_code == 200
    assert client.get(f"{PREFIX}/me", headers={"Authorization": "Bearer nonsense"}).status_code == 401


@pytest.mark.parametrize(("method", "path", "operation"), ALL, ids=NAMES)
def test_a_session_changes_nothing_without_the_csrf_token(
    world: World, method: str, path: str, operation: Operation
) -> None:
    client = signed_in(world.ada, enforce_csrf_checks=True)
    answer = client.generic(method, PREFIX + address(path), b"{}", content_type="application/json")
    if method == "GET":
        assert answer.status_code != 403
    else:
        assert answer.status_code == 403, answer.content
        assert "forged" in answer.json()["error"]["what"]


def test_a_session_with_the_csrf_token_works(world: World) -> None:
    client = signed_in(world.ada, enforce_csrf_checks=True)
    token = "a" * 32
    client.cookies["csrf"] = token
    answer = client.post(
        f"{PREFIX}/incidents",
        b'{"service": "shop", "title": "By hand"}',
        content_type="application/json",
        headers={"X-CSRFToken": token},
    )
    assert answer.status_code == 201, answer.content


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_a_method_is_what_it_is(bo: Program, world: World, header: str) -> None:
    """No header turns a read into a write."""
    assert bo.call("get", "/services/shop", **{header: "DELETE"}).status == 200
    assert bo.call("post", "/services/shop", None, **{header: "DELETE"}).status == 405
    assert bo.get("/services/shop").status == 200


def test_a_token_cannot_make_a_wider_one(world: World, program_of: Callable[..., Program]) -> None:
    narrow = program_of(world.ada, Scope.ACT)
    refused = narrow.post("/tokens", {"name": "more", "scope": "admin"})
    assert refused.status == 403
    assert refused.error["where"] == "body.scope"
    assert narrow.post("/tokens", {"name": "same", "scope": "act"}).status == 201
    assert narrow.post("/tokens", {"name": "less", "scope": "read"}).status == 201


def test_a_token_cannot_make_one_that_outlives_it(world: World, clock: Clock) -> None:
    end = clock.now + timedelta(hours=1)
    _, plain = add_token(world.bo, "short", Scope.ACT, end, CLI, clock.now)
    for expires in (None, (end + timedelta(seconds=1)).isoformat()):
        refused = Program(plain).post("/tokens", {"name": "x", "scope": "read", "expires_at": expires})
        assert (refused.status, refused.error["where"]) == (403, "body.expires_at")
    body = {"name": "x", "scope": "read", "expires_at": end.isoformat()}
    assert Program(plain).post("/tokens", body).status == 201


def test_somebody_elses_contacts_and_tokens_are_for_those_who_edit_people(ada: Program, bo: Program) -> None:
    assert bo.get("/users/bo/reach").status == 200
    assert bo.get("/users/cy/reach").status == 403
    assert ada.get("/users/cy/reach").status == 200
    body = {"contacts": {"fake": "fake:evil"}}
    assert bo.put("/users/cy/reach", body).status == 403
    assert bo.post("/tokens", {"name": "x", "scope": "read", "user": "ada"}).status == 403
    mine = bo.get("/tokens").body["items"]
    assert {token["user"] for token in mine} == {"bo"}
    theirs = next(token["id"] for token in ada.get("/tokens").body["items"] if token["user"] == "ada")
    assert bo.delete(f"/tokens/{theirs}").status == 404


def test_addresses_and_mail_are_shown_to_their_person_and_to_who_may_see_them(
    ada: Program, bo: Program
) -> None:
    assert bo.get("/users/bo").body["email"] == "bo@example.com"
    assert bo.get("/users/cy").body["email"] is None
    assert ada.get("/users/cy").body["email"] == "cy@example.com"
