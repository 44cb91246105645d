"""The first page: what needs somebody, who has the rest, what happens next, whether paging works."""

from __future__ import annotations

import gzip

import pytest
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.stories.road import Road
from tests.web.conftest import WEIGHT_MAX, SignedIn, text_of, weight
from tests.world import Outbox
from tocsin.incident.actions import acknowledge, open_incident, resolve
from tocsin.incident.models import Incident
from tocsin.kernel.acting import by_user
from tocsin.kernel.urgency import Urgency
from tocsin.people.models import Contact, Team

QUERIES_MAX = 25


def test_a_new_organisation_is_told_what_to_do_first(road: Road, signed_in: SignedIn) -> None:
    said = text_of(signed_in("bo").get("/"))
    assert "Nothing is open." in said
    assert "Connect a sender" in said


def test_the_sentence_counts_what_needs_somebody_and_what_is_in_hand(road: Road, signed_in: SignedIn) -> None:
    road.event("one")
    road.event("two", title="Search is slow")
    road.look()
    first = Incident.objects.order_by("id")[0]
    acknowledge(first.pk, by_user("cy", "web"), road.now)
    said = text_of(signed_in("bo").get("/"))
    assert "1 needs somebody · 1 in hand · ✓ all paging works" in said
    assert "Cy Tran has it" in said
    assert "pages Cy Tran and Bo Lind in 5:00" in said


def test_the_next_page_counts_down(road: Road, signed_in: SignedIn) -> None:
    road.event("one")
    road.live(minutes=4, seconds=10)
    assert "pages Cy Tran and Bo Lind in 0:50" in text_of(signed_in("bo").get("/"))


def test_what_nobody_has_stands_first_then_the_worst(road: Road, signed_in: SignedIn) -> None:
    low = open_incident("shop", "A small thing", urgency=Urgency.LOW, by=by_user("bo", "web"), now=road.now)
    worst = open_incident("shop", "A large thing", by=by_user("bo", "web"), now=road.now)
    taken = open_incident("shop", "A thing in hand", by=by_user("bo", "web"), now=road.now)
    road.look()
    acknowledge(taken.pk, by_user("bo", "web"), road.now)
    body = signed_in("bo").get("/").content.decode()
    places = [body.index(f'id="incident-{incident.pk}"') for incident in (worst, low, taken)]
    assert places == sorted(places)


def test_acknowledging_from_the_list_leads_back_to_it(road: Road, signed_in: SignedIn) -> None:
    road.event("one")
    road.look()
    incident = road.incident()
    answer = signed_in("bo").post(f"/incidents/{incident.pk}/acknowledge", {"next": "/"}, follow=True)
    assert answer.redirect_chain == [("/", 303)]
    assert f"#{incident.pk} is yours" in text_of(answer)
    assert "Everything open is in hand" in text_of(answer)


def test_a_stakeholder_sees_everything_and_has_no_button(road: Road, signed_in: SignedIn) -> None:
    road.event("one", title="Checkout fails")
    road.look()
    body = signed_in("sam").get("/").content.decode()
    assert "Checkout fails" in body
    assert "/acknowledge" not in body
    assert "/test-alert" not in body


def test_quiet_is_said_with_how_long(road: Road, signed_in: SignedIn) -> None:
    road.event("one")
    road.look()
    resolve(road.incident().pk, by_user("bo", "web"), road.now)
    road.live(days=3, hours=4)
    assert "Quiet for 3 days 4 h. Nothing is open · ✓ all paging works" in text_of(signed_in("bo").get("/"))


def test_an_engine_that_stands_still_is_said_loudly(road: Road, signed_in: SignedIn) -> None:
    road.event("one")
    road.sleep(minutes=2)
    said = text_of(signed_in("bo").get("/"))
    assert "The engine is 2 min behind" in said
    assert "all paging works" not in said
    road.look()
    assert "behind" not in text_of(signed_in("bo").get("/"))


def test_who_cannot_be_reached_is_said_loudly_and_once(
    road: Road, outbox: Outbox, signed_in: SignedIn
) -> None:
    Contact.objects.filter(user="bo").delete()
    road.event("one")
    road.live(seconds=1)
    assert text_of(signed_in("ada").get("/")).count("Bo Lind cannot be reached: #") == 1


def test_a_policy_that_reaches_nobody_is_said_loudly(road: Road, signed_in: SignedIn) -> None:
    road.world.policy.levels = [{"notify": ["team:empty"], "timeout": "5m"}]
    road.world.policy.save()
    Team.objects.create(id="empty", name="Empty")
    road.event("one")
    road.look()
    said = text_of(signed_in("bo").get("/"))
    assert "The policy of Web shop reaches nobody; the fallback contact was told" in said


def test_nobody_answering_is_said_loudly(road: Road, signed_in: SignedIn) -> None:
    road.event("one")
    road.live(hours=2)
    assert "Nobody answered on any level" in text_of(signed_in("bo").get("/"))


@pytest.fixture
def many(road: Road) -> int:
    """As many open incidents as a bad night has."""
    for number in range(500):
        open_incident("shop", f"Host {number} is gone {'x' * 200}", by=by_user("bo", "web"), now=road.now)
    while Incident.objects.needing_climb().exists():
        road.look()
    return 500


def test_five_hundred_incidents_cost_no_more_queries_and_stay_light(
    many: int, signed_in: SignedIn, django_assert_max_num_queries: CaptureQueriesContext
) -> None:
    client = signed_in("bo")
    with django_assert_max_num_queries(QUERIES_MAX):  # type: ignore[operator]
        answer = client.get("/", headers={"Accept-Encoding": "gzip"})
    said = text_of(client.get("/"))
    assert "500 need somebody" in said
    assert "400 more are open" in said
    assert weight(answer.content) <= WEIGHT_MAX
    assert gzip.decompress(answer.content)


def test_a_live_refresh_gets_only_what_changes(road: Road, signed_in: SignedIn) -> None:
    body = signed_in("bo").get("/", headers={"HX-Request": "true"}).content.decode()
    assert body.lstrip().startswith('<div id="now"')
    assert "<html" not in body


def test_markup_in_a_title_is_text(road: Road, signed_in: SignedIn) -> None:
    road.event("one", title="<script>alert(1)</script><img src=x onerror=alert(1)>")
    road.look()
    for address in ("/", "/incidents", f"/incidents/{road.incident().pk}"):
        body = signed_in("bo").get(address).content.decode()
        assert "<script>alert" not in body
        assert "<img" not in body
        assert "&lt;script&gt;alert(1)" in body


def test_times_are_in_the_readers_zone(road: Road, signed_in: SignedIn) -> None:
    road.world.bo.timezone = "Asia/Tokyo"
    road.world.bo.save()
    road.event("one")
    road.look()
    assert "opened 18:00" in text_of(signed_in("bo").get(f"/incidents/{road.incident().pk}"))
    assert "opened 09:00" in text_of(signed_in("cy").get(f"/incidents/{road.incident().pk}"))


def test_nobody_signed_in_sees_nothing(road: Road) -> None:
    assert Client().get("/").status_code == 302
