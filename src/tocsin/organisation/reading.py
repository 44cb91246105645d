"""Read YAML into a bounded tree whose every node knows its file and line. Pure.

PyYAML's parser only gives events here; the tree is built from them without recursion, so that neither nesting nor
aliases of aliases cost more than the bounds say, and nothing in a file can name a Python type.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml import events
from yaml.resolver import Resolver

from tocsin.kernel.errors import Refused

FILES_MAX = 100
FILE_BYTES_MAX = 2_000_000
DEPTH_MAX = 20
NODES_MAX = 200_000  # in all files, every alias counted with all that stands behind it
PROBLEMS_MAX = 50  # listed; the rest is counted

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class File:
    """One file as it was given: `name` is what problems are reported under, never opened here."""

    name: str
    text: str | bytes


@dataclass(eq=False)
class Node:
    """A value of the file. `kind` is "map", "list", or for a scalar "str", "int", "bool", "null", "float" …"""

    kind: str
    where: str  # "org.yaml:12"
    value: str = ""  # of a scalar, as it is written
    items: list[Node] = field(default_factory=list)  # of a list
    entries: list[tuple[Node, Node]] = field(default_factory=list)  # of a map
    size: int = 1  # nodes in it, aliases counted in full
    open: bool = False  # still being read

    @property
    def shown(self) -> str:
        """The value as a problem quotes it."""
        words = {"map": "a mapping", "list": "a list", "null": "nothing"}
        text = self.value if len(self.value) <= 60 else self.value[:57] + "…"
        return words.get(self.kind) or repr(text)


class FilesRefused(Refused):
    """Files that cannot be applied: everything that is wrong with them, in the order of the files."""

    def __init__(self, problems: Sequence[Refused]) -> None:
        count = len(problems)
        self.problems = tuple(problems[:PROBLEMS_MAX])
        self.left_out = count - len(self.problems)
        mistakes = "1 mistake" if count == 1 else f"{count} mistakes"
        super().__init__(
            f"Nothing was applied: {mistakes}", mend="Mend them all, then apply again.", status=422
        )

    def __str__(self) -> str:
        """One problem a line, as an editor can jump to them."""
        lines = [str(problem) for problem in self.problems]
        if self.left_out:
            lines.append(f"… and {self.left_out} more")
        return "\n".join([*lines, super().__str__()])


def read_files(files: Sequence[File]) -> list[Node]:
    """The root node of every document in `files`. Raises FilesRefused with what YAML or a bound does not allow."""
    problems: list[Refused] = []
    roots: list[Node] = []
    if len(files) > FILES_MAX:
        raise FilesRefused([Refused(f"{len(files)} files", f"at most {FILES_MAX}")])
    for file in files:
        try:
            roots += _read(file, NODES_MAX - sum(root.size for root in roots))
        except Refused as refused:
            problems.append(refused)
    if problems:
        raise FilesRefused(problems)
    return roots


def _read(file: File, nodes_left: int) -> list[Node]:
    text = _decoded(file)
    try:
        return list(_roots(file.name, yaml.parse(text, Loader=_Loader), nodes_left))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = (
            min(mark.line + 1, len(text.splitlines())) if mark else 1
        )  # the end may lie behind the last line
        raise Refused(
            f"This is not YAML: {error.problem or error.context}",
            "YAML 1.1",
            "Look at the indentation, the quotes and the brackets here and just above.",
            f"{file.name}:{line}",
        ) from None
    except yaml.YAMLError as error:
        position = getattr(error, "position", 0)
        line = text.count("\n", 0, position) + 1
        raise Refused(
            "A character that YAML does not allow", "printable text", where=f"{file.name}:{line}"
        ) from None


def _decoded(file: File) -> str:
    data = file.text.encode(errors="surrogatepass") if isinstance(file.text, str) else file.text
    if len(data) > FILE_BYTES_MAX:
        raise Refused(
            f"The file has {len(data)} bytes",
            f"at most {FILE_BYTES_MAX}",
            "Split it: several files can be applied together.",
            f"{file.name}:1",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Refused("The file is not UTF-8", "text in UTF-8", where=f"{file.name}:{line}") from None


def _roots(name: str, stream: Iterator[events.Event], nodes_left: int) -> Iterator[Node]:
    """Build the documents of one file from the parser's events."""
    resolver: Any = Resolver()
    anchors: dict[str, Node] = {}
    stack: list[Node] = []  # the lists and maps that are open
    keys: list[Node | None] = []  # for each of them, the key that waits for its value
    count = 0

    def put(node: Node) -> Node | None:
        """Hang a finished node where it belongs; returns it when it is a document's root."""
        if not stack:
            return node
        parent = stack[-1]
        parent.size += node.size
        if parent.kind == "list":
            parent.items.append(node)
        elif keys[-1] is None:
            keys[-1] = node
        else:
            parent.entries.append((keys[-1], node))
            keys[-1] = None
        return None

    for event in stream:
        mark: Any = event.start_mark  # every event of the parser has one
        where = f"{name}:{mark.line + 1}"
        done: Node | None = None
        if isinstance(event, events.DocumentStartEvent):
            anchors.clear()
        elif isinstance(event, events.ScalarEvent):
            done = Node(_kind_of(resolver, event), where, event.value)
        elif isinstance(event, events.CollectionStartEvent):
            if len(stack) >= DEPTH_MAX:
                raise Refused("The nesting is too deep", f"at most {DEPTH_MAX} levels", where=where)
            kind = "map" if isinstance(event, events.MappingStartEvent) else "list"
            opened = Node(kind if event.implicit else "tagged", where, open=True)
            stack.append(opened)
            keys.append(None)
            if event.anchor:
                anchors[event.anchor] = opened
        elif isinstance(event, events.CollectionEndEvent):
            done = stack.pop()
            keys.pop()
            done.open = False
        elif isinstance(event, events.AliasEvent):
            done = _aliased(anchors, event.anchor, where)
        if isinstance(event, events.ScalarEvent) and event.anchor and done:
            anchors[event.anchor] = done
        if done is not None:
            # A collection was counted node by node while it was open; an alias counts for all behind it.
            count += done.size if isinstance(event, events.AliasEvent) else 1
            if count > nodes_left:
                raise Refused(
                    "The files say too much",
                    f"at most {NODES_MAX} values, each alias counted with all that stands behind it",
                    where=where,
                )
            if root := put(done):
                yield root


def _aliased(anchors: dict[str, Node], anchor: str | None, where: str) -> Node:
    node = anchors.get(anchor or "")
    if node is None:
        raise Refused(f"*{anchor} refers to nothing", f"an anchor &{anchor} before it", where=where)
    if node.open:
        raise Refused(f"*{anchor} would contain itself", "an anchor that has ended before", where=where)
    return node


def _kind_of(resolver: Any, event: events.ScalarEvent) -> str:
    if event.tag and event.tag != "!":
        return event.tag.removeprefix(_TAG) if event.tag == f"{_TAG}str" else "tagged"
    tag: str = resolver.resolve(yaml.ScalarNode, event.value, event.implicit)
    return tag.removeprefix(_TAG)
