"""Note what providers say became of our messages."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from tocsin.notification.hearing import Receipt, Told, Tone
from tocsin.notification.models import Delivery
from tocsin.notification.receipts import confirm, find_told, refute

NAMED_FOR = timedelta(days=7)  # that a message can be answered by the provider's name for it


def noted(receipt: Receipt, now: datetime) -> Told:
    """Note it. Nobody is there to be told anything."""
    found = find_told(receipt.delivery, receipt.reference)
    if found is not None and receipt.arrived:
        confirm(found.pk, now)
    elif found is not None:
        refute(found.pk, receipt.why, now)
    return Told(tone=Tone.SILENT)


def delivery_of(id_: str, reference: str = "", now: datetime | None = None) -> Delivery | None:
    """The message that is meant, by its id or, of those of the last days before `now`, by the provider's name for it;
    None when nothing is."""
    rows = Delivery.objects.select_related("page", "page__user")
    if id_:
        try:
            return rows.filter(pk=UUID(id_)).first()
        except ValueError:
            return None
    if not reference or now is None:
        return None
    return rows.filter(reference=reference, due_at__gt=now - NAMED_FOR).order_by("-due_at", "-pk").first()
