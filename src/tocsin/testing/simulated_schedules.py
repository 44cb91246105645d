"""Schedules of the simulated organisation: hand-offs and gaps within minutes, changes while incidents climb, and the
promise that whoever is paged is who was on call then, found by another way than the one that paged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tocsin.catalog.models import Calendar
from tocsin.escalation.models import Climb
from tocsin.escalation.rules import Level, Target, TargetKind
from tocsin.journal.models import Entry
from tocsin.kernel.acting import by_user
from tocsin.kernel.moments import format_wall, whole_seconds
from tocsin.kernel.spans import Span
from tocsin.kernel.zones import wall_clock, zone
from tocsin.oncall import rules
from tocsin.oncall.actions import (
    add_override,
    calendars,
    known_then,
    remove_override,
    save_schedule,
    schedules,
)
from tocsin.oncall.models import Change, Override, Schedule
from tocsin.oncall.swaps import take_shift
from tocsin.people.models import Membership
from tocsin.testing.promises import PromiseBroken

ROTAS = ("rota", "backup")
TARGETS = (
    *(f"schedule:{key}{shift}" for key in ROTAS for shift in ("", "/next", "/previous")),
    "schedule:gone",
)
CALENDAR = "office"
ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe")
AROUND = timedelta(minutes=25)  # of the beginning, in which hands change


def make_schedules(random: Random, people: Sequence[str], begins: datetime) -> None:
    """Store two schedules and a calendar that open, close and change hands in the minutes after `begins`."""
    until = begins + timedelta(minutes=random.randint(1, 25))
    Calendar.objects.create(
        id=CALENDAR,
        name="Office",
        timezone="UTC",
        definition={"hours": [{"from": f"{begins:%H:%M}", "to": f"{until:%H:%M}"}], "holidays": []},
    )
    for key in ROTAS:
        there = random.choice(ZONES)
        data = {"layers": [_layer(random, people, begins, there) for _ in range(random.randint(0, 3))]}
        stamp = f"{random.getrandbits(128):032x}"
        row = Schedule.objects.create(id=key, name=key, timezone=there, definition=data, stamp=stamp)
        value = rules.schedule_from(row.as_data())
        row.versions.create(from_at=begins, data=rules.schedule_as_data(value))
        for place in range(random.randint(0, 3)):
            made = _override(random, people, begins)
            row.overrides.create(
                place=place,
                starts_at=made.start,
                ends_at=made.end,
                users=list(made.users),
                replaces=list(made.replaces),
                mode=made.mode.value,
                made_by="simulated",
                made_at=begins,
            )


def condition(random: Random) -> dict[str, Any]:
    """Mostly none; else the hours of the calendar, or all others, by somebody's clock."""
    if random.random() < 0.8:
        return {}
    side = random.choice(["calendar", "outside"])
    return {"when": {side: random.choice([CALENDAR, "gone"]), "zone": random.choice(["calendar", "person"])}}


def change_schedule(random: Random, people: Sequence[str], begins: datetime, now: datetime) -> str:
    """Somebody changes a schedule, takes a shift or makes an override, or takes one back; returns what they did. Raises
    Refused."""
    key, user = random.choice(ROTAS), random.choice(people)
    by = by_user(user, "web")
    standing = list(Override.objects.standing().values_list("pk", flat=True))
    what = random.choice(["change", "take", "override", "take back"])
    if what == "change":
        layers = [
            _layer(random, people, begins, schedules()[key].timezone) for _ in range(random.randint(0, 2))
        ]
        bare = {"id": key, "timezone": schedules()[key].timezone, "layers": layers}
        save_schedule(rules.schedule_from(bare), None, by, now)
    elif what == "take":
        take_shift(key, Span(now, now + timedelta(minutes=10)), user, by, now)
    elif what == "take back" and standing:
        remove_override(random.choice(standing), by, now)
    else:
        add_override(key, _override(random, people, begins), by, now)
    return f"{user}: {what} {key}"


def _layer(random: Random, people: Sequence[str], begins: datetime, there: str) -> dict[str, Any]:
    """A rotation that starts, and may be restricted, within minutes; somebody may join or leave meanwhile."""

    def wall(least: int, most: int) -> datetime:
        return wall_clock(begins, zone(there)) + timedelta(minutes=random.randint(least, most))

    slots: list[Any] = [
        random.choice([name, name, None, {"user": name, "until": format_wall(wall(1, 25))}])
        for name in random.sample(people, len(people))
    ]
    data: dict[str, Any] = {
        "rotation": random.choice(["hourly", "daily"]),
        "start": format_wall(wall(-60 * 30, 10)),
        "users": slots,
    }
    if random.random() < 0.5:
        data["restrict"] = [{"from": f"{wall(-10, 10):%H:%M}", "to": f"{wall(5, 40):%H:%M}"}]
    return data


def _override(random: Random, people: Sequence[str], begins: datetime) -> rules.Override:
    start = begins + timedelta(seconds=random.randint(-60, int(AROUND.total_seconds())))
    mode = random.choice(list(rules.Mode))
    replaces = [random.choice(people)] if mode is rules.Mode.REPLACE and random.random() < 0.5 else []
    length = timedelta(seconds=random.randint(30, 900))
    users = tuple(random.sample(people, random.randint(1, 2)))
    return rules.Override(
        "", whole_seconds(start), whole_seconds(start + length), users, tuple(replaces), mode
    )


def check_who_was_paged() -> None:
    """Every level that was paged paged who was on call at that instant, as it was known then, and only empty ones were
    passed over or waited for. Raises PromiseBroken."""
    unclear = set(Change.objects.values_list("at", flat=True))  # changed in the very instant: either is right
    policies = {climb.incident.chain: climb.as_policy() for climb in _climbs()}
    for entry in Entry.objects.filter(kind__in=["climb.paged", "climb.nobody", "climb.waits"]).order_by("pk"):
        at, data, levels = entry.happened_at, entry.data, policies[entry.chain].levels
        if at in unclear:
            continue
        waits = entry.kind == "climb.waits"
        paged = set(data.get("people", ()))
        passed = (
            data["closed"] if waits else data["skipped"] if "level" in data else range(1, len(levels) + 1)
        )
        for number in passed:
            if missed := _behind(levels[number - 1], at):
                raise PromiseBroken(
                    f"level {number} was passed over at {at} with {missed} on it ({entry.chain})"
                )
        if "level" in data and not waits:
            expected = _behind(levels[data["level"] - 1], at)
            # Whose acknowledgement ran out is asked again beside the first level.
            if not expected <= paged or len(paged - expected) > 1 or not expected:
                raise PromiseBroken(f"{paged} were paged at {at} and {expected} should be ({entry.chain})")


def _climbs() -> Any:
    return Climb.objects.select_related("incident")


def _behind(level: Level, at: datetime) -> set[str]:
    """Who is on a level at `at`, from the schedule as it was known then."""
    office = calendars().get(level.when.calendar) if level.when else None
    # Everybody in this world lives by UTC, so whose clock it is makes no difference.
    if level.when and office and office.is_open(at) == level.when.outside:
        return set()
    return {user for target in level.notify for user in _people(target, at)} - {"nobody"}


def _people(target: Target, at: datetime) -> Sequence[str]:
    if target.kind is TargetKind.USER:
        return [target.id]
    if target.kind is TargetKind.TEAM:
        return list(Membership.objects.filter(team=target.id).values_list("user_id", flat=True))
    if target.kind is TargetKind.PLACE:
        return []
    schedule = known_then(target.id, at)
    if schedule is None:
        return []
    if not target.shift:
        return rules.on_call(schedule, at)
    found = (rules.next_shift if target.shift == "next" else rules.previous_shift)(schedule, at)
    return found.users if found else ()
