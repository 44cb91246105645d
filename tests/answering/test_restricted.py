"""Restricted incidents in chats, by SMS and in letters: answers name a number, and strangers to it change nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.answering.actions import answer
from tocsin.answering.models import Report
from tocsin.answering.reports import Said, alike, decline, follow, link, report, tell_reporters
from tocsin.catalog.actions import refresh
from tocsin.catalog.models import Service
from tocsin.incident.actions import acknowledge, resolve
from tocsin.incident.models import Incident, Reader
from tocsin.kernel.acting import by_user
from tocsin.kernel.errors import Refused
from tocsin.notification.hearing import Commanded, Pressed, Reported, Told, Tone, Written
from tocsin.notification.links import reply_code
from tocsin.notification.models import Delivery, Page
from tocsin.notification.rules import ActVerb
from tocsin.people.models import User

ADA, BO = by_user("ada", "web"), by_user("bo", "web")
CANARY = "zebra"
Types = Callable[[str, str], Told]


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    """Bo is paged about a restricted incident."""
    Service.objects.update(restricted=True)
    refresh()
    road = Road(world, clock)
    road.event("db", title="zebra-title", description="zebra-text")
    road.look()
    return road


@pytest.fixture
def types(road: Road) -> Types:
    def type_(who: str, line: str) -> Told:
        verb, _, rest = line.partition(" ")
        return answer(Commanded(f"fake:{who}", verb, rest), "chat", road.now)

    return type_


def test_a_command_of_an_outsider_finds_no_such_incident(road: Road, types: Types) -> None:
    number = road.incident().pk
    for verb in ("ack", "resolve", "escalate", "snooze", "note"):
        absent, shut = types("cy", f"{verb} 999999 1h"), types("cy", f"{verb} {number} 1h")
        assert shut.text == absent.text.replace("999999", str(number))
    assert types("cy", "status").text == "Nothing is open."
    assert road.incident().state == "triggered"


def test_who_was_paged_takes_it_by_command_and_reads_its_number_back(road: Road, types: Types) -> None:
    number = road.incident().pk
    told = [types("bo", "status"), types("bo", f"ack {number}"), types("bo", "status")]
    assert f"Restricted incident #{number}" in told[1].text
    assert all(CANARY not in each.text for each in told)
    assert Reader.objects.filter(user="bo").exists()


def test_a_code_takes_it_and_a_wrong_one_lists_numbers_alone(road: Road) -> None:
    page = Page.objects.get(user="bo")
    wrong = answer(Written("fake:bo", "000001", id="1"), "sms", road.now)
    right = answer(Written("fake:bo", reply_code(page.pk), id="2"), "sms", road.now)
    assert CANARY not in wrong.text + right.text
    assert "Restricted incident #" in right.text
    assert road.incident().assigned_id == "bo"


def test_in_a_room_only_who_was_paged_or_reads_it_presses(road: Road) -> None:
    delivery = str(Delivery.objects.get(page__user="bo").pk)

    def press(who: str) -> Told:
        return answer(Pressed(f"fake:{who}", delivery, ActVerb.ACKNOWLEDGE, id=who), "room", road.now)

    shut = press("cy")
    assert (shut.tone, CANARY in shut.text) == (Tone.NOT_DONE, False)
    assert road.incident().state == "triggered"
    assert press("bo").tone is not Tone.NOT_DONE
    assert road.incident().assigned_id == "bo"


def test_whoever_reports_is_shown_none_that_is_restricted_and_reads_their_own(road: Road) -> None:
    number = road.incident().pk
    assert alike("zebra-title") == []
    with pytest.raises(Refused, match="is not open"):
        follow(Said("x", "", "web", user=User.objects.get(pk="cy")), number, road.now)
    told = answer(Reported("fake:cy", "zebra-words", "zebra-more", id="9"), "chat", road.now)
    assert CANARY not in told.text
    made = Report.objects.latest("pk").incident
    assert list(Reader.objects.filter(incident=made).values_list("user", flat=True)) == ["cy"]


def test_a_reporter_is_told_how_it_goes_on_without_a_word_of_it(road: Road, outbox: Outbox) -> None:
    made = report(
        Said("zebra-words", "", "chat", user=User.objects.get(pk="cy"), address="fake:cy"), road.now
    )
    acknowledge(made.incident_id, ADA, road.now)
    tell_reporters(road.now)
    resolve(made.incident_id, ADA, road.now, "zebra-ending")
    tell_reporters(road.now)
    road.look()
    own = [message for message in outbox.to("cy") if message.subject.startswith("Your report")]
    assert len(own) == 2
    assert CANARY not in repr(own)


def test_what_is_the_same_as_one_that_is_hidden_cannot_be_said(road: Road) -> None:
    hidden = road.incident().pk
    Service.objects.update(restricted=False)
    refresh()
    made = report(Said("printer", "", "web", user=User.objects.get(pk="sam")), road.now)
    cy = by_user("cy", "web")
    with pytest.raises(Refused, match="cannot be what it is about"):
        link(made.incident_id, hidden, cy, road.now)
    link(made.incident_id, hidden, ADA, road.now)
    assert CANARY not in repr(list(Page.objects.filter(user="sam").values_list("subject", "lines")))


def test_an_outsider_declines_no_report_about_it(road: Road) -> None:
    made = report(Said("zebra-words", "", "web", user=User.objects.get(pk="sam")), road.now)
    with pytest.raises(Refused) as caught:
        decline(made.incident_id, "no", by_user("cy", "web"), road.now)
    assert caught.value.status == 404
    assert Incident.objects.get(pk=made.incident_id).state == "triggered"
