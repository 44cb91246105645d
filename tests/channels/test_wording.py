"""Text from anywhere, made fit for a message."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.channels.wording import clean
from tocsin.kernel.text import cut


@pytest.mark.parametrize(
    ("text", "length", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("ab cd", 4, "ab…"),
        ("ae\u0301bc", 3, "a…"),  # a letter and its accent stay together
        ("a👩\u200d👩\u200d👧b", 4, "a…"),  # a family
        ("a👍🏽b", 3, "a…"),  # a skin tone
        ("a🇪🇸🇫🇷", 4, "a🇪🇸…"),  # flags
        ("한" + "\u1112\u1161\u11ab" + "x", 3, "한…"),  # a syllable in parts
        ("a" + "\u0301" * 500, 50, "a" + "\u0301" * 48 + "…"),  # nobody reads that as one letter
        ("abc", 0, "…"),
    ],
)
def test_text_is_cut_between_what_a_reader_sees_as_characters(text: str, length: int, expected: str) -> None:
    assert cut(text, length) == expected


def test_one_line_has_no_breaks_no_controls_and_no_reordering() -> None:
    assert clean(" a\r\nb\tc\x00d\u2028e\x85f\u202eg\ud800 ", 100) == "a b c d e f g?"
    assert clean("a\r\nb\rc  \n\n", 100, lines=True) == "a\nb c"
    assert clean("👩\u200d👧 日本 שלום", 100) == "👩\u200d👧 日本 שלום"


@given(st.text(), st.integers(1, 50), st.booleans())
def test_cleaned_text_is_short_encodable_and_stays_the_same_when_cleaned_again(
    text: str, length: int, lines: bool
) -> None:
    once = clean(text, length, lines)
    assert len(once) <= length
    assert once.encode().decode() == once
    assert not any(unicodedata.category(c) == "Cc" and c != "\n" for c in once)
    assert clean(once, length, lines) == once
