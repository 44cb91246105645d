"""Who is on call now, for the first page: a line for each schedule, and the reader's own next shift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tocsin.kernel.zones import zone
from tocsin.oncall.models import Schedule
from tocsin.oncall.reading import timelines
from tocsin.people.models import User
from tocsin.web.calendar_grid.people import people_of
from tocsin.web.my_shifts import next_shift_of
from tocsin.web.rota import LOOK_AHEAD, names_of_users, standing
from tocsin.web.schedules import Watch, watch
from tocsin.web.sources import Troubled, troubled

SCHEDULES_NAMED = 8
TROUBLES_NAMED = 3


@dataclass(frozen=True)
class OnCall:
    """Those schedules where nobody is on call first, then the reader's own teams', then the others."""

    watches: tuple[Watch, ...]
    more: int
    own_now: str  # where the reader is on call and until when, "" for nowhere
    own_next: str  # their next shift, "" for none within 12 weeks
    zone: str
    troubled: Sequence[Troubled]  # calendars elsewhere that they are taken from
    troubled_more: int


def on_call_now(reader: User, now: datetime) -> OnCall | None:
    """None while there is no schedule. At most four queries, however many schedules there are."""
    lines = timelines()
    if not lines:
        return None
    stands = {key: standing(each.timeline(now, now + LOOK_AHEAD)) for key, each in lines.items()}
    rows = [row for row in Schedule.objects.live().select_related("team") if row.pk in stands]
    teams = set(reader.teams.values_list("pk", flat=True))
    rows.sort(key=lambda row: (bool(stands[row.pk].users), row.team_id not in teams, str(row)))
    shown = rows[:SCHEDULES_NAMED]
    users = {user for row in shown for user in (*stands[row.pk].users, *stands[row.pk].next_users)}
    people = people_of(users, names_of_users(users), reader.pk)
    here = zone(reader.timezone)
    own_now, own_next = next_shift_of(reader, lines, now)
    troubles = troubled(now)
    return OnCall(
        tuple(watch(row, stands[row.pk], people, here, now) for row in shown),
        len(rows) - len(shown),
        own_now,
        own_next,
        here.key,
        troubles[:TROUBLES_NAMED],
        max(0, len(troubles) - TROUBLES_NAMED),
    )
