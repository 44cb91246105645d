"""A policy tells rooms beside people; a room is told, and nobody is woken by it."""

from __future__ import annotations

from collections import deque
from datetime import timedelta

import pytest

from tests.stories.road import Road
from tests.world import T0, Clock, Outbox, World
from tocsin.catalog import actions as configuration
from tocsin.escalation.models import Climb, Policy
from tocsin.escalation.policy_actions import save_policy
from tocsin.escalation.rules import policy_from
from tocsin.incident import actions as incidents
from tocsin.incident import describing
from tocsin.journal.models import Entry
from tocsin.kernel.acting import by_user
from tocsin.kernel.errors import Refused
from tocsin.notification.models import Attempt, Delivery, Page
from tocsin.notification.places import save_place
from tocsin.notification.rules import (
    ROOM_ATTEMPTS_MAX,
    ROOM_BACKOFF_MAX,
    ROOM_NEWS_LIFE,
    Blame,
    DeliveryState,
    Failed,
    Kind,
    Limits,
)

ADA = by_user("ada", "web")


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    save_place("ops", "Operations", "fake:ops", ADA, clock.now)
    return Road(world, clock)


def _levels(*levels: tuple[list[str], str], repeat: int = 0) -> None:
    data = [{"notify": notify, "timeout": timeout} for notify, timeout in levels]
    Policy.objects.filter(pk="web").update(levels=data, repeat=repeat)
    configuration.refresh()


def test_a_place_beside_a_person_is_told_who_is_paged(road: Road, outbox: Outbox) -> None:
    _levels((["place:ops", "user:bo"], "5m"))
    road.event("db")
    road.look()
    assert sorted(outbox.people) == ["bo", "ops"]
    (told,) = outbox.to("ops")
    assert (told.kind, told.code) == (Kind.PLACE, "")
    assert "Paged now: Bo Lind." in told.lines
    assert {act.url for act in told.acts} == {""}  # whoever presses one there is found by their address
    assert Page.objects.get(place="ops").user is None


def test_a_place_is_told_in_its_own_language_else_in_that_of_the_house(road: Road, outbox: Outbox) -> None:
    save_place("leitstand", "Leitstand", "fake:leitstand", ADA, road.now, "de")
    _levels((["place:ops", "place:leitstand", "user:bo"], "5m"), (["user:cy"], "5m"))
    road.event("db")
    road.look()
    ops, leitstand = outbox.to("ops")[0], outbox.to("leitstand")[0]
    assert (ops.language, leitstand.language) == ("en", "de")
    assert leitstand.lines[-1] == "Jetzt alarmiert: Bo Lind."
    assert {act.label for act in leitstand.acts} >= {"Übernehmen", "Beheben"}
    road.live(minutes=6)
    incidents.resolve(road.incident().pk, ADA, road.now)
    road.look()
    over = [message for message in outbox.to("leitstand") if message.kind == Kind.OVER]
    assert [message.subject.split(":")[0] for message in over] == ["Behoben"] * len(over)
    with pytest.raises(Refused, match="one of en, de, es, fr"):
        save_place("ops", "Operations", "fake:ops", ADA, road.now, "tlh")


def test_a_level_of_places_alone_is_told_and_the_next_is_paged_at_once(road: Road, outbox: Outbox) -> None:
    _levels((["place:ops"], "30m"), (["user:cy"], "5m"))
    road.event("db")
    road.look()
    assert sorted(outbox.people) == ["cy", "ops"]
    assert Climb.objects.get().level == 2
    paged = Entry.objects.get(kind="climb.paged").data
    assert (paged["places"], paged["skipped"]) == (["ops"], [])


def test_places_alone_reach_nobody_so_the_fallback_is_told(road: Road, outbox: Outbox) -> None:
    _levels((["place:ops"], "5m"), repeat=3)
    road.event("db")
    road.live(hours=1)
    assert sorted(outbox.people) == ["ada", "ops"]
    assert Climb.objects.get().ended == "nobody"


def test_a_room_that_cannot_be_told_does_not_hurry_the_climb(road: Road, outbox: Outbox) -> None:
    _levels((["place:ops", "user:bo"], "5m"), (["user:cy"], "5m"))
    outbox.fail("ops", "no such channel", again=False)
    road.event("db")
    road.live(minutes=4)
    assert outbox.people == ["bo"]
    assert not Page.objects.filter(undeliverable_at__isnull=False).exists()
    assert "page.failed" in road.told(road.incident())


def test_a_room_waits_until_its_account_is_well_and_hears_what_is_so_then(road: Road, outbox: Outbox) -> None:
    outbox.limits = Limits(updates=True)
    _levels((["place:ops", "user:bo"], "1h"))
    rests = Failed("chat is left alone", after=timedelta(seconds=60), blame=Blame.PROVIDER)
    outbox.failures["ops"] = deque([rests] * 4)
    road.event("db")
    road.live(minutes=3)
    assert outbox.people == ["bo"]
    describing.rename(road.incident().pk, "Checkout and basket fail", ADA, road.now)
    road.live(minutes=2)
    assert Delivery.objects.get(page__place="ops").state == DeliveryState.SENT
    assert "Checkout and basket fail" in outbox.to("ops")[-1].subject


def test_a_room_is_told_no_news_that_is_old(road: Road, outbox: Outbox) -> None:
    _levels((["place:ops", "user:bo"], "10h"))
    rests = Failed("chat is left alone", after=timedelta(seconds=60), blame=Blame.PROVIDER)
    outbox.failures["ops"] = deque([rests] * 1_000)
    road.event("db")
    road.live(hours=1)
    given_up = Delivery.objects.get(page__place="ops")
    assert given_up.state == DeliveryState.UNDELIVERABLE
    last = Attempt.objects.filter(delivery=given_up).latest("number")
    assert ROOM_NEWS_LIFE - ROOM_BACKOFF_MAX <= last.at - T0 <= ROOM_NEWS_LIFE
    assert last.number <= ROOM_ATTEMPTS_MAX


def test_a_room_that_was_away_hears_the_newest_of_an_incident_alone(road: Road, outbox: Outbox) -> None:
    _levels((["place:ops", "user:bo"], "5m"), (["place:ops", "user:cy"], "10h"))
    rests = Failed("chat is left alone", after=timedelta(seconds=60), blame=Blame.PROVIDER)
    outbox.failures["ops"] = deque([rests] * 6)
    road.event("db")
    road.live(minutes=20)
    (told,) = outbox.to("ops")
    assert "Paged now: Cy Tran." in told.lines
    first = Delivery.objects.filter(page__place="ops").earliest("due_at")
    assert (first.state, first.error) == (DeliveryState.SUPPRESSED, "the room is told something newer")


def test_whom_nobody_but_a_room_heard_is_passed_on_all_the_same(road: Road, outbox: Outbox) -> None:
    _levels((["place:ops", "user:bo"], "5m"), (["user:cy"], "5m"))
    outbox.fail("bo", "no such mailbox", again=False)
    road.event("db")
    road.look()
    assert sorted(outbox.people) == ["cy", "ops"]


def test_the_card_in_a_room_follows_the_incident(road: Road, outbox: Outbox) -> None:
    outbox.limits = Limits(updates=True)
    _levels((["place:ops", "user:bo"], "5m"))
    road.event("db")
    road.live(seconds=10)
    incidents.resolve(road.incident().pk, by_user("bo", "chat"), road.now)
    road.live(seconds=10)
    last = outbox.to("ops")[-1]
    assert (last.state, last.acts, last.replaces) == (
        "resolved",
        (),
        outbox.to("ops")[0].replaces or last.replaces,
    )


def test_a_policy_names_places_that_there_are(road: Road) -> None:
    data = {"id": "p", "name": "P", "levels": [{"notify": ["place:ops", "user:bo"], "timeout": "5m"}]}
    assert save_policy(policy_from(data), None, ADA, T0).levels == data["levels"]
    data["levels"] = [{"notify": ["place:gone"], "timeout": "5m"}]
    with pytest.raises(Refused, match="No place 'gone'"):
        save_policy(policy_from(data), None, ADA, T0)
