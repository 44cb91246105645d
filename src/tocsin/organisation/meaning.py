"""Schedules, calendars, conditions and services of a file: what is written two ways and means the same
compares equal. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tocsin.catalog.rules import Grouping, ServiceValue, UrgencyFrom
from tocsin.escalation.rules import when_as_data, when_from
from tocsin.kernel.calendars import Calendar, calendar_as_data, calendar_from
from tocsin.kernel.durations import parse_duration
from tocsin.kernel.errors import Refused
from tocsin.kernel.zones import zone
from tocsin.oncall import rules as oncall
from tocsin.organisation.kinds import NEVER, NONE
from tocsin.organisation.rules import Data


def schedule_data(schedule: oncall.Schedule, team: str | None) -> dict[str, Any]:
    """A schedule in the words of the file, every key present; overrides without their numbers."""
    there = zone(schedule.timezone)
    return {
        "name": schedule.name,
        "timezone": schedule.timezone,
        "team": team,
        "layers": [oncall.layer_as_data(layer) for layer in schedule.layers],
        "overrides": [_without_id(oncall.override_as_data(each, there)) for each in schedule.overrides],
        "shadows": [oncall.shadow_as_data(shadow, there) for shadow in schedule.shadows],
    }


def _without_id(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != "id"}


def schedule_of(schedule_id: str, data: Data) -> oncall.Schedule:
    """The schedule that the file's words mean. Raises Refused with the dotted path of what makes no sense."""
    said = {
        name: data[name] for name in ("name", "timezone", "layers", "overrides", "shadows") if name in data
    }
    return oncall.schedule_from({"id": schedule_id, **said})


def calendar_data(calendar: Calendar) -> dict[str, Any]:
    """A calendar in the words of the file, every key present."""
    data = _without_id(calendar_as_data(calendar))
    data["holidays"] = [{key: said for key, said in each.items() if said} for each in data["holidays"]]
    return data


def calendar_of(calendar_id: str, data: Data) -> Calendar:
    """The calendar that the file's words mean. Raises Refused with the dotted path of what makes no sense."""
    return calendar_from({"id": calendar_id, **data, "name": data["name"] or calendar_id})


def senseless_schedule(schedule_id: str, data: Data) -> Iterator[Refused]:
    """Everything in a schedule, read in its right shape, that makes no sense; `where` is its dotted path."""
    there = zone(data["timezone"])
    readers: dict[str, Callable[[Any, str], object]] = {
        "layers": oncall.layer_from,
        "overrides": lambda item, where: oncall.override_from(item, there, where),
        "shadows": lambda item, where: oncall.shadow_from(item, there, where),
    }
    found = False
    for name, read in readers.items():
        for number, item in enumerate(data.get(name, ())):
            try:
                read(item, f"{name}.{number}")
            except Refused as refused:
                found = True
                yield refused
    if not found:
        try:
            schedule_of(schedule_id, data)
        except Refused as refused:
            yield refused


def senseless_calendar(calendar_id: str, data: Data) -> Iterator[Refused]:
    """What in a calendar, read in its right shape, makes no sense; `where` is its dotted path."""
    try:
        calendar_of(calendar_id, data)
    except Refused as refused:
        yield refused


def level_data(level: Data) -> dict[str, Any]:
    """A level of a policy in the words of the file, its condition the shortest way."""
    plain = {name: value for name, value in level.items() if name != "when"}
    when = when_from(level.get("when"))
    return plain | ({"when": when_as_data(when)} if when else {})


def service_from(service_id: str, data: Data) -> ServiceValue:
    """The service that the file's words mean."""
    grouping, ack_timeout = data["grouping"], data["ack_timeout"]
    return ServiceValue(
        id=service_id,
        name=data["name"],
        tier=data["tier"],
        team=data["team"],
        policy=data["policy"],
        urgency=UrgencyFrom(data["urgency"]),
        grouping=None
        if grouping == NONE
        else Grouping(tuple(grouping["by"]), parse_duration(grouping["window"])),
        resolve_delay=parse_duration(data["resolve_delay"]),
        ack_timeout=None if ack_timeout == NEVER else parse_duration(ack_timeout),
        restricted=data["restricted"],
        workaround=data["workaround"],
    )
