"""Reasons are stored in English and told in the language of whoever reads them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from tests.languages.catalogues import PACKAGE
from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.channels.slack import words as slack
from tocsin.channels.twilio import api as twilio
from tocsin.channels.twilio import hearing
from tocsin.kernel.acting import by_user
from tocsin.kernel.phrases import Phrase, read_back
from tocsin.notification.models import Page
from tocsin.notification.templates import save_templates
from tocsin.people.actions import change_user
from tocsin.people.reasons import SHAPES, as_phrase, reason_words
from tocsin.people.rules import Language

ADA = by_user("ada", "web")
TRANSLATED = [language for language in Language if language is not Language.ENGLISH]
PROSE = re.compile(r"[a-z]{2,} [a-z]{2,}")
FAILING = ("Failed", "Unreachable", "_trouble", "_failed")
PLACES = ("channels", "notification", "engine")
# What a person meets who sends a test by hand or changes a card, and what is a provider's own words.
ELSEWHERE = {
    "Apprise", "Teams took it", "Slack refused it", "Telegram calls https", "the account is not one", "it could not be",
    "its incident is gone", "the request names an address",
}  # fmt: skip


def _made() -> Iterator[str]:
    """What the code makes of reasons, with X for each value."""
    for place in PLACES:
        for path in sorted((PACKAGE / place).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
                    continue
                why = node.args[0]
                if node.func.id in FAILING and isinstance(why, ast.Constant | ast.JoinedStr):
                    yield _written(why)


def _written(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    return "".join(str(each.value) if isinstance(each, ast.Constant) else "X" for each in node.values)


def _tables() -> Iterator[str]:
    yield from (*twilio._ADDRESS.values(), *twilio._ACCOUNT.values(), *twilio._LATER.values())
    yield from hearing._MISSED.values()
    yield from (slack.failure(word).why for word in (*slack._ELSEWHERE, *slack._ADDRESS))
    yield import_module("tocsin.notification.receipts").NO_RECEIPT


@pytest.mark.parametrize("language", TRANSLATED)
def test_why_a_message_did_not_go_is_told_in_every_language(language: str) -> None:
    with override(language):
        english = [
            text
            for text in (*_made(), *_tables())
            if PROSE.search(text) and reason_words(text) == text
            if not any(text.startswith(known) for known in ELSEWHERE)
        ]
    assert english == []


def test_a_reason_keeps_its_values_whose_words_it_is_and_its_number() -> None:
    with override("de"):
        assert reason_words("no answer within 10 s") == "keine Antwort innerhalb von 10 s"
        assert (
            reason_words("Slack: the room is archived (is_archived)")
            == "Slack: der Raum ist archiviert (is_archived)"
        )
        assert reason_words("it has a fault of its own (HTTP 503)") == (
            "die Gegenstelle hat selbst eine Störung (HTTP 503)"
        )
        assert (
            reason_words("the mail server says 550 no such user") == "der Mailserver sagt: 550 no such user"
        )
        assert reason_words("fallback contact: the policy reaches nobody") == (
            "Ersatzkontakt: die Eskalationsregel erreicht niemanden"
        )
        assert reason_words("shadow of level 2 of policy Web (EU), round 2") == (
            "Kopie zum Lernen: Stufe 2 der Eskalationsregel Web (EU), Runde 2"
        )
        assert reason_words("something else: (") == "something else: ("
    assert reason_words("no answer within 10 s") == "no answer within 10 s"


@given(text=st.text(max_size=60))
def test_a_reason_in_anybodys_words_is_told_as_it_stands(text: str) -> None:
    assert reason_words(text) == text


@given(shape=st.sampled_from(SHAPES), value=st.text("abc 12", min_size=1, max_size=12))
def test_a_stored_reason_says_the_same_as_when_it_was_made(shape: str, value: str) -> None:
    names = Phrase(shape, {}).split("%(")[1:]
    stored = shape % {name.partition(")")[0]: value for name in names}
    assert str(as_phrase(stored)) == stored
    assert isinstance(read_back(stored, SHAPES), Phrase)


def test_every_reason_that_a_climb_pages_for_is_told_in_the_language_of_who_is_paged(
    world: World, clock: Clock, outbox: Outbox
) -> None:
    road = Road(world, clock)
    road.event("db")
    road.look()
    road.live(minutes=60)
    reasons = set(Page.objects.values_list("reason", flat=True))
    assert len(reasons) > 1
    with override("de"):
        assert [text for text in sorted(reasons) if reason_words(text) == text] == []


def test_a_template_says_the_reason_in_the_language_of_its_reader(
    world: World, clock: Clock, outbox: Outbox
) -> None:
    save_templates("default", {"text": "{{reason}}"}, ADA, clock.now)
    change_user("bo", ADA, clock.now, language="de")
    road = Road(world, clock)
    road.event("db")
    road.look()
    assert outbox.to("bo")[0].lines[0].startswith("Stufe 1 der Eskalationsregel ")
