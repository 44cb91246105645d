"""What words mean, and that nothing is guessed."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tocsin.answering.rules.reading import (
    Help,
    Missing,
    Status,
    Unclear,
    Wish,
    answered_part,
    read_words,
)
from tocsin.notification.rules import ActVerb

ACK, RESOLVE, ESCALATE, SNOOZE, NOTE = ActVerb


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("123456", Wish(ACK, "123456")),
        ("  #123456. ", Wish(ACK, "123456")),
        ("１２３４５６", Wish(ACK, "123456")),
        ("ack ١٢٣٤٥٦", Wish(ACK, "123456")),
        ("Ack:\t123456!!", Wish(ACK, "123456")),
        ("ACK 123\u200b456", Wish(ACK, "123456")),
        ("ack 123 456", Wish(ACK, "123456")),
        ("123-456", Wish(ACK, "123456")),
        ("resolve 123\u00a0456.", Wish(RESOLVE, "123456")),
        ("note 123 456 it is 100 200", Wish(NOTE, "123456", "it is 100 200")),
        ("snooze 123 456 2h", Wish(SNOOZE, "123456", "2h")),
        ("ok, 123456, thanks", Wish(ACK, "123456")),
        ("123456 resolve", Wish(RESOLVE, "123456")),
        ("quittiert 123456 danke", Wish(ACK, "123456")),
        ("acepto 123456, gracias", Wish(ACK, "123456")),
        ("Résolu 123456", Wish(RESOLVE, "123456")),
        ("behoben 123456", Wish(RESOLVE, "123456")),
        ("eskalieren 123456", Wish(ESCALATE, "123456")),
        ("snooze 2h 123456", Wish(SNOOZE, "123456", "2h")),
        ("snooze 123456 until tomorrow 08:00", Wish(SNOOZE, "123456", "until tomorrow 08:00")),
        ("123456 snooze 1h30m.", Wish(SNOOZE, "123456", "1h30m")),
        ("note 123456: it is  the disk of 654321", Wish(NOTE, "123456", "it is  the disk of 654321")),
        ("123456 note resolve is wrong here", Wish(NOTE, "123456", "resolve is wrong here")),
        ("ack 123456\n\n> ack 654321\n> resolve", Wish(ACK, "123456")),
        ("ack 123456\n-- \nBo 555555", Wish(ACK, "123456")),
        ("ack\n123456", Wish(ACK, "123456")),
        ("status", Status()),
        ("What is on", Status()),
        ("hilfe", Help()),
    ],
)
def test_words_that_are_understood(text: str, wish: object) -> None:
    assert read_words(text) == wish


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", Missing.NOTHING),
        (" \n > ack 123456", Missing.NOTHING),
        ("ack", Missing.CODE),
        ("resolve please", Missing.CODE),
        ("note it is the disk", Missing.CODE),
        ("ack 12345", Missing.WORDS),
        ("ack 1234567", Missing.WORDS),
        ("ack 123456 654321", Missing.CODES),
        ("ack 123 456 654321", Missing.CODES),
        ("ack 123 45", Missing.WORDS),
        ("ack 12-3456", Missing.WORDS),
        ("ack resolve 123456", Missing.VERBS),
        ("not resolved 123456", Missing.WORDS),
        ("do not ack 123456", Missing.WORDS),
        ("resolved? 123456", Missing.WORDS),
        ("123456 what is that", Missing.WORDS),
        ("ack 123456\nno, wait", Missing.WORDS),
        ("status 123456", Missing.WORDS),
        ("note 123456", Missing.NOTE),
        ("snooze 123456", Missing.TIME),
    ],
)
def test_what_is_not_clear_is_asked(text: str, why: Missing) -> None:
    read = read_words(text)
    assert isinstance(read, Unclear) and read.why is why


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("ack", Wish(ACK)),
        ("Ack.\r\n\r\nOn Mon, 2 Mar 2026 at 09:00, Tocsin <reply+x@y>\r\nwrote:\r\n> resolve", Wish(ACK)),
        ("Am Montag schrieb Tocsin:\n> alt\n\nerledigt, danke", Wish(RESOLVE)),
        ("resolve\nIt was the disk.\n\nBo\n-- \nBo Lind", Wish(RESOLVE, text="It was the disk.\n\nBo")),
        ("ack\n________________________________\nFrom: Tocsin", Wish(ACK)),
        ("ack\n\nFrom: Tocsin\nSent: Monday, 2 March\nTo: Bo\n\nresolve", Wish(ACK)),
        ("ack\n\n*From:* Tocsin <reply@example.com>\n*Sent:* Monday", Wish(ACK)),
        ("ack\n\nGet Outlook for iOS<https://aka.ms/o0ukef>\n____________\nFrom: x", Wish(ACK)),
        ("note from: the disk\nsent by its cable", Wish(NOTE, text="from: the disk\nsent by its cable")),
        ("ack\nFrom: Tocsin <reply@example.com>\nSent: Monday", Wish(ACK)),
        ("Hi,\n\nack\n\nThanks, Bo", Wish(ACK, text="Thanks, Bo")),
        ("Hallo Tocsin,\nbehoben", Wish(RESOLVE)),
        ("Hi, I look at it", Wish(NOTE, text="Hi, I look at it")),
        ("Hi,\nI look at it", Wish(NOTE, text="Hi,\nI look at it")),
        ("not resolved", Wish(NOTE, text="not resolved")),
        ("resolved?", Wish(NOTE, text="resolved?")),
        ("I look at it 👩‍🚒", Wish(NOTE, text="I look at it 👩‍🚒")),
        ("ok", Wish(NOTE, text="ok")),
        ("snooze 2h\n\nSent from my phone", Wish(SNOOZE, text="2h")),
        ("note: the disk\nand its cable", Wish(NOTE, text="the disk\nand its cable")),
        ("> ack", Unclear(Missing.NOTHING)),
    ],
)
def test_an_answer_to_a_message_needs_no_code_and_is_a_note_otherwise(text: str, read: object) -> None:
    assert read_words(text, known=True) == read


TOKENS = ["ack", "resolve", "not", "123456", "654321", "12345", "?", "2h", "note", "snooze", "please", "\n", "> ",
          "１２３４５６", "On Mon, x wrote:", "-- ", "no", "don't"]  # fmt: skip


@given(st.lists(st.sampled_from(TOKENS) | st.text(max_size=8), max_size=12).map(" ".join))
@example("ack 123456" * 1_000)
def test_whatever_is_written_is_read_and_a_verb_that_acts_has_one_whole_code(text: str) -> None:
    read = read_words(text)
    if isinstance(read, Wish):
        assert len(read.code) == 6 and read.code.isdecimal()
        if read.verb in (ACK, RESOLVE, ESCALATE):
            # Nothing was left over that might have meant the opposite.
            assert not {"not", "no", "don't", "?"} & set(answered_part(text).split())
    read_words(text, known=True)


@given(st.text(max_size=3_000))
def test_what_was_written_anew_is_part_of_what_was_written(text: str) -> None:
    for line in answered_part(text).split("\n"):
        assert line in text
