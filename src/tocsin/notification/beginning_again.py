"""Words of ends that have not gone when the same trouble begins again, with a new incident.

"Resolved" must not be the last that somebody reads while it fires. Whoever is paged about the new incident learns in
that page what the word would have said, and the word is taken back; who is not paged gets it as ever. When the new one
ends and no page about it has reached them after all, the word goes then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext, override

from tocsin.journal.columns import to_uuid
from tocsin.kernel.ids import in_parts
from tocsin.notification.models import Delivery, Page
from tocsin.notification.rules import DeliveryState, Kind
from tocsin.people.models import User

TELLS = (Kind.PAGE, Kind.SHADOW)  # what says that it has begun
NAMED_MAX = 5  # older incidents in one page
Whom = tuple[int, str]  # an incident, and who is told of it


@dataclass(frozen=True)
class Unsaid:
    """The word of an older incident's end that has not gone, or is being sent."""

    page: UUID
    incident: int
    contact: str


def begins_again(again: Mapping[int, int]) -> None:
    """Remember with which incident it goes on, of each word of an end that has not gone or was taken back: `again`
    names the new one of each that is over. In the transaction that opens the new ones."""
    unsaid = (DeliveryState.DUE, DeliveryState.SENDING, DeliveryState.SUPPRESSED)
    deliveries = Delivery.objects.filter(page=OuterRef("pk"), state__in=unsaid, told_with=None)
    moved: dict[int, list[UUID]] = {}
    for some in in_parts(again):
        words = Page.objects.filter(Q(incident_id__in=some) | Q(again_in__in=some), kind=Kind.OVER)
        # One that was stopped for another reason stays so.
        words = words.filter(Q(quieted_at=None) | Q(again_in__isnull=False)).filter(Exists(deliveries))
        for page, ended, before in words.values_list("pk", "incident_id", "again_in"):
            moved.setdefault(again.get(before or 0) or again[ended or 0], []).append(page)
    for new, pages in moved.items():
        for part in in_parts(pages):
            Page.objects.filter(pk__in=part).update(again_in=new)


def unsaid_ends(incidents: Iterable[int | None]) -> Mapping[Whom, list[Unsaid]]:
    """For each of these incidents and each person the words of older ends that have not gone, the oldest first."""
    found: dict[Whom, list[Unsaid]] = {}
    for some in in_parts({number for number in incidents if number is not None}):
        for again_in, user, page, ended, contact in _rows(some):
            found.setdefault((again_in, user), []).append(Unsaid(to_uuid(page), ended, contact))
    return found


# Asked before every page, and there mostly is nothing: a query set would cost more than the answer.
_UNSAID = """
    SELECT p.again_in, p.user_id, p.id, p.incident_id, d.contact
    FROM notification_page p JOIN notification_delivery d ON d.page_id = p.id
    WHERE p.again_in IN ({marks}) AND p.quieted_at IS NULL AND d.state IN ('due', 'sending')
    ORDER BY p.incident_id
"""


def _rows(incidents: list[int]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(_UNSAID.format(marks=", ".join(["%s"] * len(incidents))), incidents)
        return list(cursor.fetchall())


def again_words(user_id: str, unsaid: Iterable[Unsaid]) -> str:
    """What the page says instead of those words, in the person's language."""
    older = list(dict.fromkeys(f"#{each.incident}" for each in unsaid))[-NAMED_MAX:]
    with override(User.objects.values_list("language", flat=True).get(pk=user_id)):
        return gettext("It fires again: %(incidents)s had ended.") % {"incidents": ", ".join(older)}


def taken_back(incidents: Iterable[int]) -> list[Delivery]:
    """The words of older ends that were taken back for pages about these incidents, the oldest first; also those
    that are still being sent, for they may fail and are not tried again."""
    rows = Delivery.objects.filter(
        page__again_in__in=list(incidents),
        page__quieted_at__isnull=False,
        page__user__is_active=True,
        state__in=(DeliveryState.SUPPRESSED, DeliveryState.SENDING),
        told_with=None,
    )
    return list(rows.select_related("page").order_by("page__created_at"))


def forget(words: Iterable[Page]) -> None:
    """What was taken back of these is told by other messages from now on."""
    for part in in_parts([page.pk for page in words]):
        Page.objects.filter(pk__in=part).update(again_in=None)
