"""Text from anywhere made fit for a message: no control characters, cut between characters. Pure, but for the reader's
language."""

from __future__ import annotations

import unicodedata

from django.utils.translation import gettext, override

from tocsin.kernel.text import cut


def rendering_failed(language: str) -> str:
    """That something is missing, and where it is."""
    with override(language):
        return gettext("Part of this message could not be rendered; the incident's page has everything.")


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
