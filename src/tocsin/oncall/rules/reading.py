"""Schedules as they stand in the organisation file, read into values. Every refusal says where, as a dotted path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import chain, combinations
from reprlib import repr as shown
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from tocsin.kernel.errors import Refused
from tocsin.kernel.hours import window_from
from tocsin.kernel.ids import check_slug
from tocsin.kernel.moments import parse_instant, parse_wall
from tocsin.kernel.zones import zone
from tocsin.oncall.rules.sizes import check_sizes
from tocsin.oncall.rules.values import (
    EVERY_MAX,
    LAYERS_MAX,
    NAME_LENGTH_MAX,
    NO_CALENDARS,
    OVERRIDE_LENGTH_MAX,
    OVERRIDES_MAX,
    RESTRICTIONS_MAX,
    SEATS_MAX,
    SHADOWS_MAX,
    SLOTS_MAX,
    CalendarHours,
    Calendars,
    Layer,
    Mode,
    Override,
    Restriction,
    Rotation,
    Schedule,
    Seat,
    Shadow,
    Slot,
    Temporary,
    Unit,
)

Data = Mapping[str, Any]
Value = TypeVar("Value")
Choice = TypeVar("Choice", bound=StrEnum)


def schedule_from(data: object, where: str = "", calendars: Calendars = NO_CALENDARS) -> Schedule:
    """The schedule that `data` writes. Raises Refused.

    Whether the people and calendars it names exist is not known here: see `references`.
    """
    read = _record(data, "a schedule", ("id", "timezone"), ("name", "layers", "overrides", "shadows"), where)
    key, there = check_slug(read["id"], _at(where, "id")), zone(read["timezone"], _at(where, "timezone"))

    def each(name: str, most: int, one: Callable[[object, str], Value]) -> tuple[Value, ...]:
        return _listed(read.get(name, []), most, one, _at(where, name))

    layers = each("layers", LAYERS_MAX, layer_from)
    overrides = each("overrides", OVERRIDES_MAX, lambda item, place: override_from(item, there, place))
    check_sizes(layers, overrides, where)
    return Schedule(
        id=key,
        timezone=there.key,
        layers=layers,
        overrides=overrides,
        shadows=each("shadows", SHADOWS_MAX, lambda item, place: shadow_from(item, there, place)),
        name=_name(read.get("name", ""), _at(where, "name")),
        calendars=calendars,
    )


def layer_from(data: object, where: str = "") -> Layer:
    """The layer that `data` writes. Raises Refused."""
    optional = ("every", "end", "timezone", "restrict", "name")
    read = _record(data, "a layer", ("rotation", "start", "users"), optional, where)
    unit = _choice(read["rotation"], Unit, _at(where, "rotation"))
    every = read.get("every", 1)
    if isinstance(every, bool) or not isinstance(every, int) or not 1 <= every <= EVERY_MAX:
        raise Refused(
            f"every is {shown(every)}", f"a whole number from 1 to {EVERY_MAX}", where=_at(where, "every")
        )
    if unit is Unit.FIXED and every != 1:
        raise Refused(
            "A fixed set of people has no turns", mend="Leave every out.", where=_at(where, "every")
        )
    start = parse_wall(read["start"], _at(where, "start"))
    end = parse_wall(read["end"], _at(where, "end")) if "end" in read else None
    if end and end <= start:
        raise Refused("The layer ends before it starts", f"an end after {start}", where=_at(where, "end"))
    users = _at(where, "users")
    slots = (
        (_everybody(read["users"], users),)
        if unit is Unit.FIXED
        else _listed(read["users"], SLOTS_MAX, _slot, users)
    )
    if not slots or (unit is Unit.FIXED and not slots[0]):
        raise Refused("The layer has nobody in it", "at least one user", where=users)
    return Layer(
        rotation=Rotation(unit, every),
        start=start,
        slots=slots,
        end=end,
        timezone=zone(read["timezone"], _at(where, "timezone")).key if read.get("timezone") else "",
        restrict=_listed(read.get("restrict", []), RESTRICTIONS_MAX, _restriction, _at(where, "restrict")),
        name=_name(read.get("name", ""), _at(where, "name")),
    )


def _slot(data: object, where: str) -> Slot:
    """One entry of `users`: an id, a list of those who are on call together, or null for nobody on purpose."""
    if data is None:
        return ()
    return _crowd(data, where) if isinstance(data, list | tuple) else (_seat(data, where),)


def _everybody(data: object, where: str) -> Slot:
    """All of a fixed set, which has no turns: whoever stands in a list of their own is one of them."""

    def one(item: object, place: str) -> Slot:
        return _crowd(item, place) if isinstance(item, list | tuple) else (_seat(item, place),)

    seats = tuple(chain.from_iterable(_listed(data, SEATS_MAX, one, where)))
    if len(seats) > SEATS_MAX:
        raise Refused(f"{len(seats)} people are on call together", f"at most {SEATS_MAX}", where=where)
    return _apart(seats, where)


def _crowd(data: object, where: str) -> Slot:
    """People who are on call together."""
    return _apart(_listed(data, SEATS_MAX, _seat, where), where)


def _apart(seats: Slot, where: str) -> Slot:
    """`seats` when nobody sits there twice at once; the same one may come back. Raises Refused."""
    for one, other in combinations(seats, 2):
        if one.user == other.user and not _leaves_before(one, other) and not _leaves_before(other, one):
            raise Refused(f"{one.user} is in it twice at the same time", "each person once", where=where)
    return seats


def _leaves_before(one: Seat, other: Seat) -> bool:
    return one.until is not None and other.start is not None and one.until <= other.start


def _seat(data: object, where: str) -> Seat:
    """A person by id, or as `{user: bo, from: 2026-03-01, until: 2026-06-01}`."""
    if not isinstance(data, Mapping):
        return Seat(check_slug(data, where))
    read = _record(data, "somebody who joins or leaves", ("user",), ("from", "until"), where)
    start = parse_wall(read["from"], _at(where, "from")) if "from" in read else None
    until = parse_wall(read["until"], _at(where, "until")) if "until" in read else None
    if start and until and until <= start:
        raise Refused(
            f"{read['user']} leaves before joining", f"until after {start}", where=_at(where, "until")
        )
    return Seat(check_slug(read["user"], _at(where, "user")), start, until)


def _restriction(data: object, where: str) -> Restriction:
    """Hours of the week, or those of a calendar: `{calendar: office}`, `{outside: office}`."""
    if isinstance(data, Mapping) and ("calendar" in data or "outside" in data):
        if len(data) > 1:
            raise Refused(
                "Two things in one restriction", "calendar or outside alone", "Write two of them.", where
            )
        ((name, key),) = data.items()
        return CalendarHours(check_slug(key, _at(where, name)), outside=name == "outside")
    return window_from(data, where)


def override_from(data: object, zone: ZoneInfo, where: str = "") -> Override | Temporary:
    """The override that `data` writes, or with `layers` the temporary schedule; times without an offset are those of
    `zone`. Raises Refused."""
    if isinstance(data, Mapping) and "layers" in data:
        read = _record(data, "a temporary schedule", ("start", "end", "layers"), ("id", "name"), where)
        start, end = _span(read, zone, where)
        return Temporary(
            id=_key(read, where),
            start=start,
            end=end,
            layers=_listed(read["layers"], LAYERS_MAX, layer_from, _at(where, "layers")),
            name=_name(read.get("name", ""), _at(where, "name")),
        )
    read = _record(data, "an override", ("start", "end"), ("id", "users", "replaces", "mode"), where)
    start, end = _span(read, zone, where)
    mode = _choice(read.get("mode", "replace"), Mode, _at(where, "mode"))
    users = _people(read.get("users", []), _at(where, "users"))
    replaces = _people(read.get("replaces", []), _at(where, "replaces"))
    if mode is Mode.REMOVE and not users:  # whom to take off may be written either way
        users, replaces = replaces, ()
    if not users:
        expected = "the users to take off" if mode is Mode.REMOVE else "the users to put on call"
        raise Refused("The override names nobody", expected, where=_at(where, "users"))
    if replaces and mode is not Mode.REPLACE:
        raise Refused(
            f"An override that says {mode} replaces nobody", "users alone", where=_at(where, "replaces")
        )
    return Override(_key(read, where), start, end, users, replaces, mode)


def shadow_from(data: object, zone: ZoneInfo, where: str = "") -> Shadow:
    """The shadow that `data` writes: `{trainee: dan, of: ada, start:, end:}`, without `of` whoever is on call."""
    read = _record(data, "a shadow", ("trainee", "start", "end"), ("of",), where)
    start, end = _span(read, zone, where)
    of = check_slug(read["of"], _at(where, "of")) if read.get("of") else ""
    trainee = check_slug(read["trainee"], _at(where, "trainee"))
    if of == trainee:
        raise Refused(f"{trainee} cannot be their own shadow", "somebody else", where=_at(where, "of"))
    return Shadow(trainee, start, end, of)


def _span(read: Data, zone: ZoneInfo, where: str) -> tuple[datetime, datetime]:
    start = parse_instant(read["start"], zone, _at(where, "start"))
    end = parse_instant(read["end"], zone, _at(where, "end"))
    if not start < end:
        raise Refused(
            f"It ends at {read['end']}",
            f"an end after {read['start']}",
            f"The clocks of {zone.key} skip these hours." if _has_length_on_the_wall(read) else "",
            _at(where, "end"),
        )
    if end - start > OVERRIDE_LENGTH_MAX:
        raise Refused(
            f"It lasts {(end - start).days} days",
            f"at most {OVERRIDE_LENGTH_MAX.days} days",
            "Change the layers for what is to stay.",
            _at(where, "end"),
        )
    return start, end


def _has_length_on_the_wall(read: Data) -> bool:
    try:
        return parse_wall(read["start"]) < parse_wall(read["end"])
    except Refused:  # they have offsets
        return False


def _people(data: object, where: str) -> tuple[str, ...]:
    users = _listed(data, SEATS_MAX, check_slug, where)
    if len(set(users)) < len(users):
        raise Refused("Somebody is named twice", "each person once", where=where)
    return users


def _key(read: Data, where: str) -> str:
    return check_slug(read["id"], _at(where, "id")) if read.get("id") else ""


def _name(data: object, where: str) -> str:
    if not isinstance(data, str) or len(data) > NAME_LENGTH_MAX or not data.isprintable():
        raise Refused(
            f"{shown(data)} cannot be a name",
            f"one line of at most {NAME_LENGTH_MAX} characters",
            where=where,
        )
    return data


def _choice(data: object, choices: type[Choice], where: str) -> Choice:
    words = [choice.value for choice in choices]
    if data not in words:
        mend = "The shortest turn is an hour." if choices is Unit else ""
        raise Refused(f"{shown(data)} cannot stand here", f"one of {', '.join(words)}", mend, where)
    return choices(data)


def _listed(data: object, most: int, one: Callable[[object, str], Value], where: str) -> tuple[Value, ...]:
    if not isinstance(data, Sequence) or isinstance(data, str):
        raise Refused(f"{shown(data)} stands where a list belongs", "a list such as [a, b]", where=where)
    if len(data) > most:
        raise Refused(f"The list has {len(data)} items", f"at most {most}", where=where)
    return tuple(one(item, _at(where, str(number))) for number, item in enumerate(data))


def _record(data: object, noun: str, needed: Sequence[str], optional: Sequence[str], where: str) -> Data:
    """`data` when it is a map with all keys of `needed` and no others than those and `optional`.

    An optional key without a value is left out.
    """
    known = f"{', '.join(needed)}; also {', '.join(optional)}"
    if not isinstance(data, Mapping):
        raise Refused(f"{shown(data)} is not {noun}", f"key: value pairs: {known}", where=where)
    for key in data:
        if key not in needed and key not in optional:
            raise Refused(f"Unknown key {shown(key)} in {noun}", known, where=where)
    for key in needed:
        if key not in data:
            raise Refused(f"Here {noun} has no {key}", f"the key {key}", where=where)
    return {key: value for key, value in data.items() if value is not None or key in needed}


def _at(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
