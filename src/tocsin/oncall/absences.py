"""Note who is away; for the hours they are on call then, cover is asked for by itself."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from tocsin.journal.changes import changing, did, record
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, conflict, not_found
from tocsin.kernel.moments import whole_seconds
from tocsin.kernel.spans import Span
from tocsin.oncall import rules
from tocsin.oncall.models import Absence, CoverRequest
from tocsin.oncall.reading import as_they_stand
from tocsin.oncall.swaps import OPEN_MAX, ask_cover, withdraw_cover
from tocsin.people.actions import find_user

ABSENCES_MAX = 200  # of one person, that are not over
NOTE_LENGTH_MAX = 200


def add_absence(user: str, span: Span, note: str, by: By, now: datetime) -> Absence:
    """Note that `user` is away in `span`, and ask whoever can to take what they are on call for then. Raises
    Refused."""
    start, end = whole_seconds(span.start), whole_seconds(span.end)
    if not start < end or end <= now:
        raise Refused("These hours are over, or are none", "an end that is still to come", where="end")
    if end - start > rules.OVERRIDE_LENGTH_MAX:
        raise Refused("That is too long", f"at most {rules.OVERRIDE_LENGTH_MAX.days} days", where="end")
    if len(note) > NOTE_LENGTH_MAX:
        raise Refused("The note is too long", f"at most {NOTE_LENGTH_MAX} characters", where="note")
    with changing():
        find_user(user)
        if Absence.objects.filter(user=user, ends_at__gt=now).count() >= ABSENCES_MAX:
            raise conflict(f"{user} has {ABSENCES_MAX} absences", "Take away those that are not needed.")
        row = Absence.objects.create(
            user_id=user, starts_at=start, ends_at=end, note=note.strip(), made_by=by.who, made_at=now
        )
        # Why somebody is away is theirs: the note is kept out of a record that is never deleted.
        record([did("absence.added", absence=row.pk, user=user, until=end, **{"from": start})], by, now)
        ask_for_absent(by, now)
    return row


def remove_absence(absence_id: int, by: By, now: datetime) -> None:
    """The person is there after all; what was asked for because of it, and nobody has accepted, is withdrawn."""
    with changing():
        row = find_absence(absence_id)
        for request in row.requests.filter(state=rules.State.OPEN, ends_at__gt=now):
            withdraw_cover(request.pk, by, now)
        row.delete()
        record([did("absence.removed", absence=absence_id, user=row.user_id)], by, now)


def find_absence(absence_id: int) -> Absence:
    """The absence. Raises Refused."""
    row = Absence.objects.filter(pk=absence_id).first()
    if row is None:
        raise not_found("absence", absence_id)
    return row


def ask_for_absent(by: By, now: datetime) -> int:
    """Ask for cover for all hours in which somebody is both on call and away, once each, the nearest first; returns how
    many requests were made. Nobody has more than OPEN_MAX open: the rest is asked for when those have been answered.
    Also for when a schedule has changed meanwhile."""
    away: dict[str, list[Absence]] = defaultdict(list)
    for absence in Absence.objects.filter(ends_at__gt=now, user__is_active=True):
        away[absence.user_id].append(absence)
    made = 0
    for user, absences in away.items():
        rows = CoverRequest.objects.filter(user=user, ends_at__gt=now)
        room = OPEN_MAX - sum(row.state == rules.State.OPEN for row in rows)
        wanted: list[tuple[Span, str]] = []
        for key, lines in as_they_stand().items():
            requests = [row.as_value() for row in rows if row.schedule_id == key]
            spans = [absence.span for absence in absences]
            hours = rules.cover_wanted(lines.schedule, user, spans, requests, now)
            wanted += [(span, key) for span in hours]
        for span, key in sorted(wanted)[: max(0, room)]:
            why = next(each for each in absences if each.span.common(span))
            ask_cover(key, user, span, by, now, absence=why)
            made += 1
    return made
