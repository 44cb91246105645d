"""The one place where the clock is read. Everything below takes `now` as a value.

The machine's clock may step: somebody corrects it by an hour, a virtual machine is resumed, NTP arrives late. A
timer of five minutes must still last five minutes. So the program reads its source of time once, counts on with a
clock that cannot be set (and that goes on while the machine sleeps), follows small drift slowly, and takes over a
step only when nothing is waiting for its time. On PostgreSQL the source is the database, so that all nodes agree.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.http import HttpRequest, HttpResponse

STEP = timedelta(seconds=5)  # what is further off was set, not drifted
SLEW = 0.01  # seconds followed per second


def elapsed() -> float:
    """Seconds on a clock that nobody sets; on Linux it also counts while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Clock:
    """Steady time, following `source` (seconds since 1970)."""

    def __init__(
        self, source: Callable[[], float] = time.time, counted: Callable[[], float] = elapsed
    ) -> None:
        self._counted = counted
        self.follow(source)

    def follow(self, source: Callable[[], float]) -> None:
        """Take the time from `source` from now on."""
        self._source = source
        self._offset = source() - self._counted()
        self._checked = self._counted()
        self._stepped = timedelta(0)

    def now(self) -> datetime:
        """This instant, in UTC."""
        return datetime.fromtimestamp(self._counted() + self._offset, UTC)

    def check(self) -> timedelta | None:
        """Follow a little drift; returns how far the source has stepped, once for each step, else None."""
        counted = self._counted()
        away = self._source() - counted - self._offset
        if abs(away) <= STEP.total_seconds():
            most = SLEW * max(0.0, counted - self._checked)
            self._offset += max(-most, min(most, away))
            self._checked, self._stepped = counted, timedelta(0)
            return None
        self._checked = counted
        step = timedelta(seconds=away)
        if abs(step - self._stepped) <= STEP:
            return None
        self._stepped = step
        return step

    def adopt(self) -> None:
        """Take over a step; called when nothing is waiting for its time."""
        if self._stepped:
            self.follow(self._source)


CLOCK = Clock()


def now() -> datetime:
    """This instant, in UTC."""
    return CLOCK.now()


class StampNow:
    """Gives each request its instant as `request.now`, so that a page and what it does agree on the time."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.now = now()  # type: ignore[attr-defined]
        return self.get_response(request)
