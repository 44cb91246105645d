"""Schedules and holidays from calendars elsewhere, over REST."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.db.models import QuerySet
from ninja import Status
from pydantic import BaseModel, Field

from tocsin.api.auth import Asked
from tocsin.api.room import Room
from tocsin.api.schedules import must_edit
from tocsin.api.words import Sent, SlugInPath
from tocsin.channels.reach import read_target
from tocsin.kernel.errors import Refused, not_found
from tocsin.oncall import imports
from tocsin.oncall.actions import find_schedule
from tocsin.oncall.ical.reading import BYTES_MAX
from tocsin.oncall.models import Import
from tocsin.people.rules import May

COUNTRY_LENGTH_MAX = 10
TEXT = "pasted text"

room = Room("calendars from elsewhere")

Address = Annotated[
    str | None,
    Field(max_length=imports.ADDRESS_LENGTH_MAX, description="Looked at every 5 minutes; never said again"),
]
Text = Annotated[str | None, Field(max_length=BYTES_MAX, description="An iCalendar file, taken over once")]


class ShiftsFrom(Sent):
    """Where shifts come from: `url` or `text`, one of them. Events name people by e-mail address, id or full name, as
    those who take part or in their summary."""

    url: Address = None
    text: Text = None


class HolidaysFrom(ShiftsFrom):
    """Where holidays come from: `url`, `text`, or `country` such as "DE", if need be with a `region` such as "BY"."""

    country: Annotated[str | None, Field(max_length=COUNTRY_LENGTH_MAX)] = None
    region: Annotated[str | None, Field(max_length=COUNTRY_LENGTH_MAX)] = None


class ImportOut(BaseModel):
    """`shown` is the host, the country, or that it was text. `read_at`: when the copy in use was last known to be what
    there is. `problem`: why the last look brought none; the copy stays in use. `unknown`: names that are nobody's, or
    several people's. `due_at`: when it is looked at next."""

    kind: str
    shown: str
    read_at: datetime | None
    due_at: datetime | None
    problem: str | None
    problem_since: datetime | None
    unknown: list[str]


# -- the shifts of a schedule ---------------------------------------------------------------------------------------


@room.get("/schedules/{id}/calendar", may=May.SEE, answer=ImportOut)
def show_calendar_of_schedule(request: Asked, id: SlugInPath) -> ImportOut:
    """What the schedule is taken from, and how that goes."""
    return show_import(_followed(schedule_id=id))


@room.put("/schedules/{id}/calendar", may=May.SWAP, answer=ImportOut)
def follow_calendar(request: Asked, id: SlugInPath, body: ShiftsFrom) -> Status[ImportOut]:
    """Takes the shifts from there from now on. An address is fetched within moments: look again for what came of it.
    For those who edit schedules, and the lead of its team."""
    must_edit(request.auth, find_schedule(id))
    return _follow(request, body, schedule_id=id)


@room.post("/schedules/{id}/calendar/look", may=May.SWAP, answer=ImportOut)
def look_at_calendar(request: Asked, id: SlugInPath) -> ImportOut:
    """Has it fetched within moments, whenever that would be due."""
    must_edit(request.auth, find_schedule(id))
    return _look(request, schedule_id=id)


@room.delete("/schedules/{id}/calendar", may=May.SWAP)
def leave_calendar(request: Asked, id: SlugInPath) -> Status[None]:
    """Follows it no longer; the shifts that came from it stay."""
    must_edit(request.auth, find_schedule(id))
    return _leave(request, schedule_id=id)


# -- the holidays of a working calendar -----------------------------------------------------------------------------


@room.get("/calendars/{id}/source", may=May.SEE, answer=ImportOut)
def show_source_of_holidays(request: Asked, id: SlugInPath) -> ImportOut:
    """Where the holidays of the working calendar come from, and how that goes."""
    return show_import(_followed(calendar_id=id))


@room.put("/calendars/{id}/source", may=May.EDIT_SCHEDULES, answer=ImportOut)
def follow_holidays(request: Asked, id: SlugInPath, body: HolidaysFrom) -> Status[ImportOut]:
    """Takes the holidays from there from now on; those that people wrote stay beside them."""
    return _follow(request, body, calendar_id=id)


@room.post("/calendars/{id}/source/look", may=May.EDIT_SCHEDULES, answer=ImportOut)
def look_at_holidays(request: Asked, id: SlugInPath) -> ImportOut:
    """Has them fetched within moments, whenever that would be due."""
    return _look(request, calendar_id=id)


@room.delete("/calendars/{id}/source", may=May.EDIT_SCHEDULES)
def leave_holidays(request: Asked, id: SlugInPath) -> Status[None]:
    """Follows it no longer; the holidays that came from it stay."""
    return _leave(request, calendar_id=id)


# -- what both do ---------------------------------------------------------------------------------------------------


def _follow(
    request: Asked, body: ShiftsFrom | HolidaysFrom, *, schedule_id: str = "", calendar_id: str = ""
) -> Status[ImportOut]:
    """Take what `body` says from now on, for one of the two."""
    by, now = request.auth.by, request.now
    country = getattr(body, "country", None)
    if sum(bool(each) for each in (body.url, body.text, country)) != 1:
        raise Refused(
            "It is not said where from", "one of url, text and, for holidays, country", where="body"
        )
    new = not _rows(schedule_id, calendar_id).exists()
    if country:
        row = imports.import_country(calendar_id, country, getattr(body, "region", None) or "", by, now)
    elif body.url:
        target = read_target(imports.plain_address(body.url))
        row = imports.import_address(
            str(target), target.host, by, now, schedule_id=schedule_id, calendar_id=calendar_id
        )
    else:
        text = (body.text or "").encode()
        row = imports.import_file(text, TEXT, by, now, schedule_id=schedule_id, calendar_id=calendar_id)
    return Status(201 if new else 200, show_import(row))


def _look(request: Asked, *, schedule_id: str = "", calendar_id: str = "") -> ImportOut:
    row = _followed(schedule_id=schedule_id, calendar_id=calendar_id)
    return show_import(imports.look_soon(row.pk, request.auth.by, request.now))


def _leave(request: Asked, *, schedule_id: str = "", calendar_id: str = "") -> Status[None]:
    row = _followed(schedule_id=schedule_id, calendar_id=calendar_id)
    imports.stop_import(row.pk, request.auth.by, request.now)
    return Status(204, None)


def _followed(*, schedule_id: str = "", calendar_id: str = "") -> Import:
    """What the schedule, or the working calendar, follows. Raises Refused."""
    row = _rows(schedule_id, calendar_id).first()
    if row is None:
        noun = "schedule" if schedule_id else "calendar"
        raise not_found(f"calendar followed by {noun}", schedule_id or calendar_id)
    return row


def _rows(schedule_id: str, calendar_id: str) -> QuerySet[Import]:
    return Import.objects.filter(schedule=schedule_id or None, calendar=calendar_id or None)


def show_import(row: Import) -> ImportOut:
    """How it goes, without its address, which is a secret."""
    return ImportOut(
        kind=row.kind,
        shown=row.shown,
        read_at=row.copied_at,
        due_at=row.due_at,
        problem=row.problem or None,
        problem_since=row.problem_at if row.problem else None,
        unknown=row.unknown,
    )
