"""Hold back what an address gets too much of, and tell it in one message with the next.

Only for channels that have limits: what goes through others is not looked at, and costs no statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from tocsin.journal.columns import from_instant, from_uuid, to_instant
from tocsin.journal.waking import wake
from tocsin.kernel.errors import Refused
from tocsin.notification.channels import channel_for
from tocsin.notification.claimed import Claimed
from tocsin.notification.rules import Limits
from tocsin.notification.rules.throttling import TOGETHER_MAX, Held, Waiting, admit, longest, of_a_room

NO_LIMITS = Limits()
_TOLD = """
    SELECT address, counted_at FROM notification_delivery
    WHERE address IN ({}) AND counted_at IS NOT NULL AND counted_at > %s
"""
_KNOWN = """
    SELECT DISTINCT p.user_id, p.incident_id FROM notification_page p JOIN notification_delivery d ON d.page_id = p.id
    WHERE p.incident_id IN ({}) AND (d.sent_at IS NOT NULL OR d.counted_at IS NOT NULL)
"""
_HOLD = """
    UPDATE notification_delivery SET state = 'due', next_at = %s, held_at = COALESCE(held_at, %s), error = %s
    WHERE id = %s
"""
_LET_GO = """
    UPDATE notification_delivery SET next_at = %s
    WHERE state = 'due' AND held_at IS NOT NULL AND counted_at IS NULL AND address = %s AND next_at > %s
"""
_COUNT = "UPDATE notification_delivery SET counted_at = %s WHERE id = %s"


def limits_of(address: str) -> Limits:
    """What the channel of `address` asks not to exceed; nothing, where there is no channel."""
    try:
        return channel_for(address).limits
    except Refused:
        return NO_LIMITS


def throttle(
    claimed: Sequence[Claimed],
    waiting_for: Callable[[str, str | None, int], Sequence[Claimed]],
    now: datetime,
) -> list[Claimed]:
    """Those of `claimed` that go now, each with the others that its message tells; what has to wait is put off, with
    the reason. `waiting_for(address, user, most)` takes what was put off before. In the caller's transaction."""
    limited: dict[tuple[str, str | None], list[Claimed]] = {}
    limits = {(one.address, one.page.user_id): _limits_for(one) for one in claimed}
    for one in claimed:
        whom = one.address, one.page.user_id
        if limits[whom].rates or limits[whom].storm:
            limited.setdefault(whom, []).append(one)
    if not limited:
        return list(claimed)
    # A retry never waits, and counts from now: what others may send is measured by when it arrives.
    _count((one.id for some in limited.values() for one in some if one.counted), now)
    addresses = sorted({address for address, _ in limited})
    told = _told(addresses, now - max(longest(limits[whom]) for whom in limited))
    known = _known({one.page.incident_id for some in limited.values() for one in some} - {None})
    going = [one for one in claimed if (one.address, one.page.user_id) not in limited]
    for (address, user), some in limited.items():
        mine = {one.id: one for one in some}
        values = {key: _as_value(one, known) for key, one in mine.items()}
        admitted = admit(values, told.setdefault(address, []), limits[address, user], now)
        if admitted.held is not None:
            _hold(admitted.waits, admitted.held, now)
        counted = [key for key in admitted.goes if not values[key].free]
        told[address] += [now] * len(counted)
        _count(counted, now)
        for key, over in admitted.goes.items():
            others = [mine[other] for other in over]
            if counted and key == counted[-1]:
                others += [one for one in waiting_for(address, user, TOGETHER_MAX) if one.id not in mine]
            going.append(replace(mine[key], others=tuple(others)))
    return going


def let_go(address: str, now: datetime) -> None:
    """A place in the limits of `address` is free again: what waits for one is looked at now. In the caller's
    transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_LET_GO, [from_instant(now), address, from_instant(now)])
        if cursor.rowcount > 0:
            wake("deliveries")


def _limits_for(one: Claimed) -> Limits:
    limits = limits_of(one.address)
    return of_a_room(limits) if one.page.place else limits


def _as_value(one: Claimed, known: set[tuple[str | None, int]]) -> Waiting:
    page = one.page
    first = page.incident_id is not None and (page.user_id, page.incident_id) not in known
    return Waiting(
        urgent=one.urgent,
        due_at=one.due_at,
        worst=one.urgent and page.details.get("priority") == "P1",
        first=first,
        free=one.counted or page.incident_id is None,
    )


def _told(addresses: Sequence[str], since: datetime) -> dict[str, list[datetime]]:
    found: dict[str, list[datetime]] = {}
    with connection.cursor() as cursor:
        marks = ", ".join(["%s"] * len(addresses))
        cursor.execute(_TOLD.format(marks), [*addresses, from_instant(since)])
        for address, at in cursor.fetchall():
            if (instant := to_instant(at)) is not None:
                found.setdefault(address, []).append(instant)
    return found


def _known(incidents: Iterable[Any]) -> set[tuple[str | None, int]]:
    """Who was told of which of these incidents before."""
    wanted = sorted(incidents)
    if not wanted:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN.format(", ".join(["%s"] * len(wanted))), wanted)
        return {(user, number) for user, number in cursor.fetchall()}


def _hold(some: Iterable[UUID], held: Held, now: datetime) -> None:
    until, at = from_instant(held.until), from_instant(now)
    with connection.cursor() as cursor:
        cursor.executemany(_HOLD, [(until, at, held.why[:500], from_uuid(key)) for key in some])


def _count(some: Iterable[UUID], now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(_COUNT, [(from_instant(now), from_uuid(key)) for key in some])
