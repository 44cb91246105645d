"""The texts that people are told in their own language: where they stand in the code, and their compiled form.

`make messages` adds the texts of the code to `locale/*/LC_MESSAGES/django.po`, without a translation yet, drops those
that it has no more, and compiles each file. Nothing of it is needed where Tocsin runs.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "tocsin"
LOCALE = PACKAGE / "locale"
_VERBS = ("gettext", "gettext_noop", "gettext_lazy", "_", "phrase")
_IN_TEMPLATES = re.compile(
    r"{%\s*translate\s+\"([^\"]+)\"|{%\s*blocktranslate\b[^%]*%}(.*?){%\s*endblocktranslate", re.DOTALL
)
_VALUE = re.compile(r"{{\s*(\w+)\s*}}")


def texts() -> dict[str, str]:
    """Every text of the code that is translated; with its plural, or ""."""
    found: dict[str, str] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        found |= _of_code(ast.parse(path.read_text(encoding="utf-8")))
    for path in sorted([*PACKAGE.rglob("*.html"), *PACKAGE.rglob("*.txt")]):
        for word, block in _IN_TEMPLATES.findall(path.read_text(encoding="utf-8")):
            found[word or _VALUE.sub(r"%(\1)s", block)] = ""
    return found


def _of_code(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        said = [each.value for each in node.args if isinstance(each, ast.Constant)]
        strings = [each for each in said if isinstance(each, str)]
        if node.func.id in _VERBS and len(strings) == 1:
            yield strings[0], ""
        elif node.func.id == "ngettext" and len(strings) == 2:
            yield strings[0], strings[1]


def catalogues() -> dict[str, Path]:
    """The file of each language."""
    return {path.parent.parent.name: path for path in sorted(LOCALE.glob("*/LC_MESSAGES/django.po"))}


def main() -> None:
    wanted = texts()
    for path in catalogues().values():
        catalogue = polib.pofile(str(path), wrapwidth=110)
        for entry in [entry for entry in catalogue if wanted.get(entry.msgid) != entry.msgid_plural]:
            catalogue.remove(entry)
        known = {entry.msgid for entry in catalogue}
        for msgid in sorted(wanted.keys() - known):
            plural = wanted[msgid]
            more = {"msgid_plural": plural, "msgstr_plural": {0: "", 1: ""}} if plural else {}
            catalogue.append(polib.POEntry(msgid=msgid, **more))
        catalogue.sort(key=lambda entry: entry.msgid)
        catalogue.save(str(path))
        catalogue.save_as_mofile(str(path.with_suffix(".mo")))


if __name__ == "__main__":
    main()
