"""What the engine knows about itself: how late it is, what fails, whether the database answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from prometheus_client import Counter, Gauge

FROZEN = timedelta(seconds=60)  # an engine that has not looked for so long does not look any more
LATE = timedelta(seconds=30)  # an engine this far behind should not be given more

LAG = Gauge("tocsin_engine_lag_seconds", "How long the oldest due work has been waiting for the engine")
FAILURES = Counter("tocsin_duty_failures_total", "Looks of a duty that ended in an error", ["duty"])
MOVED = Counter("tocsin_duty_moved_total", "Rows a duty has moved on", ["duty"])


@dataclass
class Health:
    """Written by the engine's thread, read by everybody; single fields, so no lock is needed."""

    lag: float = 0.0
    looked_at: datetime | None = None
    away_since: datetime | None = None  # the database does not answer
    alone: str = ""  # whom nobody could be reached about, in words
    refused: str = ""  # why the engine decides nothing although it could
    failing: dict[str, str] = field(default_factory=dict)  # duty -> its last error, until it succeeds

    def looked(self, now: datetime, lag: timedelta) -> None:
        """Note that the engine has looked at `now`, so late."""
        self.looked_at, self.lag = now, max(0.0, lag.total_seconds())
        LAG.set(self.lag)

    def fault(self, now: datetime) -> str:
        """Why somebody should restart this program; "" when nothing is wrong with it."""
        if self.looked_at is not None and now - self.looked_at > FROZEN:
            return f"The engine has not looked for {int((now - self.looked_at).total_seconds())} s."
        return ""

    def not_ready(self, now: datetime) -> str:
        """Why requests should go elsewhere; "" when they may come."""
        if self.looked_at is None:
            return "The engine has not looked yet."
        if self.away_since is not None:
            return "The database does not answer."
        if self.refused:
            return self.refused
        if self.lag > LATE.total_seconds():
            return f"The engine is {int(self.lag)} s late."
        return self.fault(now)
