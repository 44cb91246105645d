"""Sentences that rules make, and that whoever tells them says in the language of who reads them. Pure.

A rule knows no reader. What it says is English, and remembers of what text and values it was made; so the same can be
said in another language later (`people.speaking.told`). Everywhere else it is a string like any other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache

from tocsin.kernel.durations import in_words


class Phrase(str):
    """English words that remember the `text` with places, and the `values` that stand in them: words, phrases,
    numbers, lengths of time."""

    text: str
    values: Mapping[str, object]

    def __new__(cls, text: str, values: Mapping[str, object]) -> Phrase:
        said = {
            name: in_words(each) if isinstance(each, timedelta) else each for name, each in values.items()
        }
        made = super().__new__(cls, text % said if said else text)
        made.text, made.values = text, values
        return made

    def __reduce__(self) -> tuple[type[Phrase], tuple[str, Mapping[str, object]]]:
        return Phrase, (self.text, self.values)


def phrase(text: str, /, **values: object) -> Phrase:
    """`text`, which is translated, with `values` in its places, such as `%(who)s`. A value may be a phrase itself."""
    return Phrase(text, values)


def read_back(text: str, shapes: Sequence[str]) -> str:
    """The phrase that `text`, stored as English words, once was: of the first of `shapes`, which are texts of phrases,
    that fits, and within its values likewise. `text` itself where none does."""
    for shape in shapes:
        if found := _pattern(shape).fullmatch(text):
            return Phrase(
                shape, {name: read_back(value, shapes) for name, value in found.groupdict().items()}
            )
    return text


@cache
def _pattern(shape: str) -> re.Pattern[str]:
    parts = re.split(r"%\((\w+)\)s", shape)
    return re.compile(
        "".join(f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts)),
        re.DOTALL,
    )


def joined(parts: Sequence[str], between: str) -> str:
    """`parts`, phrases and other words, one after the other; each is said in the reader's language by itself."""
    if len(parts) < 2:
        return parts[0] if parts else ""
    values = {f"part{place}": each for place, each in enumerate(parts)}
    return Phrase(between.join(f"%({name})s" for name in values), values)
