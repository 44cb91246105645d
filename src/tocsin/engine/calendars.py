"""Looks at the calendars that schedules and holidays come from.

A look waits for somebody else's server and for a process that reads what it says, so it is made in a thread of its own
and never by the engine's. The row is claimed with a lease: any number of nodes may look, one does.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

import structlog
from django.db import connection

from tocsin.channels.connecting import Unreachable
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.reach import read_target
from tocsin.engine.workers import Workers
from tocsin.kernel.acting import ENGINE
from tocsin.kernel.errors import Refused
from tocsin.oncall import following, imports
from tocsin.oncall.ical.reading import BYTES_MAX
from tocsin.oncall.models import Import, ImportKind

LOOKS_MAX = 8  # that one turn of the engine begins

_log = structlog.get_logger("tocsin.engine")


class Calendars:
    """`look` begins the looks that are due; `clock` says when an answer has come."""

    def __init__(self, outgoing: Outgoing, clock: Callable[[], datetime]) -> None:
        self._outgoing = outgoing
        self._clock = clock
        self._workers: Workers[Import] = Workers(self._look_apart)

    def look(self, now: datetime) -> int:
        """Begin the looks that are due at `now`; returns how many."""
        begun = 0
        while begun < LOOKS_MAX and (row := following.claim_due(now)):
            self._workers.hand(row)
            begun += 1
        return begun

    def _look_apart(self, row: Import) -> None:
        try:
            look_at(row, self._outgoing, self._clock)
        except Exception:
            # The lease ends, and then it is looked at again.
            _log.exception("a calendar could not be looked at", calendar=row.pk)
        finally:
            connection.close()


def look_at(row: Import, outgoing: Outgoing, clock: Callable[[], datetime]) -> None:
    """Look at one calendar and store what came of it."""
    if row.kind == ImportKind.COUNTRY:
        following.renew_country(row, ENGINE, clock())
    elif row.kind == ImportKind.FILE:
        following.renew_file(row, ENGINE, clock())
    else:
        _fetch(row, outgoing, clock)


def _fetch(row: Import, outgoing: Outgoing, clock: Callable[[], datetime]) -> None:
    headers = {"Accept": "text/calendar"} | ({"If-None-Match": row.etag} if row.etag and row.copy else {})
    try:
        answer = outgoing.get(read_target(imports.address_of(row)), headers, BYTES_MAX)
    except Unreachable as why:
        following.failed(row, f"The calendar cannot be fetched: {why}", clock())
        return
    except Refused as refused:
        following.failed(row, str(refused), clock())
        return
    if answer.status == HTTPStatus.NOT_MODIFIED and row.copy:
        following.unchanged(row, ENGINE, clock())
    elif answer.status == HTTPStatus.OK:
        following.fetched(row, answer.body, answer.headers.get("etag", ""), ENGINE, clock())
    else:
        following.failed(row, _in_words(answer.status), clock())


def _in_words(status: int) -> str:
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        # Whoever can change where an address leads could lead it to somewhere inside.
        return f"The address answers {status}: it leads elsewhere. Write the address it leads to."
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return f"The address answers {status}: it asks to sign in. Take the calendar's secret address."
    return f"The address answers {status} and no calendar"
