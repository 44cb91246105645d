"""Services whose incidents would reach nobody, told to who leads their team: 30 days, a week and a day before that
begins, each once; and once when it is so already.

A service is looked at again whenever something has changed that decides who is paged, and once an hour. One takes some
milliseconds, in which nobody is paged, so few are looked at in one turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext, gettext_noop

from tocsin.catalog.models import Service
from tocsin.kernel.errors import Refused
from tocsin.kernel.urgency import Urgency
from tocsin.people.speaking import told, when_words
from tocsin.readiness.actions import arrangement, prover_of
from tocsin.readiness.rules import Arrangement, Gap, Prover
from tocsin.readiness.rules.gaps import service_gaps
from tocsin.telling.gaps import GAPS_SAID_MAX, STAGES, stage_of
from tocsin.telling.models import ServiceGapTold
from tocsin.telling.notices import Notice, owners_of_team, send

SETTLES = timedelta(seconds=60)  # after a change, in which it may be changed on
LOOKS_MAX = 2  # services per turn
AHEAD = timedelta(days=STAGES[0])
WHY_LENGTH_MAX = 500
_URGENCIES = {Urgency.HIGH: gettext_noop("at high urgency"), Urgency.LOW: gettext_noop("at low urgency")}


@dataclass
class _Round:
    """One look at all services: what it looks with, and at which it has not looked yet."""

    there: Arrangement
    since: datetime
    prover: Prover | None = None
    left: list[str] = field(default_factory=list)


_round: _Round | None = None  # of this process


def tell_unreached(now: datetime, limit: int = LOOKS_MAX) -> int:
    """Look at some services; returns at how many."""
    global _round  # noqa: PLW0603
    there = arrangement()
    if _round is None or _round.there is not there or now < _round.since:
        _round = _Round(there, now)
    if now - _round.since < SETTLES:
        return 0
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if _round.prover is None or _round.prover.span.start != hour:
        _round.prover, _round.left = prover_of(now, AHEAD), sorted(there.services)
    due, _round.left = _round.left[:limit], _round.left[limit:]
    rows = Service.objects.select_related("team", "team__lead").in_bulk(due)
    for key in due:
        if key in rows:
            _tell(rows[key], _gaps(_round.prover, key), now)
    return len(due)


def _gaps(prover: Prover, service: str) -> Mapping[str, list[Gap]]:
    """When nobody would be reached, by the reason, sorted. What comes back every night has one reason."""
    prover.looks = 0
    found: dict[str, list[Gap]] = {}
    try:
        gaps = service_gaps(prover, service)
    except Refused:  # more than can be proved in one go; `tocsin check` says so
        return found
    for gap in gaps:
        found.setdefault(gap.why[:WHY_LENGTH_MAX], []).append(gap)
    return found


def _tell(row: Service, near: Mapping[str, list[Gap]], now: datetime) -> None:
    """Tell of the reasons that have come to a stage at which nobody was told of them, and forget what is over."""
    with transaction.atomic():
        # One node at a time tells of a service, and so nobody is told twice.
        Service.objects.select_for_update().get(pk=row.pk)
        rows = {told.why: told for told in ServiceGapTold.objects.filter(service=row)}
        if over := [told.pk for why, told in rows.items() if why not in near]:
            ServiceGapTold.objects.filter(pk__in=over).delete()
        new: list[Gap] = []
        for why, gaps in near.items():
            days, told = stage_of(gaps[0].span, now), rows.get(why)
            if told is not None and told.days == days:
                continue
            if told is None or days < told.days:
                new += gaps
            # One that is over leaves those behind it, which were named with it: their turn comes as they come near.
            values = {"days": days, "told_at": now}
            ServiceGapTold.objects.update_or_create(service=row, why=why, defaults=values)
        if new:
            new.sort(key=lambda gap: gap.span)
            send([_notice(row, user, new, now) for user in owners_of_team(row.team)], now)


def _notice(row: Service, user: str, gaps: Sequence[Gap], now: datetime) -> Notice:
    return Notice(
        user=user,
        words=partial(_words, row, gaps, now),
        reason=f"service {row.pk} reaches nobody",
        path="/coverage",
        begins_at=max(min(gap.start for gap in gaps), now),
    )


def _words(row: Service, gaps: Sequence[Gap], now: datetime, here: ZoneInfo) -> tuple[str, list[str]]:
    lines = [_line(gap, now, here) for gap in gaps[:GAPS_SAID_MAX]]
    if more := len(gaps) - len(lines):
        lines.append(gettext("And %(count)s times more.") % {"count": more})
    only = gettext("Times are those of %(zone)s. Only the fallback contact would be told then.")
    subject = gettext("Incidents of %(service)s would reach nobody") % {"service": row.name}
    return subject, [*lines, only % {"zone": here.key}, told(gaps[0].mend)]


def _line(gap: Gap, now: datetime, here: ZoneInfo) -> str:
    is_open = gap.span.end >= now + AHEAD - timedelta(hours=1)
    said = gettext("From %(when)s at least") if is_open else gettext("From %(when)s")
    when = said % {"when": when_words(gap.span._replace(start=max(gap.start, now)), here)}
    urgency = f" {gettext(_URGENCIES[gap.urgencies[0]])}" if len(gap.urgencies) == 1 else ""
    return f"{when}{urgency}: {told(gap.why)}"
