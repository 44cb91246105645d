"""Whether somebody would come, asked over REST."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Program
from tests.world import Clock, Outbox, World
from tocsin.catalog.actions import refresh
from tocsin.escalation.actions import climb_due, start_climbs
from tocsin.kernel.acting import By
from tocsin.notification.models import Delivery, Page
from tocsin.oncall.actions import save_schedule
from tocsin.oncall.rules import schedule_from
from tocsin.people.models import Contact
from tocsin.telling.contacts import tell_contacts

CLI = By("cli", "cli")


@pytest.fixture(autouse=True)
def _channel(outbox: Outbox) -> Outbox:
    """Contacts such as "fake:bo" work."""
    return outbox


def on_call(clock: Clock, *layers: dict[str, Any]) -> None:
    """The schedule "nights" in Madrid."""
    data = {"id": "nights", "timezone": "Europe/Madrid", "layers": list(layers)}
    save_schedule(schedule_from(data), None, CLI, clock.now)


def levels(program: Program, *notify: list[str]) -> None:
    body = {"name": "Web", "levels": [{"notify": some, "timeout": "5m"} for some in notify]}
    assert program.put("/policies/web", body).status == 200


def test_an_organisation_that_always_reaches_somebody_is_covered(sam: Program) -> None:
    answer = sam.get("/coverage?weeks=2&people=2&within=5m")
    assert answer.status == 200
    assert answer.body["holds"]
    first, second = answer.body["proofs"]
    assert (first["service"], first["urgency"], second["urgency"]) == ("shop", "high", "low")
    assert (first["worst"], first["worst_at"], first["weak"]) == ("5m", "2026-03-02T09:00:00Z", [])
    assert (first["starts_at"], first["ends_at"]) == ("2026-03-02T09:00:00Z", "2026-03-16T09:00:00Z")
    assert sam.get("/gaps").body == {"gaps": [], "left_out": 0}


def test_counter_examples_are_intervals_with_their_reason(world: World, mo: Program, clock: Clock) -> None:
    hours = [{"days": ["mon-fri"], "from": "09:00", "to": "17:00"}]
    on_call(clock, {"rotation": "daily", "start": "2026-03-01", "users": ["bo", "cy"], "restrict": hours})
    levels(mo, ["schedule:nights"])
    (proof,) = mo.get("/coverage?weeks=1&service=shop&urgency=high").body["proofs"]
    assert (proof["holds"], proof["worst"], proof["worst_at"]) == (False, None, "2026-03-02T16:00:00Z")
    assert proof["weak"][0] == {
        "starts_at": "2026-03-02T16:00:00Z",
        "ends_at": "2026-03-03T08:00:00Z",
        "wait": None,
        "why": "Nobody is reached (level 1: nobody is on call in schedule nights).",
    }
    found = mo.get("/gaps?days=1").body["gaps"]
    assert [(gap["kind"], gap["about"], gap["length"]) for gap in found] == [
        ("service", "shop", "16h"),
        ("level", "web", "16h"),
        ("schedule", "nights", "16h"),
    ]
    assert all(gap["mend"] and gap["services"] == ["shop"] for gap in found)


def test_what_was_proved_is_proved_anew_when_something_changes(mo: Program, clock: Clock) -> None:
    assert mo.get("/coverage").body["holds"]
    on_call(clock, {"rotation": "daily", "start": "2026-04-01", "users": ["bo"]})
    levels(mo, ["schedule:nights"])
    assert not mo.get("/coverage").body["holds"]
    levels(mo, ["schedule:nights"], ["user:cy"])
    assert mo.get("/coverage").body["holds"]
    clock.forward(minutes=59)
    assert mo.get("/coverage").body["proofs"][0]["starts_at"] == "2026-03-02T09:00:00Z"
    clock.forward(minutes=1)
    assert mo.get("/coverage").body["proofs"][0]["starts_at"] == "2026-03-02T10:00:00Z"


def test_a_contact_that_failed_counts_no_more_until_a_message_goes(
    world: World, mo: Program, clock: Clock
) -> None:
    """By what the engine has found out about the messages that went there."""
    levels(mo, ["user:bo"])
    page = Page.objects.create(
        user=world.bo, urgency="high", reason="test", subject="x", created_at=world.bo.created_at
    )
    delivery = Delivery.objects.create(
        page=page,
        contact="fake",
        address="fake:bo",
        state="undeliverable",
        error="no such user",
        for_good=True,
        due_at=world.bo.created_at,
    )
    tell_contacts(clock.now)
    assert not mo.get("/coverage").body["holds"]
    (person,) = [gap for gap in mo.get("/gaps").body["gaps"] if gap["kind"] == "person"]
    assert "fake fails: no such user" in person["why"]
    assert not mo.post("/check", {}).body["passed"]
    Delivery.objects.filter(pk=delivery.pk).update(state="sent", error="", for_good=None)
    tell_contacts(clock.now)
    assert mo.get("/coverage").body["holds"]


def test_people_to_whom_nothing_was_ever_sent_are_listed_and_count_only_when_asked(mo: Program) -> None:
    Contact.objects.update(verified_at=None, vouched_by="engine")
    refresh()
    gaps = mo.get("/gaps").body["gaps"]
    assert {(gap["kind"], gap["about"]) for gap in gaps} == {
        ("untried", "ada"),
        ("untried", "bo"),
        ("untried", "cy"),
    }
    assert mo.post("/check", {}).body["passed"]
    assert not mo.post("/check", {"verified": True}).body["passed"]


def test_expectations_are_judged_with_their_place(world: World, mo: Program) -> None:
    text = """\
timezone: Europe/Madrid
expect:
  - {at: 2026-12-25T03:00, service: shop, people: 1}
  - {at: 2026-12-25T03:00, service: shop, people: 2, within: 1m}
"""
    answer = mo.post("/check", {"files": [{"name": "tests.yaml", "text": text}]})
    assert answer.status == 200
    assert not answer.body["passed"]
    assert answer.body["expectations"] == [
        {
            "where": "tests.yaml:3",
            "text": "shop, high urgency, 2026-12-25T03:00: 1 person",
            "met": True,
            "why": "",
        },
        {
            "where": "tests.yaml:4",
            "text": "shop, high urgency, 2026-12-25T03:00: 2 people within 1m",
            "met": False,
            "why": "Person 2 of 2, Cy Tran, is reached after 5 min at level 2, not within 1 min.",
        },
    ]


def test_more_may_be_demanded_of_every_service(mo: Program) -> None:
    assert mo.post("/check", {"people": 2, "within": "5m", "weeks": 1}).body["passed"]
    answer = mo.post("/check", {"people": 2, "within": "4m", "weeks": 1})
    assert not answer.body["passed"]
    assert [(each["urgency"], each["worst"]) for each in answer.body["proofs"]] == [
        ("high", "5m"),
        ("low", "5m"),
    ]


def test_mistakes_in_files_are_told_all_at_once_with_their_lines(mo: Program) -> None:
    text = "expect:\n  - {at: noon, service: shop}\n  - {at: 2026-12-25T03:00Z, service: shpo}\n"
    answer = mo.post("/check", {"files": [{"name": "tests.yaml", "text": text}]})
    assert answer.status == 422
    assert answer.error["what"] == "Nothing was checked: 2 mistakes"
    assert [problem["where"] for problem in answer.body["problems"]] == ["tests.yaml:2", "tests.yaml:3"]


def test_what_is_asked_is_bounded(mo: Program) -> None:
    for path in (
        "/coverage?weeks=27",
        "/coverage?weeks=0",
        "/coverage?people=21",
        "/coverage?within=8d",
        "/gaps?days=183",
        "/gaps?days=0",
        "/coverage?nonsense=1",
    ):
        assert mo.get(path).status in (400, 422), path
    assert mo.post("/check", {"files": [{"text": ""}] * 101}).status == 422


def test_nobody_without_a_right_to_see_sees_any_of_it(stranger: Program) -> None:
    assert stranger.get("/coverage").status == 401
    assert stranger.get("/gaps").status == 401
    assert stranger.post("/check", {}).status == 401


# -- files that are not applied -------------------------------------------------------------------------------------

CHANGED = """\
policies:
  - {id: web, name: Web, levels: [{notify: ["user:mo"], timeout: 5m}]}
"""


def test_a_check_may_take_files_as_if_they_were_applied(ada: Program, world: World) -> None:
    files = [{"name": "change.yaml", "text": CHANGED}]
    answer = ada.post("/check", {"people": 2, "organisation": files})
    assert answer.status == 200
    assert not answer.body["passed"]
    assert answer.body["proofs"][0]["weak"][0]["why"] == "Only 1 of 2 people is reached: Mo Haddad."
    assert ada.post("/check", {"people": 2}).body["passed"]


def test_only_who_may_apply_files_may_have_them_planned(mo: Program, ada: Program) -> None:
    files = [{"name": "change.yaml", "text": CHANGED}]
    assert mo.post("/check", {"organisation": files}).status == 403
    assert mo.post("/backtest", {"files": files}).status == 403
    assert ada.post("/backtest", {"files": files}).status == 200


def test_a_mistake_in_planned_files_is_told_with_its_line(ada: Program) -> None:
    files = [{"name": "change.yaml", "text": CHANGED.replace("user:mo", "user:moo")}]
    for path, body in (("/check", {"organisation": files}), ("/backtest", {"files": files})):
        answer = ada.post(path, body)
        assert answer.status == 422
        assert "change.yaml:2" in answer.text


def test_the_past_is_replayed_with_who_would_have_been_paged(ada: Program, clock: Clock) -> None:
    """Bo is paged at once, cy and bo after five minutes, and cy answers after seven; with the change it is mo alone,
    and then the fallback, because nobody else is left."""
    number = ada.post("/incidents", {"service": "shop", "title": "Checkout is slow"}).body["number"]
    start_climbs(clock.now)
    climb_due(clock.forward(minutes=5))
    clock.forward(minutes=2)
    assert ada.post(f"/incidents/{number}/acknowledge").status == 200
    clock.forward(hours=1)
    answer = ada.post("/backtest", {"files": [{"name": "change.yaml", "text": CHANGED}]})
    assert answer.status == 200
    assert answer.body["incidents"] == 1
    counted = {row["user"]: (row["pages_before"], row["pages_after"]) for row in answer.body["tallies"]}
    assert counted == {"bo": (2, 0), "cy": (1, 0), "mo": (0, 1), "ada": (0, 1)}
    (different,) = answer.body["different"]
    assert different["number"] == number
    assert [page["user"] for page in different["before"]] == ["bo", "cy", "bo"]
    assert [(page["at"], page["user"]) for page in different["after"]] == [
        ("2026-03-02T09:00:00Z", "mo"),
        ("2026-03-02T09:05:00Z", "ada"),
    ]


def test_the_same_organisation_replays_to_what_happened(ada: Program, clock: Clock) -> None:
    for minutes in (1, 7, 30):
        number = ada.post("/incidents", {"service": "shop", "title": "Slow"}).body["number"]
        start_climbs(clock.now)
        for _ in range(minutes):
            climb_due(clock.forward(minutes=1))
        clock.forward(seconds=30)
        ada.post(f"/incidents/{number}/resolve", {})
    text = ada.get("/organisation").body["text"]
    answer = ada.post("/backtest", {"files": [{"name": "same.yaml", "text": text}], "prune": True})
    assert answer.status == 200, answer.text
    assert answer.body["different"] == []
    assert all(row["pages_before"] == row["pages_after"] > 0 for row in answer.body["tallies"])


def test_how_much_of_the_past_is_bounded(ada: Program) -> None:
    files = [{"name": "change.yaml", "text": CHANGED}]
    assert ada.post("/backtest", {"files": files, "from_at": "2020-01-01T00:00:00Z"}).status == 400
    assert ada.post("/backtest", {"files": files, "to_at": "2020-01-01T00:00:00"}).status == 422
    assert ada.post("/backtest", {"files": []}).status == 422
