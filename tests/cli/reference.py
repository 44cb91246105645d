"""Writes docs/reference/cli.md from the commands themselves: `python -m tests.cli.reference`."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cyclopts import App

from tocsin.cli.app import app

HEAD = """# Commands

<!-- Written by `python -m tests.cli.reference` from the commands themselves. -->

Every command works on the instance of this machine's data folder (`TOCSIN_DATA`, `./data` by default): through the
running program while it runs, by opening the folder itself while it is stopped. With `TOCSIN_URL` and `TOCSIN_TOKEN` it
works on one elsewhere ([configuration](configuration.md)).

Exit codes: 0 done, 1 refused or failed, 2 wrong usage. What comes from alerts is printed without anything that a
terminal would obey; `--json` keeps it, escaped.
"""


def reference() -> str:
    """The page."""
    return HEAD + "".join(_of(app, ()))


def _of(parent: App, names: tuple[str, ...]) -> Iterator[str]:
    for name in sorted(name for name in parent if not name.startswith("-")):
        command = parent[name]
        if command.default_command is None:
            yield from _of(command, (*names, name))
        else:
            yield _one(command, (*names, name))


def _one(command: App, names: tuple[str, ...]) -> str:
    function = command.default_command
    text = inspect.getdoc(function) or ""
    first = text.partition("\n\nParameters")[0].replace("\n", " ")
    told = dict(re.findall(r"^(\w+)\n    (.+(?:\n    .+)*)", text, re.MULTILINE))
    rows = []
    for argument in command.assemble_argument_collection():
        names_shown = (
            ", ".join(f"`{n}`" for n in argument.names if n.startswith("--")) or f"`{_word(argument)}`"
        )
        said = argument.parameter.help or told.get(argument.field_info.name, "")
        rows.append(f"| {names_shown} | {_kind(argument)} | {' '.join(str(said).split())} |\n")
    table = "\n| option | value | meaning |\n|---|---|---|\n" + "".join(rows) if rows else ""
    return f"\n## tocsin {' '.join(names)}\n\n{first}\n{table}"


def _word(argument: Any) -> str:
    return str(argument.field_info.name).upper()


def _kind(argument: Any) -> str:
    """What may be given, as the help says it."""
    hint = argument.hint
    if hint is bool:
        return ""
    simple = {int: "number", str: "text", Path: "path"}.get(hint)
    choices = re.findall(r"'([\w-]+)'", str(hint)) if simple is None else []
    word = simple or ", ".join(choices) or ("path" if "Path" in str(hint) else "text")
    return word + (" …" if "list[" in str(hint) or "tuple[" in str(hint) else "")


if __name__ == "__main__":
    target = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"
    target.write_text(reference())
    sys.stdout.write(f"wrote {target.name}\n")
