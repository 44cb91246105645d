"""Requests for cover: who is asked is told, who asks is told the answer, and both are reminded while nobody answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext, gettext_noop

from tocsin.oncall import rules
from tocsin.oncall.models import CoverRequest, Schedule
from tocsin.oncall.reading import schedules
from tocsin.people.models import User
from tocsin.people.rules import May
from tocsin.people.speaking import when_words
from tocsin.telling.notices import Notice, send

REQUESTS_MAX = 50  # per turn
ASKED_MAX = 50  # people, when whoever can is asked

# What is said: subjects, to which the schedule is added, and lines.
CAN_YOU = gettext_noop("Can you take a shift? %(who)s asks")
HAS_MOVED = gettext_noop("The shift has moved. Can you take it now? %(who)s asks")
STILL_ASKED = gettext_noop("Still asked: can you take a shift? %(who)s asks")
ASKS = gettext_noop("%(who)s asks whether you take these hours.")
SAY = gettext_noop("Say yes or no on the page below.")
MOVED = gettext_noop("Your request has moved with your shift")
ALONG = gettext_noop("What you asked goes along with your shift. Whoever you asked is asked anew.")
CANNOT = gettext_noop("%(who)s cannot take your shift")
SAYS_NO = gettext_noop("%(who)s says no. Others may still say yes.")
NOBODY_CAN = gettext_noop("Nobody you asked can take your shift")
ALL_SAY_NO = gettext_noop("Everybody you asked says no, so these hours stay yours.")
NOBODY_YET = gettext_noop("Nobody has taken your shift yet")
STAY_YOURS = gettext_noop("Nobody has taken these hours yet: they stay yours until somebody does.")
TAKES = gettext_noop("%(who)s takes your shift")
SAYS_YES = gettext_noop("%(who)s has said yes.")
AS_OFFERED = gettext_noop("You take theirs in return, as you offered.")
YOU_TAKE = gettext_noop("You take a shift of %(who)s")
YOURS_NOW = gettext_noop("It is yours now.")
TAKES_YOURS = gettext_noop("%(who)s takes yours in return.")
NO_LONGER = gettext_noop("%(who)s asks no longer")
NOTHING_TO_DO = gettext_noop("You need not do anything.")


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
                send([*_asked(row, STILL_ASKED), _still_open(row)], now)
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
        yield from _asked(row, CAN_YOU)
    elif row.state == rules.State.OPEN and row.moved_at == row.changed_at:
        yield from _asked(row, HAS_MOVED)
        yield _to(row, row.user_id, MOVED, ALONG)
    elif row.state == rules.State.OPEN and row.declined_by:
        who = _name(row.declined_by[-1])
        yield _to(row, row.user_id, CANNOT, SAYS_NO, who=who)
    elif row.state == rules.State.DECLINED:
        yield _to(row, row.user_id, NOBODY_CAN, ALL_SAY_NO)
    elif row.state == rules.State.ACCEPTED and row.accepted_by is not None:
        taker, giver = row.accepted_by, row.user
        swapped = bool(row.returns_start)
        yield _to(row, giver.pk, TAKES, SAYS_YES, *([AS_OFFERED] if swapped else []), who=taker.name)
        yield _to(row, taker.pk, YOU_TAKE, YOURS_NOW, *([TAKES_YOURS] if swapped else []), who=giver.name)
    elif row.state == rules.State.WITHDRAWN and row.told_at:
        for user in row.asked:
            if user not in row.declined_by:
                yield _to(row, user, NO_LONGER, NOTHING_TO_DO, who=row.user.name)


def _asked(row: CoverRequest, subject: str) -> Iterator[Notice]:
    """To those who can still say yes."""
    for user in row.asked or _whoever_can(row):
        if user not in row.declined_by:
            yield _to(row, user, subject, ASKS, SAY, note=row.note, who=row.user.name)


def _still_open(row: CoverRequest) -> Notice:
    return _to(row, row.user_id, NOBODY_YET, STAY_YOURS)


def _whoever_can(row: CoverRequest) -> list[str]:
    """The others of the schedule."""
    schedule = schedules().get(row.schedule_id)
    named = {key for _, kind, key in rules.references(schedule) if kind == "user"} if schedule else set()
    people = User.objects.people().filter(pk__in=named - {row.user_id}, is_active=True).order_by("pk")
    return [user.pk for user in people if user.may(May.SWAP)][:ASKED_MAX]


def _to(row: CoverRequest, user: str, subject: str, *lines: str, who: str = "", note: str = "") -> Notice:
    """`subject` and `lines` are English texts that are translated for the reader, with a place for `who`."""
    return Notice(
        user=user,
        words=partial(_words, row, subject, lines, who, note),
        reason=f"cover on schedule {row.schedule_id}",
        path=f"/cover/{row.pk}",
        begins_at=row.starts_at,
    )


def _words(
    row: CoverRequest, subject: str, lines: Sequence[str], who: str, note: str, here: ZoneInfo
) -> tuple[str, list[str]]:
    first, *others = (gettext(line) % {"who": who} for line in lines)
    quoted = [f"“{note}”"] if note else []
    said = f"{gettext(subject) % {'who': who}}: {row.schedule}"
    return said, [first, *quoted, *others, *_hours(row, row.schedule, here)]


def _hours(row: CoverRequest, schedule: Schedule, here: ZoneInfo) -> Iterator[str]:
    value = row.as_value()
    hours = {"when": when_words(value.span, here), "zone": here.key}
    yield f"{schedule}: {gettext('%(when)s, times of %(zone)s.') % hours}"
    if value.returns:
        yield gettext("In return: %(when)s.") % {"when": when_words(value.returns, here)}


def _name(user: str) -> str:
    return User.objects.filter(pk=user).values_list("name", flat=True).first() or user
