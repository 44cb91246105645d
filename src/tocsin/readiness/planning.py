"""What organisation files would make of who is paged, without applying them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tocsin.escalation.rules import policy_from
from tocsin.kernel.durations import parse_duration
from tocsin.kernel.urgency import Urgency
from tocsin.notification.rules import Step
from tocsin.organisation import rules
from tocsin.organisation.meaning import calendar_of, schedule_of, service_from
from tocsin.organisation.plan import plan, read_current
from tocsin.organisation.reading import File
from tocsin.organisation.rules import Data, State, merged
from tocsin.readiness.rules import Arrangement, Person


@dataclass(frozen=True)
class Planned:
    """Who would be paged, and what is expected of that, in the words of the file."""

    arrangement: Arrangement
    expected: Sequence[Data]


def planned_by(files: Sequence[File], prune: bool = False) -> Planned:
    """What there will be after applying `files`. Raises FilesRefused with everything that is wrong with them."""
    planned = plan(files, prune)
    state = merged(read_current(), planned.declared, planned.removed)
    return Planned(arrangement_of(state), state[rules.ORGANISATION][rules.THE_ORGANISATION][rules.EXPECT])


def arrangement_of(state: State) -> Arrangement:
    """The arrangement that an organisation in the plain form of its file describes."""
    calendars = {key: calendar_of(key, data) for key, data in state[rules.CALENDARS].items()}
    schedules = {key: schedule_of(key, data) for key, data in state[rules.SCHEDULES].items()}
    people = {key: _person(key, data) for key, data in state[rules.USERS].items()}
    named = state[rules.ORGANISATION][rules.THE_ORGANISATION].get("fallback")
    admins = tuple(key for key, data in state[rules.USERS].items() if data["role"] == rules.ADMIN)
    return Arrangement(
        services={key: service_from(key, data) for key, data in state[rules.SERVICES].items()},
        policies={key: policy_from({"id": key, **data}) for key, data in state[rules.POLICIES].items()},
        people=people,
        teams={key: tuple(data["members"]) for key, data in state[rules.TEAMS].items()},
        schedules={key: replace(each, calendars=calendars) for key, each in schedules.items()},
        calendars=calendars,
        fallback=tuple(
            user for user in ((named,) if named else admins) if user in people and people[user].active
        ),
        is_named=named is not None,
    )


def _person(key: str, data: Data) -> Person:
    steps: Mapping[str, Sequence[Any]] = data.get("rules", {})
    return Person(
        key,
        data["name"],
        data.get("timezone", "UTC"),
        data["active"],
        data.get("contacts", {}),
        {urgency: tuple(_step(step) for step in steps.get(urgency, ())) for urgency in Urgency},
    )


def _step(data: Any) -> Step:
    """A contact at once, `mail`, or after a while, `{hook: 2m}`."""
    if isinstance(data, str):
        return Step(data)
    ((contact, delay),) = data.items()
    return Step(contact, parse_duration(delay))
