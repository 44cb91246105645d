"""What became of every message of a span: numbers that add up, each with the list behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Count, Q

from tocsin.notification.models import Delivery, DeliveryQuerySet
from tocsin.notification.rules import DeliveryState


class Which(StrEnum):
    """One number of the sum, and the list behind it."""

    ACCEPTED = "accepted"  # decided upon
    SUPPRESSED = "suppressed"  # not needed any more, or told together with another
    DUE = "due"  # to go out
    SENT = "sent"  # a provider took it
    UNDELIVERABLE = "undeliverable"  # given up
    WAITING = "waiting"  # for its time, a retry or a result
    CONFIRMED = "confirmed"  # known to have arrived
    UNCONFIRMED = "unconfirmed"  # taken, and nobody has said that it arrived


_STATES: Mapping[Which, tuple[DeliveryState, ...]] = {
    Which.ACCEPTED: tuple(DeliveryState),
    Which.SUPPRESSED: (DeliveryState.SUPPRESSED,),
    Which.DUE: tuple(state for state in DeliveryState if state is not DeliveryState.SUPPRESSED),
    Which.SENT: (DeliveryState.SENT, DeliveryState.CONFIRMED),
    Which.UNDELIVERABLE: (DeliveryState.UNDELIVERABLE,),
    Which.WAITING: (DeliveryState.DUE, DeliveryState.SENDING),
    Which.CONFIRMED: (DeliveryState.CONFIRMED,),
    Which.UNCONFIRMED: (DeliveryState.SENT,),
}


@dataclass(frozen=True)
class Totals:
    """How many messages there are of each, by what was read at one instant:

    accepted = suppressed + due; due = sent + undeliverable + waiting; sent = confirmed + unconfirmed.
    """

    numbers: Mapping[Which, int]

    def __getitem__(self, which: Which) -> int:
        return self.numbers[which]

    @property
    def adds_up(self) -> bool:
        n = self.numbers
        return (
            n[Which.ACCEPTED] == n[Which.SUPPRESSED] + n[Which.DUE]
            and n[Which.DUE] == n[Which.SENT] + n[Which.UNDELIVERABLE] + n[Which.WAITING]
            and n[Which.SENT] == n[Which.CONFIRMED] + n[Which.UNCONFIRMED]
        )


def messages_of(start: datetime, end: datetime, which: Which = Which.ACCEPTED) -> DeliveryQuerySet:
    """The messages whose time came in [start, end), of that number, the latest first."""
    rows = Delivery.objects.filter(due_at__gte=start, due_at__lt=end)
    if which is not Which.ACCEPTED:
        rows = rows.filter(state__in=_STATES[which])
    return rows.order_by("-due_at", "-pk")


def totals(start: datetime, end: datetime) -> Totals:
    """The numbers of the messages whose time came in [start, end). Each is counted by itself, in one statement."""
    counts = messages_of(start, end).aggregate(
        **{which.value: Count("pk", filter=Q(state__in=states)) for which, states in _STATES.items()}
    )
    return Totals({which: counts[which.value] for which in Which})
