"""When nobody can be reached at all: notice it, say so, and begin again from the top until somebody is.

An alarm is due a minute after its incident began, when pages of it could not be delivered and none was. It sounds again
while that stays so. What is done then beside paging, a program of the administrator's, belongs to the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from tocsin.escalation.models import Climb
from tocsin.incident.messages import details_of
from tocsin.incident.models import Incident
from tocsin.incident.rules import State
from tocsin.journal.actions import Fact, write
from tocsin.journal.waking import wake
from tocsin.kernel.acting import ENGINE
from tocsin.notification.models import Delivery, Page
from tocsin.notification.rules import DeliveryState, Kind

ALARM_AFTER = timedelta(seconds=60)  # the incident began
ALARM_AGAIN = timedelta(minutes=5)  # while nobody is reached
REACHED_WITHIN = timedelta(hours=1)  # whoever was reached before that may be asleep again
ALARMS_MAX = 20  # in one look
TRIED_SHOWN_MAX = 20


@dataclass(frozen=True)
class Alarm:
    """One incident that nobody was reached about, as machines read it."""

    incident_id: int
    data: Mapping[str, Any]


ALONE_COUNTED_MAX = 100_000


def watch_out(incident_ids: Iterable[int], now: datetime) -> None:
    """Set the alarm of those of these incidents that nobody was reached about. In the caller's transaction."""
    numbers = set(incident_ids)
    climbs = Climb.objects.filter(
        pk__in=numbers - reached_about(numbers, now), alarm_at=None, incident__state=State.TRIGGERED
    )
    for climb in climbs.select_related("incident"):
        at = max(now, climb.incident.opened_at + ALARM_AFTER)
        Climb.objects.filter(pk=climb.pk, alarm_at=None).update(alarm_at=at)
        wake("duties")


def reached_about(incident_ids: Iterable[int], now: datetime) -> set[int]:
    """Those of these incidents about which a page of the last hour was taken by some provider."""
    lately = now - REACHED_WITHIN
    taken = Q(state__in=(DeliveryState.SENT, DeliveryState.CONFIRMED)) | Q(told_with__isnull=False)
    rows = Delivery.objects.filter(taken, incident_id__in=list(incident_ids), page__kind=Kind.PAGE)
    rows = rows.filter(page__created_at__gte=lately)
    return {number for number in rows.values_list("incident_id", flat=True) if number is not None}


def sound_alarms(
    now: datetime, tell: Callable[[Alarm], None] = lambda alarm: None, limit: int = ALARMS_MAX
) -> int:
    """Incidents whose alarm is due, and that nobody was reached about still, begin again from the top, and `tell` is
    told of each; the alarm of the others is off. Returns how many were looked at."""
    with transaction.atomic():
        due = Climb.objects.filter(alarm_at__lte=now).order_by("alarm_at")
        climbs = list(
            due.select_for_update(skip_locked=True, of=("self",)).select_related(
                "incident", "incident__service"
            )[:limit]
        )
        reached = reached_about([climb.pk for climb in climbs], now)
        alarms = []
        for climb in climbs:
            if climb.pk in reached or climb.incident.state != State.TRIGGERED:
                Climb.objects.filter(pk=climb.pk).update(alarm_at=None)
                continue
            fields: dict[str, Any] = {"alarm_at": now + ALARM_AGAIN}
            if climb.due_at is None:  # it has come to its end without reaching anybody
                fields |= {"due_at": now, "pages_sent": 0, "ended": ""}
            Climb.objects.filter(pk=climb.pk).update(**fields)
            alarms.append(_alarm(climb.incident))
        write([Fact(f"incident:{each.incident_id}", "climb.alone", {}) for each in alarms], ENGINE, now)
        if alarms:
            wake("duties", "now", *(f"incident:{each.incident_id}" for each in alarms))
    for alarm in alarms:
        tell(alarm)
    return len(climbs)


def note_last_resort(incident_id: int, outcome: str, now: datetime) -> None:
    """Put on the timeline what became of the administrator's program."""
    with transaction.atomic():
        write([Fact(f"incident:{incident_id}", "climb.last_resort", {"outcome": outcome[:300]})], ENGINE, now)
        wake(f"incident:{incident_id}")


def note_break_glass(incident_id: int, outcomes: Sequence[tuple[str, str, str]], now: datetime) -> None:
    """Put on the timeline whom of the break-glass list was told: each a name, a channel, and why not ("" when it
    went)."""
    told = [{"to": name, "channel": channel, "error": why[:200]} for name, channel, why in outcomes]
    with transaction.atomic():
        write([Fact(f"incident:{incident_id}", "climb.break_glass", {"told": told})], ENGINE, now)
        wake(f"incident:{incident_id}")


def alone() -> QuerySet[Climb]:
    """The climbs of incidents that nobody has been reached about, since their alarm sounded first."""
    return Climb.objects.filter(alarm_at__isnull=False, incident__state=State.TRIGGERED).order_by("alarm_at")


def how_many_alone() -> int:
    """How many incidents nobody has been reached about, at most `ALONE_COUNTED_MAX`."""
    # In their order, for else SQLite looks through every incident that there is.
    return alone()[:ALONE_COUNTED_MAX].count()


def _alarm(incident: Incident) -> Alarm:
    """Who was tried and what went wrong, without what only their person may read."""
    pages = Page.objects.filter(incident_id=incident.pk, undeliverable_at__isnull=False).select_related(
        "user"
    )
    rows = Delivery.objects.filter(page__in=pages).select_related("page__user").order_by("-due_at")
    tried = [
        {
            "to": row.page.user.name if row.page.user else row.page.place,
            "contact": row.contact,
            "error": row.error,
        }
        for row in rows[:TRIED_SHOWN_MAX]
    ]
    return Alarm(incident.pk, details_of(incident) | {"tried": tried})
