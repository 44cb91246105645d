"""Word that an incident has grown: to who was paged for it and has not answered, quietly, where it disturbs nobody.

What joins an incident never pages by itself. It is told a minute later, all that joined until then at once, and only to
whom it is worse than they know; a card changes instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext, ngettext, override

from tocsin.incident.messages import details_of, lines_of, subject_of
from tocsin.incident.models import Incident
from tocsin.incident.rules import State
from tocsin.journal.waking import wake
from tocsin.kernel.urgency import Urgency
from tocsin.notification.actions import Call, page_people
from tocsin.notification.cards import touch_cards
from tocsin.notification.models import Delivery
from tocsin.notification.reached import told_of, ways_back
from tocsin.notification.rules import Kind
from tocsin.notification.rules.updates import Known, Later, Size, Tell, update_for
from tocsin.notification.updating import known_of, take_back_updates
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
        known = known_of([incident.pk for incident in unanswered])
        ways = _ways(unanswered)
        calls: list[Call] = []
        for incident in grown:
            incident.update_at = None
        for incident in unanswered:
            calls += _calls(incident, known, ways, now)
        if calls:
            told = {call.user_id for call in calls if call.user_id}
            take_back_updates([one.pk for one in unanswered], told, "a later update says more", now)
            page_people(calls, now)
        Incident.objects.bulk_update(grown, ["update_at"])
        wake("duties", *(f"incident:{incident.pk}" for incident in grown))
    return len(grown)


def size_of(incident: Incident) -> Size:
    """How bad it is now."""
    return Size(incident.alerts_firing, incident.priority)


def _ways(incidents: Sequence[Incident]) -> Mapping[tuple[int, str], Delivery]:
    """By what each person may be told more of each incident; nothing for who sees it on a card."""
    told = told_of([incident.pk for incident in incidents], (Kind.PAGE,)) if incidents else []
    rows = [row for row in told if row.page.quieted_at is None]
    found = ways_back(rows, lambda limits: limits.gathers) if rows else {}
    return {whom: row for whom, row in found.items() if row is not None}


def _calls(
    incident: Incident,
    known: Mapping[tuple[int, str], Known],
    ways: Mapping[tuple[int, str], Delivery],
    now: datetime,
) -> list[Call]:
    """What is said now about `incident`; it is looked at again when somebody is to be told later."""
    calls = []
    for (number, user), row in ways.items():
        knows = known.get((number, user)) if number == incident.pk else None
        if knows is None or row.page.user is None:
            continue
        what = update_for(size_of(incident), knows, now)
        if isinstance(what, Tell):
            calls.append(_call(incident, row, row.page.user, knows.size, now))
        elif isinstance(what, Later):
            incident.update_at = min(what.at, incident.update_at or what.at)
    return calls


def _call(incident: Incident, row: Delivery, user: User, knew: Size, now: datetime) -> Call:
    with override(user.language):
        subject = gettext("Update: %(subject)s") % {"subject": subject_of(incident)}
        lines = _news(incident, knew)
    return Call(
        user_id=user.pk,
        incident_id=incident.pk,
        urgency=Urgency.LOW,
        reason=f"told that it has grown, as by {row.contact} that it began",
        subject=subject,
        lines=[*lines, *lines_of(incident, user.timezone, now, user.language)],
        details=details_of(incident),
        kind=Kind.UPDATE,
        through=(row.contact, row.address),
        obeys_quiet=incident.urgency == Urgency.LOW,
    )


def _news(incident: Incident, knew: Size) -> list[str]:
    """What is worse than they knew, one line each."""
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
