"""The translations: complete, compiled, and with the same places for what is put in."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import polib
import pytest
from django.utils.translation import gettext, override
from hypothesis import given
from hypothesis import strategies as st

from tests.languages.catalogues import catalogues, texts
from tocsin.kernel.durations import in_words
from tocsin.people.rules import Language
from tocsin.people.speaking import span_words

TRANSLATED = [language.value for language in Language if language is not Language.ENGLISH]
PLACES = re.compile(r"%\((\w+)\)s|%")


@pytest.fixture(params=TRANSLATED)
def path(request: pytest.FixtureRequest) -> Path:
    return catalogues()[request.param]


def test_every_language_has_a_catalogue() -> None:
    assert sorted(catalogues()) == sorted(TRANSLATED)


def test_every_text_of_the_code_is_translated_and_no_other(path: Path) -> None:
    catalogue = polib.pofile(str(path))
    assert {entry.msgid: entry.msgid_plural for entry in catalogue} == texts()
    assert [entry.msgid for entry in catalogue if not entry.translated() or entry.fuzzy] == []


def test_a_translation_has_the_places_of_its_text(path: Path) -> None:
    for entry in polib.pofile(str(path)):
        for said in [*filter(None, [entry.msgstr]), *entry.msgstr_plural.values()]:
            assert sorted(PLACES.findall(said)) == sorted(PLACES.findall(entry.msgid)), said


def test_quotation_marks_are_those_of_every_keyboard(path: Path) -> None:
    """Typographic ones cost an SMS half of its room."""
    said = [
        text for entry in polib.pofile(str(path)) for text in (entry.msgstr, *entry.msgstr_plural.values())
    ]
    assert [text for text in said if set(text) & set("‘’“”„«»")] == []


def test_french_has_a_space_that_breaks_no_line_before_its_signs() -> None:
    wrong = re.compile(r"(?<![\u00a0\w])[;:!?]|(?<=[^\W\d])[;!?]|(?<=[^\W\d]):(?=\s|$)|(?<=\)s)[;:!?]")
    said = [
        text
        for entry in polib.pofile(str(catalogues()["fr"]))
        for text in (entry.msgstr, *entry.msgstr_plural.values())
    ]
    typed = ("BEGIN:VCALENDAR", "(users: [null])")  # what stands in files, in no language
    assert [text for text in said if wrong.search(re.sub("|".join(map(re.escape, typed)), "", text))] == []


def test_who_reads_is_addressed_as_a_colleague_throughout() -> None:
    """du, tú, tu; see docs/how-to/languages.md."""
    formal = {
        "de": re.compile(r"\bIhnen\b|\b[a-z]+en Sie\b"),
        "es": re.compile(r"\b(?:usted|ustedes)\b", re.IGNORECASE),
        "fr": re.compile(r"\b(?:vous|votre|vos|[a-z]+ez)\b(?<!chez)", re.IGNORECASE),
    }
    found = {
        language: [
            text
            for entry in polib.pofile(str(path))
            for text in (entry.msgstr, *entry.msgstr_plural.values())
            if formal[language].search(text)
        ]
        for language, path in catalogues().items()
    }
    assert found == {"de": [], "es": [], "fr": []}


def test_what_is_compiled_is_what_is_written(path: Path) -> None:
    compiled = path.with_suffix(".mo").read_bytes()
    assert compiled == polib.pofile(str(path)).to_binary(), "run `make messages`"


def test_nothing_is_translated_where_nobody_asked() -> None:
    assert gettext("Acknowledge") == "Acknowledge"
    with override("de"):
        assert gettext("Acknowledge") == "Übernehmen"
    assert gettext("Acknowledge") == "Acknowledge"


@given(span=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400)))
def test_spans_in_english_are_those_of_the_pages(span: timedelta) -> None:
    assert span_words(span) == in_words(span)


def test_spans_have_the_number_that_their_language_asks_for() -> None:
    days = {}
    for language in TRANSLATED:
        with override(language):
            days[language] = (span_words(timedelta(days=1, hours=2)), span_words(timedelta(days=3)))
    assert days == {
        "de": ("1 Tag 2 h", "3 Tage"),
        "es": ("1 día 2 h", "3 días"),
        "fr": ("1 jour 2 h", "3 jours"),
    }
