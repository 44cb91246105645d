"""Ask for cover, answer, take a shift. Whose hours they are is decided by rules.swaps; here it is stored.

Everything waits for the organisation's turn (`changing`), so two answers about the same hours are decided one after
the other: the second finds them given away.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tocsin.journal.changes import changing, did, record
from tocsin.journal.waking import wake
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, conflict, not_found
from tocsin.kernel.moments import whole_seconds
from tocsin.kernel.spans import Span
from tocsin.oncall import rules
from tocsin.oncall.actions import find_schedule
from tocsin.oncall.models import Absence, CoverRequest, Override
from tocsin.oncall.reading import as_they_stand
from tocsin.oncall.saving import TOPIC, Schedules
from tocsin.people.models import User

NOTE_LENGTH_MAX = 500
OPEN_MAX = 100  # requests of one person


def ask_cover(
    schedule_id: str,
    user: str,
    span: Span,
    by: By,
    now: datetime,
    *,
    asked: Sequence[str] = (),
    returns: Span | None = None,
    note: str = "",
    absence: Absence | None = None,
) -> CoverRequest:
    """Ask `asked` (nobody named: whoever can) to take the hours of `user` in `span`, giving theirs of `returns` in
    exchange if that is said. Raises Refused."""
    if len(note) > NOTE_LENGTH_MAX:
        raise Refused("The note is too long", f"at most {NOTE_LENGTH_MAX} characters", where="note")
    with changing():
        find_schedule(schedule_id)
        _check_people([user, *asked])
        if (
            CoverRequest.objects.filter(user=user, state=rules.State.OPEN, ends_at__gt=now).count()
            >= OPEN_MAX
        ):
            raise conflict(f"{user} has {OPEN_MAX} open requests", "Withdraw those that are not needed.")
        request = rules.Request("", user, _stored(span), now, tuple(asked), returns and _stored(returns))
        rules.ask(as_they_stand()[schedule_id].schedule, request, now)
        row = CoverRequest.objects.create(
            schedule_id=schedule_id,
            user_id=user,
            starts_at=request.span.start,
            ends_at=request.span.end,
            asked=list(request.asked),
            returns_start=request.returns and request.returns.start,
            returns_end=request.returns and request.returns.end,
            note=note.strip(),
            absence=absence,
            made_by=by.who,
            made_at=now,
            changed_at=now,
        )
        _written("cover.asked", row, by, now)
    return row


def accept_cover(request_id: int, user: str, by: By, now: datetime) -> CoverRequest:
    """`user` takes the hours: overrides are made. Raises Refused, also when others were faster."""
    with changing():
        row = find_request(request_id)
        _check_people([user])
        schedule = as_they_stand()[row.schedule_id].schedule
        accepted = rules.accept(schedule, row.as_value(), user, now, _standing_beside(row))
        saving = Schedules([row.schedule_id], by, now)
        for override in accepted.overrides:
            saving.add(row.schedule_id, override, row.pk)
        saving.store()
        return _moved_on(row, accepted.request, "cover.accepted", by, now)


def decline_cover(request_id: int, user: str, by: By, now: datetime) -> CoverRequest:
    """`user` says no. Raises Refused."""
    with changing():
        row = find_request(request_id)
        declined = rules.decline(row.as_value(), user, now)
        return _moved_on(row, declined, "cover.declined", by, now, who=user)


def withdraw_cover(request_id: int, by: By, now: datetime) -> CoverRequest:
    """Nobody need take these hours any more. Raises Refused when it is not open."""
    with changing():
        row = find_request(request_id)
        return _moved_on(row, rules.withdraw(row.as_value(), now), "cover.withdrawn", by, now)


def withdraw_needless(schedule_id: str, by: By, now: datetime) -> int:
    """Withdraw what is asked about hours in which whoever asks is not on call any more; returns how many requests."""
    withdrawn = 0
    with changing():
        schedule = as_they_stand()[schedule_id].schedule if schedule_id in as_they_stand() else None
        for row in CoverRequest.objects.filter(schedule=schedule_id, state=rules.State.OPEN, ends_at__gt=now):
            request = row.as_value()
            if schedule is None or not rules.is_needed(schedule, request, now):
                _moved_on(row, rules.withdraw(request, now), "cover.withdrawn", by, now)
                withdrawn += 1
    return withdrawn


def take_shift(schedule_id: str, span: Span, user: str, by: By, now: datetime, *, of: str = "") -> int:
    """`user` takes the hours of `of` ("": of whoever is on call) in `span`; returns the override's number.
    Raises Refused."""
    with changing():
        find_schedule(schedule_id)
        _check_people([user, *([of] if of else [])])
        override = rules.take(as_they_stand()[schedule_id].schedule, _stored(span), user, now, of)
        saving = Schedules([schedule_id], by, now)
        row = saving.add(schedule_id, override)
        saving.store()
    return row.pk


def find_request(request_id: int) -> CoverRequest:
    """The request. Raises Refused."""
    row = CoverRequest.objects.select_related("user").filter(pk=request_id).first()
    if row is None or row.schedule_id not in as_they_stand():
        raise not_found("request for cover", request_id)
    return row


def _standing_beside(row: CoverRequest) -> list[rules.Request]:
    """The accepted requests of this schedule whose overrides nobody has taken back, each with the hours it has now."""
    overrides = Override.objects.standing().filter(schedule=row.schedule_id, request__isnull=False)
    beside = []
    for override in overrides.exclude(request=row.pk):
        hours = Span(override.starts_at, override.ends_at)
        (taker,), (giver,) = override.users, override.replaces
        beside.append(
            rules.Request(
                str(override.request_id),
                giver,
                hours,
                override.made_at,
                state=rules.State.ACCEPTED,
                accepted_by=taker,
            )
        )
    return beside


def _moved_on(
    row: CoverRequest, after: rules.Request, kind: str, by: By, now: datetime, **more: Any
) -> CoverRequest:
    row.state, row.accepted_by_id = after.state.value, after.accepted_by or None
    row.declined_by, row.changed_at = list(after.declined_by), now
    row.save(update_fields=["state", "accepted_by", "declined_by", "changed_at"])
    _written(kind, row, by, now, **more)
    return row


def _written(kind: str, row: CoverRequest, by: By, now: datetime, **more: Any) -> None:
    said = {"request": row.pk, "schedule": row.schedule_id, "user": row.user_id, **more}
    if kind == "cover.asked":
        said |= {"from": row.starts_at, "until": row.ends_at, "asked": row.asked}
    if row.accepted_by_id:
        said["accepted_by"] = row.accepted_by_id
    record([did(kind, **said)], by, now)
    wake("duties", TOPIC)


def _check_people(ids: Sequence[str]) -> None:
    """Raises Refused unless all are active people."""
    active = set(User.objects.people().filter(pk__in=ids, is_active=True).values_list("pk", flat=True))
    for key in ids:
        if key not in active:
            raise Refused(f"No active person '{key}'", "the id of a person")


def _stored(span: Span) -> Span:
    """`span` in whole seconds. Raises Refused when nothing is left of it."""
    start, end = whole_seconds(span.start), whole_seconds(span.end)
    if start >= end:
        raise Refused("It ends before it begins", "an end after the start", where="end")
    return Span(start, end)
