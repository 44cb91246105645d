"""Schedules and holidays from calendars elsewhere, over REST."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from ninja import Status
from pydantic import BaseModel, Field

from tocsin.api.auth import Asked
from tocsin.api.room import Room
from tocsin.api.words import Sent, SlugInPath
from tocsin.channels.reach import read_target
from tocsin.kernel.errors import Refused, not_found
from tocsin.oncall import imports
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
    several people's."""

    kind: str
    shown: str
    read_at: datetime | None
    problem: str | None
    problem_since: datetime | None
    unknown: list[str]


@room.get("/schedules/{id}/calendar", may=May.SEE, answer=ImportOut)
def show_calendar_of_schedule(request: Asked, id: SlugInPath) -> ImportOut:
    """What the schedule is taken from, and how that goes."""
    return show_import(_of_schedule(id))


@room.put("/schedules/{id}/calendar", may=May.EDIT_SCHEDULES, answer=ImportOut)
def follow_calendar(request: Asked, id: SlugInPath, body: ShiftsFrom) -> Status[ImportOut]:
    """Takes the shifts from there from now on. An address is fetched within moments: look again for what came of it."""
    new = not Import.objects.filter(schedule=id).exists()
    by, now = request.auth.by, request.now
    _one_of(body.url, body.text)
    if body.url:
        address, host = _address(body.url)
        row = imports.import_schedule(id, by, now, address=address, host=host)
    else:
        row = imports.import_file((body.text or "").encode(), TEXT, by, now, schedule_id=id)
    return Status(201 if new else 200, show_import(row))


@room.delete("/schedules/{id}/calendar", may=May.EDIT_SCHEDULES)
def leave_calendar(request: Asked, id: SlugInPath) -> Status[None]:
    """Follows it no longer; the shifts that came from it stay."""
    imports.stop_import(_of_schedule(id).pk, request.auth.by, request.now)
    return Status(204, None)


@room.get("/calendars/{id}/source", may=May.SEE, answer=ImportOut)
def show_source_of_holidays(request: Asked, id: SlugInPath) -> ImportOut:
    """Where the holidays of the working calendar come from, and how that goes."""
    return show_import(_of_calendar(id))


@room.put("/calendars/{id}/source", may=May.EDIT_SCHEDULES, answer=ImportOut)
def follow_holidays(request: Asked, id: SlugInPath, body: HolidaysFrom) -> Status[ImportOut]:
    """Takes the holidays from there from now on; those that people wrote stay beside them."""
    new = not Import.objects.filter(calendar=id).exists()
    by, now = request.auth.by, request.now
    _one_of(body.url, body.text, body.country)
    if body.country:
        row = imports.import_country(id, body.country, body.region or "", by, now)
    elif body.url:
        address, host = _address(body.url)
        row = imports.import_holidays(id, by, now, address=address, host=host)
    else:
        row = imports.import_file((body.text or "").encode(), TEXT, by, now, calendar_id=id)
    return Status(201 if new else 200, show_import(row))


@room.delete("/calendars/{id}/source", may=May.EDIT_SCHEDULES)
def leave_holidays(request: Asked, id: SlugInPath) -> Status[None]:
    """Follows it no longer; the holidays that came from it stay."""
    imports.stop_import(_of_calendar(id).pk, request.auth.by, request.now)
    return Status(204, None)


def show_import(row: Import) -> ImportOut:
    """It without its address, which is a secret."""
    return ImportOut(
        kind=row.kind,
        shown=row.shown,
        read_at=row.copied_at,
        problem=row.problem or None,
        problem_since=row.problem_at if row.problem else None,
        unknown=row.unknown,
    )


def _one_of(*given: str | None) -> None:
    if sum(bool(each) for each in given) != 1:
        raise Refused(
            "It is not said where from", "one of url, text and, for holidays, country", where="body"
        )


def _address(text: str) -> tuple[str, str]:
    """The address in its plain form, and its host. Raises Refused."""
    target = read_target(imports.plain_address(text))
    return str(target), target.host


def _of_schedule(key: str) -> Import:
    row = Import.objects.filter(schedule=key).first()
    if row is None:
        raise not_found("calendar followed by schedule", key)
    return row


def _of_calendar(key: str) -> Import:
    row = Import.objects.filter(calendar=key).first()
    if row is None:
        raise not_found("calendar followed by calendar", key)
    return row
