"""Cards: messages that change as their incident does, so that the last thing shown is what is so. Pure.

A card counts how often it should have changed (`wanted`) and up to where it has (`shown`). One node at a time changes
it, under a lease; what it shows is made when it is sent, so any number of changes in between are one. Whoever was slow
and sends after its lease has ended may put an older state on top: as soon as that is known, or may be so, the card is
shown once more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tocsin.notification.rules import LEASE

REST = timedelta(seconds=1)  # between two changes of one card
RETRY_FIRST = timedelta(seconds=2)
RETRY_MAX = timedelta(seconds=60)
LIFE = timedelta(hours=24)  # after its last change, in which a card is tried


@dataclass(frozen=True)
class Card:
    """`next_at` is when it is looked at again: due, to be retried, or the end of the lease while it is `sending`; None
    when it shows what is so. Not `sure`: something else may be on the screen than what was shown last, so it is sent
    even when nothing has changed. `again`: and once more after that, for one may still be on its way."""

    touched_at: datetime
    changed_at: datetime
    wanted: int = 0
    shown: int = 0
    next_at: datetime | None = None
    sending: bool = False
    sure: bool = True
    again: bool = False
    fence: int = 0
    failures: int = 0


def touched(card: Card, now: datetime) -> Card:
    """The incident has changed: the card is due, a moment after its last change."""
    due = card.next_at if card.next_at is not None else max(now, card.changed_at + REST)
    return replace(card, wanted=card.wanted + 1, next_at=due, touched_at=now)


def lent(card: Card, now: datetime) -> Card:
    """A node begins to change it. A lease that ended without a word leaves a message under way somewhere."""
    taken_over = card.sending
    return replace(
        card,
        sending=True,
        sure=card.sure and not taken_over,
        again=card.again or taken_over,
        fence=card.fence + 1,
        next_at=now + LEASE,
    )


def shown(card: Card, fence: int, carried: int, now: datetime) -> Card:
    """The change that was begun under `fence`, when `carried` changes were wanted, is on the screen."""
    if fence != card.fence:
        return overtaken(card, now)
    soon = now + REST if card.wanted > carried else None
    later = now + LEASE if card.again else None
    return replace(
        card,
        shown=carried,
        changed_at=now,
        sending=False,
        sure=not card.again,
        again=card.again and soon is not None,
        failures=0,
        next_at=soon or later,
    )


def failed(card: Card, fence: int, now: datetime, jitter: float, for_good: bool) -> Card:
    """The change may not be on the screen: it is tried again, 2 s, 4 s … 60 s later, for a day; `for_good`: never."""
    if fence != card.fence:
        return overtaken(card, now)
    wait = min(RETRY_FIRST * 2 ** min(card.failures, 10), RETRY_MAX) * (0.75 + 0.5 * jitter)
    over = for_good or now - card.touched_at > LIFE
    next_at = None if over else max(now + REST, now + wait)
    return replace(card, sending=False, sure=False, failures=card.failures + 1, next_at=next_at)


def overtaken(card: Card, now: datetime) -> Card:
    """A late message, of who had the card before or from before it was one, may be on top of what it shows."""
    return replace(touched(card, now), sure=False, again=card.again or card.sending)
