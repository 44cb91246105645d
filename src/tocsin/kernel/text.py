"""Text cut to a length between what a reader sees as characters. Pure."""

from __future__ import annotations

import unicodedata

CLUSTER_MAX = 40  # code points that one shown character may be made of

_JOINER = "\u200d"


def cut(text: str, length: int, mark: str = "…") -> str:
    """`text` in at most `length` characters, with `mark` at its end when something is missing; never cut inside what
    a reader sees as one character."""
    if len(text) <= length:
        return text
    end = last = max(0, length - len(mark))
    while end > 0 and _clings(text, end):
        end -= 1
        if last - end > CLUSTER_MAX:  # nobody reads that as one character
            end = last
            break
    return text[:end].rstrip() + mark


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
