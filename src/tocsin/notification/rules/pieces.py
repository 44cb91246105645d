"""The pieces of a message that an organisation may word itself, and what they may say. Pure.

The pieces are the same for every channel. What one acts by is none of them: buttons, links, codes, the handover note
and each channel's limits are Tocsin's, whatever a template says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tocsin.kernel.errors import Refused
from tocsin.notification.rules.templates import Names, Template, read
from tocsin.people.rules import LANGUAGES

DEFAULT = "default"  # in place of a language: for those that have no words of their own
LABELS_MAX = 50  # of an alert, that a message may name
SUBJECT_OUT_MAX = 200  # characters of what comes out
TEXT_OUT_MAX = 4_000
LINES_MAX = 40


class Piece(StrEnum):
    """A part of a message with words of its own."""

    SUBJECT = "subject"
    TEXT = "text"
    RESOLVED_SUBJECT = "resolved_subject"
    RESOLVED_TEXT = "resolved_text"

    @property
    def is_line(self) -> bool:
        return self in (Piece.SUBJECT, Piece.RESOLVED_SUBJECT)

    @property
    def of_the_end(self) -> bool:
        return self in (Piece.RESOLVED_SUBJECT, Piece.RESOLVED_TEXT)

    @property
    def length_max(self) -> int:
        """Characters of the template."""
        return 500 if self.is_line else 4_000

    @property
    def out_max(self) -> int:
        """Characters of what it becomes."""
        return SUBJECT_OUT_MAX if self.is_line else TEXT_OUT_MAX


HELP = {
    Piece.SUBJECT: "The one line that a lock screen shows, and the subject of a letter.",
    Piece.TEXT: "What stands below it: the facts, each in a line.",
    Piece.RESOLVED_SUBJECT: "The one line of the word that it is over.",
    Piece.RESOLVED_TEXT: "What stands below that.",
}

_TEXTS = {
    "title": "what is wrong, as the alert or a person says it",
    "service": "the name of the service",
    "number": "the incident's number, without #",
    "priority": "P1 to P5",
    "impact": "how bad, in the reader's language: major impact",
    "urgency": "how it pages, in the reader's language: high urgency",
    "state": "how far it is, in the reader's language: triggered",
    "holder": "who has it; nothing while nobody has",
    "since": "when it began, by the reader's clock: 14:02",
    "zone": "the time zone of that clock: Europe/Madrid",
    "ago": "how long ago that was, in the reader's language: 4 min ago",
    "description": "what else the alert says of it, at most 500 characters",
    "workaround": "the known workaround of the service; nothing without one",
    "firing": "how many of its alerts fire; nothing for none",
    "alerts": "how many alerts came in all; nothing for none",
    "reason": "why this reader is told: level 1 of policy Web",
    "note": "the handover note; it stands in the message in any case",
    "about": "the service's description",
    "team": "the name of the team that looks after the service",
    "organisation": "the organisation's name",
    "reader": "the name of who is told",
    "link": "the address of the incident's page; it stands in the message in any case",
}
_OF_THE_END = {
    "why": "why it is over, in the reader's language: resolved by Ada Ortiz",
    "lasted": "how long it was, in the reader's language: 42 min",
}
_LISTS = {"labels": {"name": "the name of a label of the alert", "value": "what it says"}}

ONLY_AT_THE_END = frozenset(_OF_THE_END)
OF_A_PAGE = Names(_TEXTS, _LISTS, frozenset({"labels"}))
OF_THE_END = Names(_TEXTS | _OF_THE_END, _LISTS, frozenset({"labels"}))


def names_of(piece: Piece) -> Names:
    """What the piece may name."""
    return OF_THE_END if piece.of_the_end else OF_A_PAGE


@dataclass(frozen=True)
class Broken:
    """A template that was stored and cannot be read any more: by an older version, or by hand."""

    why: str


Wording = Mapping[Piece, Template | Broken]  # of one language
Wordings = Mapping[str, Wording]  # by language, or DEFAULT


def find(wordings: Wordings, piece: Piece, language: str) -> Template | Broken | None:
    """The organisation's words for the piece: the language's own, else the default ones; None: Tocsin's."""
    for place in (language, DEFAULT):
        if (found := wordings.get(place, {}).get(piece)) is not None:
            return found
    return None


def check_piece(piece: Piece, text: str) -> str:
    """A template in its plain form: line breaks as \\n, none at the end. Raises Refused with what is wrong in it."""
    plain = text.replace("\r\n", "\n").rstrip(" \t\n")
    if len(plain) > piece.length_max:
        raise Refused(f"It has {len(plain)} characters", f"at most {piece.length_max}")
    if not plain:
        raise Refused("It says nothing", "a template", "Leave it out for Tocsin's own words.")
    if piece.is_line and "\n" in plain:
        raise Refused("It has more than one line", "one line, as subjects have")
    read(plain, names_of(piece))
    return plain


def read_piece(piece: Piece, text: str) -> Template | Broken:
    """The template as it was stored; Broken, with why, when it cannot be read."""
    try:
        return read(check_piece(piece, text), names_of(piece))
    except Refused as refused:
        return Broken(str(refused))


def check_place(language: str) -> str:
    """A language that words can be for, or DEFAULT. Raises Refused."""
    if language != DEFAULT and language not in tuple(LANGUAGES):
        known = ", ".join([DEFAULT, *LANGUAGES])
        raise Refused(f"No messages are in '{language[:20]}'", f"one of {known}", where="language")
    return language
