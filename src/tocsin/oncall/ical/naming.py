"""Who is meant by an event, and from these who is on call when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from tocsin.kernel.spans import Span
from tocsin.oncall.ical.reading import Happening

_BETWEEN_NAMES = re.compile(r"\s*(?:[,;/&+|]|\band\b)\s*", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s<>()\"',;:]+@[^\s<>()\"',;:]+")


@dataclass(frozen=True)
class Human:
    """Somebody who may be meant."""

    id: str
    name: str
    email: str


@dataclass(frozen=True)
class Meant:
    """Whom an event names: ids of people, and what names nobody or several of them."""

    users: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()


@dataclass(frozen=True)
class Directory:
    """Everybody who may be on call."""

    people: Sequence[Human]

    @cached_property
    def _by_word(self) -> Mapping[str, tuple[str, ...]]:
        """Ids by what may be written for them: address, id and name, in small letters."""
        found: dict[str, dict[str, None]] = {}
        for human in self.people:
            for word in (human.id, human.name, human.email):
                found.setdefault(_plain(word), {})[human.id] = None
        return {word: tuple(ids) for word, ids in found.items() if word}

    @cached_property
    def _full_names(self) -> Sequence[tuple[re.Pattern[str], str]]:
        """Names of several words, which can be told from the words around them."""
        names = {_plain(human.name) for human in self.people if len(human.name.split()) > 1}
        return [(re.compile(rf"(?<!\w){re.escape(name)}(?!\w)"), name) for name in sorted(names)]

    def meant(self, happening: Happening) -> Meant:
        """Whom the event names: those who take part, else those in its summary."""
        if happening.named:
            return _together(self._attendee(mail, name) for mail, name in happening.named)
        return self._in_words(happening.summary)

    def _attendee(self, mail: str, name: str) -> Meant:
        found = self._by_word.get(_plain(mail)) or self._by_word.get(_plain(name)) or ()
        return _answer(found, name or mail)

    def _in_words(self, summary: str) -> Meant:
        """By the whole of it, else by its parts, each on its own."""
        if found := self._by_word.get(_plain(summary)):
            return _answer(found, summary)
        parts = [part for part in _BETWEEN_NAMES.split(summary) if part]
        return _together(self._part(part) for part in parts) if parts else Meant((), ("(without a title)",))

    def _part(self, part: str) -> Meant:
        """By the whole part, else by an address or by the full names that stand in it."""
        words = _plain(part)
        if found := self._by_word.get(words):
            return _answer(found, part)
        inside = [self._by_word.get(mail, ()) for mail in _ADDRESS.findall(words)]
        inside += [self._by_word[name] for pattern, name in self._full_names if pattern.search(words)]
        hits = [_answer(found, part) for found in inside if found]
        return _together(hits) if hits else Meant((), (part,))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _answer(found: Sequence[str], written: str) -> Meant:
    if len(found) > 1:
        return Meant((), ambiguous=(written,))
    return Meant(tuple(found)) if found else Meant((), (written,))


def _together(answers: Iterable[Meant]) -> Meant:
    users: dict[str, None] = {}
    unknown: dict[str, None] = {}
    ambiguous: dict[str, None] = {}
    for each in answers:
        users |= dict.fromkeys(each.users)
        unknown |= dict.fromkeys(each.unknown)
        ambiguous |= dict.fromkeys(each.ambiguous)
    return Meant(tuple(users), tuple(unknown), tuple(ambiguous))


@dataclass(frozen=True)
class Stretch:
    """In `span` these people are on call together; with no users somebody is, but it is not known who."""

    span: Span
    users: tuple[str, ...]


def stretches(meant: Iterable[tuple[Span, Meant]]) -> list[Stretch]:
    """Who is on call when, sorted: where events overlap, everybody they name; equal ones that meet are one."""
    edges: dict[datetime, list[tuple[bool, int]]] = {}
    listed = sorted(meant, key=lambda each: each[0])
    for number, (span, _) in enumerate(listed):
        edges.setdefault(span.start, []).append((True, number))
        edges.setdefault(span.end, []).append((False, number))
    out: list[Stretch] = []
    running: set[int] = set()
    began: datetime | None = None
    for at in sorted(edges):
        if running and began is not None:
            users = tuple(
                dict.fromkeys(user for number in sorted(running) for user in listed[number][1].users)
            )
            if out and out[-1].span.end == began and out[-1].users == users:
                out[-1] = Stretch(Span(out[-1].span.start, at), users)
            else:
                out.append(Stretch(Span(began, at), users))
        for begins, number in edges[at]:
            (running.add if begins else running.discard)(number)
        began = at
    return out


def filled(new: Iterable[Stretch], old: Sequence[Stretch]) -> list[Stretch]:
    """`new` with those whose people are not known as they are in `old`, which is sorted; what is in neither is left
    out, and so is nobody."""
    out: list[Stretch] = []
    for stretch in new:
        if stretch.users:
            out.append(stretch)
        else:
            parts = ((stretch.span.common(each.span), each.users) for each in old)
            out += [Stretch(span, users) for span, users in parts if span]
    return out
