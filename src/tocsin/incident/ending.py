"""Word that an incident is over: to who was told that it began, once, quietly, by the way that reached them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.translation import gettext, ngettext, override

from tocsin.incident.messages import details_of
from tocsin.incident.models import Incident
from tocsin.incident.worded import Telling, telling, words_of_the_end
from tocsin.kernel.acting import By
from tocsin.notification.actions import Call, page_people
from tocsin.notification.cards import sent_as_card
from tocsin.notification.models import Delivery
from tocsin.notification.rules import DeliveryState, Kind
from tocsin.notification.throttling import limits_of
from tocsin.people.rules import Language
from tocsin.people.speaking import span_words

AWAKE = timedelta(hours=1)  # so long after the page they are thought to be up, and want to know
REACHED = (DeliveryState.SENDING, DeliveryState.SENT, DeliveryState.CONFIRMED)


def tell_the_end(incidents: Sequence[Incident], by: By, why: str, now: datetime, who: str = "") -> int:
    """Tell everybody who was told of `incidents` that they are over, but whoever said so, and whose message says so by
    changing; returns how many. In the transaction that resolves them, so that no word of it is lost. `why` is an
    English text that is translated for each, with a place for `who`."""
    known = {incident.pk: incident for incident in incidents}
    told = Delivery.objects.filter(Q(state__in=REACHED) | Q(told_with__isnull=False), incident_id__in=known)
    rows = list(
        told.filter(page__kind__in=(Kind.PAGE, Kind.SHADOW), page__user__is_active=True)
        .exclude(page__user=by.user_id or "")
        .select_related("page__user")
        .order_by("due_at", "pk")
    )
    rows.sort(key=_may_not_have_arrived)  # a way that is known to reach them goes first
    if not rows or not known:
        return 0
    changing = sent_as_card(rows)
    ways: dict[tuple[int, str], Delivery | None] = {}
    for row in rows:
        whom = (row.incident_id or 0, row.page.user_id or "")
        if row.pk in changing and not _may_not_have_arrived(row):
            ways[whom] = None
        elif whom not in ways and not limits_of(row.address).loud:
            ways[whom] = row
    calls = [_call(known[number], row, why, who, now) for (number, _), row in ways.items() if row is not None]
    page_people(calls, now)
    return len(calls)


def _may_not_have_arrived(row: Delivery) -> bool:
    """Whether the provider took it and promised a receipt that has not come, so that it may yet prove lost."""
    return row.state == DeliveryState.SENT and row.receipt_by is not None


def _call(incident: Incident, row: Delivery, why: str, who: str, now: datetime) -> Call:
    user = row.page.user
    with override(user.language if user is not None else Language.ENGLISH):
        reason = gettext(why) % {"who": who}
        lines = _lines(incident, reason, now)
    told = telling(incident, user, now, why=reason) if user else Telling(incident, now, why=reason)
    said = words_of_the_end(told, lines)
    return Call(
        user_id=row.page.user_id,
        incident_id=incident.pk,
        urgency="low",
        reason=f"told that it is over, as by {row.contact} that it began",
        subject=said.subject,
        lines=said.lines,
        details=details_of(incident),
        note=said.note,
        trouble=said.trouble,
        kind=Kind.OVER,
        through=(row.contact, row.address),
        obeys_quiet=now - row.due_at > AWAKE,
    )


def _lines(incident: Incident, why: str, now: datetime) -> list[str]:
    over = gettext("It is over: %(why)s, %(span)s after it began.")
    lines = [over % {"why": why, "span": span_words(now - incident.opened_at)}]
    if firing := incident.alerts_firing:
        words = ngettext(
            "%(count)s of its alerts still fires.", "%(count)s of its alerts still fire.", firing
        )
        lines.append(words % {"count": firing})
    return [*lines, gettext("Nothing is to be done.")]
