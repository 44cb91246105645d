"""What the audit log says of schedules, cover and absences: each the end of a sentence that begins with who did it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

Data = Mapping[str, Any]
Names = Mapping[str, str]


def _people(ids: object, names: Names) -> str:
    listed = [names.get(each, each) for each in ids] if isinstance(ids, list) else []
    return ", ".join(listed) or "nobody"


def _hours(data: Data) -> str:
    """From when until when, in UTC."""
    start, end = (datetime.fromisoformat(str(data[name])) for name in ("from", "until"))
    return f"from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"


def _override(data: Data, names: Names) -> str:
    if "layers" in data:
        what = f"a temporary schedule {data.get('name') or ''}".rstrip()
    elif data.get("mode") == "remove":
        what = f"an override without {_people(data.get('users'), names)}"
    elif data.get("mode") == "add":
        what = f"an override with {_people(data.get('users'), names)} as well"
    else:
        whom = f" for {_people(data['replaces'], names)}" if data.get("replaces") else ""
        what = f"an override with {_people(data.get('users'), names)}{whom}"
    return f"{what} in schedule {data['schedule']} {_hours(data)}"


def _replaced(data: Data, names: Names) -> str:
    counts = f"{data['added_count']} made, {data['ended_count']} taken back"
    return f"declared the overrides of schedule {data['schedule']}: {counts}"


def _cover(verb: str) -> Callable[[Data, Names], str]:
    def said(data: Data, names: Names) -> str:
        whose = names.get(data["user"], data["user"])
        return f"{verb} a request for cover of {whose} in schedule {data['schedule']}"

    return said


def _absence(verb: str) -> Callable[[Data, Names], str]:
    return lambda data, names: f"{verb} an absence of {names.get(data['user'], data['user'])}"


def _feed(verb: str) -> Callable[[Data, Names], str]:
    return lambda data, names: f"{verb} a calendar feed of {names.get(data['user'], data['user'])}"


SENTENCES: Mapping[str, Callable[[Data, Names], str]] = {
    "override.added": lambda data, names: f"made {_override(data, names)}",
    "override.ended": lambda data, names: f"took back {_override(data, names)}",
    "override.followed": lambda data, names: (
        f"moved an override of schedule {data['schedule']} along with the shift that it covers"
    ),
    "overrides.replaced": _replaced,
    "cover.asked": _cover("made"),
    "cover.accepted": _cover("accepted"),
    "cover.declined": _cover("declined"),
    "cover.withdrawn": _cover("withdrew"),
    "absence.added": _absence("noted"),
    "absence.removed": _absence("removed"),
    "feed.made": _feed("made"),
    "feed.revoked": _feed("revoked"),
}
