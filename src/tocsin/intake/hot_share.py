"""How much one sender may send, and how much may wait: so that a noisy one never shuts the others out."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.intake.rules import QUEUE_ROWS_MAX
from tocsin.kernel.errors import Refused

EVENTS_PER_SECOND = 10_000.0  # of one integration, in the long run
BURST = 500_000.0
QUEUE_BYTES_MAX = 2 * 1024**3
SHARE_OF_QUEUE = 0.5  # the part of the queue that one integration may fill


class Shares:
    """A bucket of tokens for each integration, one for each event, refilled all the time."""

    def __init__(self, per_second: float = EVENTS_PER_SECOND, burst: float = BURST) -> None:
        self.per_second, self.burst = per_second, burst
        self._left: dict[str, tuple[float, float]] = {}

    def spend(self, integration: str, events: int, now: float) -> None:
        """Take tokens for `events`; a body larger than the bucket empties it. Raises Refused (429)."""
        left, at = self._left.get(integration, (self.burst, now))
        left = min(self.burst, left + (now - at) * self.per_second)
        if left < min(events, self.burst):
            self._left[integration] = (left, now)
            raise Refused(
                "This integration sends too much",
                f"at most {self.per_second:,.0f} events a second",
                "Send again later, or group what you send.",
                status=429,
            )
        self._left[integration] = (left - min(events, self.burst), now)


class Room:
    """The room in the inbox, as counted when last looked, plus what came since."""

    def __init__(self, rows_max: int = QUEUE_ROWS_MAX, bytes_max: int = QUEUE_BYTES_MAX) -> None:
        self.rows_max, self.bytes_max = rows_max, bytes_max
        self.rows = self.bytes = 0
        self._of: dict[str, int] = {}

    def set(self, waiting: Mapping[str, tuple[int, int]]) -> None:
        """What really waits, as counted just now."""
        self._of = {integration: rows for integration, (rows, _) in waiting.items()}
        self.rows = sum(rows for rows, _ in waiting.values())
        self.bytes = sum(size for _, size in waiting.values())

    def uncertain(self) -> bool:
        """Whether so much came in since the last count that it is worth counting again."""
        return self.rows > self.rows_max / 8 or self.bytes > self.bytes_max / 8

    def check(self) -> None:
        """Raises Refused (503) when the inbox is full."""
        if self.rows >= self.rows_max or self.bytes >= self.bytes_max:
            raise _full("The inbox is full")

    def take(self, integration: str, size: int) -> None:
        """Note one request more. Raises Refused (503) when this integration has filled its part."""
        rows = self._of.get(integration, 0) + 1
        if rows > self.rows_max * SHARE_OF_QUEUE:
            raise _full("This integration has filled its part of the inbox")
        self._of[integration] = rows
        self.rows += 1
        self.bytes += size

    def give(self, integration: str, size: int) -> None:
        """Take back a note: the request was not stored."""
        self._of[integration] = self._of.get(integration, 1) - 1
        self.rows -= 1
        self.bytes -= size


def _full(what: str) -> Refused:
    return Refused(what, "room for what comes", "Send it again in a few seconds.", status=503)
