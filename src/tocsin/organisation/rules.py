"""What a change of the organisation is, and when a whole organisation fits together. Pure.

An organisation is held in the plain form of its file: section -> id -> {key: value}, every key present, durations as
text, keys of integrations and secrets of providers as digests. What a file leaves out is either filled in (its
default) or absent (left as it is); `merged` puts both together.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from itertools import zip_longest
from typing import Any

from tocsin.kernel.errors import Refused

Data = Mapping[str, Any]
State = Mapping[str, Mapping[str, Data]]

ORGANISATION, USERS, TEAMS = "organisation", "users", "teams"
CALENDARS, SCHEDULES = "calendars", "schedules"
PROVIDERS, PLACES = "providers", "places"
POLICIES, SERVICES, INTEGRATIONS = "policies", "services", "integrations"
WEBHOOKS = "webhooks"
TEMPLATES = "templates"
ORDER = (
    ORGANISATION, USERS, TEAMS, CALENDARS, SCHEDULES, PROVIDERS, PLACES, POLICIES, SERVICES, INTEGRATIONS,
    WEBHOOKS, TEMPLATES,
)  # fmt: skip
NOUNS = {
    ORGANISATION: "organisation",
    USERS: "user",
    TEAMS: "team",
    CALENDARS: "calendar",
    SCHEDULES: "schedule",
    PROVIDERS: "provider",
    PLACES: "place",
    POLICIES: "policy",
    SERVICES: "service",
    INTEGRATIONS: "integration",
    WEBHOOKS: "webhook",
    TEMPLATES: "templates",
}
SECRET = "secret "  # before the name of a provider's secret, whose print stands there
THE_ORGANISATION = "the"  # the id of the one that there is
EXPECT = "expect"  # what has to be so, kept with the organisation's settings
EXPECTATIONS_MAX = 1_000
EXPECTED_PEOPLE_MAX = 20
EXPECTED_WITHIN_MAX = timedelta(days=7)
SHOWN_LENGTH_MAX = 80
ADMIN = "admin"


@dataclass(frozen=True)
class Declared:
    """One object of a file. `places` says where each of its values stands; `key` is an integration's, in plain.

    `secrets` are a provider's, in plain, and None for one that is to be forgotten; it is not `whole` when values of
    it lie where nobody has looked.
    """

    section: str
    id: str
    data: Data
    where: str
    places: Mapping[str, str] = field(default_factory=dict)
    key: str | None = field(default=None, repr=False)
    secrets: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    whole: bool = True

    def place(self, path: str) -> str:
        """Where the value at `path`, such as "levels.0.timeout", stands; where the object does, for one that is left
        out."""
        return self.places.get(path, self.where)


@dataclass(frozen=True)
class Declarations:
    """Everything the files declare. `whole` names what they list completely, so that the rest may be pruned: a
    section, or "integrations of ID" for a service that lists its own."""

    objects: tuple[Declared, ...] = ()
    whole: frozenset[str] = frozenset()

    def of(self, section: str) -> Iterator[Declared]:
        """The objects of a section, in the order of the files."""
        return (each for each in self.objects if each.section == section)


def integrations_of(service_id: str) -> str:
    """What `Declarations.whole` calls the integrations of one service."""
    return f"integrations of {service_id}"


class Fate(StrEnum):
    """What becomes of an object that the files no longer list."""

    DELETED = "remove"
    SWITCHED_OFF = "switch off"  # the past names it, so it stays


@dataclass(frozen=True)
class Added:
    """An object that is not there yet."""

    section: str
    id: str
    name: str = ""

    def __str__(self) -> str:
        return f"add {_label(self.section, self.id)}" + (
            f" ({self.name})" if self.name not in ("", self.id) else ""
        )


@dataclass(frozen=True)
class Changed:
    """An object that is there. `details` are for people: "tier 2 → 1"."""

    section: str
    id: str
    details: tuple[str, ...]

    def __str__(self) -> str:
        return f"change {_label(self.section, self.id)}: {', '.join(self.details)}"


@dataclass(frozen=True)
class Removed:
    """An object that the files list no longer, and what becomes of it."""

    section: str
    id: str
    fate: Fate

    def __str__(self) -> str:
        return f"{self.fate} {_label(self.section, self.id)}"


Change = Added | Changed | Removed


def _label(section: str, key: str) -> str:
    return NOUNS[section] if section == ORGANISATION else f"{NOUNS[section]} {key}"


def changes_of(current: State, declared: Declarations, removed: Sequence[Removed]) -> tuple[Change, ...]:
    """What applying `declared` to `current` does, in the order of the sections, removals last."""
    changes: list[Change] = []
    for section in ORDER:
        for each in declared.of(section):
            there = current[section].get(each.id)
            if there is None:
                changes.append(Added(section, each.id, str(each.data.get("name", ""))))
            elif details := tuple(_details(there, each.data)):
                changes.append(Changed(section, each.id, details))
    return (*changes, *removed)


def _details(before: Data, after: Data) -> Iterator[str]:
    """What differs, in words. Addresses, keys and long texts are named, never shown."""
    for name, value in after.items():
        old = before.get(name)
        if old == value:
            continue
        if name == "key":
            yield "another key"
        elif name == "contacts":
            for contact in sorted({*old, *value} if old else value):
                if (old or {}).get(contact) != value.get(contact):
                    yield f"contact {contact} {_how((old or {}).get(contact), value.get(contact))}"
        elif name in ("description", "address", "text", "resolved_text"):
            yield f"{name} {_how(old, value)}"
        elif name.startswith(SECRET):
            said = name.removeprefix(SECRET)
            yield f"another {said}" if old and value else f"{said} {_how(old, value)}"
        elif name == "settings":
            yield from _setting_details(old or {}, value)
        elif name == "layers":
            yield from _layer_details(old or [], value)
        elif name in ("overrides", "holidays", EXPECT):
            yield _counted(name, old or [], value)
        else:
            yield f"{name} {_shown(old)} → {_shown(value)}"


def _setting_details(before: Data, after: Data) -> Iterator[str]:
    """Which settings of a provider became what."""
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield f"{name} {_shown(before.get(name))} → {_shown(after.get(name))}"


def _layer_details(before: Sequence[Data], after: Sequence[Data]) -> Iterator[str]:
    """Which layers came, went or changed, by their number from the bottom."""
    for number, (old, new) in enumerate(zip_longest(before, after), 1):
        if old is None or new is None:
            yield f"layer {number} {'added' if old is None else 'removed'}"
            continue
        for name in dict.fromkeys([*old, *new]):
            if old.get(name) != new.get(name):
                yield f"layer {number} {name} {_shown(old.get(name))} → {_shown(new.get(name))}"


def _counted(name: str, before: Sequence[Data], after: Sequence[Data]) -> str:
    """How many came and went: "overrides 2 added, 1 removed"; of what is there twice, each."""
    had, has = ([json.dumps(each, sort_keys=True) for each in some] for some in (before, after))
    gone, new = Counter(had) - Counter(has), Counter(has) - Counter(had)
    said = [f"{some.total()} {word}" for some, word in ((new, "added"), (gone, "removed")) if some]
    return f"{name} {', '.join(said) or 'in another order'}"


def _how(old: Any, new: Any) -> str:
    return "changed" if old and new else "added" if new else "removed"


def _shown(value: Any) -> str:
    """A value in the plan, short."""
    if value in (None, "", []):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        if "notify" in value:  # a level
            text = f"{_shown(value['notify'])} for {value['timeout']}"
            text += f" ({_shown(value['when'])})" if value.get("when") else ""
        elif len(value) == 1 and all(isinstance(delay, str) for delay in value.values()):  # a step that waits
            text = " after ".join(next(iter(value.items())))
        else:
            text = "; ".join(f"{name} {_shown(item)}" for name, item in value.items())
    elif isinstance(value, list):
        text = " + ".join(_shown(item) for item in value)
        if value and isinstance(value[0], Mapping) and "notify" in value[0]:
            text = " then ".join(_shown(item) for item in value)
    else:
        text = str(value)
    return text if len(text) <= SHOWN_LENGTH_MAX else text[: SHOWN_LENGTH_MAX - 1] + "…"


def merged(
    current: State, declared: Declarations, removed: Sequence[Removed]
) -> dict[str, dict[str, dict[str, Any]]]:
    """The organisation as it will be."""
    result = {section: {key: dict(data) for key, data in current[section].items()} for section in ORDER}
    for each in declared.objects:
        result[each.section].setdefault(each.id, {}).update(each.data)
    for gone in removed:
        if gone.section == USERS:
            result[USERS][gone.id]["active"] = False
        elif gone.fate is Fate.SWITCHED_OFF:
            result[gone.section][gone.id]["enabled"] = False
        else:
            result[gone.section].pop(gone.id, None)
    return result


def removed_by(
    current: State, declared: Declarations, past: Mapping[str, frozenset[str]]
) -> tuple[Removed, ...]:
    """What the files list no longer, in the order in which it can go. `past`: the ids that must not be deleted."""
    listed = {section: {each.id for each in declared.of(section)} for section in ORDER}
    removed: list[Removed] = []
    for key, data in current[INTEGRATIONS].items():
        if integrations_of(data["service"]) in declared.whole and key not in listed[INTEGRATIONS]:
            if key not in past[INTEGRATIONS]:
                removed.append(Removed(INTEGRATIONS, key, Fate.DELETED))
            elif data["enabled"]:
                removed.append(Removed(INTEGRATIONS, key, Fate.SWITCHED_OFF))
    for section in (TEMPLATES, WEBHOOKS, SERVICES, POLICIES, PLACES, PROVIDERS, SCHEDULES, CALENDARS, TEAMS):
        if section in declared.whole:
            gone = [key for key in current[section] if key not in listed[section]]
            removed += [Removed(section, key, Fate.DELETED) for key in gone]
    if USERS in declared.whole:
        gone = [key for key, data in current[USERS].items() if key not in listed[USERS] and data["active"]]
        removed += [Removed(USERS, key, Fate.SWITCHED_OFF) for key in gone]
    return tuple(removed)


def has_admin(state: State) -> bool:
    """Whether anybody may administer: an active person of that role."""
    return any(user["active"] and user["role"] == ADMIN for user in state[USERS].values())


def refusal(each: Declared, path: str, what: str, expected: str = "", mend: str = "") -> Refused:
    """What is wrong with a declared object, at the line of its value at `path`."""
    return Refused(what, expected, mend, each.place(path))
