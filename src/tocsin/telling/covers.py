"""Requests for cover: who is asked is told, who asks is told the answer, and both are reminded while nobody answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F, Q

from tocsin.kernel.zones import zone
from tocsin.oncall import rules
from tocsin.oncall.models import CoverRequest, Schedule
from tocsin.oncall.reading import schedules
from tocsin.people.models import User
from tocsin.people.rules import May
from tocsin.telling.notices import Notice, send
from tocsin.telling.words import when

REQUESTS_MAX = 50  # per turn
ASKED_MAX = 50  # people, when whoever can is asked


def untold() -> Q:
    """Requests whose last step people have not been told of."""
    return Q(told_at=None) | Q(told_at__lt=F("changed_at"))


def tell_covers(now: datetime, limit: int = REQUESTS_MAX) -> int:
    """Tell of the steps that requests have taken; returns of how many."""
    rows = CoverRequest.objects.filter(untold()).select_related("schedule", "user", "accepted_by")
    told = 0
    for row in rows.order_by("changed_at", "pk")[:limit]:
        notices = list(_of_step(row))
        with transaction.atomic():
            mine = CoverRequest.objects.filter(untold(), pk=row.pk, changed_at=row.changed_at)
            if mine.update(told_at=row.changed_at):
                send(notices, now)
                told += 1
    return told


def remind(now: datetime, limit: int = REQUESTS_MAX) -> int:
    """Remind of requests that nobody has answered, from four weeks to twelve hours before; returns of how many."""
    rows = CoverRequest.objects.filter(state=rules.State.OPEN, ends_at__gt=now)
    reminded = 0
    for row in rows.select_related("schedule", "user").order_by("starts_at", "pk"):
        if reminded >= limit or not rules.reminder_due(row.as_value(), row.reminded_at, now):
            continue
        with transaction.atomic():
            mine = CoverRequest.objects.filter(pk=row.pk, state=rules.State.OPEN, reminded_at=row.reminded_at)
            if mine.update(reminded_at=now):
                send([*_asked(row, "Still asked"), _still_open(row)], now)
                reminded += 1
    return reminded


def end_covers(now: datetime, limit: int = REQUESTS_MAX) -> int:
    """Open requests end with their hours; returns how many did."""
    over = CoverRequest.objects.filter(state=rules.State.OPEN, ends_at__lte=now).values_list("pk", flat=True)
    # Their hours are over, so there is nothing to tell anybody.
    rows = CoverRequest.objects.filter(pk__in=list(over[:limit]), state=rules.State.OPEN)
    return rows.update(state=rules.State.EXPIRED, changed_at=now, told_at=now)


def _of_step(row: CoverRequest) -> Iterator[Notice]:
    """What is said of the step that the request has just taken."""
    if row.state == rules.State.OPEN and not row.told_at:
        yield from _asked(row, "Can you take a shift")
    elif row.state == rules.State.OPEN and row.moved_at == row.changed_at:
        yield from _asked(row, "The shift has moved. Can you take it now")
        lines = ["What you asked goes along with your shift. Whoever you asked is asked anew."]
        yield _to(row, row.user_id, "Your request has moved with your shift", lines)
    elif row.state == rules.State.OPEN and row.declined_by:
        name = _name(row.declined_by[-1])
        yield _to(
            row, row.user_id, f"{name} cannot take your shift", [f"{name} says no. Others may still say yes."]
        )
    elif row.state == rules.State.DECLINED:
        lines = ["Everybody you asked says no, so these hours stay yours."]
        yield _to(row, row.user_id, "Nobody you asked can take your shift", lines)
    elif row.state == rules.State.ACCEPTED and row.accepted_by is not None:
        taker, giver = row.accepted_by, row.user
        swap = " You take theirs in return, as you offered." if row.returns_start else ""
        yield _to(row, giver.pk, f"{taker.name} takes your shift", [f"{taker.name} has said yes.{swap}"])
        back = f" {giver.name} takes yours in return." if row.returns_start else ""
        yield _to(row, taker.pk, f"You take a shift of {giver.name}", [f"It is yours now.{back}"])
    elif row.state == rules.State.WITHDRAWN and row.told_at:
        for user in row.asked:
            if user not in row.declined_by:
                yield _to(row, user, f"{row.user.name} asks no longer", ["You need not do anything."])


def _asked(row: CoverRequest, opening: str) -> Iterator[Notice]:
    """To those who can still say yes."""
    said = [f"“{row.note}”"] if row.note else []
    for user in row.asked or _whoever_can(row):
        if user not in row.declined_by:
            lines = [
                f"{row.user.name} asks whether you take these hours.",
                *said,
                "Say yes or no on the page below.",
            ]
            yield _to(row, user, f"{opening}? {row.user.name} asks", lines)


def _still_open(row: CoverRequest) -> Notice:
    lines = ["Nobody has taken these hours yet: they stay yours until somebody does."]
    return _to(row, row.user_id, "Nobody has taken your shift yet", lines)


def _whoever_can(row: CoverRequest) -> list[str]:
    """The others of the schedule."""
    schedule = schedules().get(row.schedule_id)
    named = {key for _, kind, key in rules.references(schedule) if kind == "user"} if schedule else set()
    people = User.objects.people().filter(pk__in=named - {row.user_id}, is_active=True).order_by("pk")
    return [user.pk for user in people if user.may(May.SWAP)][:ASKED_MAX]


def _to(row: CoverRequest, user: str, subject: str, lines: list[str]) -> Notice:
    here = zone(User.objects.filter(pk=user).values_list("timezone", flat=True).first() or "UTC")
    return Notice(
        user=user,
        subject=f"{subject}: {row.schedule}",
        lines=[*lines, *_hours(row, row.schedule, here)],
        reason=f"cover on schedule {row.schedule_id}",
        path=f"/cover/{row.pk}",
        begins_at=row.starts_at,
    )


def _hours(row: CoverRequest, schedule: Schedule, here: ZoneInfo) -> Iterator[str]:
    value = row.as_value()
    yield f"{schedule}: {when(value.span, here)}, times of {here.key}."
    if value.returns:
        yield f"In return: {when(value.returns, here)}."


def _name(user: str) -> str:
    return User.objects.filter(pk=user).values_list("name", flat=True).first() or user
