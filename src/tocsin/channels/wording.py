"""Text from anywhere made fit for a message: no control characters, cut between characters. Pure."""

from __future__ import annotations

import unicodedata

RENDERING_FAILED = "Part of this message could not be rendered; the incident's page has everything."

CLUSTER_MAX = 40  # code points that one shown character may be made of

_JOINER = "\u200d"
# Characters that reorder what a reader sees, and so let an alert pretend to be something else.
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean(text: object, length: int, lines: bool = False) -> str:
    """`text` without control characters, at most `length` long; on one line, unless `lines` keeps its breaks.

    Lone surrogates, which no encoding can carry, become the replacement character.
    """
    # What lies far beyond the cut need not be looked at; white space may shrink, so leave it room to.
    raw = str(text)[: 4 * length + 64].encode("utf-8", "replace").decode("utf-8")
    raw = "".join(c if c == "\n" or _shown(c) else " " for c in raw.replace("\r\n", "\n"))
    if lines:
        return cut("\n".join(line.rstrip() for line in raw.split("\n")).strip("\n"), length)
    return cut(" ".join(raw.split()), length)


def _shown(character: str) -> bool:
    if character in _REORDERING:
        return False
    return unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")


def cut(text: str, length: int) -> str:
    """`text` in at most `length` characters, an ellipsis at the end when something is missing; never cut
    inside what a reader sees as one character."""
    if len(text) <= length:
        return text
    end = last = max(0, length - 1)
    while end > 0 and _clings(text, end):
        end -= 1
        if last - end > CLUSTER_MAX:  # nobody reads that as one character
            end = last
            break
    return text[:end].rstrip() + "…"


def _clings(text: str, at: int) -> bool:
    """Whether the character at `at` belongs to the one before it."""
    character, before = text[at], text[at - 1]
    if _JOINER in (character, before) or unicodedata.category(character) in ("Mn", "Me", "Mc"):
        return True
    if "\U0001f3fb" <= character <= "\U0001f3ff" or "\ufe00" <= character <= "\ufe0f":  # skin tones, variants
        return True
    if "\U000e0020" <= character <= "\U000e007f":  # tags of a flag
        return True
    if _is_flag_half(character) and _is_flag_half(before):  # two letters make a flag: cut before the first
        run = 0
        while run < at and _is_flag_half(text[at - 1 - run]):
            run += 1
        return run % 2 == 1
    return "\u1160" <= character <= "\u11ff" and "\u1100" <= before <= "\u11ff"  # parts of a Korean syllable


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
