"""By which messages people learned of an incident, and by which of these ways more can be told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from django.db.models import Q

from tocsin.notification.cards import sent_as_card
from tocsin.notification.models import Delivery
from tocsin.notification.rules import DeliveryState, Kind, Limits
from tocsin.notification.throttling import limits_of

REACHED = (DeliveryState.SENDING, DeliveryState.SENT, DeliveryState.CONFIRMED)


def told_of(incident_ids: Iterable[int], kinds: Sequence[Kind]) -> list[Delivery]:
    """The messages of these kinds that told active people of these incidents, or may have, the oldest first; those
    that may yet prove lost come last, so that a way that is known to reach somebody goes first."""
    told = Delivery.objects.filter(
        Q(state__in=REACHED) | Q(told_with__isnull=False) | Q(perhaps=True),
        incident_id__in=list(incident_ids),
    )
    people = told.filter(page__kind__in=kinds, page__user__is_active=True)
    return sorted(people.select_related("page__user").order_by("due_at", "pk"), key=_may_not_have_arrived)


def ways_back(
    rows: Sequence[Delivery], fits: Callable[[Limits], bool]
) -> Mapping[tuple[int, str], Delivery | None]:
    """For each incident and person of `rows` the message after which more may be told: the first by a channel that
    `fits`. None for who has a card, which tells by changing; nothing for whom no channel fits."""
    changing = sent_as_card(rows)
    ways: dict[tuple[int, str], Delivery | None] = {}
    for row in rows:
        whom = (row.incident_id or 0, row.page.user_id or "")
        if row.pk in changing and not _may_not_have_arrived(row):
            ways[whom] = None
        elif whom not in ways and fits(limits_of(row.address)):
            ways[whom] = row
    return ways


def surely_told(row: Delivery) -> bool:
    """Whether this message has reached its person as far as anybody can know."""
    sent = row.state in (DeliveryState.SENT, DeliveryState.CONFIRMED)
    return row.told_with is not None or (sent and not _may_not_have_arrived(row))


def _may_not_have_arrived(row: Delivery) -> bool:
    """Whether nobody knows that it did: its answer was lost, or a receipt was promised and has not come."""
    if row.state == DeliveryState.SENT:
        return row.receipt_by is not None
    return row.perhaps and row.state != DeliveryState.CONFIRMED
