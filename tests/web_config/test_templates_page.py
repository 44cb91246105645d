"""The page where messages are worded: written, looked at with a real incident, refused with the mend, taken back."""

from __future__ import annotations

from html import unescape

import pytest
from django.test import Client

from tests.web_config.conftest import Reader
from tests.world import Clock, World
from tocsin.incident.actions import open_incident
from tocsin.journal.models import Entry
from tocsin.kernel.acting import By
from tocsin.notification.models import Templates
from tocsin.notification.templates import save_templates, texts_of

ADDRESS = "/settings/templates/de"
BY = By("cli", "cli")
HTMX = {"HX-Request": "true"}


@pytest.fixture
def number(world: World) -> int:
    """An incident to look at."""
    title = "Checkout <b>fails</b> for {{title}} @all"
    return open_incident("shop", title, by=BY, now=world.bo.created_at).pk


def sent(do: str, **pieces: str) -> dict[str, str]:
    return {"subject": "", "text": "", "resolved_subject": "", "resolved_text": "", "do": do, **pieces}


@pytest.mark.parametrize("address", ["/settings/templates", ADDRESS])
def test_only_who_may_change_settings_finds_it(reader: Reader, world: World, address: str) -> None:
    assert reader(world.ada).get(address).status_code == 200
    for person in (world.mo, world.bo, world.sam):
        assert reader(person).get(address).status_code == 403
        assert reader(person).post(address, sent("save", subject="{{title}}")).status_code == 403
        assert reader(person).post(f"{ADDRESS}/reset").status_code == 403
    stranger = reader(None)
    assert stranger.get(address).status_code == 302
    assert stranger.post(f"{ADDRESS}/reset").status_code in (302, 403)
    assert not Templates.objects.exists()


def test_without_an_incident_it_is_looked_at_with_an_example(ada: Client) -> None:
    page = ada.get("/settings/templates").content.decode()
    assert "With an example, until there is an incident." in page
    assert "[P1] Checkout fails for all customers · Web shop #412" in page
    assert "<b>own words</b>" not in page
    for name in ("Lock screen", "E-mail", "Chat", "SMS", "Call"):
        assert f"<h3>{name}" in page


def test_what_is_typed_is_shown_at_once_with_a_real_incident_and_nothing_is_saved(
    ada: Client, number: int
) -> None:
    answer = ada.post(ADDRESS, sent("look", subject="Achtung: {{title}}", incident=str(number)), headers=HTMX)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "<html" not in page
    assert "Achtung: Checkout &lt;b&gt;fails&lt;/b&gt; for {{title}} @all" in page
    assert f'<a href="/incidents/{number}">#{number}</a>, as it was when it was opened.' in page
    assert "one part of at most 2" in page or "2 parts of at most 2" in page
    assert "Übernehmen" in page
    assert "Behoben: Achtung: Checkout" in page
    assert not Templates.objects.exists()


def test_a_mistake_is_told_while_it_is_typed_with_its_line_and_what_is_allowed(
    ada: Client, number: int
) -> None:
    page = ada.post(ADDRESS, sent("look", text="{{title}}\n{{titel}}"), headers=HTMX)
    assert page.status_code == 200
    assert (
        "<strong>Text of a page.</strong> In line 2 {{titel}} names nothing that a message knows."
        in page.content.decode()
    )
    assert "Did you mean {{title}}?" in page.content.decode()


def test_without_script_the_button_shows_the_same_on_the_whole_page(ada: Client, number: int) -> None:
    answer = ada.post(ADDRESS, sent("look", subject="Achtung: {{title}}", text="{{x}}"))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert ">\nAchtung: {{title}}</textarea>" in page
    assert "Achtung: Checkout" in page
    assert "In line 1 {{x}} names nothing" in page


def test_it_is_saved_written_down_and_shown_as_own_words(ada: Client) -> None:
    answer = ada.post(ADDRESS, sent("save", subject="Achtung: {{title}}\r\n", text="a\r\nb  "), follow=True)
    assert texts_of("de") == {"subject": "Achtung: {{title}}", "text": "a\nb"}
    page = answer.content.decode()
    assert "Saved. Messages that are made from now on use it (Deutsch)." in page
    assert 'aria-current="page">Deutsch <span class="tag">own words</span>' in page
    assert list(Entry.objects.filter(kind="templates.saved").values_list("who", "through")) == [
        ("user:ada", "web")
    ]
    assert "made templates de" in ada.get("/settings/audit").content.decode()


def test_a_mistake_is_not_saved_and_what_was_typed_stays(ada: Client) -> None:
    answer = ada.post(ADDRESS, sent("save", subject="{{title", text="kept"))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "In line 1 a {{ is not closed. Expected }} behind the name." in page
    assert ">\nkept</textarea>" in page
    assert texts_of("de") == {}


@pytest.mark.parametrize("text", ["x" * 25_000, "\x00", "{{#title}}" * 2_000, "a\nb"])
def test_whatever_is_typed_is_answered(ada: Client, text: str) -> None:
    assert ada.post(ADDRESS, sent("save", subject=text)).status_code == 422
    assert ada.post(ADDRESS, sent("look", subject=text), headers=HTMX).status_code == 200
    assert texts_of("de") == {}


def test_one_can_begin_from_tocsins_words_in_the_language(ada: Client) -> None:
    page = ada.post(ADDRESS, sent("start:text")).content.decode()
    assert ">\n{{service}}: {{title}}\nSeit {{since}} {{zone}} ({{ago}}); {{impact}}, {{urgency}}." in page
    assert texts_of("de") == {}


@pytest.mark.parametrize("language", ["default", "en", "de", "es", "fr"])
def test_what_one_begins_from_can_be_saved_and_says_what_tocsin_says(
    ada: Client, number: int, language: str
) -> None:
    address = f"/settings/templates/{language}"
    before = ada.post(address, sent("look"), headers=HTMX).content.decode()
    typed = sent("save")
    for piece in ("subject", "text", "resolved_subject", "resolved_text"):
        page = ada.post(address, sent(f"start:{piece}")).context["form"]
        typed[piece] = page[piece].value()
    assert ada.post(address, typed).status_code == 302
    after = ada.get(address).context
    assert [each.subject for each in after["begins"]] == [
        each.subject for each in ada.post(address, sent("look"), headers=HTMX).context["begins"]
    ]
    for each in after["begins"]:
        assert each.text in unescape(before)


def test_templates_of_a_language_are_taken_back_by_a_press_or_by_emptying_them(
    ada: Client, clock: Clock
) -> None:
    for address, typed in ((f"{ADDRESS}/reset", {}), (ADDRESS, sent("save"))):
        save_templates("de", {"subject": "{{title}}"}, BY, clock.now)
        assert ada.post(address, typed).status_code == 302
        assert texts_of("de") == {}
    assert ada.post(f"{ADDRESS}/reset").status_code == 302  # pressed twice
    assert Entry.objects.filter(kind="templates.deleted").count() == 2


def test_a_template_that_cannot_be_used_is_named_with_the_reason(ada: Client) -> None:
    Templates.objects.create(language="fr", pieces={"text": "{{gone}}"})
    page = ada.get("/settings/templates").content.decode()
    assert "<strong>Français, Text of a page: not in use.</strong> In line 1 {{gone}} names nothing" in page


@pytest.mark.parametrize("address", ["/settings/templates/xx", "/settings/templates/xx/reset"])
def test_there_is_no_page_for_other_languages(ada: Client, address: str) -> None:
    assert ada.post(address, sent("save")).status_code == 404


@pytest.mark.parametrize("incident", ["", "0", "-1", "x", "9" * 30, "999999"])
def test_an_incident_that_is_not_there_is_the_newest(ada: Client, number: int, incident: str) -> None:
    answer = ada.post(ADDRESS, sent("look", incident=incident), headers=HTMX)
    assert answer.context["incident"].pk == number
