"""Schedules, overrides, cover, absences and calendars over REST."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.api.conftest import Program
from tests.world import T0, Clock, World
from tocsin.oncall.actions import on_call_at
from tocsin.people.rules import Scope

LAYER: dict[str, Any] = {"rotation": "weekly", "start": "2026-03-02T09:00", "users": ["bo", "cy"]}
ROTA: dict[str, Any] = {"name": "Rota", "timezone": "UTC", "team": None, "layers": [LAYER], "shadows": []}
OFFICE: dict[str, Any] = {
    "name": "Office",
    "timezone": "Europe/Madrid",
    "hours": [{"days": ["mon-fri"], "from": "09:00", "to": "17:00"}],
    "holidays": [{"day": "2026-12-25", "name": "Christmas Day"}],
}
WEEK = timedelta(weeks=1)


@pytest.fixture
def rota(mo: Program) -> str:
    assert mo.put("/schedules/rota", ROTA).status == 201
    return "/schedules/rota"


def asked(path: str, **query: Any) -> str:
    return f"{path}?{urlencode(query, doseq=True)}"


def test_a_schedule_is_put_read_and_deleted(mo: Program, bo: Program) -> None:
    made = mo.put("/schedules/rota", ROTA)
    assert (made.status, made.body) == (201, ROTA | {"id": "rota"})
    assert mo.put("/schedules/rota", ROTA).status == 200
    assert bo.get("/schedules/rota").body == bo.get("/schedules").body["items"][0] == ROTA | {"id": "rota"}
    policy = {"name": "Night", "levels": [{"notify": ["schedule:rota/next"], "timeout": "5m"}]}
    assert mo.put("/policies/night", policy).status == 201
    refused = mo.delete("/schedules/rota")
    assert (refused.status, refused.error["what"]) == (409, "Schedule rota is named by policy night")
    assert mo.delete("/policies/night").status == 204
    assert mo.delete("/schedules/rota").status == 204
    assert mo.get("/schedules/rota").status == 404


def test_who_is_on_call_is_told_for_now_for_an_instant_and_for_several(rota: str, bo: Program) -> None:
    assert bo.get(f"{rota}/on-call").body == {"at": "2026-03-02T09:00:00Z", "users": ["bo"]}
    one = bo.get(asked(f"{rota}/on-call", at="2026-03-09T09:00"))
    assert one.body == {"at": "2026-03-09T09:00:00Z", "users": ["cy"]}
    several = bo.get(asked(f"{rota}/on-call", at=["2026-03-09T10:00:00+01:00", "2026-03-02T08:59"]))
    assert several.body == [
        {"at": "2026-03-09T09:00:00Z", "users": ["cy"]},
        {"at": "2026-03-02T08:59:00Z", "users": []},
    ]
    assert bo.get(f"{rota}/on-call?at=2026-03-09T10:00:00+01:00").body == one.body, (
        "a plus that was not escaped"
    )
    assert bo.get("/on-call").body == [
        {"schedule": "rota", "name": "Rota", "users": ["bo"], "until": "2026-03-09T09:00:00Z", "next": ["cy"]}
    ]


def test_the_past_is_told_as_it_was_known_and_before_that_as_it_stands(
    rota: str, mo: Program, clock: Clock
) -> None:
    clock.forward(hours=2)
    earlier = LAYER | {"start": "2026-01-05T09:00", "users": ["mo"]}
    assert mo.put(rota, ROTA | {"layers": [earlier]}).status == 200
    clock.forward(hours=2)
    at = ["2026-03-02T10:00", "2026-03-02T12:00", "2026-02-02T10:00", "2026-01-02T10:00"]
    users = [row["users"] for row in mo.get(asked(f"{rota}/on-call", at=at)).body]
    assert users == [["bo"], ["mo"], ["mo"], []]
    told = mo.get(asked(f"{rota}/shifts", **{"from": "2026-03-02", "to": "2026-03-03"})).body
    assert told["known_from"] == "2026-03-02T09:00:00Z"
    assert [(shift["starts_at"][11:16], shift["users"]) for shift in told["shifts"]] == [
        ("00:00", ["mo"]),
        ("09:00", ["bo"]),
        ("11:00", ["mo"]),
    ]
    assert told["shifts"][0]["sources"] == ["layer:1"]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/on-call?at=yesterday", "is not a point in time"),
        ("/on-call?at=9999-01-01", "out of reach"),
        ("/shifts?from=2026-01-01&to=2036-01-01", "cannot be computed at once"),
        ("/shifts?from=2026-01-02&to=2026-01-01", "cannot be computed at once"),
        ("/shifts?until=2026-01-02", "is not a parameter here"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(rota: str, bo: Program, path: str, why: str) -> None:
    answer = bo.get(rota + path)
    assert answer.status in (400, 422) and why in answer.error["what"]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"timezone": "Mars/Base"}, "body.timezone"),
        ({"layers": [LAYER | {"rotation": "secondly"}]}, "body.layers.0.rotation"),
        ({"layers": [LAYER | {"users": ["nobody"]}]}, "layers.0.users.0"),
        ({"layers": [LAYER | {"restrict": [{"calendar": "office"}]}]}, "layers.0.restrict.0"),
        ({"layers": [LAYER | {"secret": 1}]}, "body.layers.0"),
        ({"team": "ops"}, "team"),
        ({"shadows": [{"trainee": "bo", "start": "2026-03-02", "end": "2026-03-01"}]}, "body.shadows.0.end"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_place(
    mo: Program, changes: dict[str, Any], where: str
) -> None:
    answer = mo.put("/schedules/rota", ROTA | changes)
    assert answer.status == 400 and answer.error["where"] == where, answer.text
    assert mo.get("/schedules").body["items"] == []


def test_overrides_are_made_listed_and_taken_back(rota: str, mo: Program) -> None:
    body = {"start": "2026-03-02T10:00", "end": "2026-03-02T12:00", "users": ["mo"], "replaces": ["bo"]}
    made = mo.post(f"{rota}/overrides", body)
    assert made.status == 201 and made.body["made_by"] == "user:mo"
    assert mo.get(f"{rota}/overrides").body["items"] == [made.body]
    assert on_call_at("rota", T0 + timedelta(hours=2)) == ("mo",)
    fixed = {"rotation": "fixed", "start": "2026-01-01", "users": ["ada"]}
    temporary = {"start": "2026-03-02T11:00", "end": "2026-03-02T12:00", "layers": [fixed], "name": "Fair"}
    assert mo.post(f"{rota}/overrides", temporary).status == 201
    assert on_call_at("rota", T0 + timedelta(hours=2)) == ("ada",)
    assert mo.delete(f"/overrides/{made.body['id']}").status == 204
    assert mo.delete(f"/overrides/{made.body['id']}").status == 404
    assert on_call_at("rota", T0 + timedelta(hours=1)) == ("bo",)


def test_others_than_editors_put_themselves_on_call_and_no_more(
    rota: str, world: World, mo: Program, bo: Program, sam: Program, program_of: Callable[..., Program]
) -> None:
    cy = program_of(world.cy)
    hours = {"start": "2026-03-02T10:00", "end": "2026-03-02T12:00"}
    mine = cy.post(f"{rota}/overrides", {**hours, "users": ["cy"]})
    assert mine.status == 201
    for body in ({"users": ["bo"]}, {"users": ["cy"], "mode": "remove"}, {"layers": []}):
        assert cy.post(f"{rota}/overrides", hours | body).status == 403, body
    assert cy.put(rota, ROTA).status == cy.delete(rota).status == 403
    assert cy.put("/schedules/new", ROTA).status == 403
    assert sam.post(f"{rota}/overrides", {**hours, "users": ["sam"]}).status == 403
    assert bo.delete(f"/overrides/{mine.body['id']}").status == 403
    assert cy.delete(f"/overrides/{mine.body['id']}").status == 204
    assert mo.put(rota, ROTA | {"team": "web"}).status == 200
    assert bo.put(rota, ROTA | {"team": "web", "name": "Ours"}).status == 200, "bo leads the team"
    narrow = program_of(world.mo, Scope.ACT)
    assert narrow.put(rota, ROTA).status == 403, "a token never may more than its scope"


def test_cover_is_asked_accepted_declined_and_withdrawn(
    rota: str, world: World, bo: Program, sam: Program, program_of: Callable[..., Program]
) -> None:
    cy, mo = program_of(world.cy), program_of(world.mo)
    hours = {"starts_at": T0.isoformat(), "ends_at": (T0 + WEEK).isoformat()}
    ask = {**hours, "asked": ["cy", "mo"], "note": "Wedding"}
    asked = bo.post(f"{rota}/cover-requests", ask)
    assert asked.status == 201 and asked.body["state"] == "open"
    number = asked.body["id"]
    assert cy.post(f"/cover-requests/{number}/decline", {}).body["declined_by"] == ["cy"]
    assert cy.post(f"/cover-requests/{number}/accept", {"user": "mo"}).status == 403
    assert sam.post(f"/cover-requests/{number}/accept", {}).status == 403
    assert mo.post(f"/cover-requests/{number}/accept", {}).body["accepted_by"] == "mo"
    assert on_call_at("rota", T0) == ("mo",)
    assert bo.post(f"{rota}/cover-requests", hours).status == 409
    again = mo.post(f"{rota}/cover-requests", hours).body["id"]
    assert bo.post(f"/cover-requests/{again}/withdraw").status == 403
    assert mo.post(f"/cover-requests/{again}/withdraw").body["state"] == "withdrawn"
    assert bo.post(f"{rota}/cover-requests", {**hours, "user": "mo"}).status == 403
    taken = cy.post(f"{rota}/take", {**hours, "of": "mo"})
    assert taken.status == 201 and on_call_at("rota", T0) == ("cy",)
    assert len(bo.get("/cover-requests").body["items"]) == 2


def test_absences_ask_for_cover_and_their_note_is_not_for_everybody(
    rota: str, bo: Program, mo: Program, sam: Program
) -> None:
    hours = {"starts_at": T0.isoformat(), "ends_at": (T0 + WEEK).isoformat()}
    made = bo.post("/absences", {**hours, "note": "Surgery"})
    assert made.status == 201
    assert [row["user"] for row in mo.get("/cover-requests").body["items"]] == ["bo"]
    assert [each.get("/absences").body["items"][0]["note"] for each in (bo, mo, sam)] == [
        "Surgery",
        "Surgery",
        None,
    ]
    assert bo.post("/absences", {**hours, "user": "cy"}).status == 403
    assert mo.post("/absences", {**hours, "user": "cy"}).status == 201
    assert sam.delete(f"/absences/{made.body['id']}").status == 403
    assert bo.delete(f"/absences/{made.body['id']}").status == 204


def test_calendars_are_put_read_and_deleted_unless_something_names_them(mo: Program, bo: Program) -> None:
    assert mo.put("/calendars/office", OFFICE).body == OFFICE | {"id": "office"}
    assert bo.get("/calendars").body["items"] == [OFFICE | {"id": "office"}]
    assert bo.put("/calendars/office", OFFICE).status == 403
    assert (
        mo.put("/calendars/office", OFFICE | {"hours": [{"from": "9"}]})
        .error["where"]
        .startswith("body.hours.0")
    )
    condition = {"outside": "office", "calendar": None, "zone": "person"}
    level = {"notify": ["user:bo"], "timeout": "5m", "when": condition}
    made = mo.put("/policies/night", {"name": "Night", "levels": [level]})
    assert made.status == 201 and made.body["levels"] == [level]
    assert "policy night" in mo.delete("/calendars/office").error["what"]
    assert mo.delete("/policies/night").status == 204
    assert mo.delete("/calendars/office").status == 204
    for wrong in ({}, {"calendar": "office", "outside": "office"}, {"calendar": "gone"}):
        assert mo.put("/policies/night", {"name": "Night", "levels": [level | {"when": wrong}]}).status == 400


def test_how_long_ahead_one_is_told_of_shifts_is_ones_own(bo: Program, sam: Program) -> None:
    assert bo.get("/me/shift-reminders").body == {"ahead": ["day"]}
    assert bo.put("/me/shift-reminders", {"ahead": ["hour", "week"]}).body == {"ahead": ["week", "hour"]}
    assert bo.put("/me/shift-reminders", {"ahead": ["year"]}).status == 422
    assert bo.put("/me/shift-reminders", {"ahead": []}).body == {"ahead": []}
    assert sam.put("/me/shift-reminders", {"ahead": []}).status == 403
