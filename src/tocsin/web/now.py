"""Now, the first page: what needs somebody, who has the rest, what happens next, and whether paging works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tocsin.escalation.actions import ahead_of
from tocsin.escalation.models import Climb
from tocsin.escalation.rostering import roster
from tocsin.escalation.rules import Ahead, Roster
from tocsin.incident.models import Incident
from tocsin.incident.rules import OPEN, State
from tocsin.intake.models import Inbox
from tocsin.kernel.durations import in_words
from tocsin.notification.models import Delivery, Page
from tocsin.people.rules import May
from tocsin.web.first_steps import first_steps
from tocsin.web.forms import asker, instant, viewer
from tocsin.web.guard import needs
from tocsin.web.names import names_of
from tocsin.web.on_call import on_call_now
from tocsin.web.story.naming import party
from tocsin.web.weak_reach import weak_reach

ROWS_MAX = 100  # open incidents on the page; the list has the others
LATE = timedelta(seconds=15)  # due work older than this means that the engine is behind or stopped
TROUBLES_MAX = 5


@dataclass(frozen=True)
class Row:
    """One open incident as the page shows it."""

    incident: Incident
    holder: str  # who has it, "" when nobody has
    people: str  # whom the next page wakes, "" when nothing follows by itself
    next_at: datetime | None
    opens: int  # the level that opens then, for which it waits; 0: it does not
    ended: str  # why nothing follows by itself


@dataclass(frozen=True)
class Trouble:
    """Something that keeps pages from reaching people, said loudly, with the incidents it is about."""

    what: str
    incidents: tuple[int, ...] = ()
    more: int = 0


@needs(May.SEE)
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The home page; for a live refresh only what changes."""
    now = instant(request)
    readable = Incident.objects.visible_to(viewer(request))
    counts = readable.filter(state__in=OPEN).aggregate(
        needing=Count("pk", filter=Q(state=State.TRIGGERED)),
        in_hand=Count("pk", filter=Q(state=State.ACKNOWLEDGED)),
    )
    rows = open_rows(readable, now)
    troubles = troubles_of(rows, now)
    steps = first_steps(asker(request))
    context = {
        "rows": rows,
        "needing": counts["needing"],
        "in_hand": counts["in_hand"],
        "more": counts["needing"] + counts["in_hand"] - len(rows),
        "troubles": troubles[:TROUBLES_MAX],
        "troubles_more": max(0, len(troubles) - TROUBLES_MAX),
        "weak": weak_reach(asker(request)),
        "quiet_for": None if rows else quiet_for(readable, now),
        "on_call": on_call_now(asker(request), now),
        "steps": steps,
        "able": steps is None or (steps.people and steps.policy),
        "live": "now configuration schedules",
        "address": "/",
    }
    template = "parts/now.html" if request.headers.get("HX-Request") else "now.html"
    return render(request, template, context)


def open_rows(readable: QuerySet[Incident], now: datetime) -> list[Row]:
    """The open incidents: those that nobody has before those in hand, the worst first, then the oldest."""
    # "triggered" sorts after "acknowledged".
    listed = readable.filter(state__in=OPEN).order_by("-state", "priority", "opened_at")
    incidents = list(listed.select_related("service", "assigned")[:ROWS_MAX])
    waiting = [incident.pk for incident in incidents if incident.state == State.TRIGGERED]
    climbs = Climb.objects.in_bulk(waiting)
    who = roster() if climbs else Roster()
    by_number = {incident.pk: incident for incident in incidents}
    ahead = {pk: _next(climb, by_number[pk], who, now) for pk, climb in climbs.items()}
    parties = {incident.acknowledged_by for incident in incidents}
    parties |= {f"user:{user}" for step in ahead.values() if step for user in step.people}
    names = names_of(parties)
    rows = []
    for incident in incidents:
        step, climb = ahead.get(incident.pk), climbs.get(incident.pk)
        rows.append(
            Row(
                incident,
                holder=_holder(incident, names),
                people=_listed([party(f"user:{user}", names) for user in step.people]) if step else "",
                next_at=step.at if step else None,
                opens=step.number if step and step.opens else 0,
                ended=climb.ended if climb is not None else "",
            )
        )
    return rows


def _next(climb: Climb, incident: Incident, who: Roster, now: datetime) -> Ahead | None:
    steps = ahead_of(climb, incident, who, now, most=1)
    return steps[0] if steps else None


def _holder(incident: Incident, names: dict[str, str]) -> str:
    if incident.state != State.ACKNOWLEDGED:
        return ""
    if incident.assigned is not None:
        return incident.assigned.name
    return party(incident.acknowledged_by, names) if incident.acknowledged_by else "somebody"


def _listed(names: Sequence[str]) -> str:
    """Whom a page wakes, in few words: "Bo Lind", "Bo Lind and Cy Tran", "Bo Lind and 3 more"."""
    if len(names) > 2:
        return f"{names[0]} and {len(names) - 1} more"
    return " and ".join(names)


def troubles_of(rows: Sequence[Row], now: datetime) -> list[Trouble]:
    """What keeps pages from reaching people at this moment, the most important first, each said once."""
    about: dict[str, list[int]] = {}
    for row in rows:
        if row.incident.state != State.TRIGGERED or row.ended not in ("nobody", "exhausted"):
            continue
        service = row.incident.service.name
        what = (
            f"The policy of {service} reaches nobody"
            if row.ended == "nobody"
            else "Nobody answered on any level"
        )
        about.setdefault(f"{what}; the fallback contact was told", []).append(row.incident.pk)
    ids = [row.incident.pk for row in rows if row.incident.state == State.TRIGGERED]
    lost = Page.objects.filter(incident_id__in=ids, undeliverable_at__isnull=False, quieted_at=None)
    for user, incident_id in (
        lost.order_by("user__name", "incident_id").values_list("user__name", "incident_id").distinct()
    ):
        about.setdefault(f"{user} cannot be reached", []).append(incident_id or 0)
    late = engine_late(now)
    behind = (
        [Trouble(f"The engine is {in_words(late)} behind: pages come late or not at all")] if late else []
    )
    return behind + [
        Trouble(what, tuple(found[:TROUBLES_MAX]), max(0, len(found) - TROUBLES_MAX))
        for what, found in about.items()
    ]


def engine_late(now: datetime) -> timedelta | None:
    """How long the oldest work has been due, when that is longer than a healthy engine leaves it."""
    limit = now - LATE
    due = (
        Inbox.objects.filter(received_at__lte=limit, quarantined_at=None)
        .order_by("lane", "id")
        .values_list("received_at"),
        Incident.objects.needing_climb().filter(opened_at__lte=limit).values_list("opened_at"),
        Climb.objects.filter(due_at__lte=limit).order_by("due_at").values_list("due_at"),
        Delivery.objects.filter(state__in=("due", "sending"), next_at__lte=limit)
        .order_by("next_at")
        .values_list("next_at"),
    )
    oldest = [at for rows in due if (row := rows.first()) is not None and (at := row[0]) is not None]
    return now - min(oldest) if oldest else None


def quiet_for(readable: QuerySet[Incident], now: datetime) -> timedelta | None:
    """How long nothing has been open; None when nothing ever was."""
    last = readable.filter(resolved_at__isnull=False).order_by("-id").values_list("resolved_at", flat=True)
    newest = [at for at in last[:20] if at is not None]
    return now - max(newest) if newest else None
