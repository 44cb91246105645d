"""The list, one incident, and what a person does to it, all without script."""

from __future__ import annotations

import re

import pytest
from django.db import transaction
from django.test import Client

from tests.stories.road import Road
from tests.web.conftest import WEIGHT_MAX, SignedIn, text_of, weight
from tests.world import Clock, Outbox, World
from tocsin.incident.actions import acknowledge, open_incident, resolve
from tocsin.incident.describing import add_note, assign
from tocsin.incident.models import Incident
from tocsin.incident.rules import NOTE_LENGTH_MAX
from tocsin.intake.models import Alert, Change
from tocsin.journal.actions import Fact, write
from tocsin.kernel.acting import By, by_user
from tocsin.kernel.urgency import Urgency
from tocsin.people.actions import save_user
from tocsin.people.rules import COMMAND_LINE
from tocsin.people.saving import UserValue

BO = by_user("bo", "web")


@pytest.fixture
def incident(road: Road) -> Incident:
    """One open incident, whose first level has been paged."""
    road.event("one", title="Checkout fails", fields={"region": "eu"}, raw={"hello": "payload"})
    road.look()
    return road.incident()


# -- the list


def test_the_list_begins_with_what_is_open(road: Road, signed_in: SignedIn) -> None:
    gone = open_incident("shop", "An old thing", by=BO, now=road.now)
    resolve(gone.pk, BO, road.now)
    open_incident("shop", "A new thing", by=BO, now=road.now)
    client = signed_in("sam")
    assert "An old thing" not in text_of(client.get("/incidents"))
    assert "A new thing" in text_of(client.get("/incidents"))
    assert "An old thing" in text_of(client.get("/incidents?state=resolved"))
    both = text_of(client.get("/incidents?state=all"))
    assert both.index("A new thing") < both.index("An old thing")


def test_filters_work_together_and_nonsense_is_left_out(road: Road, signed_in: SignedIn) -> None:
    open_incident("shop", "Loud", by=BO, now=road.now)
    open_incident("shop", "Quiet", urgency=Urgency.LOW, by=BO, now=road.now)
    client = signed_in("bo")
    assert "Quiet" not in text_of(client.get("/incidents?priority=P1&service=shop&state=triggered"))
    assert "No incident like that" in text_of(client.get("/incidents?service=other"))
    for nonsense in (
        "state=x",
        "priority=P9",
        "after=x",
        "after=-1",
        "after=" + "9" * 40,
        "q=%00",
        "q=" + "x" * 5_000,
    ):
        assert client.get(f"/incidents?{nonsense}").status_code == 200, nonsense


@pytest.mark.parametrize("words", ["checkout", "#{pk}", "{pk}", "web shop"])
def test_search_finds_by_words_number_and_service(
    words: str, incident: Incident, signed_in: SignedIn
) -> None:
    answer = signed_in("bo").get("/incidents", {"q": words.format(pk=incident.pk)})
    assert "Checkout fails" in text_of(answer)


def test_a_search_that_finds_nothing_says_so(incident: Incident, signed_in: SignedIn) -> None:
    assert "Nothing found for “zebra”" in text_of(signed_in("bo").get("/incidents?q=zebra"))


def test_older_pages_go_on_after_the_last_row_and_miss_none(road: Road, signed_in: SignedIn) -> None:
    for number in range(120):
        open_incident("shop", f"Thing {number:03}", by=BO, now=road.now)
    client, seen, address = signed_in("bo"), [], "/incidents?priority=P1"
    while address:
        body = client.get(address).content.decode()
        seen += re.findall(r"<bdi>(Thing \d{3})</bdi>", body)
        found = re.search(r'href="(/incidents\?[^"]+)" rel="next"', body)
        address = found[1].replace("&amp;", "&") if found else ""
    assert seen == [f"Thing {number:03}" for number in reversed(range(120))]


# -- one incident


def test_the_page_says_what_is_wrong_who_is_paged_and_what_follows(
    incident: Incident, signed_in: SignedIn
) -> None:
    said = text_of(signed_in("sam").get(f"/incidents/{incident.pk}"))
    for words in (
        "P1 Checkout fails",
        "Nobody has it · pages Cy Tran, Bo Lind in 5:00",
        "5:00 pages Cy Tran, Bo Lind level 2",
        "15:00 pages Bo Lind level 1, round 2",
        "Shop events opened it as P1: Checkout fails.",
        "Level 1 pages Bo Lind.",
        "Bo Lind was sent the page",
        "1 alert, 1 firing",
        "Raw payload",
    ):
        assert words in said, words
    assert "Acknowledge" not in said


def test_attempts_stand_with_their_reasons(road: Road, outbox: Outbox, signed_in: SignedIn) -> None:
    outbox.fail("bo", "the provider is asleep", times=2)
    road.event("one")
    road.live(minutes=1)
    said = text_of(signed_in("sam").get(f"/incidents/{road.incident().pk}"))
    assert "3 attempts" in said
    assert said.count("the provider is asleep") >= 2


def test_an_incident_that_is_not_there_answers_404(world: World, signed_in: SignedIn) -> None:
    for address in ("/incidents/999", "/alerts/999", "/incidents/999/note", "/incidents/" + "9" * 30):
        answer = signed_in("bo").get(address)
        assert answer.status_code == 404, address
    assert signed_in("bo").post("/incidents/999/acknowledge").status_code == 404


def test_the_raw_payload_is_there_and_an_alert_has_a_page_of_its_own(
    incident: Incident, signed_in: SignedIn
) -> None:
    alert = Alert.objects.get()
    alert.samples = [{"at": "2026-03-02T09:00:00Z", "raw": {"hello": "<b>payload</b>"}}]
    alert.save()
    body = signed_in("sam").get(f"/incidents/{incident.pk}").content.decode()
    assert "&lt;b&gt;payload" in body
    said = text_of(signed_in("sam").get(f"/alerts/{alert.pk}"))
    assert "region eu" in said
    assert "<b>payload</b>" in said


def test_large_payloads_do_not_make_the_page_heavy(incident: Incident, signed_in: SignedIn) -> None:
    first = Alert.objects.get()
    rows = [
        Alert(
            integration=first.integration,
            service=first.service,
            incident=incident,
            key=f"k{number}",
            key_digest=f"{number:032}",
            title=f"Alert {number}",
            severity="error",
            urgency="high",
            first_seen_at=first.first_seen_at,
            last_seen_at=first.last_seen_at,
            samples=[{"raw": {"blob": f"{number}" * 4_000}}] * 5,
        )
        for number in range(100)
    ]
    Alert.objects.bulk_create(rows)
    for number in range(200):
        add_note(incident.pk, f"note {number} {'x' * 100}", BO, incident.opened_at)
    answer = signed_in("bo").get(f"/incidents/{incident.pk}", headers={"Accept-Encoding": "gzip"})
    assert answer["Content-Encoding"] == "gzip"
    assert weight(answer.content) <= WEIGHT_MAX


def test_what_was_changed_before_it_broke_is_shown(
    incident: Incident, road: Road, signed_in: SignedIn
) -> None:
    Change.objects.create(
        integration=road.world.integration,
        service=road.world.shop,
        title="Deploy 4.12",
        links=[["Pipeline", "https://ci.example/1"]],
        happened_at=road.now,
        received_at=road.now,
    )
    assert "Deploy 4.12" in text_of(signed_in("sam").get(f"/incidents/{incident.pk}"))


def test_a_long_timeline_goes_on_earlier(incident: Incident, road: Road, signed_in: SignedIn) -> None:
    for number in range(150):
        add_note(incident.pk, f"note number {number:03}", BO, road.now)
    client, seen, address = signed_in("bo"), 0, f"/incidents/{incident.pk}"
    while address:
        body = client.get(address).content.decode()
        seen += body.count("note number")
        found = re.search(r'href="([^"]+before=\d+)#timeline"', body)
        address = found[1] if found else ""
    assert seen == 150


def test_an_entry_of_an_unknown_kind_still_says_something(
    incident: Incident, road: Road, signed_in: SignedIn
) -> None:
    with transaction.atomic():
        write([Fact(incident.chain, "problem.linked_up", {})], By("integration:gone", "event"), road.now)
    assert "gone: problem linked up." in text_of(signed_in("bo").get(f"/incidents/{incident.pk}"))


@pytest.mark.parametrize("state", ["triggered", "acknowledged", "resolved", "closed", "exhausted"])
def test_every_state_has_its_page_and_its_one_primary_act(
    state: str, incident: Incident, road: Road, signed_in: SignedIn
) -> None:
    client = signed_in("bo")
    if state == "acknowledged":
        client.post(f"/incidents/{incident.pk}/acknowledge")
    if state in ("resolved", "closed"):
        client.post(f"/incidents/{incident.pk}/resolve")
    if state == "closed":
        client.post(f"/incidents/{incident.pk}/close")
    if state == "exhausted":
        road.live(hours=1)
    body = client.get(f"/incidents/{incident.pk}").content.decode()
    bar = body[body.index('class="actbar"') :].split("</div></details>")[0]
    primary = re.findall(r"btn-primary[^>]*>([^<]+)<", bar)
    expected = {
        "triggered": "Acknowledge",
        "acknowledged": "Resolve",
        "resolved": "Close",
        "closed": "Reopen",
    }
    assert primary == [expected.get(state, "Acknowledge")]
    if state == "exhausted":
        assert "Nothing more follows by itself" in body


# -- acts


def test_acknowledge_resolve_close_and_reopen_without_script(incident: Incident, signed_in: SignedIn) -> None:
    client = signed_in("bo")
    for verb, state, said in (
        ("acknowledge", "acknowledged", "is yours"),
        ("resolve", "resolved", "is resolved"),
        ("close", "closed", "is closed"),
        ("reopen", "triggered", "is open again"),
    ):
        answer = client.post(f"/incidents/{incident.pk}/{verb}", follow=True)
        assert answer.redirect_chain == [(f"/incidents/{incident.pk}", 303)]
        assert f"#{incident.pk} {said}" in text_of(answer)
        incident.refresh_from_db()
        assert incident.state == state


def test_what_is_resolved_while_its_alert_fires_says_what_the_next_event_does(
    incident: Incident, road: Road, signed_in: SignedIn
) -> None:
    client = signed_in("bo")
    assert "still fires" not in text_of(client.get(f"/incidents/{incident.pk}"))
    client.post(f"/incidents/{incident.pk}/resolve")
    told = (
        "Resolved while 1 alert still fires. Its next event will not reopen this incident: it opens a new one"
    )
    assert told in text_of(client.get(f"/incidents/{incident.pk}"))
    road.event("one", title="Checkout fails")
    road.look()
    assert Incident.objects.count() == 2
    assert "still fires" not in text_of(client.get(f"/incidents/{incident.pk}"))


def test_what_was_resolved_by_its_sender_says_nothing_of_alerts_that_fire(
    incident: Incident, road: Road, signed_in: SignedIn
) -> None:
    road.event("one", action="resolve")
    road.look()
    said = text_of(signed_in("bo").get(f"/incidents/{incident.pk}"))
    assert "Resolved" in said
    assert "still fire" not in said


def test_a_resolve_can_be_taken_back(incident: Incident, signed_in: SignedIn) -> None:
    answer = signed_in("bo").post(f"/incidents/{incident.pk}/resolve", follow=True)
    assert f'action="/incidents/{incident.pk}/reopen"' in answer.content.decode()
    assert "Reopen (pages again)" in text_of(answer)


def test_who_comes_second_is_told_who_has_it(incident: Incident, signed_in: SignedIn) -> None:
    signed_in("cy").post(f"/incidents/{incident.pk}/acknowledge")
    answer = signed_in("bo").post(f"/incidents/{incident.pk}/acknowledge", follow=True)
    assert "Cy Tran has it already" in text_of(answer)


def test_what_cannot_be_done_says_why_on_the_page(incident: Incident, signed_in: SignedIn) -> None:
    answer = signed_in("bo").post(f"/incidents/{incident.pk}/close", follow=True)
    assert "resolve it first" in text_of(answer)


def test_looking_never_acts(incident: Incident, signed_in: SignedIn) -> None:
    for verb in ("acknowledge", "resolve", "reopen", "close"):
        for method in ("get", "head"):
            assert getattr(signed_in("bo"), method)(f"/incidents/{incident.pk}/{verb}").status_code == 405
    incident.refresh_from_db()
    assert incident.state == "triggered"


def test_escalating_shows_whom_it_wakes_and_hands_the_note_over(
    incident: Incident, road: Road, outbox: Outbox, signed_in: SignedIn
) -> None:
    client = signed_in("bo")
    form = text_of(client.get(f"/incidents/{incident.pk}/escalate"))
    assert "Pages at once: level 2: Cy Tran, Bo Lind." in form
    answer = client.post(
        f"/incidents/{incident.pk}/escalate",
        {"what_happens": "Pods die", "impact": "everybody", "tried": "restart", "help_needed": "a DBA"},
        follow=True,
    )
    assert "the next level is paged now" in text_of(answer)
    road.look()
    assert "Help needed: a DBA" in outbox.to("cy")[-1].note
    said = text_of(client.get(f"/incidents/{incident.pk}"))
    assert "Bo Lind escalated to the next level." in said
    assert "Tried so far: restart" in said


def test_a_form_that_is_refused_keeps_what_was_typed(incident: Incident, signed_in: SignedIn) -> None:
    client = signed_in("bo")
    answer = client.post(
        f"/incidents/{incident.pk}/escalate", {"what_happens": "kept words", "tried": "x" * 2_001}
    )
    assert answer.status_code == 422
    assert "kept words" in answer.content.decode()
    assert "at most 2000 characters" in text_of(answer)
    answer = client.post(f"/incidents/{incident.pk}/note", {"note": "   "})
    assert answer.status_code == 422
    answer = client.post(f"/incidents/{incident.pk}/note", {"note": "y" * (NOTE_LENGTH_MAX + 1)})
    assert answer.status_code == 422
    assert "y" * 100 in answer.content.decode()


def test_escalating_what_is_over_is_refused_beside_the_form(
    incident: Incident, road: Road, signed_in: SignedIn
) -> None:
    resolve(incident.pk, BO, road.now)
    answer = signed_in("bo").post(f"/incidents/{incident.pk}/escalate", {"tried": "kept words"})
    assert answer.status_code == 422
    assert "Reopen it first" in text_of(answer)
    assert "kept words" in answer.content.decode()


def test_handing_over_pages_the_person_and_can_be_taken_back(
    incident: Incident, road: Road, outbox: Outbox, signed_in: SignedIn
) -> None:
    acknowledge(incident.pk, BO, road.now)
    client = signed_in("bo")
    answer = client.post(f"/incidents/{incident.pk}/assign", {"user": "cy"}, follow=True)
    assert "is Cy Tran's now" in text_of(answer)
    road.look()
    assert outbox.to("cy")
    undo = re.search(r'action="([^"]+undo=1[^"]*)"', answer.content.decode())
    assert undo is not None
    client.post(undo[1].replace("&amp;", "&"))
    incident.refresh_from_db()
    assert incident.assigned_id == "bo"


def test_a_stakeholder_is_not_offered_for_handing_over_nor_is_the_command_line(
    incident: Incident, road: Road, signed_in: SignedIn
) -> None:
    save_user(COMMAND_LINE, UserValue("Command line", "cli@localhost", role="admin"), BO, road.now)
    form = text_of(signed_in("bo").get(f"/incidents/{incident.pk}/assign"))
    assert "Cy Tran" in form
    assert "Sam Weiss" not in form
    assert "Command line" not in form
    answer = signed_in("bo").post(f"/incidents/{incident.pk}/assign", {"user": "sam"})
    assert answer.status_code == 422


def test_how_bad_it_is_can_be_changed_and_changed_back(incident: Incident, signed_in: SignedIn) -> None:
    client = signed_in("bo")
    answer = client.post(
        f"/incidents/{incident.pk}/classify", {"urgency": "low", "impact": "minor"}, follow=True
    )
    assert "is P5 now" in text_of(answer)
    undo = re.search(r'action="([^"]+undo=1[^"]*)"', answer.content.decode())
    assert undo is not None
    client.post(undo[1].replace("&amp;", "&"))
    incident.refresh_from_db()
    assert incident.priority == "P1"


def test_an_undo_address_does_nothing_when_it_is_only_opened(incident: Incident, signed_in: SignedIn) -> None:
    signed_in("bo").get(f"/incidents/{incident.pk}/classify?undo=1&urgency=low&impact=minor")
    incident.refresh_from_db()
    assert incident.priority == "P1"


def test_renaming_keeps_the_old_title_in_the_timeline(incident: Incident, signed_in: SignedIn) -> None:
    client = signed_in("bo")
    client.post(f"/incidents/{incident.pk}/rename", {"title": "الدفع لا يعمل 🔥"})
    said = text_of(client.get(f"/incidents/{incident.pk}"))
    assert "Bo Lind renamed it: الدفع لا يعمل 🔥." in said
    assert "before: Checkout fails" in said


def test_an_incident_opened_by_hand_is_paged_like_any_other(
    road: Road, outbox: Outbox, signed_in: SignedIn
) -> None:
    client = signed_in("bo")
    assert "Web shop" in text_of(client.get("/incidents/new"))
    answer = client.post(
        "/incidents/new",
        {
            "service": "shop",
            "title": "Customers call",
            "description": "Nothing in monitoring.",
            "urgency": "high",
        },
        follow=True,
    )
    assert "Customers call" in text_of(answer)
    road.look()
    assert outbox.people == ["bo"]


def test_opening_without_a_title_keeps_the_rest(road: Road, signed_in: SignedIn) -> None:
    answer = signed_in("bo").post(
        "/incidents/new", {"service": "shop", "title": " ", "description": "kept", "urgency": "high"}
    )
    assert answer.status_code == 422
    assert "kept" in answer.content.decode()
    assert not Incident.objects.exists()


def test_without_a_service_the_page_says_what_comes_first(world: World, signed_in: SignedIn) -> None:
    world.shop.delete()
    assert "There is no service yet" in text_of(signed_in("ada").get("/incidents/new"))


def test_pages_stay_cheap(
    incident: Incident, road: Road, signed_in: SignedIn, django_assert_max_num_queries
) -> None:  # type: ignore[no-untyped-def]
    road.live(minutes=30)
    assign(incident.pk, "cy", BO, road.now)
    client = signed_in("bo")
    with django_assert_max_num_queries(24):
        client.get(f"/incidents/{incident.pk}")
    with django_assert_max_num_queries(10):
        client.get("/incidents?state=all")


def test_a_stranger_sees_nothing(incident: Incident, clock: Clock) -> None:
    assert Client().get(f"/incidents/{incident.pk}").status_code == 302
