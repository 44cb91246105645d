"""Word that an incident has grown: to who was paged for it and has not answered, quietly, where it disturbs nobody.

What joins an incident never pages by itself. It is told a minute later, all that joined until then at once, and only to
whom it is worse than they know; a card changes instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext, ngettext, override

from tocsin.incident.messages import details_of
from tocsin.incident.models import Incident
from tocsin.incident.rules import State
from tocsin.incident.worded import telling, words_of
from tocsin.journal.waking import wake
from tocsin.kernel.urgency import Urgency
from tocsin.notification.actions import Call, page_people
from tocsin.notification.cards import touch_cards
from tocsin.notification.models import Delivery
from tocsin.notification.reached import told_of, ways_back
from tocsin.notification.rules import Kind, Limits
from tocsin.notification.rules.updates import UPDATE_AFTER, Known, Later, Size, Tell, update_for
from tocsin.notification.throttling import limits_of
from tocsin.notification.updating import known_of, take_back_updates, waiting_of
from tocsin.people.models import User

GROWN_MAX = 100  # incidents in one look


def tell_growth(now: datetime, limit: int = GROWN_MAX) -> int:
    """Incidents that have grown change their cards, and who knows less than is so is told; returns how many were looked
    at. Those whose people were told of late are looked at again."""
    with transaction.atomic():
        due = Incident.objects.update_due(now).select_for_update(skip_locked=True, of=("self",))
        grown = list(due.select_related("service")[:limit])
        if not grown:
            return 0
        touch_cards([incident.pk for incident in grown], now)
        unanswered = [incident for incident in grown if incident.state == State.TRIGGERED]
        for incident in grown:
            incident.update_at = None
        calls = _calls({incident.pk: incident for incident in unanswered}, now)
        if told := {(call.incident_id or 0, call.user_id or "") for call in calls}:
            take_back_updates([number for number, _ in told], "a later update says more", now, told)
            page_people(calls, now)
        Incident.objects.bulk_update(grown, ["update_at"])
        wake("duties", *(f"incident:{incident.pk}" for incident in grown))
    return len(grown)


def size_of(incident: Incident) -> Size:
    """How bad it is now."""
    return Size(incident.alerts_firing, incident.priority)


@dataclass(frozen=True)
class _Reach:
    """By incident and person: what they know, by which message more may be told, and when one that still waits is due.
    Nothing for who sees it on a card."""

    known: Mapping[tuple[int, str], Known]
    ways: Mapping[tuple[int, str], Delivery]
    waiting: Mapping[tuple[int, str], datetime]


def _reach(numbers: Sequence[int]) -> _Reach:
    told = told_of(numbers, (Kind.PAGE,)) if numbers else []
    rows = [row for row in told if row.page.quieted_at is None]
    found = ways_back(rows, _gathers) if rows else {}
    ways = {whom: row for whom, row in found.items() if row is not None}
    waiting = {
        (row.incident_id or 0, row.page.user_id or ""): row.next_at
        for row in waiting_of(numbers, Kind.PAGE)
        if row.next_at is not None and _gathers(limits_of(row.address))
    }
    return _Reach(known_of(numbers), ways, {whom: at for whom, at in waiting.items() if whom not in found})


def _gathers(limits: Limits) -> bool:
    return limits.gathers


def _calls(incidents: Mapping[int, Incident], now: datetime) -> list[Call]:
    """What is said now; an incident is looked at again when somebody is to be told later."""
    reach, calls = _reach(list(incidents)), []
    for whom, knows in reach.known.items():
        incident, row = incidents[whom[0]], reach.ways.get(whom)
        what = update_for(size_of(incident), knows, now)
        if isinstance(what, Tell) and row is not None and row.page.user is not None:
            calls.append(_call(incident, row, row.page.user, knows.size, now))
        elif isinstance(what, Tell) and (due := reach.waiting.get(whom)) is not None:
            # Their page has not gone yet, and says what was so when it was made.
            _look_again(incident, max(due, now) + UPDATE_AFTER)
        elif isinstance(what, Later) and row is not None:
            _look_again(incident, what.at)
    return calls


def _look_again(incident: Incident, at: datetime) -> None:
    incident.update_at = min(at, incident.update_at or at)


def _call(incident: Incident, row: Delivery, user: User, knew: Size, now: datetime) -> Call:
    said = words_of(telling(incident, user, now))
    with override(user.language):
        subject = gettext("Update: %(subject)s") % {"subject": said.subject}
        lines = _news(incident, knew)
    return Call(
        user_id=user.pk,
        incident_id=incident.pk,
        urgency=Urgency.LOW,
        reason=f"told that it has grown, as by {row.contact} that it began",
        subject=subject,
        lines=[*lines, *said.lines],
        details=details_of(incident),
        note=said.note,
        trouble=said.trouble,
        kind=Kind.UPDATE,
        through=(row.contact, row.address),
        obeys_quiet=incident.urgency == Urgency.LOW,
    )


def _news(incident: Incident, knew: Size) -> list[str]:
    """What is worse than they knew, one line each; of what is restricted nothing beyond its new priority."""
    if incident.restricted:
        return []
    lines = []
    if incident.priority < knew.priority:
        words = gettext("It is %(priority)s now, no longer %(before)s.")
        lines.append(words % {"priority": incident.priority, "before": knew.priority})
    if (more := incident.alerts_firing - knew.firing) > 0:
        words = ngettext(
            "%(count)s more alert has joined since you were told.",
            "%(count)s more alerts have joined since you were told.",
            more,
        )
        lines.append(words % {"count": more})
    return lines
