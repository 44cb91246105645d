"""Restricted incidents on the road from an alert to its page: whoever is paged is told a number and no more, and comes
to read it by taking it (TRUST.md D5, D6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from tests.channels.conftest import signing_key as signing_key  # noqa: PLC0414 - offered here too
from tests.channels.test_templates import FORMS, whole
from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.answering.acting import use
from tocsin.catalog.actions import refresh
from tocsin.catalog.models import Service
from tocsin.escalation.actions import escalate_now
from tocsin.escalation.models import Policy
from tocsin.escalation.rules import Handover
from tocsin.incident.actions import acknowledge, close, open_incident, resolve, snooze
from tocsin.incident.describing import assign, classify, rename
from tocsin.incident.messages import name_of
from tocsin.incident.models import Incident, Reader
from tocsin.incident.restricting import let_read, restrict, unrestrict, withdraw
from tocsin.journal.models import Entry
from tocsin.kernel.acting import by_user
from tocsin.kernel.errors import Refused
from tocsin.kernel.urgency import Impact, Urgency
from tocsin.notification.links import act_token, find_act_link
from tocsin.notification.models import Card, Page
from tocsin.notification.places import save_place
from tocsin.notification.rules import ActVerb, Kind, Limits, Message
from tocsin.notification.templates import save_templates
from tocsin.people.actions import change_user
from tocsin.people.rules import LANGUAGES

ADA, MO, BO, CY = (by_user(name, "web") for name in ("ada", "mo", "bo", "cy"))
CANARIES = ("zebra-title", "zebra-label", "zebra-text", "zebra-service", "zebra-policy", "zebra-note")
OWN = {
    "subject": "{{title}} {{service}}",
    "text": "{{title}} {{description}} {{#labels}}{{name}}={{value}} {{/labels}}{{about}} {{reason}} {{note}}",
    "resolved_subject": "Over: {{title}}",
    "resolved_text": "{{title}} {{why}} {{service}}",
}


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox, signing_key: None) -> Road:
    """The shop is restricted, and everything that says what it is carries a word to look for."""
    Service.objects.update(restricted=True, name="zebra-service", description="zebra-text")
    Policy.objects.update(name="zebra-policy")
    refresh()
    return Road(world, clock)


def alarm(road: Road, key: str = "db") -> Incident:
    road.event(key, title=f"zebra-title {key}", fields={"host": "zebra-label"}, description="zebra-text")
    road.look()
    return Incident.objects.latest("pk")


def leaks(*said: Message) -> list[str]:
    """The canaries in these messages, as they are and as every channel shapes them."""
    shown = [repr(each) for each in said]
    shown += [f"{name}: {whole(form(each))}" for each in said for name, form in FORMS.items()]
    return [f"{canary} in {text[:300]}" for text in shown for canary in CANARIES if canary in text]


def why_not(do: Callable[..., object], *given: object, **named: object) -> Refused:
    with pytest.raises(Refused) as caught:
        do(*given, **named)
    return caught.value


def refused(do: Callable[..., object], *given: object, **named: object) -> int:
    return why_not(do, *given, **named).status


def test_an_incident_of_a_restricted_service_is_restricted_from_the_start(road: Road) -> None:
    incident = alarm(road)
    assert incident.restricted
    opened = Entry.objects.get(chain=incident.chain, kind="incident.opened")
    assert opened.data["restricted"] is True
    by_hand = open_incident("shop", "zebra-title", by=BO, now=road.now)
    assert by_hand.restricted
    assert list(Reader.objects.values_list("incident", "user", "by")) == [(by_hand.pk, "bo", "user:bo")]


def test_who_is_paged_is_told_a_number_and_can_act(road: Road, outbox: Outbox) -> None:
    incident = alarm(road)
    (page,) = outbox.to("bo")
    assert page.subject == f"[P1] Restricted incident #{incident.pk}"
    assert list(page.lines) == [
        f"Restricted incident #{incident.pk}. Sign in to read it.",
        "P1, high urgency.",
    ]
    assert page.details["restricted"] is True
    assert [act.verb for act in page.acts] == ["acknowledge", "resolve", "escalate"]
    assert page.code.isdecimal()
    assert page.link.endswith(f"/incidents/{incident.pk}")
    assert leaks(page) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_message_on_the_whole_road_says_what_it_is_about(
    language: str, road: Road, outbox: Outbox
) -> None:
    for name in ("bo", "cy", "ada"):
        change_user(name, ADA, road.now, language=language)
    for written in ("default", language):
        save_templates(written, OWN, ADA, road.now)
    save_place("ops", "Operations", "fake:ops", ADA, road.now)
    levels = [{"notify": ["user:bo", "place:ops"], "timeout": "5m"}, {"notify": ["user:cy"], "timeout": "5m"}]
    Policy.objects.update(levels=levels, repeat=0)
    first = alarm(road)
    road.event("db2", title="zebra-title two", fields={"host": "zebra-label"})
    road.live(minutes=2)
    escalate_now(first.pk, BO, road.now, Handover(what_happens="zebra-note", tried="zebra-note"))
    road.live(minutes=20)  # up to the fallback
    classify(first.pk, impact=Impact.MINOR, by=ADA, now=road.now)
    classify(first.pk, impact=Impact.MAJOR, by=ADA, now=road.now)
    road.live(minutes=3)
    assign(first.pk, "cy", ADA, road.now)
    road.look()
    for incident in Incident.objects.all():
        resolve(incident.pk, ADA, road.now, "zebra-note")
    road.live(minutes=5)
    kinds = {message.kind for _, message in outbox.sent}
    assert {Kind.PAGE, Kind.PLACE, Kind.OVER} <= kinds
    assert {"bo", "cy", "ada", "ops"} <= set(outbox.people)
    assert leaks(*(message for _, message in outbox.sent)) == []
    with override(language):
        assert outbox.to("bo")[0].subject == f"[P1] {name_of(first)}"


def test_cards_say_its_number_alone_whatever_changes(road: Road, outbox: Outbox) -> None:
    outbox.limits = Limits(updates=True)
    incident = alarm(road)
    rename(incident.pk, "zebra-title anew", ADA, road.now)
    road.look()
    assert all("zebra" not in json.dumps(card.face) for card in Card.objects.all())
    assert leaks(*(message for _, message in outbox.sent)) == []


def test_taking_it_lets_one_read_it_and_is_a_fact(road: Road, outbox: Outbox) -> None:
    incident = alarm(road)
    assert not Reader.objects.exists()
    acknowledge(incident.pk, BO, road.now)
    assert list(Reader.objects.values_list("user", "by")) == [("bo", "user:bo")]
    fact = Entry.objects.get(chain=incident.chain, kind="incident.reader_named")
    assert (fact.who, fact.data) == ("user:bo", {"user": "bo", "why": "acknowledged"})


def test_putting_it_off_and_being_given_it_let_one_read_it_too(road: Road) -> None:
    incident = alarm(road)
    snooze(incident.pk, road.now + timedelta(hours=1), BO, road.now)
    assign(incident.pk, "cy", BO, road.now)
    assert list(Reader.objects.order_by("user").values_list("user", flat=True)) == ["bo", "cy"]


def test_who_was_neither_paged_nor_named_finds_nothing_to_act_on(road: Road) -> None:
    incident = alarm(road)
    number, now = incident.pk, road.now
    assert refused(acknowledge, number, CY, now) == 404
    assert refused(resolve, number, MO, now) == 404
    assert refused(escalate_now, number, CY, now) == 404
    assert refused(assign, number, "cy", CY, now) == 404
    assert refused(classify, number, urgency=Urgency.LOW, by=MO, now=now) == 404
    assert refused(restrict, number, MO, now) == 404
    absent, hidden = why_not(acknowledge, 10**6, CY, now), why_not(acknowledge, number, CY, now)
    assert str(hidden) == str(absent).replace(str(10**6), str(number))


def test_who_was_paged_can_answer_but_not_change_what_they_cannot_read(road: Road) -> None:
    incident = alarm(road)
    assert refused(rename, incident.pk, "Mine", BO, road.now) == 404
    assert refused(assign, incident.pk, "bo", BO, road.now) == 404
    assert refused(let_read, incident.pk, "bo", BO, road.now) == 404
    escalate_now(incident.pk, BO, road.now)
    assert acknowledge(incident.pk, BO, road.now).changed


def test_the_links_of_a_message_work_for_who_cannot_read_it(road: Road) -> None:
    incident = alarm(road)
    link = find_act_link(act_token(Page.objects.get(user="bo").pk, ActVerb.ACKNOWLEDGE))
    assert link is not None
    use(link, road.now)
    incident.refresh_from_db()
    assert incident.assigned_id == "bo"
    assert Reader.objects.filter(incident=incident, user="bo").exists()


def test_whoever_has_it_names_others_and_withdraws_them(road: Road) -> None:
    incident = alarm(road)
    acknowledge(incident.pk, BO, road.now)
    assert let_read(incident.pk, "mo", BO, road.now).changed
    assert not let_read(incident.pk, "mo", BO, road.now).changed
    assert refused(let_read, incident.pk, "cy", MO, road.now) == 403  # a reader is not who decides
    assert refused(let_read, incident.pk, "nobody", BO, road.now) == 404
    assert withdraw(incident.pk, "mo", BO, road.now).changed
    assert not withdraw(incident.pk, "mo", ADA, road.now).changed
    assert refused(withdraw, incident.pk, "bo", ADA, road.now) == 409
    facts = Entry.objects.filter(chain=incident.chain, kind__startswith="incident.reader").order_by("seq")
    assert [(fact.kind, fact.who, fact.data["user"]) for fact in facts] == [
        ("incident.reader_named", "user:bo", "bo"),
        ("incident.reader_named", "user:bo", "mo"),
        ("incident.reader_withdrawn", "user:bo", "mo"),
    ]


def test_anybody_who_acts_may_shut_an_incident_and_only_who_has_it_opens_it_again(road: Road) -> None:
    Service.objects.update(restricted=False)
    refresh()
    incident = open_incident("shop", "zebra-title", by=MO, now=road.now)
    acknowledge(incident.pk, CY, road.now)
    assert restrict(incident.pk, BO, road.now).changed
    assert not restrict(incident.pk, ADA, road.now).changed
    assert set(Reader.objects.values_list("user", flat=True)) == {"mo", "cy", "bo"}
    assert refused(unrestrict, incident.pk, BO, road.now) == 403
    assert unrestrict(incident.pk, CY, road.now).changed
    assert not unrestrict(incident.pk, CY, road.now).changed
    kinds = road.told(incident)
    assert "incident.restricted" in kinds
    assert "incident.unrestricted" in kinds


def test_what_waits_and_what_is_stored_says_it_no_more_once_it_is_restricted(
    road: Road, outbox: Outbox
) -> None:
    Service.objects.update(restricted=False)
    refresh()
    road.event("db", title="zebra-title", fields={"host": "zebra-label"}, description="zebra-text")
    road.decide()  # the page is made, and waits
    incident = road.incident()
    restrict(incident.pk, ADA, road.now)
    road.look()
    assert outbox.to("bo")
    assert leaks(*(message for _, message in outbox.sent)) == []
    for page in Page.objects.all():
        stored = json.dumps([page.subject, page.lines, page.note, page.details])
        assert not [canary for canary in CANARIES if canary in stored]


def test_closing_and_reopening_keep_it_restricted(road: Road, outbox: Outbox) -> None:
    incident = alarm(road)
    acknowledge(incident.pk, BO, road.now)
    resolve(incident.pk, BO, road.now)
    close(incident.pk, BO, road.now)
    incident.refresh_from_db()
    assert incident.restricted


def test_what_an_unrestricted_incident_asks_of_the_database_is_what_it_was(
    world: World, clock: Clock, outbox: Outbox
) -> None:
    road = Road(world, clock)
    road.event("db")
    road.look()
    with CaptureQueriesContext(connection) as queries:
        acknowledge(road.incident().pk, BO, road.now)
    assert not [query["sql"] for query in queries if "incident_reader" in query["sql"]]
