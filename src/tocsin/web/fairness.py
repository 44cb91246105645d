"""Who carries how much of a schedule or a team, planned and served, and how even that is; also as CSV for payroll."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from tocsin.kernel.calendars import Calendar
from tocsin.kernel.errors import not_found
from tocsin.kernel.hours import midnight
from tocsin.kernel.spans import Span, united
from tocsin.kernel.zones import YEAR_MAX, YEAR_MIN, wall_clock, zone
from tocsin.oncall.actions import calendars, served
from tocsin.oncall.models import Schedule as ScheduleRow
from tocsin.oncall.permissions import may_edit
from tocsin.oncall.reading import schedules
from tocsin.oncall.rules import SPAN_MAX, Carrier, Load, Shift, balance, final, loads, shifts_of, suggestions
from tocsin.people.models import Team, User
from tocsin.people.rules import May
from tocsin.web.calendar_grid.people import People
from tocsin.web.forms import asker, instant
from tocsin.web.guard import needs
from tocsin.web.periods import DAY
from tocsin.web.rota import people_for
from tocsin.web.rota_words import day_of, in_address, when
from tocsin.web.schedules import find

QUARTER = timedelta(days=91)
HOUR = timedelta(hours=1)
SUGGESTED = 3
PLANNED, SERVED = "planned", "served"
CELL_STARTS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


@dataclass(frozen=True)
class Row:
    """One person's load in hours, and its share of the heaviest for the bar."""

    user: str
    name: str
    tint: int
    shifts: int
    hours: float
    nights: float
    weekends: float
    holidays: float
    weight: float
    share: str


@dataclass(frozen=True)
class Asked:
    """Which days, and whether as planned now or as it was served. What lies after `now` nobody has served yet."""

    first: date
    last: date
    kind: str
    zone: ZoneInfo
    now: datetime

    @property
    def days(self) -> Span:
        return Span(midnight(self.first, self.zone), midnight(self.last + DAY, self.zone))

    @property
    def unfinished(self) -> bool:
        """Whether the last day is not over, so that there will be more."""
        return self.kind == SERVED and self.days.end > self.now

    @property
    def span(self) -> Span:
        """What is counted of the days."""
        start, end = self.days
        return Span(start, max(start, self.now) if self.unfinished else end)


@needs(May.SEE)
@require_safe
def of_schedule(request: HttpRequest, schedule_id: str) -> HttpResponse:
    """Who carries how much of one schedule."""
    row, schedule = find(schedule_id)
    asked = _asked(request, zone(schedule.timezone))
    address = reverse("schedule_fairness", args=[row.pk])
    return _page(request, [row], asked, str(row), address, reverse("schedule", args=[row.pk]))


@needs(May.SEE)
@require_safe
def of_team(request: HttpRequest, team_id: str) -> HttpResponse:
    """Who carries how much of all schedules that a team looks after; an hour on two of them counts once."""
    team = Team.objects.filter(pk=team_id).first()
    if team is None:
        raise not_found("team", team_id)
    rows = list(ScheduleRow.objects.live().filter(team=team).select_related("team"))
    asked = _asked(request, zone(asker(request).timezone))
    address = reverse("team_fairness", args=[team.pk])
    return _page(request, rows, asked, f"team {team.name}", address, reverse("team", args=[team.pk]))


def _asked(request: HttpRequest, here: ZoneInfo) -> Asked:
    """The days `?from=…&to=…`; the quarter behind us as served, the one ahead as planned. What cannot be is mended."""
    now = instant(request)
    today = wall_clock(now, here).date()
    kind = PLANNED if request.GET.get("kind") == PLANNED else SERVED
    first, last = (today, today + QUARTER) if kind == PLANNED else (today - QUARTER, today)
    first, last = _day(request.GET.get("from", ""), first), _day(request.GET.get("to", ""), last)
    if last < first:
        first, last = last, first
    return Asked(first, min(last, first + SPAN_MAX - 2 * DAY), kind, here, now)


def _day(text: str, otherwise: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return otherwise
    return day if YEAR_MIN < day.year < YEAR_MAX - 1 else otherwise


def _page(
    request: HttpRequest, rows: Sequence[ScheduleRow], asked: Asked, title: str, address: str, up: str
) -> HttpResponse:
    shifts = _shifts(rows, asked)
    users = sorted({user for shift in shifts for user in shift.users} | _planned_people(rows, asked))
    people = people_for(request, users)
    carriers = _carriers(users)
    loaded = loads(shifts, carriers)
    table = _table(loaded, people)
    if request.GET.get("as") == "csv":
        return _csv(table, asked, title)
    now = instant(request)
    one_ahead = len(rows) == 1 and asked.kind == PLANNED
    hints = suggestions(shifts, carriers, now, most=SUGGESTED) if one_ahead and len(users) > 1 else ()
    context = {
        "title": title,
        "up": up,
        "table": table,
        "asked": asked,
        "first": day_of(asked.first),
        "last": day_of(asked.last),
        "zone": asked.zone.key,
        "balance": f"{balance([each.weight for each in loaded]):.2f}",
        "uneven": balance([each.weight for each in loaded]) < 0.8,
        "count": len(table),
        "holidays_of": sorted({each.calendar.name for each in carriers if each.calendar}),
        "kinds": [
            (f"{address}?kind={SERVED}", "As served", asked.kind == SERVED),
            (f"{address}?kind={PLANNED}", "As planned", asked.kind == PLANNED),
        ],
        "csv": f"{address}?kind={asked.kind}&from={asked.first}&to={asked.last}&as=csv",
        "hints": [
            (
                people.name(each.taker),
                when(each.shift, asked.zone),
                people.name(each.giver),
                f"{each.before:.2f}",
                f"{each.after:.2f}",
                f"from={in_address(each.shift.start)}&to={in_address(each.shift.end)}&of={each.giver}&who={each.taker}",
            )
            for each in hints
        ],
        "row": rows[0] if len(rows) == 1 else None,
        "may_edit": len(rows) == 1 and may_edit(asker(request), rows[0]),
    }
    return render(request, "schedules/fairness.html", context)


def _shifts(rows: Sequence[ScheduleRow], asked: Asked) -> list[Shift]:
    """The shifts of all `rows`; of several, each person's are merged, so that no hour counts twice."""
    lines = [_of_one(row, asked) for row in rows]
    if len(lines) == 1:
        return list(lines[0])
    users = {user for line in lines for shift in line for user in shift.users}
    merged = [
        Shift(*span, (user,), ("",))
        for user in users
        for span in united(shift.span for line in lines for shift in shifts_of(line, user))
    ]
    return sorted(merged)


def _of_one(row: ScheduleRow, asked: Asked) -> Sequence[Shift]:
    if asked.kind == PLANNED:
        return final(schedules()[row.pk], *asked.span)
    return served(row.pk, *asked.span).shifts if asked.span.length else ()


def _planned_people(rows: Sequence[ScheduleRow], asked: Asked) -> set[str]:
    """Who stands in the rotations now: without any hours they belong in the table too, with nought."""
    return {
        seat.user
        for row in rows
        for layer in schedules()[row.pk].layers
        for slot in layer.slots
        for seat in slot
    }


def _carriers(users: Sequence[str]) -> list[Carrier]:
    """Each with the zone they live in, and the working calendar of that zone for their holidays."""
    by_zone: dict[str, Calendar] = {}
    for calendar in calendars().values():
        if calendar.holidays:
            by_zone.setdefault(calendar.timezone, calendar)
    zones: Mapping[str, str] = dict(User.objects.filter(pk__in=users).values_list("pk", "timezone"))
    return [Carrier(user, zones.get(user, "UTC"), by_zone.get(zones.get(user, "UTC"))) for user in users]


def _table(loaded: Sequence[Load], people: People) -> list[Row]:
    heaviest = max((each.weight for each in loaded), default=timedelta(0)) or HOUR
    rows = [
        Row(
            each.user,
            people.name(each.user),
            people.tints.get(each.user, 0),
            each.shifts,
            hours=_in_hours(each.hours),
            nights=_in_hours(each.nights),
            weekends=_in_hours(each.weekends),
            holidays=_in_hours(each.holidays),
            weight=_in_hours(each.weight),
            share=f"{100 * (each.weight / heaviest):.1f}%",
        )
        for each in loaded
    ]
    return sorted(rows, key=lambda row: (-row.weight, row.name))


def _in_hours(span: timedelta) -> float:
    return round(span / HOUR, 2)


def _csv(table: Sequence[Row], asked: Asked, title: str) -> HttpResponse:
    """The table for payroll; hours are decimal."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    name = "".join(letter if letter.isalnum() else "-" for letter in title.lower())
    response["Content-Disposition"] = f'attachment; filename="on-call-{name}-{asked.first}-{asked.last}.csv"'
    out = csv.writer(response)
    out.writerow(
        [
            "of",
            "kind",
            "from",
            "to",
            "zone",
            "id",
            "name",
            "shifts",
            "hours",
            "night_hours",
            "weekend_hours",
            "holiday_hours",
        ]
    )
    for row in table:
        out.writerow(
            [
                *map(
                    _cell,
                    (
                        title,
                        asked.kind,
                        f"{asked.first}",
                        f"{asked.last}",
                        asked.zone.key,
                        row.user,
                        row.name,
                    ),
                ),
                *(row.shifts, row.hours, row.nights, row.weekends, row.holidays),
            ]
        )
    return response


def _cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(CELL_STARTS) else text


urlpatterns = [
    path("schedules/<slug:schedule_id>/fairness", of_schedule, name="schedule_fairness"),
    path("teams/<slug:team_id>/fairness", of_team, name="team_fairness"),
]
