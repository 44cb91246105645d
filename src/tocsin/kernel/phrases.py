"""Sentences that rules make, and that whoever tells them says in the language of who reads them. Pure.

A rule knows no reader. What it says is English, and remembers of what text and values it was made; so the same can be
said in another language later (`people.speaking.told`). Everywhere else it is a string like any other.
"""

from __future__ import annotations

from collections.abc import Mapping


class Phrase(str):
    """English words that remember the `text` with places, and the `values` that stand in them."""

    text: str
    values: Mapping[str, object]

    def __new__(cls, text: str, values: Mapping[str, object]) -> Phrase:
        made = super().__new__(cls, text % values if values else text)
        made.text, made.values = text, values
        return made

    def __reduce__(self) -> tuple[type[Phrase], tuple[str, Mapping[str, object]]]:
        return Phrase, (self.text, self.values)


def phrase(text: str, /, **values: object) -> Phrase:
    """`text`, which is translated, with `values` in its places, such as `%(who)s`. A value may be a phrase itself."""
    return Phrase(text, values)
