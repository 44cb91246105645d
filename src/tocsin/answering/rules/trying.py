"""How many wrong codes an address may send before it is not listened to for a while. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

WRONG_CODES_MAX = 5
WRONG_CODES_WITHIN = timedelta(hours=1)
SILENCE = timedelta(hours=1)


@dataclass(frozen=True)
class Tries:
    """Wrong codes of one address since an instant; until `silent_until` nothing that it sends is read."""

    wrong: int = 0
    since: datetime | None = None
    silent_until: datetime | None = None

    def silent(self, now: datetime) -> bool:
        """Whether it is not listened to at `now`."""
        return self.silent_until is not None and now < self.silent_until


def after_wrong(tries: Tries, now: datetime) -> Tries:
    """What is kept after one more wrong code. Which of a million is right would take years to find so."""
    fresh = tries.since is None or now - tries.since >= WRONG_CODES_WITHIN
    wrong = 1 if fresh else tries.wrong + 1
    since = now if fresh else tries.since
    if wrong < WRONG_CODES_MAX:
        return Tries(wrong, since)
    return Tries(0, None, now + SILENCE)
