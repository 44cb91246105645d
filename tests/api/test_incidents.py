"""Incidents over REST."""

from __future__ import annotations

import pytest

from tests.api.conftest import Program
from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.escalation.actions import start_climbs
from tocsin.incident.models import Incident


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    """The whole road behind the API, with every duty at hand."""
    return Road(world, clock)


def opened(program: Program, title: str = "Checkout fails") -> int:
    answer = program.post("/incidents", {"service": "shop", "title": title})
    assert answer.status == 201, answer.text
    return int(answer.body["number"])


def test_an_incident_is_opened_shown_acknowledged_and_resolved(bo: Program, clock: Clock) -> None:
    number = opened(bo)
    start_climbs(clock.now)

    shown = bo.get(f"/incidents/{number}").body
    assert (shown["state"], shown["priority"], shown["service"]) == ("triggered", "P1", "shop")
    assert [delivery["user"] for delivery in shown["deliveries"]] == ["bo"]
    assert shown["next_steps"][0]["people"] == ["cy", "bo"]

    done = bo.post(f"/incidents/{number}/acknowledge").body
    assert done["changed"] is True
    assert (done["incident"]["state"], done["incident"]["assigned"]) == ("acknowledged", "bo")

    assert bo.post(f"/incidents/{number}/resolve", {"note": "restarted"}).body["changed"] is True
    kinds = [entry["kind"] for entry in bo.get(f"/incidents/{number}/timeline").body["items"]]
    assert kinds[0] == "incident.opened" and "climb.paged" in kinds
    assert kinds[-2:] == ["incident.acknowledged", "incident.resolved"]


def test_it_says_when_it_is_over_while_alerts_still_fire(bo: Program, road: Road) -> None:
    road.event("one")
    road.look()
    number = road.incident().pk
    assert bo.get(f"/incidents/{number}").body["fires_on"] is False
    bo.post(f"/incidents/{number}/resolve")
    assert bo.get(f"/incidents/{number}").body["fires_on"] is True
    road.event("one", action="resolve")
    road.look()
    assert bo.get(f"/incidents/{number}").body["fires_on"] is False


def test_what_is_done_is_written_down_as_done_through_the_api(bo: Program) -> None:
    number = opened(bo)
    bo.post(f"/incidents/{number}/acknowledge")
    entries = bo.get(f"/incidents/{number}/timeline").body["items"]
    assert {(entry["who"], entry["through"]) for entry in entries} == {("user:bo", "api")}


def test_acknowledging_twice_changes_nothing_and_says_who_has_it(bo: Program, mo: Program) -> None:
    number = opened(bo)
    bo.post(f"/incidents/{number}/acknowledge")
    again = mo.post(f"/incidents/{number}/acknowledge")
    assert again.status == 200
    assert again.body["changed"] is False
    assert "Bo Lind" in again.body["why"]


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("acknowledge", None),
        ("resolve", {"note": "it is over"}),
        ("reopen", None),
        ("close", None),
        ("escalate", {"what_happens": "nobody can pay"}),
        ("notes", {"text": "looking"}),
        ("assign", {"user": "bo"}),
        ("classify", {"urgency": "low"}),
        ("rename", {"title": "Another"}),
        ("restrict", None),
        ("unrestrict", None),
        ("let-read", {"user": "bo"}),
        ("withdraw", {"user": "bo"}),
    ],
)
def test_every_verb_says_that_there_is_no_such_incident(bo: Program, verb: str, body: object) -> None:
    answer = bo.post(f"/incidents/999/{verb}", body)
    assert answer.status == 404
    assert answer.error["what"] == "No incident '999'"


def test_only_what_is_resolved_is_closed(bo: Program) -> None:
    number = opened(bo)
    early = bo.post(f"/incidents/{number}/close")
    assert early.status == 409
    assert "resolve it first" in early.error["what"]
    bo.post(f"/incidents/{number}/resolve")
    assert bo.post(f"/incidents/{number}/close").body["incident"]["state"] == "closed"
    assert bo.post(f"/incidents/{number}/reopen").body["incident"]["state"] == "triggered"


def test_escalating_carries_the_handover_note(bo: Program, clock: Clock) -> None:
    number = opened(bo)
    answer = bo.post(
        f"/incidents/{number}/escalate", {"what_happens": "Nobody can pay", "help_needed": "a payer"}
    )
    assert answer.status == 200
    entries = bo.get(f"/incidents/{number}/timeline").body["items"]
    assert entries[-1]["kind"] == "climb.pushed"
    assert entries[-1]["data"] == {"what_happens": "Nobody can pay", "help_needed": "a payer"}


def test_notes_assignment_class_and_title_are_changed(bo: Program) -> None:
    number = opened(bo)
    assert bo.post(f"/incidents/{number}/notes", {"text": "looking"}).status == 201
    assert bo.post(f"/incidents/{number}/assign", {"user": "cy"}).body["incident"]["assigned"] == "cy"
    assert bo.post(f"/incidents/{number}/assign", {"user": None}).body["incident"]["assigned"] is None
    assert bo.post(f"/incidents/{number}/classify", {"urgency": "low"}).body["incident"]["priority"] == "P3"
    assert bo.post(f"/incidents/{number}/rename", {"title": "Card payments"}).body["changed"] is True
    assert bo.get(f"/incidents/{number}").body["title"] == "Card payments"


def test_the_list_is_filtered_by_state_priority_service_and_words(bo: Program) -> None:
    first, second = opened(bo, "Checkout fails"), opened(bo, "Search is slow")
    bo.post(f"/incidents/{first}/resolve")

    def numbers(query: str) -> list[int]:
        answer = bo.get(f"/incidents?{query}")
        assert answer.status == 200, answer.text
        return [one["number"] for one in answer.body["items"]]

    assert numbers("") == [second, first]
    assert numbers("state=triggered&state=acknowledged") == [second]
    assert numbers("priority=P1&service=shop") == [second, first]
    assert numbers("priority=P5") == []
    assert numbers("service=other") == []
    assert numbers("q=checkout") == [first]
    assert numbers(f"q=%23{second}") == [second]
    assert numbers("q=%25") == []


def test_a_long_list_is_read_page_by_page_while_new_rows_arrive(
    bo: Program, world: World, clock: Clock
) -> None:
    Incident.objects.bulk_create(
        Incident(
            service=world.shop, title=f"one of many {n}", urgency="high", impact="major", priority="P1",
            opened_at=clock.now,
        )
        for n in range(25)
    )  # fmt: skip
    expected = list(Incident.objects.order_by("-pk").values_list("pk", flat=True))
    seen: list[int] = []
    cursor = ""
    while True:
        page = bo.get(f"/incidents?limit=10{cursor}").body
        seen += [one["number"] for one in page["items"]]
        opened(bo, "came meanwhile")
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == expected


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("limit=201", "query.limit"),
        ("limit=0", "query.limit"),
        ("limit=-1", "query.limit"),
        ("limit=1e9", "query.limit"),
        ("cursor=garbage", "query.cursor"),
        ("cursor=WyJ4Il0", "query.cursor"),
        ("cursor=WyI5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTkiXQ", "query.cursor"),
        ("state=open", "query.state.0"),
        ("offset=10", "query"),
        ("order=password", "query"),
        ("service__team__lead__password__startswith=a", "query"),
        ("q=%00", ""),
    ],
)
def test_a_query_that_is_not_understood_is_refused_with_its_place(
    bo: Program, query: str, where: str
) -> None:
    answer = bo.get(f"/incidents?{query}")
    assert answer.status == 422, answer.text
    assert answer.error["where"] == where


def test_raw_payloads_are_shown_with_their_alert(bo: Program, world: World, clock: Clock) -> None:
    from tocsin.intake.models import Alert

    number = opened(bo)
    alert = Alert.objects.create(
        integration=world.integration, service=world.shop, incident_id=number, key="disk", key_digest="d" * 32,
        title="Disk full", severity="critical", urgency="high", first_seen_at=clock.now, last_seen_at=clock.now,
        fields={"host": "db-1"}, links=[["runbook", "https://example.com/r"]], samples=[{"at": "now", "raw": {"a": 1}}],
    )  # fmt: skip
    (listed,) = bo.get(f"/incidents/{number}/alerts").body["items"]
    assert listed["fields"] == {"host": "db-1"} and "samples" not in listed
    assert bo.get(f"/alerts/{alert.pk}").body["samples"] == [{"at": "now", "raw": {"a": 1}}]
    assert bo.get("/alerts/999999").status == 404
