"""From the nodes of the files to what they declare, with everything that is wrong on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tocsin.catalog.rules import matrix_as_data, matrix_from
from tocsin.hooks.rules import plain_filters
from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import digest
from tocsin.kernel.moments import parse_instant
from tocsin.kernel.zones import zone
from tocsin.notification.rules.pieces import Piece, check_place
from tocsin.organisation import rules
from tocsin.organisation.compounds import read_entries
from tocsin.organisation.expect_schema import EXPECTATIONS
from tocsin.organisation.kinds import BAD, Reader, nearest
from tocsin.organisation.meaning import (
    calendar_data,
    calendar_of,
    level_data,
    schedule_data,
    schedule_of,
    senseless_calendar,
    senseless_schedule,
)
from tocsin.organisation.provider_kinds import provider_declared
from tocsin.organisation.reading import File, Node, read_files
from tocsin.organisation.rules import Declarations, Declared, integrations_of
from tocsin.organisation.schema import LISTS, OBJECTS_MAX, ORGANISATION, SECTIONS
from tocsin.organisation.template_kinds import WORDS


@dataclass
class Declaring:
    """What has been read so far. `spoilt` are objects with mistakes: they exist for those who refer to them."""

    reader: Reader = field(default_factory=Reader)
    outside: Mapping[str, str] | None = field(default=None, repr=False)  # None: nobody has looked
    objects: list[Declared] = field(default_factory=list)
    whole: set[str] = field(default_factory=set)
    spoilt: dict[str, set[str]] = field(default_factory=lambda: {section: set() for section in rules.ORDER})
    first: dict[tuple[str, str], str] = field(default_factory=dict)  # where an id was declared first


def declare(
    files: Sequence[File], outside: Mapping[str, str] | None = None
) -> tuple[Declarations, list[Refused], dict[str, set[str]]]:
    """What the files declare, what is wrong with them, and the ids of the objects that have a mistake.

    `outside` is what they name and do not contain. Raises FilesRefused when a file is not YAML at all.
    """
    so_far = Declaring(outside=outside)
    for root in read_files(files):
        if root.kind == "null":
            continue  # an empty file
        entries = read_entries(root, so_far.reader, f"sections such as {', '.join(SECTIONS)}")
        for name, (key, value) in ({} if entries is BAD else entries).items():
            _read_section(so_far, name, key, value)
    return Declarations(tuple(so_far.objects), frozenset(so_far.whole)), so_far.reader.problems, so_far.spoilt


def _read_section(so_far: Declaring, name: str, key: Node, value: Node) -> None:
    reader = so_far.reader
    if name == rules.ORGANISATION:
        _read_organisation(so_far, value)
    elif name == rules.EXPECT:
        _read_expectations(so_far, value)
    elif name == rules.TEMPLATES:
        _read_templates(so_far, value)
    elif name not in LISTS:
        reader.wrong(
            key, f"Unknown section '{name[:60]}'", f"one of {', '.join(SECTIONS)}", nearest(name, SECTIONS)
        )
    elif value.kind != "list":
        what = f"{value.shown} stands where the list of {name} belongs"
        reader.wrong(value, what, "a list: one '- id: …' after another", "Write [] for none.")
    elif len(value.items) > OBJECTS_MAX:
        reader.wrong(value, f"{len(value.items)} {name}", f"at most {OBJECTS_MAX}")
    else:
        so_far.whole.add(name)
        for node in value.items:
            _read_object(so_far, name, node)


def _read_organisation(so_far: Declaring, node: Node) -> None:
    so_far.reader.places = {}
    data = ORGANISATION.read(node, so_far.reader, "")
    if data is BAD:
        return
    if "priorities" in data:
        data["priorities"] = matrix_as_data(matrix_from(data["priorities"]))
    _declare_organisation(so_far, node, data)


def _read_expectations(so_far: Declaring, node: Node) -> None:
    """A list of expectations, or one alone. They are kept with the organisation's settings."""
    so_far.reader.places = {rules.EXPECT: node.where}
    alone = Node("list", node.where, items=[node])
    listed = EXPECTATIONS.read(alone if node.kind == "map" else node, so_far.reader, rules.EXPECT)
    if listed is BAD:
        return
    for number, each in enumerate(listed):
        here = zone(each["timezone"] or "UTC")
        if each["until"] and parse_instant(each["until"], here) <= parse_instant(each["at"], here):
            place = so_far.reader.places[f"{rules.EXPECT}.{number}.until"]
            so_far.reader.problems.append(
                Refused(f"It is until {each['until']}", f"an end after {each['at']}", where=place)
            )
    _declare_organisation(so_far, node, {rules.EXPECT: listed})


def _read_templates(so_far: Declaring, node: Node) -> None:
    """The templates of messages, by their language."""
    reader = so_far.reader
    entries = read_entries(node, reader, "languages such as de, each with its templates")
    if entries is BAD:
        return
    so_far.whole.add(rules.TEMPLATES)
    for language, (key, value) in entries.items():
        reader.places = {}
        before = len(reader.problems)
        known = reader.take(key, lambda language=language: check_place(language))  # type: ignore[misc]
        data = WORDS.read(value, reader, "")
        if known is BAD or data is BAD or len(reader.problems) > before:
            so_far.spoilt[rules.TEMPLATES].add(language)
        elif not any(data.values()):
            reader.wrong(key, "It says nothing", f"at least one of {', '.join(Piece)}")
        elif _is_first(so_far, rules.TEMPLATES, language, key.where):
            so_far.objects.append(Declared(rules.TEMPLATES, language, data, key.where, reader.places))


def _declare_organisation(so_far: Declaring, node: Node, data: dict[str, Any]) -> None:
    """What is said of the organisation in several places, as one."""
    earlier = next((each for each in so_far.objects if each.section == rules.ORGANISATION), None)
    here = Declared(rules.ORGANISATION, rules.THE_ORGANISATION, data, node.where, so_far.reader.places)
    if earlier is None:
        so_far.objects.append(here)
        return
    for name in data.keys() & earlier.data.keys():
        so_far.reader.problems.append(
            rules.refusal(
                here,
                name,
                f"The organisation's {name} is given twice",
                f"once (first at {earlier.place(name)})",
            )
        )
    so_far.objects.remove(earlier)
    so_far.objects.append(
        replace(earlier, data={**earlier.data, **data}, places={**earlier.places, **here.places})
    )


def _read_object(so_far: Declaring, section: str, node: Node) -> None:
    reader = so_far.reader
    reader.places = {}
    before = len(reader.problems)
    data = LISTS[section].read(node, reader, "")
    key = _id_of(node)
    if key and not _is_first(so_far, section, key, node.where):
        return
    if data is not BAD and len(reader.problems) == before:
        data = _in_plain_form(reader, section, data, node)
    if data is BAD or len(reader.problems) > before:
        so_far.spoilt[section].add(key)
        return
    places = reader.places
    if section in (rules.TEAMS, rules.POLICIES, rules.PROVIDERS, rules.PLACES, rules.WEBHOOKS):
        data["name"] = data["name"] or data["id"]
    if section == rules.PROVIDERS:
        _add_provider(so_far, data, node, places)
        return
    integrations = data.pop("integrations", None)
    so_far.objects.append(Declared(section, data.pop("id"), data, node.where, places))
    if integrations is not None:
        so_far.whole.add(integrations_of(key))
        for number, each in enumerate(integrations):
            _add_integration(so_far, key, each, f"integrations.{number}", places)


def _in_plain_form(reader: Reader, section: str, data: dict[str, Any], node: Node) -> dict[str, Any]:
    """`data` so that what means the same is the same; what makes no sense together is told at its place."""
    problems: list[Refused] = []
    if section == rules.POLICIES:
        return {**data, "levels": [level_data(level) for level in data["levels"]]}
    if section == rules.WEBHOOKS:
        events, services, teams = plain_filters(data["events"], data["services"], data["teams"])
        return {**data, "events": events, "services": services, "teams": teams}
    if section == rules.CALENDARS:
        problems = list(senseless_calendar(data["id"], data))
        if not problems:
            return {"id": data["id"], **calendar_data(calendar_of(data["id"], data))}
    if section == rules.SCHEDULES:
        problems = list(senseless_schedule(data["id"], data))
        if not problems:
            plain = schedule_data(schedule_of(data["id"], data), data["team"])
            return {"id": data["id"], **{name: said for name, said in plain.items() if name in data}}
    for each in problems:
        each.where = reader.places.get(each.where, node.where)
    reader.problems += problems
    return data


def _add_provider(so_far: Declaring, data: dict[str, Any], node: Node, places: dict[str, str]) -> None:
    """A provider, with its secrets beside what is compared and shown."""
    plain, secrets, whole, problems = provider_declared(data, so_far.outside)
    key = plain.pop("id")
    for each in problems:
        each.where = places.get(each.where, node.where)
    so_far.reader.problems += problems
    if problems:
        so_far.spoilt[rules.PROVIDERS].add(key)
        return
    declared = Declared(rules.PROVIDERS, key, plain, node.where, places, secrets=secrets, whole=whole)
    so_far.objects.append(declared)


def _add_integration(
    so_far: Declaring, service: str, data: dict[str, Any], path: str, places: dict[str, str]
) -> None:
    where = places[path]
    inner = {
        name.removeprefix(f"{path}."): place for name, place in places.items() if name.startswith(f"{path}.")
    }
    key = data.pop("id")
    if not _is_first(so_far, rules.INTEGRATIONS, key, where):
        return
    plain = data.pop("key", None)
    data["service"] = service
    if plain is not None:
        data["key"] = digest(plain)
    so_far.objects.append(Declared(rules.INTEGRATIONS, key, data, where, inner, plain))


def _id_of(node: Node) -> str:
    """The id that an object gives itself, whatever else is wrong with it."""
    if node.kind == "map":
        for key, value in node.entries:
            if key.value == "id":
                return value.value
    return ""


def _is_first(so_far: Declaring, section: str, key: str, where: str) -> bool:
    first = so_far.first.setdefault((section, key), where)
    if first == where:
        return True
    noun = rules.NOUNS[section]
    so_far.reader.problems.append(
        Refused(
            f"{noun.capitalize()} {key} is declared twice", f"every id once (first at {first})", where=where
        )
    )
    return False
