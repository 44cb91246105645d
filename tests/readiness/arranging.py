"""Short ways to write arrangements, in the words of the organisation file, for tests that tell a story."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tests.oncall_rules.world import MADRID
from tocsin.catalog.rules import ServiceValue
from tocsin.escalation.rules import policy_from
from tocsin.kernel.calendars import Calendar
from tocsin.kernel.durations import parse_duration
from tocsin.kernel.urgency import Urgency
from tocsin.notification.rules import Step
from tocsin.oncall.rules import schedule_from
from tocsin.readiness.rules import Arrangement, Person

MINUTE = timedelta(minutes=1)
NAMES = {"ada": "Ada Ortiz", "bo": "Bo Lind", "cy": "Cy Tran", "dan": "Dan Roy", "eve": "Eve Moss"}


def person(key: str, *waits: str, low: tuple[str, ...] = (), **more: Any) -> Person:
    """Somebody with a contact for each of `waits`, in that order: "0s" at once. Without any: by mail, at once."""
    names = [f"way-{number}" for number in range(max(len(waits), len(low), 1))]
    steps = {
        urgency: tuple(Step(name, parse_duration(wait)) for name, wait in zip(names, some, strict=False))
        for urgency, some in ((Urgency.HIGH, waits), (Urgency.LOW, low))
    }
    given = {"timezone": MADRID, "contacts": dict.fromkeys(names, f"mailto:{key}@example.com"), **more}
    return Person(key, NAMES[key], steps=steps, **given)


def arrangement(
    *levels: Mapping[str, Any] | str,
    people: tuple[Person, ...] = (),
    schedules: tuple[Mapping[str, Any], ...] = (),
    teams: Mapping[str, tuple[str, ...]] | None = None,
    calendars: tuple[Calendar, ...] = (),
    repeat: int = 0,
    **more: Any,
) -> Arrangement:
    """The service "shop" with a policy of `levels`: "schedule:web", or with "5m schedule:web user:bo" a wait of its
    own. People who are not given are reached at once."""
    known = {key: person(key) for key in NAMES} | {each.id: each for each in people}
    there = {calendar.id: calendar for calendar in calendars}
    read = [schedule_from({"timezone": MADRID, **each}, calendars=there) for each in schedules]
    policy = {
        "id": "web",
        "name": "Web",
        "levels": [_level(each) if isinstance(each, str) else each for each in levels],
        "repeat": repeat,
    }
    return Arrangement(
        services={"shop": ServiceValue("shop", "Web shop", policy="web")},
        policies={"web": policy_from(policy)},
        people=known,
        teams=teams or {},
        schedules={each.id: each for each in read},
        calendars=there,
        **more,
    )


def _level(text: str) -> dict[str, Any]:
    first, *rest = text.split()
    targets, timeout = ([first, *rest], "5m") if ":" in first else (rest, first)
    return {"notify": targets, "timeout": timeout}
