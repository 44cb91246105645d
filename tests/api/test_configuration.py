"""Services, integrations, policies, people, teams and tokens over REST, in the words of the organisation file."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.api.conftest import Program
from tests.world import Clock, Outbox, World
from tocsin.catalog.actions import configuration
from tocsin.journal.models import Entry
from tocsin.kernel.acting import ENGINE
from tocsin.kernel.ids import digest
from tocsin.people.actions import save_user
from tocsin.people.rules import COMMAND_LINE
from tocsin.people.saving import UserValue

SERVICE: dict[str, Any] = {
    "name": "Search",
    "description": "Finds things",
    "team": "web",
    "policy": "web",
    "tier": 2,
    "urgency": "severity",
    "grouping": {"by": ["alertname"], "window": "10m"},
    "resolve_delay": "0s",
    "ack_timeout": "30m",
    "restricted": True,
    "workaround": "Restart the indexer",
}
POLICY: dict[str, Any] = {
    "name": "Search",
    "team": "web",
    "levels": [
        {"notify": ["user:bo"], "timeout": "5m", "when": None},
        {"notify": ["team:web", "user:cy"], "timeout": "1h30m", "when": None},
    ],
    "repeat": 2,
}
TEAM: dict[str, Any] = {"name": "Search", "members": ["cy", "bo"], "lead": "cy"}
USER: dict[str, Any] = {
    "name": "Di Okafor",
    "email": "di@example.com",
    "timezone": "Africa/Lagos",
    "language": "fr",
    "role": "responder",
    "active": True,
}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/services/search", SERVICE),
        ("/policies/search", POLICY),
        ("/teams/search", TEAM),
        ("/users/di", USER),
    ],
)
def test_what_is_put_is_made_then_replaced_and_reads_back_the_same(
    ada: Program, path: str, body: dict[str, Any]
) -> None:
    name = path.rpartition("/")[2]
    made = ada.put(path, body)
    assert made.status == 201, made.text
    assert made.body == body | {"id": name}
    assert ada.get(path).body == made.body

    entries = Entry.objects.count()
    again = ada.put(path, body)
    assert (again.status, again.body) == (200, made.body)
    assert Entry.objects.count() == entries, "nothing changed, so nothing is written down"

    renamed = ada.put(path, body | {"name": "Other"})
    assert (renamed.status, renamed.body["name"]) == (200, "Other")
    listed = ada.get(path.rpartition("/")[0]).body["items"]
    assert renamed.body in listed


@pytest.mark.parametrize("path", ["/services/search", "/policies/search", "/teams/search"])
def test_what_nothing_hangs_on_can_be_deleted_once(ada: Program, path: str) -> None:
    body = {"services": {"name": "S"}, "policies": POLICY, "teams": TEAM}[path.split("/")[1]]
    assert ada.put(path, body).status == 201
    gone = ada.delete(path)
    assert (gone.status, gone.text) == (204, "")
    assert ada.get(path).status == 404
    assert ada.delete(path).status == 404


@pytest.mark.parametrize("path", ["/policies/web", "/teams/web"])
def test_what_is_in_use_stays(ada: Program, path: str) -> None:
    answer = ada.delete(path)
    assert answer.status == 409, answer.text
    assert ada.get(path).status == 200


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("/services/search", SERVICE | {"team": "nobody"}, "team"),
        ("/services/search", SERVICE | {"policy": "none"}, "policy"),
        ("/services/search", SERVICE | {"tier": 6}, "body.tier"),
        ("/services/search", SERVICE | {"tier": "1"}, "body.tier"),
        ("/services/search", SERVICE | {"ack_timeout": "soon"}, "body.ack_timeout"),
        ("/services/search", SERVICE | {"ack_timeout": "900d"}, "body.ack_timeout"),
        ("/services/search", SERVICE | {"grouping": {"by": ["a", "a"]}}, "grouping.by"),
        ("/policies/search", POLICY | {"levels": []}, "body.levels"),
        ("/policies/search", POLICY | {"levels": [{"notify": ["user:zz"], "timeout": "5m"}]}, "level 1"),
        (
            "/policies/search",
            POLICY | {"levels": [{"notify": ["bo"], "timeout": "5m"}]},
            "body.levels.0.notify",
        ),
        (
            "/policies/search",
            POLICY | {"levels": [{"notify": ["user:bo"], "timeout": "x"}]},
            "body.levels.0.timeout",
        ),
        ("/teams/search", TEAM | {"lead": "ada"}, "lead"),
        ("/teams/search", TEAM | {"members": ["zz"], "lead": None}, "members"),
        ("/users/di", USER | {"timezone": "Mars/Olympus"}, "timezone"),
        ("/users/di", USER | {"email": "nowhere"}, "email"),
        ("/users/di", USER | {"role": "owner"}, "body.role"),
        ("/users/Di", USER, "path.id"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(ada: Program, path: str, body: object, where: str) -> None:
    answer = ada.put(path, body)
    assert answer.status in (400, 404, 409, 422), answer.text
    assert answer.error["where"] == where
    assert ada.get(path.lower()).status == 404


def test_a_key_is_said_when_it_is_made_and_to_those_who_may_see_it(mo: Program, bo: Program) -> None:
    body = {"service": "shop", "type": "events", "name": "New"}
    made = mo.put("/integrations/new-one", body)
    assert made.status == 201
    key = made.body["key"]
    assert configuration().by_key[digest(key)].id == "new-one"
    assert mo.put("/integrations/new-one", body).body["key"] is None
    assert mo.get("/integrations/new-one").body["key"] is None
    assert key not in mo.get("/integrations").text

    assert bo.get("/integrations/new-one/key").status == 403
    shown = mo.get("/integrations/new-one/key").body
    assert shown["key"] == key and shown["url"].endswith(f"/hooks/{key}")

    fresh = mo.post("/integrations/new-one/rotate").body["key"]
    assert fresh != key
    assert digest(key) not in configuration().by_key
    assert mo.put("/integrations/new-one", body | {"enabled": False}).body["enabled"] is False
    assert configuration().integrations["new-one"].enabled is False


def test_a_person_says_how_they_are_reached_and_tries_it(bo: Program, outbox: Outbox) -> None:
    body = {
        "contacts": {"fake": "fake:bo", "second": "fake:bo-too"},
        "high": [{"contact": "fake", "after": "0s"}, {"contact": "second", "after": "2m"}],
        "low": [{"contact": "second", "after": "0s"}],
    }
    saved = bo.put("/users/bo/reach", body)
    assert saved.status == 200, saved.text
    assert [contact["address"] for contact in saved.body["contacts"]] == ["fake:bo", "fake:bo-too"]
    assert (saved.body["high"], saved.body["low"]) == (body["high"], body["low"])
    assert [contact["state"] for contact in saved.body["contacts"]] == ["verified", "unverified"]
    assert bo.post("/users/bo/test").body["deliveries"] == 1, "nothing goes where nobody has proved it"


def test_contacts_and_rules_are_saved_together_or_not_at_all(bo: Program, outbox: Outbox) -> None:
    before = bo.get("/users/bo/reach").body
    for body in (
        {"contacts": {"other": "fake:x"}, "high": [{"contact": "fake", "after": "0s"}]},
        {"contacts": {"other": "gopher:x"}},
        {"contacts": {"Not a slug": "fake:x"}},
    ):
        answer = bo.put("/users/bo/reach", body)
        assert answer.status in (400, 422), answer.text
    assert bo.get("/users/bo/reach").body == before


def test_a_new_person_gets_a_link_that_signs_in_once(ada: Program, clock: Clock) -> None:
    ada.put("/users/di", USER)
    answer = ada.post("/users/di/sign-in-link")
    assert answer.status == 201
    assert "/sign-in/link/in_" in answer.body["url"]
    assert answer.body["expires_at"] == (clock.now + timedelta(hours=24)).isoformat().replace("+00:00", "Z")
    assert ada.post("/users/di/deactivate").body["active"] is False
    assert ada.post("/users/di/sign-in-link").status == 409


def test_the_last_admin_stays(ada: Program) -> None:
    answer = ada.post("/users/ada/deactivate")
    assert answer.status == 409
    assert ada.get("/me").status == 200


def test_a_token_is_said_once_and_only_its_digest_is_kept(ada: Program, world: World, clock: Clock) -> None:
    made = ada.post("/tokens", {"name": "ci", "scope": "read", "expires_at": "2026-03-03T00:00:00Z"})
    assert made.status == 201
    plain = made.body["token"]
    assert Program(plain).get("/me").body["rights"] == ["see"]
    assert plain not in ada.get("/tokens").text
    assert made.body["prefix"] in ada.get("/tokens").text
    assert all(plain not in str(entry.data) for entry in Entry.objects.all())
    clock.forward(days=1)
    assert Program(plain).get("/me").status == 401


@pytest.mark.parametrize(
    "expires", ["2020-01-01T00:00:00Z", "tomorrow", "2026-03-03T00:00:00", 99999999999999999999]
)
def test_a_token_expires_at_an_instant_of_the_future(ada: Program, expires: object) -> None:
    answer = ada.post("/tokens", {"name": "ci", "scope": "read", "expires_at": expires})
    assert answer.status in (400, 422), answer.text


@pytest.fixture
def command_line(world: World, clock: Clock) -> None:
    """The account behind the command line's token, as a running program has it."""
    save_user(
        COMMAND_LINE, UserValue("Command line", "command-line@localhost", role="admin"), ENGINE, clock.now
    )


@pytest.mark.usefixtures("command_line")
def test_the_command_lines_account_is_nobody_to_page_list_or_name(ada: Program, bo: Program) -> None:
    assert COMMAND_LINE not in [user["id"] for user in ada.get("/users").body["items"]]
    number = bo.post("/incidents", {"service": "shop", "title": "Down"}).body["number"]
    assert bo.post(f"/incidents/{number}/assign", {"user": COMMAND_LINE}).status == 404
    assert ada.put("/teams/web", {"name": "Web", "members": [COMMAND_LINE]}).status == 400
    levels = [{"notify": [f"user:{COMMAND_LINE}"], "timeout": "5m"}]
    assert ada.put("/policies/web", {"name": "Web", "levels": levels}).status == 400
    organisation = ada.get("/organisation/settings").body
    assert ada.put("/organisation/settings", organisation | {"fallback": COMMAND_LINE}).status == 400
