"""Schedules over REST, in the words of the organisation file; who is on call, then, now and in the future."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from ninja import Query, Status
from pydantic import BaseModel, ConfigDict, Field

from tocsin.api.auth import Asked, Caller
from tocsin.api.paging import BY_NUMBER, Listing, Paged, page_of
from tocsin.api.room import Room
from tocsin.api.words import Data, RowInPath, Sent, Slug, SlugInPath, shown
from tocsin.escalation.policy_actions import policies_naming
from tocsin.journal.changes import changing
from tocsin.kernel.moments import parse_instant
from tocsin.kernel.zones import ZONE_LENGTH_MAX, zone
from tocsin.oncall import actions, rules
from tocsin.oncall.models import Override, Schedule
from tocsin.oncall.past import first_known, on_call_then
from tocsin.oncall.permissions import is_taking, leads
from tocsin.oncall.rules.values import LAYERS_MAX, NAME_LENGTH_MAX, SEATS_MAX, SHADOWS_MAX
from tocsin.people.rules import May

INSTANTS_MAX = 1_000  # of one question
MOMENT_LENGTH_MAX = 40
LOOK_AHEAD = timedelta(weeks=4)
_FRACTION = re.compile(r"(?<=\d\d:\d\d:\d\d)\.\d{1,9}")
_PLUS_LOST = re.compile(r" (?=\d\d:\d\d\Z)")  # in an address, a plus that was not escaped is a blank

room = Room("schedules")

Moment = Annotated[
    str,
    Field(
        max_length=MOMENT_LENGTH_MAX,
        description="Local to the schedule's zone, or with an offset",
        examples=["2026-01-05T09:00", "2026-01-05T08:00:00Z"],
    ),
]
People = Annotated[list[Slug], Field(max_length=SEATS_MAX)]


# -- schedules ------------------------------------------------------------------------------------------------------


class ScheduleBody(Sent):
    """Layers and shadows as in the organisation file (see its reference); later layers win over earlier ones where
    they have somebody. Overrides have operations of their own, stay, and follow the shifts they cover."""

    name: Annotated[str, Field(max_length=NAME_LENGTH_MAX)] = ""
    timezone: Annotated[str, Field(max_length=ZONE_LENGTH_MAX)]
    team: Slug | None = None
    layers: Annotated[list[Data], Field(max_length=LAYERS_MAX)] = []
    shadows: Annotated[list[Data], Field(max_length=SHADOWS_MAX)] = []


class ScheduleOut(ScheduleBody):
    id: str


@room.get("/schedules", may=May.SEE, answer=Listing[ScheduleOut])
def list_schedules(request: Asked, paged: Query[Paged]) -> Listing[ScheduleOut]:
    """By id."""
    return page_of(Schedule.objects.live(), paged, show_schedule)


@room.get("/schedules/{id}", may=May.SEE, answer=ScheduleOut)
def show_one_schedule(request: Asked, id: SlugInPath) -> ScheduleOut:
    """One schedule, without its overrides."""
    return show_schedule(actions.find_schedule(id))


@room.put("/schedules/{id}", may=May.SWAP, answer=ScheduleOut)
def save_schedule(request: Asked, id: SlugInPath, body: ScheduleBody) -> Status[ScheduleOut]:
    """Makes the schedule, or replaces all that it says; those whose shifts change are told. For those who edit
    schedules, and the lead of its team."""
    there = Schedule.objects.live().filter(pk=id).first()
    must_edit(request.auth, there)
    said = {name: value for name, value in body.model_dump().items() if name != "team"}
    value = rules.schedule_from({"id": id, **said}, "body")
    row = actions.save_schedule(value, body.team, request.auth.by, request.now)
    return Status(200 if there else 201, show_schedule(row))


@room.delete("/schedules/{id}", may=May.SWAP)
def delete_schedule(request: Asked, id: SlugInPath) -> Status[None]:
    """Forgets the schedule. Refused while a policy names it; what was served stays known."""
    with changing():
        must_edit(request.auth, actions.find_schedule(id))
        named = policies_naming(f"schedule:{id}")
        actions.delete_schedule(id, request.auth.by, request.now, named_by=named)
    return Status(204, None)


def show_schedule(row: Schedule) -> ScheduleOut:
    """A schedule in the words of the file."""
    shadows = row.definition.get("shadows", [])
    return shown(ScheduleOut, row, team=row.team_id, layers=row.definition["layers"], shadows=shadows)


def may_edit(caller: Caller, row: Schedule | None) -> bool:
    """Whether the caller's role and token allow to edit the schedule, or they lead the team that looks after it."""
    return May.EDIT_SCHEDULES in caller.rights or leads(caller.user, row)


def must_edit(caller: Caller, row: Schedule | None) -> None:
    """Raises Refused (403) unless `may_edit`."""
    if not may_edit(caller, row):
        caller.must(May.EDIT_SCHEDULES)


# -- who is on call -------------------------------------------------------------------------------------------------


class At(BaseModel):
    model_config = ConfigDict(extra="forbid")

    at: Annotated[list[Moment], Field(max_length=INSTANTS_MAX)] = []


class OnCallOut(BaseModel):
    """Who is on call at an instant, in the order of their slot; nobody when empty."""

    at: datetime
    users: list[str]


class OnCallNow(BaseModel):
    """Who is on call for one schedule, and who comes next; `until` is when that changes, null for not within weeks."""

    schedule: str
    name: str
    users: list[str]
    until: datetime | None
    next: list[str]


class ShiftOut(BaseModel):
    """These people are on call from `starts_at` up to `ends_at`. `sources` says for each what put them there:
    "layer:2", "override:17", "temporary:18"."""

    starts_at: datetime
    ends_at: datetime
    users: list[str]
    sources: list[str]


class ShiftsOut(BaseModel):
    """The shifts of a span; between them nobody is on call. What is past is told as it was served, as it was known
    then; before `known_from` Tocsin did not know the schedule, and tells it as it stands now."""

    schedule: str
    starts_at: datetime
    ends_at: datetime
    known_from: datetime
    shifts: list[ShiftOut]


class Between(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    start: Annotated[Moment | None, Field(alias="from", description="Left out: now")] = None
    end: Annotated[Moment | None, Field(alias="to", description="Left out: four weeks later")] = None


@room.get("/schedules/{id}/on-call", may=May.SEE, answer=OnCallOut | list[OnCallOut])
def show_on_call(request: Asked, id: SlugInPath, wanted: Query[At]) -> OnCallOut | list[OnCallOut]:
    """Who is on call at `at`, or now; a list when `at` is given several times. Of the past: as it was known then."""
    here = zone(actions.find_schedule(id).timezone)
    instants = [moment_in(text, here, "query.at") for text in wanted.at] or [request.now]
    found = [OnCallOut(at=at, users=list(on_call_then(id, at, request.now))) for at in instants]
    return found if len(found) > 1 else found[0]


@room.get("/schedules/{id}/shifts", may=May.SEE, answer=ShiftsOut)
def show_shifts(request: Asked, id: SlugInPath, wanted: Query[Between]) -> ShiftsOut:
    """Who is on call in a span of at most two years."""
    here = zone(actions.find_schedule(id).timezone)
    start = moment_in(wanted.start, here, "query.from") if wanted.start else request.now
    end = moment_in(wanted.end, here, "query.to") if wanted.end else start + LOOK_AHEAD
    shifts = [
        ShiftOut(starts_at=each.start, ends_at=each.end, users=list(each.users), sources=list(each.sources))
        for each in actions.told(id, start, end).shifts
    ]
    known = first_known(id)
    return ShiftsOut(schedule=id, starts_at=start, ends_at=end, known_from=known, shifts=shifts)


@room.get("/on-call", may=May.SEE, answer=list[OnCallNow])
def show_everybody_on_call(request: Asked) -> list[OnCallNow]:
    """Who is on call everywhere now, by schedule."""
    now = request.now
    return [
        OnCallNow(
            schedule=key,
            name=lines.schedule.name or key,
            users=list(lines.on_call(now)),
            until=lines.until(now),
            next=list(lines.on_call(now, "next")),
        )
        for key, lines in sorted(actions.timelines().items())
    ]


def moment_in(text: str, here: ZoneInfo, where: str) -> datetime:
    """The instant that a parameter writes, to the second, which is as fine as shifts are. Raises Refused."""
    return parse_instant(_FRACTION.sub("", _PLUS_LOST.sub("+", text)), here, where)


# -- overrides ------------------------------------------------------------------------------------------------------


class OverrideBody(Sent):
    """As in the organisation file: `replace` puts `users` on call instead of `replaces` (nobody named: of whoever
    would be), `add` beside them, `remove` takes them off. With `layers` it is a temporary schedule."""

    start: Moment
    end: Moment
    users: People | None = None
    replaces: People | None = None
    mode: rules.Mode | None = None
    layers: Annotated[list[Data] | None, Field(max_length=LAYERS_MAX)] = None
    name: Annotated[str | None, Field(max_length=NAME_LENGTH_MAX)] = None


class OverrideOut(BaseModel):
    """An override that stands, its hours past or to come; later ones win over earlier ones."""

    id: int
    schedule: str
    starts_at: datetime
    ends_at: datetime
    users: list[str]
    replaces: list[str]
    mode: rules.Mode
    layers: list[Data] | None
    name: str
    made_by: str
    made_at: datetime


@room.get("/schedules/{id}/overrides", may=May.SEE, answer=Listing[OverrideOut])
def list_overrides(request: Asked, id: SlugInPath, paged: Query[Paged]) -> Listing[OverrideOut]:
    """Those that nobody took back, the newest first."""
    rows = Override.objects.standing().filter(schedule=actions.find_schedule(id))
    return page_of(rows, paged, show_override, BY_NUMBER, newest_first=True)


@room.post("/schedules/{id}/overrides", may=May.SWAP, answer=OverrideOut, status=201)
def add_override(request: Asked, id: SlugInPath, body: OverrideBody) -> OverrideOut:
    """Puts an override over all there are. Those who do not edit the schedule may put themselves on call, no more."""
    row = actions.find_schedule(id)
    said = body.model_dump(exclude_none=True)
    value = rules.override_from(said, zone(row.timezone), "body")
    if not (isinstance(value, rules.Override) and is_taking(value, request.auth.user.pk)):
        must_edit(request.auth, row)
    number = actions.add_override(id, value, request.auth.by, request.now)
    return show_override(actions.find_override(number))


@room.delete("/overrides/{id}", may=May.SWAP)
def remove_override(request: Asked, id: RowInPath) -> Status[None]:
    """Takes the override back. Those who do not edit the schedule may take back what they made themselves; what two
    people agreed on, neither takes back alone."""
    row = actions.find_override(id)
    caller = request.auth
    if row.made_by != caller.by.who or row.request_id is not None:
        must_edit(caller, row.schedule)
    actions.remove_override(id, caller.by, request.now)
    return Status(204, None)


def show_override(row: Override) -> OverrideOut:
    """An override that stands."""
    return shown(OverrideOut, row, schedule=row.schedule_id)
