"""Joins what was due, what is stored and what was received, and says what does not fit. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

QUIET_WITHIN = timedelta(seconds=2)  # P6: nothing begins later than this after an answer


@dataclass(frozen=True)
class Due:
    """A page that had to reach its person. `mark` stands in its text; `answered_at`: from then on nobody wanted it.
    `may_double`: its provider takes messages without saying so, and nobody can tell that from one that is lost."""

    mark: str
    channel: str
    mood: str
    due_at: datetime
    within: timedelta  # by then it has to be seen, through whatever channel
    answered_at: datetime | None = None
    may_double: bool = False


@dataclass(frozen=True)
class Got:
    """A request that a provider got at `at`; `taken` says whether its person then sees the message."""

    mark: str
    at: datetime
    taken: bool


@dataclass(frozen=True)
class Verdict:
    """What became of the pages of one channel in one mood; every count names a broken promise but the first two."""

    channel: str
    mood: str
    pages: int
    reached: int = 0
    lost: int = 0  # wanted, and nobody saw it
    doubled: int = 0  # seen more often than it can be excused
    early: int = 0
    late: int = 0
    after_answer: int = 0  # begun although somebody had answered
    misstored: int = 0  # stored as sent, and no provider has it
    slowest: timedelta = timedelta(0)

    @property
    def holds(self) -> bool:
        """Whether every promise was kept."""
        return not (
            self.lost or self.doubled or self.early or self.late or self.after_answer or self.misstored
        )


def judge(dues: Iterable[Due], got: Sequence[Got], stored_as_sent: Mapping[str, int]) -> list[Verdict]:
    """The verdict for every channel and mood, in the order in which they were due. `stored_as_sent` counts, by mark,
    the messages that are stored as sent or confirmed."""
    by_mark: dict[str, list[Got]] = {}
    for one in got:
        by_mark.setdefault(one.mark, []).append(one)
    groups: dict[tuple[str, str], list[Due]] = {}
    for due in dues:
        groups.setdefault((due.channel, due.mood), []).append(due)
    return [
        _judge(channel, mood, group, by_mark, stored_as_sent) for (channel, mood), group in groups.items()
    ]


def _judge(
    channel: str,
    mood: str,
    dues: Sequence[Due],
    by_mark: Mapping[str, Sequence[Got]],
    stored_as_sent: Mapping[str, int],
) -> Verdict:
    counts: Counter[str] = Counter()
    slowest = timedelta(0)
    for due in dues:
        requests = by_mark.get(due.mark, ())
        seen = sorted(one.at for one in requests if one.taken)
        counts["early"] += sum(one.at < due.due_at for one in requests)
        if due.answered_at is not None:
            counts["after_answer"] += sum(one.at > due.answered_at + QUIET_WITHIN for one in requests)
        elif not seen:
            counts["lost"] += 1
        if seen:
            counts["reached"] += 1
            slowest = max(slowest, seen[0] - due.due_at)
            counts["late"] += seen[0] - due.due_at > due.within
        if not due.may_double:
            counts["doubled"] += max(0, len(seen) - 1)
        counts["misstored"] += max(0, stored_as_sent.get(due.mark, 0) - len(seen))
    return Verdict(channel, mood, len(dues), slowest=slowest, **counts)
