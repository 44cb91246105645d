"""The list of incidents, and one incident with all that is known about it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tocsin.answering.models import Report
from tocsin.catalog.models import Service
from tocsin.escalation.actions import next_steps
from tocsin.escalation.models import Climb
from tocsin.escalation.rules import Ahead
from tocsin.incident.holding import called_since
from tocsin.incident.models import Incident, Reader, alerts_not_hidden, chain_of
from tocsin.incident.readers import refuse_unread, sight_of
from tocsin.incident.rules import OPEN, State
from tocsin.incident.rules.restricting import Sight, leads
from tocsin.intake.models import Alert, Change
from tocsin.journal.models import Entry
from tocsin.kernel.errors import not_found
from tocsin.kernel.urgency import Priority
from tocsin.notification.models import Attempt, Delivery, Page
from tocsin.people.rules import May
from tocsin.web.forms import instant, viewer
from tocsin.web.guard import needs
from tocsin.web.names import names_of
from tocsin.web.story import Told, folded, tell
from tocsin.web.story.naming import channel_name, named, parties_in, party

PER_PAGE = 50
SEARCH_LENGTH_MAX = 200
ALERTS_MAX = 25
PAGES_MAX = 25
REPORTS_MAX = 10
ENTRIES_MAX = 60
CHANGES_MAX = 5
CHANGES_BEFORE = timedelta(hours=6)
# Characters of raw payload that stand in the page itself; longer ones have their own.
PAYLOAD_INLINE_MAX = 3_000
PAYLOADS_INLINE_MAX = 12_000  # and all of them together
STATES = {
    "open": "Open",
    State.TRIGGERED.value: "Nobody has it",
    State.ACKNOWLEDGED.value: "In hand",
    State.RESOLVED.value: "Resolved",
    State.CLOSED.value: "Closed",
    "all": "All",
}


# -- the list --------------------------------------------------------------------------------------------------------


@needs(May.SEE)
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Incidents, the newest first, by what was asked for; the next page begins after the last row's number."""
    asked = request.GET
    words = asked.get("q", "").replace("\0", "").strip()[:SEARCH_LENGTH_MAX]
    state = asked.get("state", "") if asked.get("state", "") in STATES else ("all" if words else "open")
    service = asked.get("service", "").replace("\0", "")[:64]
    priority = asked.get("priority", "") if asked.get("priority", "") in list(Priority) else ""
    rows = Incident.objects.visible_to(viewer(request)).select_related("service", "assigned").order_by("-id")
    if state == "open":
        rows = rows.filter(state__in=OPEN)
    elif state != "all":
        rows = rows.filter(state=state)
    if service:
        rows = rows.filter(service_id=service)
    if priority:
        rows = rows.filter(priority=priority)
    if words:
        rows = rows.filter(matching(words))
    after = asked.get("after", "")
    if after.isdigit() and len(after) <= 18:
        rows = rows.filter(id__lt=int(after))
    shown = list(rows[: PER_PAGE + 1])
    chosen = {"state": state, "service": service, "priority": priority, "q": words}
    kept = {name: value for name, value in chosen.items() if value}
    context = {
        "rows": shown[:PER_PAGE],
        "names": names_of(row.acknowledged_by for row in shown),
        "older": urlencode(kept | {"after": str(shown[PER_PAGE - 1].pk)}) if len(shown) > PER_PAGE else "",
        "newest": urlencode(kept) if after else "",
        "chosen": chosen,
        "states": STATES,
        "services": Service.objects.order_by("name").values_list("id", "name"),
        "priorities": [each.value for each in Priority],
        "address": request.get_full_path(),
    }
    template = "parts/incident_rows.html" if request.headers.get("HX-Request") else "incidents.html"
    return render(request, template, context)


def matching(words: str) -> Q:
    """What a search finds: "#412" or "412" the incident of that number, words its title or service."""
    number = words.removeprefix("#")
    found = Q(title__icontains=words) | Q(service__name__icontains=words)
    return found | Q(pk=int(number)) if number.isdigit() and len(number) <= 18 else found


# -- one incident ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """One delivery: through what, whether it arrived, and each attempt."""

    channel: str
    state: str
    words: str
    at: datetime | None
    due: bool
    tries: Sequence[tuple[datetime, str, int]]


@dataclass(frozen=True)
class Paged:
    """One person who was paged: why, when, and through what."""

    page: Page
    reason: str
    unreachable: bool
    ways: Sequence[Way]


@dataclass(frozen=True)
class Seen:
    """One alert, with the payload that stands in the page when it is short."""

    alert: Alert
    payload: str


@dataclass(frozen=True)
class Step:
    """What a climb will do next."""

    at: datetime
    number: int
    round: int
    people: str
    opens: bool  # it waits for this instant, at which the level opens


@needs(May.SEE)
@require_safe
def one(request: HttpRequest, incident_id: int) -> HttpResponse:
    """The incident's page; for a live refresh only what changes. Who was paged about a restricted one finds its number
    and the way to take it."""
    incident = found(incident_id)
    sight = sight_of(incident, viewer(request))
    if sight is Sight.NUMBER:
        return _unread(request, incident)
    if sight is Sight.NOTHING:
        raise not_found("incident", incident_id)
    before = request.GET.get("before", "")
    upto = int(before) if before.isdigit() and len(before) < 10 else None
    context = page_of(incident, instant(request), upto)
    asks = str(request.user.pk)
    if incident.restricted:
        context["readers"] = Reader.objects.filter(incident=incident).select_related("user")
        context["leads"] = leads(viewer(request), incident.assigned_id, incident.acknowledged_by)
    context["called"] = incident.assigned_id != asks and called_since(incident, asks)
    template = "parts/incident.html" if request.headers.get("HX-Request") else "incident.html"
    return render(request, template, context)


def find(request: HttpRequest, incident_id: int) -> Incident:
    """The incident with its service and holder, for who may read it. Raises Refused."""
    incident = found(incident_id)
    refuse_unread(incident, viewer(request))
    return incident


def found(incident_id: int) -> Incident:
    """The same for whoever looks at it after that. Raises Refused."""
    rows = Incident.objects.select_related("service", "service__team", "assigned")
    incident = rows.filter(pk=incident_id).first()
    if incident is None:
        raise not_found("incident", incident_id)
    return incident


def _unread(request: HttpRequest, incident: Incident) -> HttpResponse:
    """What is shown to who was paged about a restricted incident and does not read it: how it stands, and the one act
    by which they come to read it."""
    context = {
        "incident": incident,
        "open": incident.state in OPEN,
        "holder": holder_of(incident, names_of([incident.acknowledged_by])),
        "free": incident.shown_state in (State.TRIGGERED, "snoozed")
        or called_since(incident, str(request.user.pk)),
        "live": f"incident:{incident.pk}",
        "address": f"/incidents/{incident.pk}",
    }
    fragment = request.headers.get("HX-Request")
    return render(request, "parts/unread.html" if fragment else "unread.html", context)


def page_of(incident: Incident, now: datetime, before: int | None = None) -> dict[str, Any]:
    """Everything the incident's page shows at `now`; the timeline from entry `before` backwards."""
    entries = Entry.objects.filter(chain=chain_of(incident.pk)).order_by("-seq")
    if before is not None:
        entries = entries.filter(seq__lt=before)
    told = list(entries[: ENTRIES_MAX + 1])
    pages = Page.objects.filter(incident_id=incident.pk).order_by("-created_at")
    paged = list(pages.select_related("user").prefetch_related("deliveries__tries")[: PAGES_MAX + 1])
    ahead = next_steps(incident, now) if incident.state in OPEN else ()
    climb = Climb.objects.filter(pk=incident.pk).first()
    parties = parties_in((entry.who, entry.data) for entry in told) | {incident.acknowledged_by}
    parties |= {f"user:{user}" for step in ahead for user in step.people}
    parties |= mentioned(paged)
    names = names_of(parties)
    return {
        "incident": incident,
        "open": incident.state in OPEN,
        "holder": holder_of(incident, names),
        "steps": [_step(step, names) for step in ahead],
        "climb": climb,
        "paged": [paged_of(page, names) for page in paged[:PAGES_MAX]],
        "paged_more": len(paged) > PAGES_MAX,
        "alerts": alerts_of(incident),
        "reports": list(Report.objects.filter(incident=incident).select_related("user")[:REPORTS_MAX]),
        "changes": changes_near(incident, now),
        "timeline": folded(_told(entry, names) for entry in told[:ENTRIES_MAX]),
        "older": told[ENTRIES_MAX - 1].seq if len(told) > ENTRIES_MAX else None,
        "live": f"incident:{incident.pk}",
        "address": f"/incidents/{incident.pk}" + (f"?before={before}" if before else ""),
    }


def holder_of(incident: Incident, names: Mapping[str, str]) -> str:
    """Who has it: the person it is assigned to, else who acknowledged; "" when nobody."""
    if incident.assigned is not None:
        return incident.assigned.name
    return party(incident.acknowledged_by, names) if incident.acknowledged_by else ""


def _step(step: Ahead, names: Mapping[str, str]) -> Step:
    people = [party(f"user:{user}", names) for user in step.people]
    return Step(step.at, step.number, step.round, ", ".join(people), step.opens)


def _told(entry: Entry, names: Mapping[str, str]) -> Told:
    return tell(entry.seq, entry.kind, entry.data, entry.who, entry.through, entry.happened_at, names)


def mentioned(pages: Iterable[Page]) -> set[str]:
    """Who is named inside reasons and errors, as in "acknowledged by user:ada"."""
    return parties_named(
        [page.reason for page in pages] + [row.error for page in pages for row in page.deliveries.all()]
    )


def parties_named(texts: Iterable[str]) -> set[str]:
    """Whom these texts name, as in "acknowledged by user:ada"."""
    return {
        word.strip(".,;:")
        for text in texts
        for word in text.split()
        if word.startswith(("user:", "integration:"))
    }


def paged_of(page: Page, names: Mapping[str, str]) -> Paged:
    """One page with its deliveries in their order."""
    rows = sorted(page.deliveries.all(), key=lambda row: row.due_at)
    ways = [way_of(row, names) for row in rows]
    return Paged(page, named(page.reason, names), page.undeliverable_at is not None, ways)


def _tried(attempt: Attempt) -> str:
    """What became of an attempt, and which account was asked where one was needed."""
    return f"{attempt.provider}: {attempt.outcome}" if attempt.provider else attempt.outcome


def way_of(row: Delivery, names: Mapping[str, str]) -> Way:
    """One delivery in words: "arrived", "tries again", "did not go: …"."""
    scheme = row.address.partition(":")[0]
    words = {
        "due": "tries again" if row.attempts else row.error or "goes out",
        "sending": "is going out now",
        "sent": "was sent, unconfirmed: no receipt in time" if row.unconfirmed_at else "was sent",
        "confirmed": "arrived",
        "undeliverable": f"did not go: {row.error}",
        "suppressed": row.error if row.told_with else f"not needed: {row.error}",
    }.get(row.state, row.state)
    at = row.next_at if row.state == "due" else row.confirmed_at or row.sent_at
    attempts = list(row.tries.all())
    if attempts and attempts[-1].provider and row.state in ("sent", "confirmed"):
        words += f" through {attempts[-1].provider}"
    tries = [(each.at, named(_tried(each), names), each.took_ms) for each in attempts]
    channel = channel_name(scheme)
    if row.contact not in (scheme, channel):
        channel = f"{channel} ({row.contact})"
    return Way(channel, row.state, named(words, names), at, row.state == "due", tries)


def alerts_of(incident: Incident) -> list[Seen]:
    """Its alerts, the firing ones first; payloads as far as the page's weight allows."""
    rows = Alert.objects.filter(incident=incident).select_related("integration")
    seen, room = [], PAYLOADS_INLINE_MAX
    for alert in rows.order_by("state", "-last_seen_at")[:ALERTS_MAX]:
        payload = latest_payload(alert)
        if len(payload) > min(room, PAYLOAD_INLINE_MAX):
            payload = ""
        room -= len(payload)
        seen.append(Seen(alert, payload))
    return seen


def latest_payload(alert: Alert) -> str:
    """The newest raw payload kept of the alert, as its sender wrote it, laid out for reading."""
    if not alert.samples:
        return ""
    return pretty(alert.samples[-1])


def pretty(sample: object) -> str:
    """A kept payload, laid out for reading."""
    raw = sample.get("raw") if isinstance(sample, Mapping) else sample
    return raw if isinstance(raw, str) else json.dumps(raw, indent=2, ensure_ascii=False, sort_keys=False)


def changes_near(incident: Incident, now: datetime) -> list[Change]:
    """What was changed on the service shortly before it broke, or since, the newest first."""
    until = incident.resolved_at or now
    rows = Change.objects.filter(
        service_id=incident.service_id,
        happened_at__gte=incident.opened_at - CHANGES_BEFORE,
        happened_at__lte=until,
    )
    return list(rows.order_by("-happened_at")[:CHANGES_MAX])


@needs(May.SEE)
@require_safe
def alert(request: HttpRequest, alert_id: int) -> HttpResponse:
    """One alert with every payload that was kept of it."""
    rows = Alert.objects.filter(alerts_not_hidden(viewer(request)), pk=alert_id)
    row = rows.select_related("integration", "service", "incident").first()
    if row is None:
        raise not_found("alert", alert_id)
    samples = [
        {"at": sample.get("at", "") if isinstance(sample, Mapping) else "", "text": pretty(sample)}
        for sample in reversed(row.samples)
    ]
    return render(request, "alert.html", {"alert": row, "samples": samples})
