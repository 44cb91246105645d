"""Values that a file names and does not contain, such as secrets: `{env: NAME}` or `{file: PATH}`.

Whoever runs `tocsin apply` reads them on their machine and hands them in beside the files; the program opens nothing
that a file names. Any other value is the text that stands there, in which nothing is replaced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tocsin.kernel.errors import Refused
from tocsin.organisation.compounds import read_entries
from tocsin.organisation.kinds import BAD, Reader
from tocsin.organisation.reading import File as File  # noqa: PLC0414 - offered here too
from tocsin.organisation.reading import FilesRefused, Node, read_files
from tocsin.organisation.rules import PROVIDERS

OUTSIDE_MAX = 200  # values of one application
OUTSIDE_NAME_LENGTH_MAX = 1_000
OUTSIDE_BYTES_MAX = 16_384  # of a file that holds one value
WAYS = ("env", "file")


@dataclass(frozen=True)
class Outside:
    """Where a value lies: `way` is one of WAYS, `name` the variable's or the file's."""

    way: str
    name: str
    where: str = ""  # in which line it is named

    def __str__(self) -> str:
        return f"{self.way}:{self.name}"


def read_value(node: Node, reader: Reader) -> Any:
    """The text, None, or the Outside that stands there; BAD with the reason told to `reader`, never with the text."""
    if node.kind == "null":
        return None
    if node.kind == "str":
        return node.value
    if node.kind != "map":
        return reader.wrong(node, "This setting is not text", mend="Write it in quotes.")
    entries = read_entries(node, reader)
    if entries is BAD:
        return BAD
    ways = [(way, value) for way, (_, value) in entries.items() if way in WAYS and value.kind == "str"]
    if len(entries) != 1 or not ways or not ways[0][1].value:
        return reader.wrong(node, "This names no place of a value", "{env: NAME} or {file: PATH}")
    ((way, value),) = ways
    if len(value.value) > OUTSIDE_NAME_LENGTH_MAX or "\0" in value.value:
        return reader.wrong(node, "The name is too long", f"at most {OUTSIDE_NAME_LENGTH_MAX} characters")
    return Outside(way, value.value, node.where)


def lies_outside(files: Sequence[File]) -> tuple[Outside, ...]:
    """What the files name and do not contain, each once; () when they cannot be read, which is told when they are
    applied."""
    try:
        roots = read_files(files)
    except FilesRefused:
        return ()
    found: dict[str, Outside] = {}
    for root in roots:
        for provider in _items(_inside(root, PROVIDERS)):
            for _, value in _entries(_inside(provider, "settings")):
                said = read_value(value, Reader())
                if isinstance(said, Outside):
                    found.setdefault(str(said), said)
    return tuple(found.values())


def read_outside(named: Outside, environ: Mapping[str, str]) -> str:
    """The value, as it is on this machine. Raises Refused, with the line that names it."""
    if named.way == "env":
        if named.name not in environ:
            raise Refused(f"The variable {named.name} is not set here", "its value", where=named.where)
        return environ[named.name]
    try:
        with Path(named.name).open("rb") as file:
            data = file.read(OUTSIDE_BYTES_MAX + 1)
    except OSError as error:
        why = f"The file {named.name} cannot be read ({error.strerror})"
        raise Refused(why, "a file that holds the value", where=named.where) from error
    if len(data) > OUTSIDE_BYTES_MAX:
        raise Refused(
            f"The file {named.name} is too long", f"at most {OUTSIDE_BYTES_MAX} bytes", where=named.where
        )
    try:
        return data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise Refused(f"The file {named.name} is not text in UTF-8", "one value", where=named.where) from None


def _entries(node: Node | None) -> list[tuple[Node, Node]]:
    return node.entries if node is not None and node.kind == "map" else []


def _inside(node: Node, name: str) -> Node | None:
    return next((value for key, value in _entries(node) if key.value == name), None)


def _items(node: Node | None) -> list[Node]:
    return node.items if node is not None and node.kind == "list" else []
