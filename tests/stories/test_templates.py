"""The organisation's own words on the road from an alert to its page, and what becomes of a page when they fail
(TRUST.md A22)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.escalation.models import Policy
from tocsin.incident import worded
from tocsin.incident.actions import acknowledge, resolve
from tocsin.incident.models import Incident
from tocsin.journal.models import Entry
from tocsin.kernel.acting import By, by_user
from tocsin.kernel.errors import Refused
from tocsin.notification.models import Delivery, Templates
from tocsin.notification.places import save_place
from tocsin.notification.rules import DeliveryState, Kind
from tocsin.notification.templates import broken, delete_templates, save_templates, texts_of, wordings
from tocsin.people.actions import change_user

ADA, CY = by_user("ada", "web"), by_user("cy", "web")
BY = By("cli", "cli")
OWN = {
    "subject": "{{priority}} {{service}}: {{title}}",
    "text": "{{title}} ({{number}})\n{{#labels.region}}\nin {{labels.region}}\n{{/labels.region}}\nsince {{since}}",
    "resolved_subject": "Over: {{title}}",
    "resolved_text": "{{why}} after {{lasted}}",
}
NOTE = "Rendering failed: the organisation's template could not be used, so these are Tocsin's own words."


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    return Road(world, clock)


def poison(language: str, **pieces: str) -> None:
    """Templates as an older version, or somebody by hand, may have left them."""
    Templates.objects.create(language=language, pieces=pieces)
    save_templates("fr", {"subject": "{{title}}"}, BY, Clock().now)  # so that the configuration has changed


def test_a_page_and_the_word_of_its_end_are_in_the_organisations_words(road: Road, outbox: Outbox) -> None:
    save_templates("default", OWN, ADA, road.now)
    road.event("db", fields={"region": "eu", "pod": "web-1"})
    road.look()
    (page,) = outbox.to("bo")
    number = road.incident().pk
    assert page.subject == "P1 Web shop: Checkout fails"
    assert list(page.lines) == [f"Checkout fails ({number})", "in eu", "since 09:00"]
    assert [act.verb for act in page.acts] == ["acknowledge", "resolve", "escalate"]
    assert (page.code.isdecimal(), page.link.endswith(f"/incidents/{number}"), page.note) == (True, True, "")
    road.clock.forward(minutes=6)
    resolve(number, CY, road.now)
    road.look()
    (over,) = [message for message in outbox.to("bo") if message.kind == Kind.OVER]
    assert (over.subject, list(over.lines)) == ("Over: Checkout fails", ["resolved by Cy Tran after 6 min"])


def test_a_reader_gets_their_language_else_the_default_else_tocsins_words(road: Road, outbox: Outbox) -> None:
    change_user("bo", ADA, road.now, language="de")
    change_user("cy", ADA, road.now, language="fr")
    save_templates("default", {"subject": "Default: {{title}}"}, ADA, road.now)
    save_templates(
        "de", {"text": "Seit {{since}}, {{impact}}, {{urgency}}, {{state}}, {{ago}}"}, ADA, road.now
    )
    road.event("db")
    road.live(minutes=5)
    bo, cy = outbox.to("bo")[0], outbox.to("cy")[0]
    assert bo.subject == cy.subject == "Default: Checkout fails"
    assert bo.lines[0] == "Seit 09:00, große Auswirkung, hohe Dringlichkeit, ausgelöst, gerade eben"
    assert cy.lines[1].startswith("Depuis 09:00 UTC")


def test_the_word_of_the_end_begins_with_the_subject_that_the_page_had(road: Road, outbox: Outbox) -> None:
    save_templates("default", {"subject": "Shop trouble: {{title}}"}, ADA, road.now)
    road.event("db")
    road.look()
    resolve(road.incident().pk, CY, road.now)
    road.look()
    assert [message.subject for message in outbox.to("bo")] == [
        "Shop trouble: Checkout fails",
        "Resolved: Shop trouble: Checkout fails",
    ]


def test_who_else_was_paged_and_the_handover_note_stand_whatever_a_template_says(
    road: Road, outbox: Outbox
) -> None:
    save_templates("default", {"text": "{{! nothing but }}this"}, ADA, road.now)
    road.event("db")
    road.live(minutes=5)
    assert list(outbox.to("cy")[0].lines) == ["this", "Also paged: Bo Lind."]


def test_a_room_is_told_in_the_organisations_english_words(road: Road, outbox: Outbox) -> None:
    save_templates("en", {"subject": "{{title}} for {{reader}}"}, ADA, road.now)
    save_place("ops", "Operations", "fake:ops", ADA, road.now)
    Policy.objects.update(levels=[{"notify": ["place:ops", "user:bo"], "timeout": "5m"}])
    save_templates("de", {"subject": "x"}, ADA, road.now)
    road.event("db")
    road.look()
    assert [message.subject for message in outbox.to("ops")] == ["Checkout fails for Operations"]


def test_what_an_alert_says_is_put_in_once(road: Road, outbox: Outbox) -> None:
    save_templates("default", OWN, ADA, road.now)
    road.event("db", title="{{note}} {{#title}} ${7*7} %s", fields={"region": "{{link}}"})
    road.look()
    page = outbox.to("bo")[0]
    assert page.subject == "P1 Web shop: {{note}} {{#title}} ${7*7} %s"
    assert page.lines[1] == "in {{link}}"


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        ("{{gone}}", "text: In line 1 {{gone}} names nothing that a message knows."),
        ("{{#title}}", "text: {{#title}} of line 1 is not closed."),
        ("{{ ''.__class__.__mro__ }}", "text: In line 1 {{''.__class__.__mro__}} names nothing"),
        ("{{holder}}{{note}}", "text: nothing came out"),
        ("x" * 4_001, "text: It has 4001 characters."),
    ],
)
def test_a_template_that_cannot_be_used_leaves_the_page_in_tocsins_words_with_a_note(
    road: Road, outbox: Outbox, stored: str, why: str
) -> None:
    poison("default", subject="Own: {{title}}", text=stored)
    road.event("db")
    road.look()  # within this instant, so within the ten seconds
    (page,) = outbox.to("bo")
    assert page.subject == "Own: Checkout fails"
    assert page.lines[0] == "Web shop: Checkout fails"
    assert page.note == NOTE
    assert page.code
    fact = Entry.objects.get(chain=road.incident().chain, kind="page.template_failed")
    assert fact.data["user"] == "bo"
    assert fact.data["error"].startswith(why)
    assert Delivery.objects.get().state == DeliveryState.SENT


def test_a_value_that_raises_every_time_keeps_no_page_and_no_other_incident_back(
    road: Road, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    title = worded.VALUES["title"]

    def poisoned(told: worded.Telling) -> object:
        if "poison" in told.incident.title:
            raise RecursionError("as deep as it goes")
        return title(told)

    monkeypatch.setattr(worded, "VALUES", {**worded.VALUES, "title": poisoned})
    save_templates("default", OWN, ADA, road.now)
    road.event("a", title="poison")
    road.event("b", title="Checkout fails")
    road.look()
    assert sorted((page.subject.partition(" #")[0], page.note) for page in outbox.to("bo")) == [
        ("P1 Web shop: Checkout fails", ""),
        ("[P1] poison · Web shop", NOTE),
    ]
    error = Entry.objects.get(kind="page.template_failed").data["error"]
    assert error == "subject: RecursionError; text: RecursionError"
    road.live(minutes=5)
    assert len(outbox.to("cy")) == 2


def test_the_word_of_the_end_goes_out_too_when_its_template_fails(road: Road, outbox: Outbox) -> None:
    poison("default", resolved_text="{{gone}}", resolved_subject="{{")
    change_user("bo", ADA, road.now, language="de")
    road.event("db")
    road.look()
    resolve(road.incident().pk, CY, road.now)
    road.look()
    over = outbox.to("bo")[-1]
    assert over.subject.startswith("Behoben: [P1] Checkout fails")
    assert over.lines[0].startswith("Es ist vorbei: von Cy Tran behoben.")
    assert over.note


def test_what_cannot_be_used_is_listed_for_who_can_mend_it(road: Road) -> None:
    poison("default", text="{{gone}}", subject="{{title}}", someday="{{title}}")
    assert [(place, piece) for place, piece, _ in broken()] == [("default", "text")]


def test_a_new_wording_holds_from_the_next_message_and_is_written_down(road: Road, outbox: Outbox) -> None:
    road.event("a")
    road.look()
    save_templates("default", {"subject": "New: {{title}}"}, ADA, road.now)
    road.event("b")
    road.look()
    delete_templates("default", ADA, road.now)
    road.event("c")
    road.look()
    assert [message.subject[:5] for message in outbox.to("bo")] == ["[P1] ", "New: ", "[P1] "]
    kinds = Entry.objects.filter(kind__startswith="templates.").values_list("kind", "who").order_by("pk")
    assert list(kinds) == [("templates.saved", "user:ada"), ("templates.deleted", "user:ada")]


def test_nothing_that_cannot_be_read_is_saved(road: Road) -> None:
    for language, texts, where in (
        ("default", {"subject": "{{x}}"}, "subject"),
        ("xx", {"subject": "a"}, "language"),
        ("de", {"headline": "a"}, "headline"),
        ("de", {}, "subject"),
        ("de", {"text": " \n"}, "text"),
    ):
        with pytest.raises(Refused) as refused:
            save_templates(language, texts, ADA, road.now)
        assert refused.value.where == where
    with pytest.raises(Refused):
        delete_templates("de", ADA, road.now)
    assert wordings() == {}
    assert texts_of("de") == {}
    assert not Entry.objects.filter(kind__startswith="templates.").exists()


def test_without_templates_a_page_asks_the_database_nothing_more(road: Road) -> None:
    road.event("db")
    road.look()
    incident = Incident.objects.select_related("service").get()
    wordings()
    with CaptureQueriesContext(connection) as asked:
        worded.words_of(worded.Telling(incident, road.now, "Bo"))
    assert len(asked) == 0


def test_an_acknowledged_incident_names_who_has_it(road: Road) -> None:
    save_templates(
        "default", {"subject": "{{holder}}|{{team}}|{{organisation}}|{{alerts}}|{{firing}}"}, ADA, road.now
    )
    road.event("db")
    road.look()
    road.clock.now += timedelta(minutes=1)
    acknowledge(road.incident().pk, CY, road.now)
    incident = road.incident()
    assert worded.words_of(worded.Telling(incident, road.now)).subject == "Cy Tran|Web|Our organisation|1|1"
