"""What those are told whom a climb asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils.translation import gettext, override

from tocsin.escalation.models import Climb
from tocsin.incident.calling import call_for
from tocsin.incident.models import Incident
from tocsin.kernel.urgency import Priority
from tocsin.kernel.zones import zone
from tocsin.notification.actions import Call
from tocsin.notification.awake import Related, awake_people
from tocsin.notification.book import everybody
from tocsin.oncall.away import away_until
from tocsin.people.models import User
from tocsin.people.speaking import moment_words, told

ALSO_MAX = 5  # names of who else was paged


@dataclass(frozen=True)
class Asked:
    """That a climb asks for somebody, why, and with which handover note. What was asked `by_hand` waits for no quiet
    hours, and is never told quietly; `passed_by` is the person who did."""

    climb: Climb
    user: str
    reason: str
    note: str
    by_hand: bool = False
    passed_by: str = ""


def calls_of(asked: Sequence[Asked], now: datetime) -> list[Call]:
    """What each person is told, and who else is; who is up for the same trouble, quietly."""
    users, up = everybody(), awake_people(now) if asked else {}
    together: dict[int, list[str]] = {}
    for each in asked:
        together.setdefault(each.climb.incident_id, []).append(each.user)
    out = []
    for each in asked:
        incident, user = each.climb.incident, each.user
        with override(users[user].language):
            note = told(each.note)
        call = call_for(incident, users[user], each.reason, now, note)
        others = [users[other].name for other in together[incident.pk] if other != user]
        if incident.restricted:  # who else is called says something of what it is about
            others = []
        quietly = user in up and not each.by_hand and _is_related(incident, up[user], user)
        also = _also(users[user], others, quietly, now)
        lines = [*call.lines[:1], *_passed(each, users), *call.lines[1:], *also]
        out.append(replace(call, lines=lines, quietly=quietly, obeys_quiet=not each.by_hand))
    return out


def _passed(each: Asked, users: Mapping[str, User]) -> list[str]:
    """Who passed it on, for the next, beside what it is about; of what is restricted nothing more is said."""
    if each.passed_by in ("", each.user) or each.passed_by not in users or each.climb.incident.restricted:
        return []
    with override(users[each.user].language):
        return [gettext("%(who)s passed this to you.") % {"who": users[each.passed_by].name}]


def _also(user: User, others: Sequence[str], quietly: bool, now: datetime) -> list[str]:
    """What else the person is told, in their language: who else was paged, and what is odd about their being it."""
    also = []
    with override(user.language):
        if others:
            also.append(gettext("Also paged: %(who)s.") % {"who": ", ".join(others[:ALSO_MAX])})
        if (until := away_until(user.pk, now)) is not None:
            away = gettext("You are away until %(time)s, and still on call: nobody has your shift.")
            also.append(away % {"time": moment_words(until, zone(user.timezone))})
        if quietly:
            also.append(
                gettext("You are up for the same service or policy, so this comes quietly, by one way alone.")
            )
    return also


def _is_related(incident: Incident, up: Related, user: str) -> bool:
    """Whether who is `up` gets this quietly: not the worst, and not what was theirs and is nobody's again."""
    place = incident.service_id, incident.service.policy or ""
    return incident.priority != Priority.P1 and incident.assigned_id != user and place in up
