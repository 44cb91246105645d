"""Working calendars over REST, in the words of the organisation file."""

from __future__ import annotations

from typing import Annotated

from ninja import Query, Status
from pydantic import Field

from tocsin.api.auth import Asked
from tocsin.api.paging import Listing, Paged, page_of
from tocsin.api.room import Room
from tocsin.api.words import Data, Sent, SlugInPath
from tocsin.catalog.calendars import find_calendar
from tocsin.catalog.models import Calendar
from tocsin.escalation.policy_actions import policies_within
from tocsin.journal.changes import changing
from tocsin.kernel.calendars import HOLIDAYS_MAX, NAME_LENGTH_MAX, calendar_as_data, calendar_from
from tocsin.kernel.hours import WINDOWS_MAX
from tocsin.kernel.zones import ZONE_LENGTH_MAX
from tocsin.notification.quiet import quiet_naming
from tocsin.oncall import actions
from tocsin.people.rules import May

room = Room("calendars")


class CalendarBody(Sent):
    """`hours` are windows such as {"days": ["mon-fri"], "from": "09:00", "to": "17:00"}, `holidays` days such as
    {"day": "2026-12-25", "name": "Christmas Day"}."""

    name: Annotated[str, Field(min_length=1, max_length=NAME_LENGTH_MAX)]
    timezone: Annotated[str, Field(max_length=ZONE_LENGTH_MAX)]
    hours: Annotated[list[Data], Field(max_length=WINDOWS_MAX)] = []
    holidays: Annotated[list[Data], Field(max_length=HOLIDAYS_MAX)] = []


class CalendarOut(CalendarBody):
    id: str


@room.get("/calendars", may=May.SEE, answer=Listing[CalendarOut])
def list_calendars(request: Asked, paged: Query[Paged]) -> Listing[CalendarOut]:
    """By id."""
    return page_of(Calendar.objects.all(), paged, show_calendar)


@room.get("/calendars/{id}", may=May.SEE, answer=CalendarOut)
def show_one_calendar(request: Asked, id: SlugInPath) -> CalendarOut:
    """One calendar."""
    return show_calendar(find_calendar(id))


@room.put("/calendars/{id}", may=May.EDIT_SCHEDULES, answer=CalendarOut)
def save_calendar(request: Asked, id: SlugInPath, body: CalendarBody) -> Status[CalendarOut]:
    """Makes the calendar, or replaces all that it says; shifts that it restricts change with it."""
    new = not Calendar.objects.filter(pk=id).exists()
    value = calendar_from({"id": id, **body.model_dump()}, "body")
    row = actions.save_calendar(value, request.auth.by, request.now)
    return Status(201 if new else 200, show_calendar(row))


@room.delete("/calendars/{id}", may=May.EDIT_SCHEDULES)
def delete_calendar(request: Asked, id: SlugInPath) -> Status[None]:
    """Forgets the calendar. Refused while a schedule or a policy names it."""
    with changing():
        named = [f"policy {key}" for key in policies_within(id)]
        named += [f"the quiet hours of {user}" for user in quiet_naming(id)]
        actions.delete_calendar(id, request.auth.by, request.now, named_by=named)
    return Status(204, None)


def show_calendar(row: Calendar) -> CalendarOut:
    """A calendar in the words of the file."""
    return CalendarOut(**calendar_as_data(row.as_value()))
