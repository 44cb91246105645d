"""What people know of an incident that nobody has answered, and updates that something newer has overtaken."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.db.models import Exists, OuterRef

from tocsin.notification.actions import silence
from tocsin.notification.models import Delivery, Page
from tocsin.notification.rules import DeliveryState, Kind
from tocsin.notification.rules.updates import Known, Size


def known_of(incident_ids: Iterable[int]) -> Mapping[tuple[int, str], Known]:
    """For each of these incidents and each person who was paged and has not been spared since: what they know."""
    spared = Delivery.objects.filter(page=OuterRef("pk"), state=DeliveryState.SUPPRESSED, told_with=None)
    pages = Page.objects.filter(incident_id__in=list(incident_ids), kind__in=(Kind.PAGE, Kind.UPDATE))
    pages = pages.exclude(Exists(spared), kind=Kind.UPDATE)
    known: dict[tuple[int, str], Known] = {}
    for page in pages.order_by("created_at", "pk"):
        whom = (page.incident_id or 0, page.user_id or "")
        if page.kind == Kind.PAGE and page.quieted_at is not None:
            known.pop(whom, None)  # answered, and whoever is paged anew learns of it anew
        elif page.kind == Kind.PAGE:
            updated_at = known[whom].updated_at if whom in known else None
            known[whom] = Known(_size_in(page), updated_at)
        elif whom in known:
            known[whom] = Known(_size_in(page), page.created_at)
    return known


def waiting_of(incident_ids: Iterable[int], kind: Kind) -> list[Delivery]:
    """The messages of this kind about these incidents that wait for their time, the last first."""
    rows = Delivery.objects.filter(
        incident_id__in=list(incident_ids), page__kind=kind, page__quieted_at=None, state=DeliveryState.DUE
    )
    return list(rows.select_related("page").order_by("-next_at"))


def take_back_updates(
    incident_ids: Iterable[int], why: str, now: datetime, whom: Collection[tuple[int, str]] | None = None
) -> int:
    """Send no update about these incidents that still waits, for something newer says more; returns how many that
    spared. `whom` names of which of them and to whom; None: to anybody. One that a sender holds at this moment may
    still go, its retries do not. In the caller's transaction."""
    on_their_way = (DeliveryState.DUE, DeliveryState.SENDING)
    waiting = Delivery.objects.filter(
        incident_id__in=list(incident_ids), page__kind=Kind.UPDATE, state__in=on_their_way
    )
    rows = waiting.values_list("page_id", "incident_id", "page__user_id")
    pages = [page for page, number, user in rows if whom is None or (number, user) in whom]
    return silence(Page.objects.filter(pk__in=pages), why, now) if pages else 0


def _size_in(page: Page) -> Size:
    """How bad the page says that it is; one from before alerts were counted says that one fires."""
    return Size(int(page.details.get("alerts") or 1), str(page.details.get("priority") or "P5"))
