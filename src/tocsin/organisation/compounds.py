"""How lists and maps are written in an organisation file, out of what `kinds` has. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tocsin.kernel.ids import check_slug
from tocsin.organisation.kinds import BAD, Kind, Reader, Slug, nearest
from tocsin.organisation.reading import Node

REQUIRED: Final = object()
LEFT: Final = object()  # left out: what there is stays as it is
OMITTED: Final = object()  # left out: it is not there


@dataclass(frozen=True)
class Listed:
    """A list; `once`: no item may stand in it twice."""

    kind: Kind
    most: int
    least: int = 0
    once: bool = True

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """A list of what `kind` reads; BAD when one item is, when it is too long or short, or when one stands in it
        twice."""
        if node.kind != "list":
            return reader.wrong(node, f"{node.shown} stands where a list belongs", "a list such as [a, b]")
        if not self.least <= len(node.items) <= self.most:
            bounds = (
                f"at least {self.least} and at most {self.most}" if self.least else f"at most {self.most}"
            )
            return reader.wrong(node, f"The list has {len(node.items)} items", bounds)
        read: list[Any] = []
        for number, item in enumerate(node.items):
            reader.places[f"{path}.{number}"] = item.where
            value = self.kind.read(item, reader, f"{path}.{number}")
            if self.once and value is not BAD and value in read:
                reader.wrong(item, f"{item.shown} stands in the list twice", "each once")
            read.append(value)
        return BAD if any(value is BAD for value in read) else read

    def schema(self) -> dict[str, Any]:
        """An array of `kind`. That no item stands in it twice is for the reader alone to say."""
        least = {"minItems": self.least} if self.least else {}
        return {"type": "array", "items": self.kind.schema(), "maxItems": self.most, **least}


@dataclass(frozen=True)
class Named:
    """A map from names that people choose to values."""

    kind: Kind
    most: int

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """A dict from names, which are ids, to what `kind` reads; BAD when one name or value is."""
        entries = read_entries(node, reader)
        if entries is BAD:
            return BAD
        if len(entries) > self.most:
            return reader.wrong(node, f"There are {len(entries)} entries", f"at most {self.most}")
        read = {}
        for name, (key, value) in entries.items():
            reader.places[f"{path}.{name}"] = key.where
            good = reader.take(key, lambda name=name: check_slug(name))  # type: ignore[misc]
            read[name] = BAD if good is BAD else self.kind.read(value, reader, f"{path}.{name}")
        return BAD if any(value is BAD for value in read.values()) else read

    def schema(self) -> dict[str, Any]:
        """An object with any names, and values of `kind`."""
        return {
            "type": "object",
            "propertyNames": Slug().schema(),
            "additionalProperties": self.kind.schema(),
            "maxProperties": self.most,
        }


@dataclass(frozen=True)
class Field:
    """One key of a record. `default` REQUIRED: it must be there; LEFT: left out, what there is stays as it is;
    OMITTED: left out, it is not there."""

    name: str
    kind: Kind
    help: str
    default: Any = REQUIRED
    nullable: bool = False


@dataclass(frozen=True)
class Record:
    """A map with the keys of `fields` and no others."""

    noun: str
    fields: tuple[Field, ...]

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """A dict with the keys that stand there, and with the defaults of those that do not and have one; BAD when one
        value is, or one that is REQUIRED is missing. An unknown key is told of and left out."""
        entries = read_entries(node, reader, f"{self.noun} with {', '.join(f.name for f in self.fields)}")
        if entries is BAD:
            return BAD
        names = [each.name for each in self.fields]
        for name, (key, _) in entries.items():
            if name not in names:
                expected = f"one of {', '.join(names)}"
                reader.wrong(key, f"Unknown key '{name[:60]}' in {self.noun}", expected, nearest(name, names))
        read: dict[str, Any] = {}
        for each in self.fields:
            inner = f"{path}.{each.name}" if path else each.name
            if each.name not in entries:
                if each.default is REQUIRED:
                    reader.wrong(
                        node, f"Here {self.noun} has no {each.name}", f"the key {each.name}", each.help
                    )
                    read[each.name] = BAD
                elif each.default not in (LEFT, OMITTED):
                    read[each.name] = each.default
                continue
            key, value = entries[each.name]
            reader.places[inner] = key.where
            empty = each.nullable and value.kind == "null"
            read[each.name] = None if empty else each.kind.read(value, reader, inner)
        return BAD if any(value is BAD for value in read.values()) else read

    def schema(self) -> dict[str, Any]:
        """An object with these keys and no others, each with its help."""
        properties = {}
        for each in self.fields:
            kind = each.kind.schema()
            if each.nullable:
                kind = {"anyOf": [kind, {"type": "null"}]}
            properties[each.name] = {"description": each.help, **kind}
        return {
            "type": "object",
            "properties": properties,
            "required": [each.name for each in self.fields if each.default is REQUIRED],
            "additionalProperties": False,
        }


@dataclass(frozen=True)
class Either:
    """A word that stands for itself, or else `kind`."""

    word: str
    kind: Kind

    def read(self, node: Node, reader: Reader, path: str) -> Any:
        """The word, or what `kind` reads."""
        if node.kind == "str" and node.value == self.word:
            return self.word
        return self.kind.read(node, reader, path)

    def schema(self) -> dict[str, Any]:
        """The word or `kind`."""
        return {"anyOf": [{"const": self.word}, self.kind.schema()]}


def read_entries(node: Node, reader: Reader, expected: str = "key: value pairs") -> Any:
    """The entries of a map by their names, each with the node of its key; BAD when it is none."""
    if node.kind != "map":
        return reader.wrong(node, f"{node.shown} stands where key: value pairs belong", expected)
    entries: dict[str, tuple[Node, Node]] = {}
    for key, value in node.entries:
        name = reader.text(key, "a key")
        if name is BAD:
            continue
        if name in entries:
            first = entries[name][0].where
            reader.wrong(key, f"The key '{name[:60]}' stands here twice", f"each key once (first at {first})")
            continue
        entries[name] = (key, value)
    return entries
