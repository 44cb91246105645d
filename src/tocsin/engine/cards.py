"""Changes cards: finds those whose incident has moved on, makes each anew, and hands it to its channel.

A change waits for a provider, so it is sent in a thread of its own, never in the engine's. One card is changed by one
node at a time, under a lease, and is made anew when it is sent: whatever happened meanwhile is in it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import connection

from tocsin.engine.attempt import Clock, Finder, plain
from tocsin.engine.workers import Workers
from tocsin.incident.cards import Remade, remake
from tocsin.kernel.errors import Refused
from tocsin.notification.accounts import channel_through
from tocsin.notification.cards import Lent, lend_cards, record_card
from tocsin.notification.channels import channel_for
from tocsin.notification.providers import provider_that_took
from tocsin.notification.rules import Channel, Failed, Sent

UNDER_WAY_MAX = 16  # changes on their way at once

_log = structlog.get_logger("tocsin.engine.cards")


@dataclass(frozen=True)
class Change:
    """One card and what it will show."""

    lent: Lent
    made: Remade


class Cards:
    """`look` begins the changes that are due; `jitter` gives a number in [0, 1)."""

    def __init__(self, clock: Clock, jitter: Callable[[], float], find: Finder = channel_for) -> None:
        self._clock, self._jitter, self._find = clock, jitter, find
        self._room = threading.Semaphore(UNDER_WAY_MAX)
        self._workers: Workers[Change] = Workers(self._apart)

    def look(self, now: datetime) -> int:
        """Begin the changes that are due at `now`; returns how many cards were looked at."""
        looked = 0
        while self._room.acquire(blocking=False):
            lent = lend_cards(now, 1)
            begun = begin(lent[0], now, self._jitter()) if lent else None
            if begun is None:
                self._room.release()
            else:
                self._workers.hand(begun)
            if not lent:
                break
            looked += 1
        return looked

    def _apart(self, change: Change) -> None:
        try:
            outcome = send(change, self._find, self._clock())
            record_card(change.lent, outcome, change.made.face, self._clock(), self._jitter())
        except Exception:
            # The lease ends, and then it is changed once more.
            _log.exception("a change of a card could not be recorded", card=str(change.lent.delivery))
        finally:
            self._room.release()
            connection.close()


def begin(lent: Lent, now: datetime, jitter: float) -> Change | None:
    """The change to send; None when there is none to make, which is written down."""
    try:
        made = remake(lent, now)
    except Exception:
        _log.exception("a card could not be made anew", card=str(lent.delivery))
        record_card(lent, Failed("it could not be made anew"), lent.face, now, jitter)
        return None
    if made is None:
        record_card(lent, Failed("its incident is gone", again=False), lent.face, now, jitter)
        return None
    if made.message is None:
        record_card(lent, None, made.face, now, jitter)
        return None
    return Change(lent, made)


def send(change: Change, find: Finder, now: datetime) -> Sent | Failed:
    """Hand the change to its channel; never raises."""
    message = change.made.message
    assert message is not None
    try:
        channel = _shower(change.lent) or find(change.lent.address)
        try:
            return channel.send(change.lent.address, change.made.to_name, message, now)
        except Exception:
            _log.exception("a card could not be rendered; sending it plain", card=str(change.lent.delivery))
            return channel.send(change.lent.address, change.made.to_name, plain(message), now)
    except Refused as refused:
        return Failed(str(refused), again=False)
    except Exception as error:
        _log.exception("a channel failed in an unforeseen way", card=str(change.lent.delivery))
        return Failed(f"the channel failed: {type(error).__name__}")


def _shower(lent: Lent) -> Channel | None:
    """The account that shows the card, as no other could change it; None where none was needed. Raises Refused."""
    provider = provider_that_took(lent.delivery)
    channel = channel_through(provider, lent.address) if provider else None
    if provider and channel is None:
        raise Refused(f"The account {provider}, which shows it, is not there any more")
    return channel


def change_now(now: datetime, find: Finder = channel_for) -> int:
    """Change the cards that are due, one after the other, in this thread; for virtual clocks and for tests."""
    lent = lend_cards(now)
    for one in lent:
        if (change := begin(one, now, 0.5)) is not None:
            record_card(one, send(change, find, now), change.made.face, now, 0.5)
    return len(lent)
