"""How values are written in an organisation file, for the reader and for the JSON Schema alike. Pure.

`read` returns a value in its plain form (text, numbers, lists and maps, durations as the shortest text), or BAD
after telling the reader what is wrong; so every mistake of a file is found in one go.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

from tocsin.kernel.durations import format_duration, parse_duration
from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import SLUG_LENGTH_MAX, check_slug
from tocsin.organisation.reading import Node

BAD: Final = object()  # could not be read; the reader knows why
NEVER = "never"
NONE = "none"
_SLUG_PATTERN = r"^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$"
_SPAN_PATTERN = r"^(?=.)(\d{1,6}d)?(\d{1,6}h)?(\d{1,6}m)?(\d{1,8}s)?$"


@dataclass
class Reader:
    """Collects what is wrong, and the place of each value of the object that is being read."""

    problems: list[Refused] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)

    def wrong(self, node: Node, what: str, expected: str = "", mend: str = "") -> Any:
        """Note a problem at the place of `node`; returns BAD."""
        self.problems.append(Refused(what, expected, mend, node.where))
        return BAD

    def take(self, node: Node, read: Callable[[], Any]) -> Any:
        """What `read` returns; a refusal of its gets the place of `node`."""
        try:
            return read()
        except Refused as refused:
            return self.wrong(node, refused.what, refused.expected, refused.mend)

    def text(self, node: Node, what: str = "text") -> Any:
        """The scalar as text; YAML takes an unquoted 2024, no or 1.5 for something else."""
        if node.kind == "str":
            return node.value
        mend = ""
        if node.kind in ("int", "float", "bool", "timestamp"):
            mend = f'Write it in quotes: "{node.value}".'
        return self.wrong(node, f"{node.shown} stands where {what} belongs", what, mend)


class Kind(Protocol):
    """What may stand at a place of the file."""

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """The plain value of `node`, or BAD with the reason told to `reader`; `path` is its place in the object."""

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of what may stand there."""


@dataclass(frozen=True)
class Slug:
    """An id: that of the object itself, or of another one."""

    words: str = "an id"

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """The id, as text; BAD for what `check_slug` refuses."""
        text = reader.text(node, self.words)
        return text if text is BAD else reader.take(node, lambda: check_slug(text))

    def schema(self) -> dict[str, Any]:
        """Text of small letters, digits and hyphens."""
        return {"type": "string", "pattern": _SLUG_PATTERN, "maxLength": SLUG_LENGTH_MAX}


@dataclass(frozen=True)
class Text:
    """Text that `check` (raising Refused) returns in its plain form."""

    check: Callable[[str], str]
    length_max: int
    words: str = "text"
    least: int = 1

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """The text as `check` returns it; BAD for what it refuses."""
        text = reader.text(node, self.words)
        return text if text is BAD else reader.take(node, lambda: self.check(text))

    def schema(self) -> dict[str, Any]:
        """Text of `least` to `length_max` characters."""
        return {"type": "string", "minLength": self.least, "maxLength": self.length_max}


@dataclass(frozen=True)
class Whole:
    """A whole number."""

    least: int
    most: int

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """The number, as an int; BAD for what is none or out of bounds."""
        digits = node.value.isascii() and node.value.isdigit()
        if node.kind != "int" or not digits or not self.least <= int(node.value[:10]) <= self.most:
            expected = f"a whole number from {self.least} to {self.most}"
            return reader.wrong(node, f"{node.shown} cannot stand here", expected)
        return int(node.value)

    def schema(self) -> dict[str, Any]:
        """A whole number with both bounds."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True)
class YesNo:
    """True or false."""

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """A bool; BAD for what YAML takes for something else, such as "no" in quotes."""
        if node.kind != "bool":
            return reader.wrong(node, f"{node.shown} cannot stand here", "true or false")
        return node.value.lower() in ("true", "yes", "on")

    def schema(self) -> dict[str, Any]:
        """A boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class OneOf:
    """One word of a few."""

    choices: type[StrEnum]

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """The word, as text; BAD with the nearest one for another."""
        words = [choice.value for choice in self.choices]
        text = reader.text(node, f"one of {', '.join(words)}")
        if text is BAD or text in words:
            return text
        return reader.wrong(
            node, f"{node.shown} cannot stand here", f"one of {', '.join(words)}", nearest(text, words)
        )

    def schema(self) -> dict[str, Any]:
        """The words themselves."""
        return {"enum": [choice.value for choice in self.choices]}


@dataclass(frozen=True)
class Span:
    """A duration. Where `never` is allowed, `0s` means the same."""

    least: timedelta
    most: timedelta
    never: bool = False

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """The duration as its shortest text, such as "1h30m", or NEVER; BAD for what has no unit or is out of
        bounds."""
        expected = f"a length from {format_duration(self.least)} to {format_duration(self.most)}"
        expected += f", or {NEVER}" if self.never else ""
        if node.kind not in ("str", "int"):
            return reader.wrong(node, f"{node.shown} is not a duration", expected)
        if self.never and node.value in (NEVER, "0s"):
            return NEVER
        if node.kind == "int":
            return reader.wrong(
                node, f"{node.value} has no unit", expected, f"Write {node.value[:8]}s or {node.value[:8]}m."
            )
        span = reader.take(node, lambda: parse_duration(node.value))
        if span is not BAD and not self.least <= span <= self.most:
            return reader.wrong(node, f"{node.value} cannot stand here", expected)
        return span if span is BAD else format_duration(span)

    def schema(self) -> dict[str, Any]:
        """The form of a duration; JSON Schema cannot say its bounds."""
        span = {"type": "string", "pattern": _SPAN_PATTERN}
        return {"anyOf": [{"const": NEVER}, span]} if self.never else span


def nearest(word: str, words: Iterable[str]) -> str:
    """The hint "Did you mean 'tier'?", or "" when nothing is near."""
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=0.6)
    return f"Did you mean '{close[0]}'?" if close else ""
