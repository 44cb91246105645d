"""It is over, and begins again before everybody has heard so: "Resolved" is not the last word while it fires."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.catalog import actions as configuration
from tocsin.escalation.models import Policy
from tocsin.incident import actions as incidents
from tocsin.incident.models import Incident
from tocsin.incident.rules import State
from tocsin.journal.models import Entry
from tocsin.kernel.acting import by_user
from tocsin.notification.claiming import claim
from tocsin.notification.models import Delivery
from tocsin.notification.quiet import save_quiet
from tocsin.notification.recording import record
from tocsin.notification.rules import Failed, Kind
from tocsin.notification.rules.quiet import quiet_from
from tocsin.web.story import tell

BO, CY = by_user("bo", "web"), by_user("cy", "web")
PAGE, OVER = Kind.PAGE, Kind.OVER
NIGHT = quiet_from({"hours": [{"from": "22:00", "to": "07:00"}]})


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    return Road(world, clock)


def newest() -> Incident:
    return Incident.objects.latest("pk")


def ends(road: Road) -> Incident:
    """What fires ends, and its incident with it; the word of it is stored, and not sent yet."""
    road.event("db", "resolve")
    road.decide()
    incident = newest()
    assert incident.state == State.RESOLVED
    return incident


def again(road: Road) -> Incident:
    """It fires again, and whoever is paged for it is."""
    road.event("db")
    road.look()
    return newest()


def kinds(outbox: Outbox, who: str) -> list[str]:
    return [message.kind for message in outbox.to(who)]


def waiting() -> list[tuple[int | None, str | None]]:
    """The words of ends that are yet to go: of which incident, to whom."""
    rows = Delivery.objects.filter(page__kind=OVER, state="due", page__quieted_at=None)
    return list(rows.values_list("incident_id", "page__user_id"))


def test_the_word_that_waits_for_another_try_is_taken_back_and_the_page_says_what_it_would_have(
    road: Road, outbox: Outbox
) -> None:
    again(road)
    old = ends(road)
    outbox.fail("bo")
    road.send()
    new = again(road)
    road.live(minutes=4)
    assert kinds(outbox, "bo") == [PAGE, PAGE]
    assert outbox.to("bo")[-1].lines[-1] == f"It fires again: #{old.pk} had ended."
    word = Delivery.objects.get(page__kind=OVER)
    assert (word.incident_id, word.state, word.error) == (
        old.pk,
        "suppressed",
        f"it fires again as #{new.pk}",
    )
    said = Entry.objects.filter(chain=old.chain, kind="page.suppressed").get()
    assert (said.data["user"], said.data["what"], said.data["again_in"]) == ("bo", OVER, new.pk)
    story = tell(said.seq, said.kind, said.data, said.who, said.through, road.now, {"user:bo": "Bo Lind"})
    assert story.text == f"Bo Lind is not told that it is over: it fires again as #{new.pk}."


def test_the_end_of_the_new_one_is_told_and_the_older_end_is_never_told_after_it(
    road: Road, outbox: Outbox
) -> None:
    again(road)
    ends(road)
    new = again(road)
    ends(road)
    road.live(minutes=4)
    assert kinds(outbox, "bo") == [PAGE, PAGE, OVER]
    assert outbox.to("bo")[-1].details["incident"] == new.pk


def test_a_word_that_is_being_sent_is_not_sent_once_more(road: Road, outbox: Outbox) -> None:
    again(road)
    ends(road)
    (word,) = claim(road.now)
    new = again(road)
    record(word, Failed("HTTP 503"), timedelta(milliseconds=5), road.now, 0.5)
    road.live(minutes=4)
    assert kinds(outbox, "bo") == [PAGE, PAGE]
    assert outbox.to("bo")[-1].details["incident"] == new.pk


def test_who_is_not_paged_about_the_new_one_hears_that_the_old_one_is_over(
    road: Road, outbox: Outbox
) -> None:
    again(road)
    road.live(minutes=6)
    ends(road)
    outbox.fail("cy")
    again(road)
    road.live(minutes=4)
    assert kinds(outbox, "cy") == [PAGE, OVER]
    assert OVER not in kinds(outbox, "bo")[-1:]


def test_another_alert_takes_nothing_back(road: Road, outbox: Outbox) -> None:
    again(road)
    ends(road)
    road.event("queue")
    road.look()
    assert sorted(kinds(outbox, "bo")) == [OVER, PAGE, PAGE]


@pytest.fixture
def evening(road: Road, world: World, outbox: Outbox) -> Incident:
    """Bo was told of what can wait before his quiet hours began, and it ended in them."""
    road.clock.now = datetime(2026, 3, 2, 20, 30, tzinfo=UTC)
    Policy.objects.update(levels=[{"notify": ["user:bo"], "timeout": "24h"}])
    world.shop.tier = 3
    world.shop.urgency = "low"
    world.shop.save()
    configuration.refresh()
    save_quiet("bo", NIGHT, BO, road.now)
    again(road)
    assert kinds(outbox, "bo") == [PAGE]
    road.sleep(hours=2)
    return ends(road)


def test_whom_no_page_about_the_new_one_has_reached_is_told_of_the_old_end_in_the_end(
    road: Road, evening: Incident, outbox: Outbox
) -> None:
    again(road)
    ends(road)
    assert waiting() == [(evening.pk, "bo")]
    road.live(hours=10)
    assert kinds(outbox, "bo") == [PAGE, OVER]
    assert outbox.to("bo")[-1].subject == f"Resolved: [P5] Checkout fails · Web shop #{evening.pk}"


def test_so_it_is_however_often_it_begins_again(road: Road, evening: Incident, outbox: Outbox) -> None:
    for _ in range(3):
        again(road)
        assert waiting() == []
        ends(road)
        assert waiting() == [(evening.pk, "bo")]
    last = again(road)
    road.live(hours=9)
    assert kinds(outbox, "bo")[:2] == [PAGE, PAGE]
    assert outbox.to("bo")[1].details["incident"] == last.pk
    assert OVER not in kinds(outbox, "bo")


def test_who_ended_it_himself_needs_no_word_of_the_older_end(
    road: Road, evening: Incident, outbox: Outbox
) -> None:
    incidents.resolve(again(road).pk, BO, road.now)
    road.live(hours=10)
    assert kinds(outbox, "bo") == [PAGE]


def test_a_word_that_was_being_sent_when_all_of_it_ended_goes_once_more(
    road: Road, evening: Incident, outbox: Outbox
) -> None:
    road.sleep(hours=9)
    (word,) = claim(road.now)
    road.event("db")
    road.decide()
    ends(road)  # before the page has gone
    record(word, Failed("HTTP 503"), timedelta(milliseconds=5), road.now, 0.5)
    road.live(hours=1)
    assert [message.details["incident"] for message in outbox.to("bo")] == [evening.pk] * 2


def test_what_was_reopened_has_no_end_to_be_told_of(road: Road, evening: Incident, outbox: Outbox) -> None:
    new = again(road)
    incidents.reopen(evening.pk, CY, road.now)
    incidents.resolve(new.pk, CY, road.now)
    assert waiting() == []


def test_who_is_paged_later_about_the_new_one_hears_nothing_of_the_older_end_after_that(
    road: Road, evening: Incident, outbox: Outbox
) -> None:
    levels = [{"notify": ["user:cy"], "timeout": "5m"}, {"notify": ["user:bo"], "timeout": "5m"}]
    Policy.objects.update(levels=levels)
    configuration.refresh()
    again(road)
    assert waiting() == [(evening.pk, "bo")]
    road.live(minutes=6)
    assert waiting() == []
