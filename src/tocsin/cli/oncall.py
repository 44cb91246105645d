"""tocsin oncall: who is on call, now or at any instant."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from tocsin.cli.door import Door, open_door
from tocsin.cli.incident import Json
from tocsin.cli.say import say, say_json, say_table

AT_ONCE = 100  # instants in one question: an address can only be so long
COLUMNS = {"schedule": "SCHEDULE", "users": "ON CALL", "until": "UNTIL", "next": "NEXT"}
Row = dict[str, Any]


def oncall(
    schedule: Annotated[str | None, Parameter(help="The schedule's id; left out: all, now.")] = None,
    /,
    *,
    at: Annotated[
        list[str] | None,
        Parameter(
            negative=(),
            help="When: local to the schedule's zone (2026-03-29T02:30), or with an offset. May be repeated.",
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Print who is on call. What is past is told as it was known then."""
    with open_door() as door:
        if schedule is None:
            return _everywhere(door, at, as_json)
        found = _asked(door, schedule, at or [])
    if as_json:
        say_json(found if len(found) > 1 else found[0])
        return 0
    if len(found) > 1:
        say_table([{**row, "users": _listed(row)} for row in found], {"at": "AT", "users": "ON CALL"})
    else:
        say(_listed(found[0]))
    return 0


def _asked(door: Door, schedule: str, instants: list[str]) -> list[Row]:
    """The answer for each of `instants`, or for now."""
    found: list[Row] = []
    for begin in range(0, max(1, len(instants)), AT_ONCE):
        answer = door.get(f"schedules/{schedule}/on-call", at=instants[begin : begin + AT_ONCE])
        found += answer if isinstance(answer, list) else [answer]
    return found


def _everywhere(door: Door, at: list[str] | None, as_json: bool) -> int:
    rows: list[Row]
    if at:
        ids = [row["id"] for row in door.every("schedules")]
        rows = [{"schedule": key, **row} for key in ids for row in _asked(door, key, at)]
    else:
        rows = door.get("on-call")
    if as_json:
        say_json(rows)
        return 0
    columns = {"schedule": "SCHEDULE", "at": "AT", "users": "ON CALL"} if at else COLUMNS
    shown = [{**row, "users": _listed(row), "next": ", ".join(row.get("next", []))} for row in rows]
    say_table(shown, columns)
    return 0


def _listed(row: Row) -> str:
    return ", ".join(row["users"]) or "nobody"
