"""Who is on call: the list of schedules, and one schedule as a calendar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from tocsin.kernel.errors import not_found
from tocsin.kernel.spans import Span
from tocsin.kernel.zones import wall_clock, zone
from tocsin.oncall.models import IMPORTED_PLACE
from tocsin.oncall.models import Override as OverrideRow
from tocsin.oncall.models import Schedule as ScheduleRow
from tocsin.oncall.permissions import may_edit, may_end
from tocsin.oncall.reading import calendars, schedules
from tocsin.oncall.rules import Override, Schedule, Temporary
from tocsin.people.models import User
from tocsin.people.rules import May
from tocsin.web.calendar_grid.bands import bands
from tocsin.web.calendar_grid.entries import entries
from tocsin.web.calendar_grid.lanes import AROUND, lanes
from tocsin.web.calendar_grid.people import People
from tocsin.web.forms import asker, instant
from tocsin.web.guard import needs
from tocsin.web.periods import Period, View, period
from tocsin.web.reached import policies_through
from tocsin.web.rota import (
    GAPS_NAMED,
    LOOK_AHEAD,
    Standing,
    asked_day,
    asked_view,
    known_line,
    people_for,
    shown_zone,
    standing_of,
    users_in,
)
from tocsin.web.rota_words import in_address, layer_words, moment, when
from tocsin.web.sources import source_of_schedule

OVERRIDES_NAMED = 12
ENTRIES_NAMED = 150  # shifts in words on one page
VIEWS = ((View.MONTH, "Month"), (View.WEEKS, "Two weeks"), (View.DAY, "Day"))


@dataclass(frozen=True)
class Watch:
    """One schedule in the list. Times are said in `zone`."""

    id: str
    name: str
    team: str
    zone: str
    users: tuple[tuple[str, int], ...]  # name and colour
    until: str
    next: str
    next_at: str
    gap: str  # the first ahead, "" for none
    gap_at: str
    gaps_more: int
    mine: bool


@needs(May.SEE)
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Every schedule: who has it now, until when, who is next, and where nobody is."""
    now, known = instant(request), schedules()
    rows = list(ScheduleRow.objects.live().select_related("team"))
    people = people_for(request, users_in(known.values()))
    here = zone(asker(request).timezone)
    watches = [watch(row, standing_of(row.pk, now), people, here, now) for row in rows if row.pk in known]
    context = {"watches": watches, "zone": here.key, "now_words": moment(now, here)}
    template = "schedules/index_part.html" if request.headers.get("HX-Request") else "schedules/index.html"
    return render(request, template, context)


def watch(row: ScheduleRow, at: Standing, people: People, here: ZoneInfo, now: datetime) -> Watch:
    """The schedule `row` as it stands, in words."""
    gap = next(iter(at.gaps), None)
    return Watch(
        row.pk,
        str(row),
        row.team.name if row.team else "",
        here.key,
        tuple((people.name(user), people.tints.get(user, 0)) for user in at.users),
        moment(at.until, here) if at.until else "",
        people.listed(at.next_users) if at.next_users else "",
        moment(at.next_at, here) if at.next_at else "",
        _gap_words(gap, here, now) if gap else "",
        f"from={in_address(gap.start)}&to={in_address(gap.end)}" if gap else "",
        len(at.gaps) - 1,
        people.reader in at.users,
    )


def _gap_words(gap: Span, here: ZoneInfo, now: datetime) -> str:
    if gap.start <= now:
        end = "" if gap.end >= now + LOOK_AHEAD else f", until {moment(gap.end, here)}"
        return f"now{end}"
    return when(gap, here)


@needs(May.SEE)
@require_safe
def one(request: HttpRequest, schedule_id: str) -> HttpResponse:
    """One schedule: who is paged, layer above layer, over a month, two weeks or a day."""
    row, schedule = find(schedule_id)
    now = instant(request)
    here, mine = shown_zone(request, schedule.timezone)
    shown = period(asked_view(request), asked_day(request, here), here)
    around = Span(shown.span.start - AROUND, shown.span.end + AROUND)
    line = known_line(schedule, around, now)
    beside = {user for each in line.shifts for user in each.users} | {
        each.trainee for each in schedule.shadows
    }
    people = people_for(request, users_in([schedule]) | beside)
    at = standing_of(row.pk, now)
    address = reverse("schedule", args=[row.pk])
    shift_link = f"{reverse('shift', args=[row.pk])}?at="
    told = entries(line, shown.span, people, here, now)
    ahead = [each for each in told if not each.over]
    context = {
        "row": row,
        "schedule": schedule,
        "watch": watch(row, at, people, here, now),
        "gaps": [
            (when(gap, here), in_address(gap.start), in_address(gap.end)) for gap in at.gaps[:GAPS_NAMED]
        ],
        "gaps_more": max(0, len(at.gaps) - GAPS_NAMED),
        "bands": bands(shown, lanes(schedule, line, shown.span, shift_link), people, now),
        "shift_link": shift_link,
        "lane_form": reverse("override_new", args=[row.pk]) if asker(request).may(May.SWAP) else "",
        "past": [each for each in told if each.over][-ENTRIES_NAMED:],
        "entries": ahead[:ENTRIES_NAMED],
        "entries_more": max(0, len(ahead) - ENTRIES_NAMED),
        "layers": _layers(schedule, people),
        "shadows": [
            (people.name(each.trainee), people.name(each.of) if each.of else "", when(each.span, here))
            for each in schedule.shadows
            if each.end > now
        ],
        "overrides": overrides_ahead(row, people, asker(request), here, now),
        "policies": policies_through(row.pk),
        "source": source_of_schedule(row.pk, now),
        "may_edit": may_edit(asker(request), row),
        **turning(request, shown, address, schedule.timezone, mine, now),
    }
    template = "schedules/one_part.html" if request.headers.get("HX-Request") else "schedules/one.html"
    return render(request, template, context)


def turning(
    request: HttpRequest, shown: Period, address: str, of_schedule: str, mine: bool, now: datetime
) -> Mapping[str, Any]:
    """What the bar above a calendar needs: where the views, the periods around it and the other zone are."""

    def to(**changed: object) -> str:
        asked = {
            "view": shown.view.value,
            "on": shown.on.isoformat(),
            "zone": "mine" if mine else "",
        } | changed
        return f"{address}?{urlencode({key: value for key, value in asked.items() if value})}"

    own = asker(request).timezone
    today = wall_clock(now, shown.zone).date()
    first, last = shown.bands[0][0], shown.bands[-1][1]
    return {
        "view": shown.view.value,
        "title": shown.title,
        "on": shown.on.isoformat(),
        "zone": shown.zone.key,
        "zone_words": "the schedule’s zone and yours"
        if own == of_schedule
        else "your zone"
        if mine
        else "the schedule’s zone",
        "other_words": "" if own == of_schedule else "the schedule’s" if mine else "yours",
        "views": [(to(view=view), name, view is shown.view) for view, name in VIEWS],
        "before": to(on=shown.before),
        "after": to(on=shown.after),
        "today": to(on="") if not first <= today < last or shown.on != today else "",
        "other_zone": to(zone="" if mine else "mine"),
        "other_zone_name": of_schedule if mine else own,
        "day_link": to(view="day", on="") + "&on=",
    }


def find(schedule_id: str) -> tuple[ScheduleRow, Schedule]:
    """The schedule as its row and as its value. Raises Refused when there is none."""
    row = ScheduleRow.objects.live().select_related("team").filter(pk=schedule_id).first()
    schedule = schedules().get(schedule_id)
    if row is None or schedule is None:
        raise not_found("schedule", schedule_id)
    return row, schedule


def _layers(schedule: Schedule, people: People) -> list[tuple[str, str]]:
    """Each layer's name and what it says, in the order of the lanes: the weakest first."""
    names = {key: each.name for key, each in calendars().items()}
    return [
        (layer.name or f"Layer {number}", layer_words(layer, people.names, names, schedule.timezone))
        for number, layer in enumerate(schedule.layers, 1)
    ]


@dataclass(frozen=True)
class Change:
    """An override that is not over, in words."""

    id: int
    what: str
    when: str
    running: bool
    may_end: bool


def overrides_ahead(
    row: ScheduleRow, people: People, reader: User, here: ZoneInfo, now: datetime
) -> Sequence[Change]:
    """The next overrides by people that are not over, one more than are named; a calendar's shifts are no changes."""
    rows = OverrideRow.objects.standing().filter(schedule=row, ends_at__gt=now, place__gt=IMPORTED_PLACE)
    rows = rows.select_related("schedule__team")
    return [
        Change(
            each.pk,
            override_words(each.as_value(), people),
            when(Span(each.starts_at, each.ends_at), here),
            each.starts_at <= now,
            may_end(reader, each),
        )
        for each in rows.order_by("starts_at", "place")[: OVERRIDES_NAMED + 1]
    ]


def override_words(value: Override | Temporary, people: People) -> str:
    """Like "Bo Lind for Ada Ortiz", "Cy Tran as well", "without Bo Lind", "temporary schedule: Move"."""
    if isinstance(value, Temporary):
        return f"temporary schedule: {value.name}" if value.name else "temporary schedule"
    users = people.listed(value.users)
    if value.mode == "add":
        return f"{users} as well"
    if value.mode == "remove":
        return f"without {users}"
    return (
        f"{users} for {people.listed(value.replaces)}"
        if value.replaces
        else f"{users} instead of whoever it is"
    )


urlpatterns = [
    path("schedules", index, name="schedules"),
    path("schedules/<slug:schedule_id>", one, name="schedule"),
]
