"""What those are told whom a climb asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tocsin.escalation.models import Climb
from tocsin.escalation.reading import everybody
from tocsin.incident.calling import call_for
from tocsin.incident.models import Incident
from tocsin.kernel.urgency import Priority
from tocsin.kernel.zones import wall_clock, zone
from tocsin.notification.actions import Call
from tocsin.notification.awake import Related, awake_people
from tocsin.oncall.away import away_until

ALSO_MAX = 5  # names of who else was paged


@dataclass(frozen=True)
class Asked:
    """That a climb asks for somebody, why, and with which handover note. What was asked `by_hand` waits for no quiet
    hours, and is never told quietly."""

    climb: Climb
    user: str
    reason: str
    note: str
    by_hand: bool = False


def calls_of(asked: Sequence[Asked], now: datetime) -> list[Call]:
    """What each person is told, and who else is; who is up for the same trouble, quietly."""
    users, up = everybody(), awake_people(now) if asked else {}
    together: dict[int, list[str]] = {}
    for each in asked:
        together.setdefault(each.climb.incident_id, []).append(each.user)
    out = []
    for each in asked:
        incident, user = each.climb.incident, each.user
        call = call_for(incident, users[user], each.reason, now, each.note)
        others = [users[other].name for other in together[incident.pk] if other != user]
        also = [f"Also paged: {', '.join(others[:ALSO_MAX])}."] if others else []
        if (until := away_until(user, now)) is not None:
            back = wall_clock(until, zone(users[user].timezone))
            also.append(
                f"You are away until {back:%a %d %b %H:%M}, and still on call: nobody has your shift."
            )
        quietly = user in up and not each.by_hand and _is_related(incident, up[user], user)
        if quietly:
            also.append("You are up for the same service or policy, so this comes quietly, by one way alone.")
        out.append(replace(call, lines=[*call.lines, *also], quietly=quietly, obeys_quiet=not each.by_hand))
    return out


def _is_related(incident: Incident, up: Related, user: str) -> bool:
    """Whether who is `up` gets this quietly: not the worst, and not what was theirs and is nobody's again."""
    place = incident.service_id, incident.service.policy or ""
    return incident.priority != Priority.P1 and incident.assigned_id != user and place in up
