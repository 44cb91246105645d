"""Word that an incident is over: to who was told that it began, once, quietly, by the way that reached them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.utils.translation import gettext, ngettext, override

from tocsin.incident.messages import details_of
from tocsin.incident.models import Incident
from tocsin.incident.worded import Telling, telling, words_of_the_end
from tocsin.kernel.acting import By
from tocsin.notification.actions import Call, page_people
from tocsin.notification.beginning_again import forget, taken_back
from tocsin.notification.models import Delivery
from tocsin.notification.reached import surely_told, told_of, ways_back
from tocsin.notification.rules import DeliveryState, Kind
from tocsin.people.rules import Language
from tocsin.people.speaking import span_words

AWAKE = timedelta(hours=1)  # so long after the page they are thought to be up, and want to know


def tell_the_end(incidents: Sequence[Incident], by: By, why: str, now: datetime, who: str = "") -> int:
    """Tell everybody who was told of `incidents` that they are over, but whoever said so, and whose message says so by
    changing; returns how many. In the transaction that resolves them, so that no word of it is lost. `why` is an
    English text that is translated for each, with a place for `who`."""
    known = {incident.pk: incident for incident in incidents}
    told = told_of(known, (Kind.PAGE, Kind.SHADOW)) if known else []
    rows = [row for row in told if row.page.user_id != by.user_id]
    ways = ways_back(rows, lambda limits: not limits.loud) if rows else {}
    calls = [_call(known[number], row, why, who, now) for (number, _), row in ways.items() if row is not None]
    knowing = {(row.incident_id, row.page.user_id) for row in told if surely_told(row)}
    calls += _older_ends(known, knowing, by) if known else []
    if calls:
        page_people(calls, now)
    return len(calls)


def _older_ends(
    known: Collection[int], knowing: Collection[tuple[int | None, str | None]], by: By
) -> list[Call]:
    """The words of older ends that were taken back because the same trouble began again with one of these incidents,
    as they were: for who may have learned nothing of that one, and knows only the older."""
    words = [
        row
        for row in taken_back(known)
        if row.page.user_id != by.user_id and (row.page.again_in, row.page.user_id) not in knowing
    ]
    forget([row.page for row in words])
    return [_as_it_was(row) for row in words]


def _as_it_was(row: Delivery) -> Call:
    page = row.page
    return Call(
        user_id=page.user_id,
        incident_id=page.incident_id,
        urgency=page.urgency,
        reason=page.reason,
        subject=page.subject,
        lines=page.lines,
        details=page.details,
        note=page.note,
        kind=Kind.OVER,
        through=(row.contact, row.address),
        again_in=page.again_in,
    )


def _call(incident: Incident, row: Delivery, why: str, who: str, now: datetime) -> Call:
    user = row.page.user
    with override(user.language if user is not None else Language.ENGLISH):
        reason = gettext(why) % {"who": who}
        lines = lines_of_the_end(incident, reason, now)
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
        # Never before the page itself: while that is being sent, not until whoever sends it must have ended.
        not_before=row.next_at if row.state == DeliveryState.SENDING else None,
        through=(row.contact, row.address),
        obeys_quiet=now - row.due_at > AWAKE,
    )


def lines_of_the_end(incident: Incident, why: str, now: datetime) -> list[str]:
    """Tocsin's words that it is over, in the language that is set."""
    over = gettext("It is over: %(why)s, %(span)s after it began.")
    lines = [over % {"why": why, "span": span_words(now - incident.opened_at)}]
    if firing := incident.alerts_firing:
        words = ngettext(
            "%(count)s of its alerts still fires.", "%(count)s of its alerts still fire.", firing
        )
        lines.append(words % {"count": firing})
    return [*lines, gettext("Nothing is to be done.")]
