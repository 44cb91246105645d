"""The last resort: when nobody can be reached about an incident, a program of the administrator's is run.

It gets the incident as JSON on its standard input, no shell and no arguments, and RUN_SECONDS of time. It runs in a
thread of its own, so that a program that hangs holds up no page.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import datetime

import structlog
from django.db import connection
from prometheus_client import Counter

from tocsin.engine.health import Health
from tocsin.engine.workers import Workers
from tocsin.escalation.alarm_actions import Alarm, alone, note_last_resort, sound_alarms

RUN_SECONDS = 60.0
SAID_MAX = 200  # characters of what the program says that are kept

SOUNDED = Counter("tocsin_alarms_total", "How often nobody could be reached about an incident")
_log = structlog.get_logger("tocsin.engine")


class LastResort:
    """`look` sounds the alarms that are due; `program` is a path, "" for none; `clock` says when it has ended."""

    def __init__(self, program: str, clock: Callable[[], datetime], health: Health) -> None:
        self._program, self._clock, self._health = program, clock, health
        self._workers: Workers[Alarm] = Workers(self._apart)

    def look(self, now: datetime) -> int:
        """Sound what is due; returns how many alarms were looked at."""
        return sound_alarms(now, self._tell)

    def _tell(self, alarm: Alarm) -> None:
        SOUNDED.inc()
        _log.critical("nobody can be reached about an incident", incident=alarm.incident_id)
        if self._program:
            self._workers.hand(alarm)

    def watch(self, now: datetime) -> int:
        """Note for whoever asks after our health whether somebody waits in vain; moves nothing."""
        count = alone().count()
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
