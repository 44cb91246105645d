"""The last resort: when nobody can be reached about an incident, the break-glass list is told, and a program of the
administrator's is run.

The program gets the incident as JSON on its standard input, no shell and no arguments, and RUN_SECONDS of time. The
list has accounts of its own (channels.break_glass). Both work in threads of their own, so that what hangs holds up no
page.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import uuid4

import structlog
from django.conf import settings
from django.db import connection
from django.utils.translation import gettext, ngettext, override
from prometheus_client import Counter

from tocsin.channels.break_glass import BreakGlass, Outcome
from tocsin.engine.health import Health
from tocsin.engine.workers import Workers
from tocsin.escalation.alarm_actions import (
    Alarm,
    how_many_alone,
    note_break_glass,
    note_last_resort,
    sound_alarms,
)
from tocsin.escalation.rules.alarms import to_tell
from tocsin.notification.rules import Kind, Message
from tocsin.people.speaking import house_language

RUN_SECONDS = 60.0
SAID_MAX = 200  # characters of what the program says that are kept
NAMED_MAX = 5  # incidents that one message to the list says more of than that they are there
TRIES_MAX = 3
TRY_AGAIN_SECONDS = 10.0

SOUNDED = Counter("tocsin_alarms_total", "How often nobody could be reached about an incident")
TOLD = Counter("tocsin_break_glass_total", "Messages to people of the break-glass list", ["outcome"])
_log = structlog.get_logger("tocsin.engine")


class LastResort:
    """`look` sounds the alarms that are due; `program` is a path, "" for none; `clock` says when it has ended; `list_`
    is the break-glass list, None for none."""

    def __init__(
        self,
        program: str,
        clock: Callable[[], datetime],
        health: Health,
        list_: BreakGlass | None = None,
        rest: Callable[[float], None] = time.sleep,
    ) -> None:
        self._program, self._clock, self._health = program, clock, health
        self._list, self._rest = list_, rest
        self._workers: Workers[Alarm] = Workers(self._apart)
        self._tellers: Workers[Sequence[Alarm]] = Workers(self._tell_apart)
        # What the list was told, by this process: another one, or a new start, tells it once more.
        self._told: dict[int, datetime] = {}
        self._last: datetime | None = None
        self._lock = threading.Lock()

    def look(self, now: datetime) -> int:
        """Sound what is due; returns how many alarms were looked at."""
        sounded: list[Alarm] = []
        count = sound_alarms(now, sounded.append)
        for alarm in sounded:
            SOUNDED.inc()
            _log.critical("nobody can be reached about an incident", incident=alarm.incident_id)
            if self._program:
                self._workers.hand(alarm)
        if self._list is not None and sounded:
            self._tellers.hand(sounded)
        return count

    def tell_list(self, alarms: Sequence[Alarm], now: datetime) -> None:
        """Tell the break-glass list of these alarms in one message, unless it was just told, and note on their
        timelines what became of it."""
        assert self._list is not None
        with self._lock:  # one after the other, so that none is told twice
            known = {alarm.incident_id: alarm for alarm in alarms}
            wanted = [known[number] for number in to_tell(known, self._told, self._last, now)]
            if not wanted:
                return
            outcomes = self._told_of(wanted, now)
            if any(not outcome.why for outcome in outcomes):
                self._last = now
                self._told |= dict.fromkeys((alarm.incident_id for alarm in wanted), now)
        for outcome in outcomes:
            TOLD.labels("failed" if outcome.why else "sent").inc()
        for alarm in wanted:
            said = [(each.name, each.channel, each.why) for each in outcomes]
            note_break_glass(alarm.incident_id, said, self._clock())

    def _told_of(self, alarms: Sequence[Alarm], now: datetime) -> list[Outcome]:
        """What became of the message to each of the list; those that it did not reach are tried again."""
        assert self._list is not None
        message = message_of(alarms)
        found = {each.name: each for each in self._list.tell(message, now)}
        for _ in range(TRIES_MAX - 1):
            left = [contact for contact in self._list.contacts if found[contact.name].why]
            if not left:
                break
            self._rest(TRY_AGAIN_SECONDS)
            found |= {each.name: each for each in BreakGlass(left).tell(message, self._clock())}
        return list(found.values())

    def watch(self, now: datetime) -> int:
        """Note for whoever asks after our health whether somebody waits in vain; moves nothing."""
        count = how_many_alone()
        more = f"{count} incidents" if count > 1 else "an incident"
        self._health.alone = f"Nobody can be reached about {more}: every message failed." if count else ""
        return 0

    def _apart(self, alarm: Alarm) -> None:
        try:
            outcome = run(self._program, alarm)
            note_last_resort(alarm.incident_id, outcome, self._clock())
        except Exception:
            _log.exception("the last resort could not be recorded", incident=alarm.incident_id)
        finally:
            connection.close()

    def _tell_apart(self, alarms: Sequence[Alarm]) -> None:
        try:
            self.tell_list(alarms, self._clock())
        except Exception:
            _log.exception("the break-glass list could not be told, or it could not be recorded")
        finally:
            connection.close()


def message_of(alarms: Sequence[Alarm]) -> Message:
    """What the list is told, in the house's language: that nobody else can be, about what, and where to act."""
    with override(house_language()):
        return _message_of(alarms)


def _message_of(alarms: Sequence[Alarm]) -> Message:
    first, count = alarms[0], len(alarms)
    title = str(first.data.get("title", ""))
    many = ngettext("%(count)s incident", "%(count)s incidents", count) % {"count": count}
    about = f"#{first.incident_id} {title}" if count == 1 else many
    lines = [
        f"#{alarm.incident_id} {alarm.data.get('priority', '')} {alarm.data.get('service', '')}:"
        f" {alarm.data.get('title', '')}"
        for alarm in alarms[:NAMED_MAX]
    ]
    lines += [gettext("And %(count)s more.") % {"count": count - NAMED_MAX}] if count > NAMED_MAX else []
    lines.append(
        gettext("Every message to whoever is on call has failed. You are on the break-glass list: see to it.")
    )
    path = f"/incidents/{first.incident_id}" if count == 1 else "/"
    return Message(
        id=str(uuid4()),
        subject=gettext("Nobody can be reached: %(about)s") % {"about": about},
        lines=lines,
        link=f"{settings.CONFIG.url}{path}",
        kind=Kind.NOTICE,
        urgent=True,
        language=house_language(),
    )


def test_message() -> Message:
    """What the list gets when an administrator tries it."""
    with override(house_language()):
        subject = gettext("Test of the break-glass list")
        line = gettext("Nothing is wrong. You would be told so if nobody else could be reached.")
    return Message(
        id=str(uuid4()),
        subject=subject,
        lines=[line],
        link=settings.CONFIG.url,
        kind=Kind.TEST,
        urgent=True,
        language=house_language(),
    )


def run(program: str, alarm: Alarm) -> str:
    """Run the program with the incident; returns what became of it, in words. Never raises for what it may do."""
    try:
        done = subprocess.run(
            [program], input=json.dumps(dict(alarm.data)).encode(), capture_output=True, timeout=RUN_SECONDS,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"it was ended after {RUN_SECONDS:.0f} s"
    except OSError as error:
        return f"it could not be started: {error.strerror or error}"
    said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[:SAID_MAX]
    return f"it ended with status {done.returncode}" + (f": {said}" if said and done.returncode else "")
