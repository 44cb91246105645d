"""How schedules and calendars are written in an organisation file: points in time, slots, hours, overrides. Pure.

The shape is read here, key by key; whether it makes sense together is said by the rules of the rooms, see `meaning`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tocsin.kernel.hours import days_from
from tocsin.organisation.compounds import Listed, Record
from tocsin.organisation.kinds import BAD, Kind, Reader, Slug
from tocsin.organisation.reading import Node

_MOMENT = r"^\d{4}-\d\d-\d\d([T ]\d\d?:\d\d(:\d\d)?( ?(Z|[+-]\d\d(:?\d\d)?))?)?$"
_CLOCK = r"^([01]?\d|2[0-3]):[0-5]\d$"
_CLOSES = r"^(((mon|tue|wed|thu|fri|sat|sun) )?([01]?\d|2[0-3]):[0-5]\d|24:00)$"
_SEXAGESIMAL = re.compile(r"\d\d?:\d\d\Z", re.ASCII)
_DAYS = r"^(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?$"


@dataclass(frozen=True)
class Moment:
    """A point in time, which YAML may take for a date of its own; `check` raises Refused for what is none."""

    check: Callable[[str], object]
    words: str = "a time such as 2026-01-05T09:00"

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """The text as it is written."""
        if node.kind not in ("str", "timestamp"):
            return reader.wrong(node, f"{node.shown} is not a point in time", self.words)
        return BAD if reader.take(node, lambda: self.check(node.value)) is BAD else node.value

    def schema(self) -> dict[str, Any]:
        """Text; an editor that reads YAML's dates as such sees their text here."""
        return {"type": "string", "pattern": _MOMENT}


@dataclass(frozen=True)
class Clock:
    """A time of day, such as "09:00"; where `closes`, also "24:00" and "mon 09:00".

    YAML 1.1 takes a bare 17:00 for the number 1020, to the base of 60. The file's text is still there, and can only
    mean one thing.
    """

    closes: bool = False

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """The text; what it means is said by the window as a whole."""
        if node.kind == "int" and _SEXAGESIMAL.match(node.value):
            return node.value
        return reader.text(node, 'a time of day such as "09:00"')

    def schema(self) -> dict[str, Any]:
        """Text of that shape."""
        return {"type": "string", "pattern": _CLOSES if self.closes else _CLOCK}


@dataclass(frozen=True)
class Days:
    """A weekday, or several that follow each other: "mon", "mon-fri"."""

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """The text."""
        text = reader.text(node, "a weekday such as mon, or mon-fri")
        good = text if text is BAD else reader.take(node, lambda: days_from([text]))
        return BAD if good is BAD else text

    def schema(self) -> dict[str, Any]:
        """Text of that shape."""
        return {"type": "string", "pattern": _DAYS}


@dataclass(frozen=True)
class Seat:
    """Somebody: `bo`, or as a map somebody who joins or leaves."""

    joining: Record

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """The id, or the map."""
        return (self.joining if node.kind == "map" else Slug("the id of a person")).read(node, reader, path)

    def schema(self) -> dict[str, Any]:
        """Either."""
        return {"anyOf": [Slug().schema(), self.joining.schema()]}


@dataclass(frozen=True)
class Slot:
    """Who takes a turn: somebody, several in a list, or null for nobody on purpose."""

    seat: Seat
    together: Listed

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """None, the seat, or the list of seats."""
        if node.kind == "null":
            return None
        return (self.together if node.kind == "list" else self.seat).read(node, reader, path)

    def schema(self) -> dict[str, Any]:
        """Any of them."""
        return {"anyOf": [{"type": "null"}, *self.seat.schema()["anyOf"], self.together.schema()]}


@dataclass(frozen=True)
class OneShape:
    """One of several maps, told apart by a key: the first of `shapes` whose key is there, else `otherwise`."""

    shapes: dict[str, Record]
    otherwise: Record

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """What the map of that shape is."""
        keys = {key.value for key, _ in node.entries}
        kind: Kind = next((shape for name, shape in self.shapes.items() if name in keys), self.otherwise)
        return kind.read(node, reader, path)

    def schema(self) -> dict[str, Any]:
        """Any of them."""
        return {"anyOf": [shape.schema() for shape in (*self.shapes.values(), self.otherwise)]}
