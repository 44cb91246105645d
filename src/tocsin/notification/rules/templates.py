"""Templates: texts with places for values, read when they are saved and filled in once. Pure.

The language has no logic and no code: `{{title}}` is a value, `{{#title}}…{{/title}}` stands where there is one (of a
list, once for each item), `{{^title}}…{{/title}}` where there is none, and `{{! … }}` is a remark. A tag of these last
kinds that is alone on its line takes the line with it. Names are looked up in one flat mapping of texts and never
followed any further; what is put in is not read again.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tocsin.kernel.errors import Refused

TAGS_MAX = 200
TAG_LENGTH_MAX = 100  # characters between the braces
DEPTH_MAX = 4  # sections within each other
QUOTED_MAX = 40  # characters of a tag that a refusal repeats

Item = Mapping[str, str]
Values = Mapping[str, str | Sequence[Item]]


@dataclass(frozen=True)
class Names:
    """What a template may name: texts; lists, with the texts of one item; and those lists whose values can be named by
    themselves, as in `labels.region`. The words beside each say what it means."""

    texts: Mapping[str, str]
    lists: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    keyed: frozenset[str] = frozenset()

    def knows(self, name: str) -> bool:
        listed, dot, key = name.partition(".")
        return name in self.texts or name in self.lists or bool(dot and key and listed in self.keyed)


@dataclass(frozen=True)
class Value:
    """The place of a value."""

    name: str


@dataclass(frozen=True)
class Section:
    """What stands only where `name` has a value; `absent`: only where it has none."""

    name: str
    inner: tuple[Node, ...]
    absent: bool = False


Node = str | Value | Section


@dataclass(frozen=True)
class Template:
    """A text that was read. `names` are all that it asks for; of `labels.region` the list, `labels`."""

    nodes: tuple[Node, ...]
    names: frozenset[str]


@dataclass
class _Open:
    """A section that is being read, and in which line it began."""

    name: str
    absent: bool
    line: int
    nodes: list[Node] = field(default_factory=list)


_KINDS = {"{": "{{{…}}}", "&": "{{&…}}", ">": "{{>…}}", "=": "{{=…}}", "<": "{{<…}}", "$": "{{$…}}"}


def read(text: str, names: Names) -> Template:
    """Take a template apart. Raises Refused with the line and what is allowed there, and nothing else."""
    if any(_unfit(character) for character in text):
        raise Refused("It has a character that cannot be shown", "letters, signs, spaces and line breaks")
    stack, used = [_Open("", False, 0)], set[str]()
    at = tags = 0
    while (begin := text.find("{{", at)) >= 0:
        line, tags = text.count("\n", 0, begin) + 1, tags + 1
        end = text.find("}}", begin + 2)
        if end < 0:
            raise Refused(f"In line {line} a {{{{ is not closed", "}} behind the name")
        if tags > TAGS_MAX:
            raise Refused("There are too many {{ }}", f"at most {TAGS_MAX}")
        if end - begin > TAG_LENGTH_MAX:
            raise Refused(f"In line {line} a {{{{ }}}} is too long", f"at most {TAG_LENGTH_MAX} characters")
        before, tag, after = text[at:begin], text[begin + 2 : end].strip(), end + 2
        if tag[:1] in ("#", "^", "/", "!"):
            before, after = _alone(text, before, begin, after)
        stack[-1].nodes += [before] if before else []
        at = after
        if tag[:1] != "!":
            _place(stack, tag, line, names)
            used.add(_root(tag.lstrip("#^/ "), names))
    if len(stack) > 1:
        unclosed = stack[-1]
        sign = "^" if unclosed.absent else "#"
        raise Refused(
            f"{{{{{sign}{unclosed.name}}}}} of line {unclosed.line} is not closed",
            f"{{{{/{unclosed.name}}}}} behind what belongs to it",
        )
    stack[0].nodes += [text[at:]] if text[at:] else []
    return Template(tuple(stack[0].nodes), frozenset(used))


def fill(template: Template, values: Values, most: int) -> str:
    """The text with its values put in, each as it is; what goes beyond `most` characters is left out."""
    out: list[str] = []
    _fill(template.nodes, values, {}, out, most)
    return "".join(out)


# -- reading -------------------------------------------------------------------------------------------------------


def _place(stack: list[_Open], tag: str, line: int, names: Names) -> None:
    """Put the tag where it belongs: a value into the section that is open, a section onto the stack, or off it."""
    sign, name = (tag[0], tag[1:].strip()) if tag[:1] in ("#", "^", "/") else ("", tag)
    if sign == "/":
        if len(stack) == 1 or stack[-1].name != name:
            closes = f"{{{{/{stack[-1].name}}}}}" if len(stack) > 1 else "a {{#…}} before it"
            raise Refused(f"In line {line} {_quoted(tag)} closes what is not open", closes)
        done = stack.pop()
        stack[-1].nodes.append(Section(done.name, tuple(done.nodes), done.absent))
        return
    listed = [each.name for each in stack if not each.absent and each.name in names.lists]
    inner = names.lists[listed[-1]] if listed else {}
    if not (name in inner or names.knows(name)):
        raise _unknown(tag, name, line, [*inner, *names.texts, *names.lists])
    if not sign:
        if name in names.lists and name not in inner:
            example = "".join(f"{{{{{each}}}}} " for each in names.lists[name]).strip()
            raise Refused(
                f"In line {line} {_quoted(tag)} is a list", f"{{{{#{name}}}}}{example}{{{{/{name}}}}}"
            )
        stack[-1].nodes.append(Value(name))
        return
    if name in listed:
        raise Refused(f"In line {line} {_quoted(tag)} stands within itself", "each list once")
    if len(stack) > DEPTH_MAX:
        raise Refused(f"In line {line} too many {{{{#…}}}} stand within each other", f"at most {DEPTH_MAX}")
    stack.append(_Open(name, sign == "^", line))


def _unknown(tag: str, name: str, line: int, known: Sequence[str]) -> Refused:
    if tag[:1] in _KINDS:
        return Refused(
            f"In line {line} {_quoted(tag)} is nothing that a template can do",
            "{{name}}, {{#name}}…{{/name}}, {{^name}}…{{/name}} or {{! a remark }}",
        )
    close = difflib.get_close_matches(name[:TAG_LENGTH_MAX], known, n=1, cutoff=0.6)
    return Refused(
        f"In line {line} {_quoted(tag)} names nothing that a message knows",
        f"one of {', '.join(dict.fromkeys(known))}",
        f"Did you mean {{{{{close[0]}}}}}?" if close else "",
    )


def _alone(text: str, before: str, begin: int, after: int) -> tuple[str, int]:
    """The text before a tag, and where the text behind it begins; without the tag's line when it is alone on it."""
    start = text.rfind("\n", 0, begin) + 1
    end = text.find("\n", after)
    end = len(text) if end < 0 else end
    if text[start:begin].strip(" \t") or text[after:end].strip(" \t"):
        return before, after
    return before[: len(before) - (begin - start)], min(end + 1, len(text))


def _root(name: str, names: Names) -> str:
    return name.partition(".")[0] if name not in names.texts else name


def _quoted(tag: str) -> str:
    shown = tag if len(tag) <= QUOTED_MAX else tag[: QUOTED_MAX - 1] + "…"
    return "{{" + " ".join(shown.split()) + "}}"


def _unfit(character: str) -> bool:
    """Whether no message could carry it: controls and halves of characters."""
    return character not in "\n\t" and unicodedata.category(character) in ("Cc", "Cs")


# -- filling in ----------------------------------------------------------------------------------------------------


def _fill(nodes: Iterable[Node], values: Values, item: Item, out: list[str], room: int) -> int:
    """Append what `nodes` say, at most `room` characters; returns how many are left."""
    for node in nodes:
        if room <= 0:
            break
        if isinstance(node, Section):
            for each in _occasions(node, values, item):
                room = _fill(node.inner, values, each, out, room)
            continue
        said = node if isinstance(node, str) else _said(node.name, values, item)
        out.append(said[:room])
        room -= len(out[-1])
    return room


def _occasions(section: Section, values: Values, item: Item) -> Sequence[Item]:
    """With which item the inside of a section stands, each time; () where it does not."""
    found = item.get(section.name) or values.get(section.name) or _said(section.name, values, item)
    if section.absent:
        return () if found else (item,)
    if isinstance(found, str):
        return (item,) if found else ()
    return found


def _said(name: str, values: Values, item: Item) -> str:
    """The text of a name; "" without one."""
    if name in item:
        return item[name]
    found = values.get(name)
    if isinstance(found, str):
        return found
    listed, _, key = name.partition(".")
    items = values.get(listed)
    if not key or items is None or isinstance(items, str):
        return ""
    return next((each["value"] for each in items if each.get("name") == key), "")
