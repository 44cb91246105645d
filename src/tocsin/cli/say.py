"""What is printed: text without terminal escapes, tables for people, JSON for programs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

# Everything a terminal could take as an order, also the C1 codes; a tab and a line end are what is left.
_ORDERS = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
# Characters that turn the direction of the text around and make a line read as another.
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def plain(text: object) -> str:
    """`text` with nothing in it that a terminal would obey."""
    return _TURNS.sub("", _ORDERS.sub("", str(text)))


def line(text: object) -> str:
    """`text` on one line."""
    return plain(text).replace("\n", " ").replace("\t", " ")


def say(text: object = "") -> None:
    """Print a line, without anything that would steer the terminal."""
    print(plain(text))


def complain(text: object) -> None:
    """Print a line about what went wrong to the standard error, in the same care."""
    print(f"tocsin: {plain(text)}", file=sys.stderr)


def say_json(value: Any) -> None:
    """JSON keeps escapes as \\u001b, which no terminal obeys."""
    print(json.dumps(value, indent=2, default=str))


def say_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
    """`columns` maps a key of the rows to its heading."""
    if not rows:
        say("Nothing.")
        return
    cells = [[line("" if row.get(key) is None else row[key]) for key in columns] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(*cells, columns.values(), strict=True)]
    for texts in ([*columns.values()], *cells):
        print("  ".join(text.ljust(width) for text, width in zip(texts, widths, strict=True)).rstrip())
