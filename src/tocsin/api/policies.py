"""Policies over REST, in the words of the organisation file."""

from __future__ import annotations

from typing import Annotated, Literal

from ninja import Query, Status
from pydantic import Field

from tocsin.api.auth import Asked
from tocsin.api.paging import Listing, Paged, page_of
from tocsin.api.room import Room
from tocsin.api.words import Duration, Name, Sent, Slug, SlugInPath, shown
from tocsin.escalation import policy_actions as actions
from tocsin.escalation import rules
from tocsin.escalation.models import Policy
from tocsin.escalation.rules import LEVELS_MAX, REPEATS_MAX, TARGETS_MAX, parse_target
from tocsin.people.rules import May

TARGET_LENGTH_MAX = 100

room = Room("policies")


class WhenBody(Sent):
    """Within the hours of a working calendar, or outside of them; `zone` says by whose clock these are read."""

    calendar: Slug | None = None
    outside: Slug | None = None
    zone: Literal["calendar", "schedule", "person"] = "calendar"


class LevelBody(Sent):
    """Who is told, and how long they have before the next level is: ["schedule:web-primary", "team:web"].

    A level whose condition `when` does not hold is passed over at once.
    """

    notify: Annotated[
        list[Annotated[str, Field(max_length=TARGET_LENGTH_MAX)]], Field(min_length=1, max_length=TARGETS_MAX)
    ]
    timeout: Duration
    when: WhenBody | None = None


class PolicyBody(Sent):
    """Who is paged in which order. `repeat` counts the extra rounds after the last level."""

    name: Name
    team: Slug | None = None
    levels: Annotated[list[LevelBody], Field(min_length=1, max_length=LEVELS_MAX)]
    repeat: Annotated[int, Field(strict=True, ge=0, le=REPEATS_MAX)] = 0


class PolicyOut(PolicyBody):
    id: str


@room.get("/policies", may=May.SEE, answer=Listing[PolicyOut])
def list_policies(request: Asked, paged: Query[Paged]) -> Listing[PolicyOut]:
    """By id."""
    return page_of(Policy.objects.all(), paged, show_policy)


@room.get("/policies/{id}", may=May.SEE, answer=PolicyOut)
def show_one_policy(request: Asked, id: SlugInPath) -> PolicyOut:
    """One policy."""
    return show_policy(actions.find_policy(id))


@room.put("/policies/{id}", may=May.CONFIGURE, answer=PolicyOut)
def save_policy(request: Asked, id: SlugInPath, body: PolicyBody) -> Status[PolicyOut]:
    """Makes the policy, or replaces all that it says. Running climbs keep what they began with."""
    new = not Policy.objects.filter(pk=id).exists()
    levels = [_level(level, f"body.levels.{number}") for number, level in enumerate(body.levels)]
    policy = rules.Policy(id, body.name, tuple(levels), body.repeat)
    row = actions.save_policy(policy, body.team, request.auth.by, request.now)
    return Status(201 if new else 200, show_policy(row))


@room.delete("/policies/{id}", may=May.CONFIGURE)
def delete_policy(request: Asked, id: SlugInPath) -> Status[None]:
    """Forgets the policy. Refused while a service uses it."""
    actions.delete_policy(id, request.auth.by, request.now)
    return Status(204, None)


def show_policy(row: Policy) -> PolicyOut:
    """A policy in the words of the file."""
    levels = [
        LevelBody(
            notify=[str(target) for target in level.notify],
            timeout=level.timeout,
            when=WhenBody(**rules.when_as_data(level.when)) if level.when else None,
        )
        for level in row.as_value().levels
    ]
    return shown(PolicyOut, row, team=row.team_id, levels=levels)


def _level(body: LevelBody, where: str) -> rules.Level:
    """The level that a body says. Raises Refused."""
    targets = tuple(parse_target(target, f"{where}.notify") for target in body.notify)
    said = body.when.model_dump(exclude_none=True) if body.when else None
    return rules.Level(targets, body.timeout, rules.when_from(said, f"{where}.when"))
