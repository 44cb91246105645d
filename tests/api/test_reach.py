"""How one is reached, over REST: quiet hours, and the test of one's contacts."""

from __future__ import annotations

import re

import pytest

from tests.api.conftest import Program
from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.kernel.acting import By
from tocsin.notification.rules import Limits
from tocsin.people.actions import add_token

HOURS = [{"from": "22:00", "to": "07:00"}]
OFFICE = {
    "name": "Office",
    "timezone": "UTC",
    "hours": [{"days": ["mon-fri"], "from": "09:00", "to": "17:00"}],
}
NONE = {"hours": None, "calendar": None, "outside": None}


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    return Road(world, clock)


def test_quiet_hours_are_read_set_and_taken_away(bo: Program, ada: Program, clock: Clock) -> None:
    assert bo.get("/users/bo/quiet").body == NONE
    assert bo.put("/users/bo/quiet", {"hours": HOURS}).body == NONE | {"hours": HOURS}
    assert ada.get("/users/bo/quiet").body["hours"] == HOURS
    unknown = bo.put("/users/bo/quiet", {"outside": "office"})
    assert (unknown.status, unknown.error["where"]) == (400, "quiet")
    assert bo.get("/users/bo/quiet").body["hours"] == HOURS
    ada.put("/calendars/office", OFFICE)
    assert bo.put("/users/bo/quiet", {"outside": "office"}).body == NONE | {"outside": "office"}
    both = bo.put("/users/bo/quiet", {"hours": HOURS, "calendar": "office"})
    assert both.status == 400
    assert ada.delete("/calendars/office").status == 409, "somebody's quiet hours name it"
    assert bo.put("/users/bo/quiet", {}).body == NONE
    assert ada.delete("/calendars/office").status == 204


def test_low_urgency_waits_for_quiet_hours_set_so_and_high_urgency_breaks_them(
    bo: Program, road: Road, outbox: Outbox
) -> None:
    bo.put("/users/bo/quiet", {"hours": [{"from": "08:00", "to": "10:00"}]})  # it is nine
    road.event("disk", severity="warning")
    road.look()
    low = outbox.people.count("bo")
    road.event("db")
    road.look()
    assert outbox.people.count("bo") == low + 1
    road.live(hours=2)
    assert outbox.people.count("bo") > low + 1


def test_anothers_quiet_hours_are_for_who_may_edit_people(
    bo: Program, mo: Program, sam: Program, stranger: Program
) -> None:
    for other in (mo, sam):
        assert other.get("/users/bo/quiet").status == 403
        assert other.put("/users/bo/quiet", {"hours": HOURS}).status == 403
    assert stranger.get("/users/bo/quiet").status == 401
    assert bo.get("/users/ada/quiet").status == 403
    assert bo.put("/users/bo/quiet", {"hours": [{"from": "25:00", "to": "7"}]}).status == 400


def code_in(outbox: Outbox) -> str:
    found = re.search(r"\d{3} \d{3}", outbox.to("bo")[-1].lines[0])
    assert found
    return found[0]


def test_a_test_is_begun_followed_and_answered(bo: Program, ada: Program, road: Road, outbox: Outbox) -> None:
    assert bo.get("/users/bo/test").status == 404
    begun = bo.post("/users/bo/test")
    assert (begun.status, begun.body["deliveries"], begun.body["settled"]) == (200, 1, False)
    road.look()
    (way,) = ada.get("/users/bo/test").body["contacts"]
    assert (way["contact"], way["state"], way["rings"]) == ("fake", "accepted", False)
    wrong = bo.post("/users/bo/test/reached", {"code": "1"})
    assert (wrong.status, wrong.error["where"]) == (400, "code")
    done = bo.post("/users/bo/test/reached", {"code": code_in(outbox)})
    assert (done.body["passed"], done.body["verdict"]) == (True, "The only contact was reached.")


def test_whether_it_rang_is_said_by_its_person_alone(
    bo: Program, ada: Program, road: Road, outbox: Outbox
) -> None:
    outbox.limits = Limits(rings=True)
    bo.post("/users/bo/test")
    road.look()
    message = bo.get("/users/bo/test").body["contacts"][0]["message"]
    address = f"/users/bo/test/messages/{message}/rang"
    assert ada.post(address, {"rang": True}).status == 403
    assert ada.post("/users/bo/test/reached", {"code": code_in(outbox)}).status == 403
    assert bo.post(address, {"rang": False}).body["contacts"][0]["state"] == "silent"
    assert bo.post(address, {"rang": True}).body["passed"] is True
    assert bo.post(address, {"rang": "yes"}).status == 422


def test_anothers_test_is_for_who_may_edit_people(mo: Program, sam: Program, bo: Program, road: Road) -> None:
    bo.post("/users/bo/test")
    for other in (mo, sam):
        assert other.get("/users/bo/test").status == 403
        assert other.post("/users/bo/test").status == 403


def test_a_token_that_only_reads_reads_how_its_owner_is_reached_and_changes_nothing(
    world: World, clock: Clock
) -> None:
    _, secret = add_token(world.ada, "dashboard", "read", None, By("cli", "cli"), clock.now)
    reads = Program(secret)
    assert reads.get("/users/ada/reach").body["contacts"][0]["name"] == "fake"
    assert reads.get("/users/ada/quiet").body == NONE
    assert reads.get("/users/ada/test").status == 404  # there was none
    for path in ("/users/bo/reach", "/users/bo/quiet", "/users/bo/test"):
        assert reads.get(path).status == 403, "others' addresses need the right to edit people"
    assert reads.put("/users/ada/quiet", {"hours": HOURS}).status == 403
    assert reads.post("/users/ada/test").status == 403
    assert reads.put("/users/ada/reach", {"contacts": {}, "high": [], "low": []}).status == 403
