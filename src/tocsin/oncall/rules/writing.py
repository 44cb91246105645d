"""Schedules as JSON, in the words of the organisation file: the shortest way that `reading` reads back to the value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from tocsin.kernel.hours import Window, window_as_data
from tocsin.kernel.moments import format_instant, format_wall
from tocsin.kernel.zones import zone
from tocsin.oncall.rules.values import (
    Layer,
    Mode,
    Override,
    Restriction,
    Schedule,
    Seat,
    Shadow,
    Slot,
    Temporary,
    Unit,
)

Data = dict[str, Any]


def schedule_as_data(schedule: Schedule) -> Data:
    """The whole schedule; its calendars are written elsewhere."""
    there = zone(schedule.timezone)
    return {
        "id": schedule.id,
        **_said(name=schedule.name),
        "timezone": schedule.timezone,
        "layers": [layer_as_data(layer) for layer in schedule.layers],
        **_said(
            overrides=[override_as_data(override, there) for override in schedule.overrides],
            shadows=[shadow_as_data(shadow, there) for shadow in schedule.shadows],
        ),
    }


def layer_as_data(layer: Layer) -> Data:
    """The layer as files and the API write it, without what is left at its default."""
    fixed = layer.rotation.unit is Unit.FIXED
    return {
        **_said(name=layer.name),
        "rotation": layer.rotation.unit.value,
        **({"every": layer.rotation.every} if layer.rotation.every != 1 else {}),
        "start": format_wall(layer.start),
        **_said(end=layer.end and format_wall(layer.end), timezone=layer.timezone),
        "users": [_seat(seat) for seat in layer.slots[0]] if fixed else [_slot(slot) for slot in layer.slots],
        **_said(restrict=[_restriction(each) for each in layer.restrict]),
    }


def _slot(slot: Slot) -> object:
    if not slot:
        return None
    return _seat(slot[0]) if len(slot) == 1 else [_seat(seat) for seat in slot]


def _seat(seat: Seat) -> str | Data:
    if not (seat.start or seat.until):
        return seat.user
    since, until = seat.start and format_wall(seat.start), seat.until and format_wall(seat.until)
    return {"user": seat.user, **_said(**{"from": since, "until": until})}


def _restriction(each: Restriction) -> Data:
    if isinstance(each, Window):
        return window_as_data(each)
    return {"outside" if each.outside else "calendar": each.calendar}


def override_as_data(override: Override | Temporary, zone: ZoneInfo) -> Data:
    """The override with times local to `zone`, or in UTC where the clocks show them twice."""
    span = {"start": format_instant(override.start, zone), "end": format_instant(override.end, zone)}
    if isinstance(override, Temporary):
        layers = [layer_as_data(layer) for layer in override.layers]
        return {**_said(id=override.id, name=override.name), **span, "layers": layers}
    return {
        **_said(id=override.id),
        **span,
        "users": list(override.users),
        **_said(replaces=list(override.replaces)),
        **({"mode": override.mode.value} if override.mode is not Mode.REPLACE else {}),
    }


def shadow_as_data(shadow: Shadow, zone: ZoneInfo) -> Data:
    """The shadow as files and the API write it, by the clocks of `zone`."""
    span = {"start": format_instant(shadow.start, zone), "end": format_instant(shadow.end, zone)}
    return {"trainee": shadow.trainee, **_said(of=shadow.of), **span}


def _said(**values: object) -> Data:
    """Those of `values` that say something."""
    return {name: value for name, value in values.items() if value}


def references(schedule: Schedule) -> Iterator[tuple[str, str, str]]:
    """Whom and what a schedule names: the dotted path in its data, "user" or "calendar", and the id."""
    for number, layer in enumerate(schedule.layers):
        yield from _layer_references(layer, f"layers.{number}")
    for number, override in enumerate(schedule.overrides):
        path = f"overrides.{number}"
        if isinstance(override, Temporary):
            for place, layer in enumerate(override.layers):
                yield from _layer_references(layer, f"{path}.layers.{place}")
            continue
        for name, users in (("users", override.users), ("replaces", override.replaces)):
            for place, user in enumerate(users):
                yield f"{path}.{name}.{place}", "user", user
    for number, shadow in enumerate(schedule.shadows):
        yield f"shadows.{number}.trainee", "user", shadow.trainee
        if shadow.of:
            yield f"shadows.{number}.of", "user", shadow.of


def _layer_references(layer: Layer, path: str) -> Iterator[tuple[str, str, str]]:
    fixed = layer.rotation.unit is Unit.FIXED
    for number, slot in enumerate(layer.slots):
        for place, seat in enumerate(slot):
            within = f"{place}" if fixed else f"{number}.{place}" if len(slot) > 1 else f"{number}"
            yield f"{path}.users.{within}", "user", seat.user
    for number, each in enumerate(layer.restrict):
        if not isinstance(each, Window):
            yield f"{path}.restrict.{number}", "calendar", each.calendar
