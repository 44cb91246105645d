"""People report what is wrong: an incident opens with their own words, and they are told what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext, override

from tocsin.answering.models import Report
from tocsin.answering.rules.reporting import (
    REPORTS_OF_STRANGERS,
    REPORTS_PER_REPORTER,
    REPORTS_WITHIN,
    TEXT_LENGTH_MAX,
    UPDATES_MAX,
    Became,
    similar,
    title_of,
    update_of,
)
from tocsin.catalog.actions import configuration
from tocsin.incident.actions import open_incident, resolve
from tocsin.incident.holding import by_word
from tocsin.incident.messages import name_of
from tocsin.incident.models import Incident
from tocsin.incident.readers import may_read, viewer_by, viewer_of
from tocsin.incident.rules import OPEN, State
from tocsin.incident.rules.restricting import Viewer
from tocsin.journal.actions import Fact, write
from tocsin.journal.models import Entry
from tocsin.journal.waking import wake
from tocsin.kernel.acting import By, by_user
from tocsin.kernel.errors import Refused, not_found
from tocsin.kernel.phrases import phrase
from tocsin.kernel.urgency import Urgency
from tocsin.notification.models import Delivery, Page
from tocsin.notification.rules import Kind
from tocsin.people import speaking
from tocsin.people.models import User
from tocsin.people.speaking import house_language

TELL_MAX = 100  # reporters in one look
FORM = "form:"  # begins the address of who used the public form: it counts them, and nothing is sent there
REPORTER = "reporter"  # stands where the name of a place does, of messages to who has no account
LOOKED_AT_MAX = 200  # open incidents among which similar ones are looked for


@dataclass(frozen=True)
class Said:
    """One report as it came. `user` is who said it when they are known; `address` is where they are told of it."""

    title: str
    text: str
    through: str
    service: str = ""
    urgent: bool = True
    user: User | None = None
    address: str = ""
    name: str = ""


def report(said: Said, now: datetime) -> Report:
    """Open an incident with these words as its first entry. Raises Refused, also when too many came of late."""
    title = title_of(said.title, said.text)
    if not title:
        raise Refused(phrase("The report says nothing"), phrase("what is wrong, in one line"), where="title")
    if len(said.title) + len(said.text) > TEXT_LENGTH_MAX:
        most = phrase("at most %(count)s characters", count=TEXT_LENGTH_MAX)
        raise Refused(phrase("The report is too long"), most, where="text")
    service = service_for(said.service)
    by = by_user(said.user.pk, said.through) if said.user is not None else By("reporter", said.through)
    with transaction.atomic():
        _not_too_many(said, now)
        words = {"title": said.title, "text": said.text, "name": said.name, "address": said.address}
        incident = open_incident(
            service,
            title,
            urgency=Urgency.HIGH if said.urgent else Urgency.LOW,
            description=said.text,
            report={name: value for name, value in words.items() if value},
            by=by,
            now=now,
        )
        return _keep(said, incident, Became.OPEN, "", now)


def follow(said: Said, incident_id: int, now: datetime) -> Incident:
    """Put these words to an open incident that is about the same; who said them is told how it goes on. Raises
    Refused."""
    if not title_of(said.title, said.text):
        raise Refused(phrase("The report says nothing"), phrase("what is wrong, in one line"), where="title")
    if len(said.title) + len(said.text) > TEXT_LENGTH_MAX:
        most = phrase("at most %(count)s characters", count=TEXT_LENGTH_MAX)
        raise Refused(phrase("The report is too long"), most, where="text")
    with transaction.atomic():
        _not_too_many(said, now)
        incident = Incident.objects.select_for_update().filter(pk=incident_id, state__in=OPEN).first()
        if incident is None or not may_read(incident, _viewer(said)):
            raise Refused(
                phrase("#%(number)s is not open", number=incident_id),
                phrase("an open incident"),
                where="follow",
                status=409,
            )
        words = {"title": said.title, "text": said.text, "name": said.name, "address": said.address}
        by = by_user(said.user.pk, said.through) if said.user is not None else By("reporter", said.through)
        known = {name: value for name, value in words.items() if value}
        write([Fact(incident.chain, "incident.reported", known)], by, now)
        _keep(said, incident, Became.LINKED, incident.state, now)
        wake(f"incident:{incident.pk}")
    return incident


def _viewer(said: Said) -> Viewer:
    return viewer_of(said.user) if said.user is not None else Viewer(None)


def _keep(said: Said, incident: Incident, became: Became, told: str, now: datetime) -> Report:
    return Report.objects.create(
        incident=incident,
        at=now,
        title=said.title,
        text=said.text,
        user=said.user,
        address=said.address,
        name=said.name[:120],
        through=said.through[:16],
        became=became,
        told=told,
    )


def service_for(asked: str) -> str:
    """The service that a report goes to: the one asked for, by id or name, else the one for reports, else the most
    critical: somebody looks at it, and says what it is about. Raises Refused with the services there are."""
    services = configuration().services
    if asked:
        wanted = asked.strip().casefold()
        for key, value in services.items():
            if wanted in (key, value.name.casefold()):
                return key
        unknown = phrase("There is no service %(name)s", name=repr(asked[:64]))
        raise Refused(unknown, _listed(list(services)), where="service")
    usual: str = settings.CONFIG.report_service
    if usual in services:
        return usual
    if not services:
        raise Refused(phrase("There is no service yet that it could be about"), where="service")
    return min(services.values(), key=lambda service: (service.tier, service.id)).id


def _listed(services: Sequence[str]) -> str:
    shown = ", ".join(services[:10])
    return phrase("one of %(names)s", names=shown + (" …" if len(services) > 10 else ""))


def _not_too_many(said: Said, now: datetime) -> None:
    """Raises Refused when this reporter, or all without an account together, reported too often of late."""
    recent = Report.objects.filter(at__gt=now - REPORTS_WITHIN)
    own = (
        recent.filter(user=said.user)
        if said.user is not None
        else recent.filter(address=said.address, user=None)
    )
    if (said.user is not None or said.address) and own.count() >= REPORTS_PER_REPORTER:
        raise Refused(
            phrase("You reported often in the last hour"),
            phrase("at most %(count)s", count=REPORTS_PER_REPORTER),
            phrase("Call somebody."),
            status=429,
        )
    if said.user is None and recent.filter(user=None).count() >= REPORTS_OF_STRANGERS:
        many = phrase("Too many reports came in the last hour")
        raise Refused(many, mend=phrase("Call somebody."), status=429)


def alike(words: str) -> list[Incident]:
    """Open incidents that the words may be about, the most alike first; whoever reports is shown none that is
    restricted."""
    rows = (
        Incident.objects.filter(state__in=OPEN, restricted=False)
        .select_related("service")
        .order_by("-opened_at")
    )
    known = {one.pk: one for one in rows[:LOOKED_AT_MAX]}
    titles = [(one.pk, f"{one.title} {one.service.name}") for one in known.values()]
    return [known[number] for number in similar(words, titles)]


# -- what level 1 makes of it ------------------------------------------------------------------------------------------


def link(incident_id: int, other_id: int, by: By, now: datetime) -> Incident:
    """Say that what was reported is what #`other_id` is about: this one is resolved, its reporters follow the other.
    Raises Refused."""
    with transaction.atomic():
        reports = _open_reports(incident_id)
        other = Incident.objects.filter(pk=other_id).first()
        hidden = other is not None and not may_read(other, viewer_by(by))
        if other is None or hidden or other.pk == incident_id or other.state not in OPEN:
            raise Refused(
                f"#{other_id} cannot be what it is about", "another open incident", where="incident"
            )
        resolve(incident_id, by, now, f"the same as #{other.pk}")
        facts = [Fact(f"incident:{incident_id}", "report.linked", {"to": other.pk})]
        write([*facts, Fact(other.chain, "report.joined", {"from": incident_id})], by, now)
        for one in reports:
            one.incident, one.became, one.told = other, Became.LINKED, other.state
            one.save(update_fields=["incident", "became", "told"])
            if _is_own(one, by.who):
                continue
            words = phrase(
                "It is known already, as %(incident)s. You are told how that goes on.",
                incident=name_of(other) if other.restricted else f"#{other.pk} {other.title}",
            )
            _tell(one, words, now)
        wake(f"incident:{other.pk}")
    return other


def decline(incident_id: int, reason: str, by: By, now: datetime) -> Incident:
    """Say that nothing is to be done about what was reported, and why: its reporters are told. Raises Refused."""
    reason = reason.strip()
    if not reason:
        raise Refused("A reason is needed", "what its reporter is told", where="reason")
    with transaction.atomic():
        reports = _open_reports(incident_id)
        outcome = resolve(incident_id, by, now, reason)
        write([Fact(f"incident:{incident_id}", "report.declined", {"reason": reason})], by, now)
        for one in reports:
            one.became = Became.DECLINED
            one.save(update_fields=["became"])
            if _is_own(one, by.who):
                continue
            who = by_word(by.who)
            words = phrase("%(who)s looked at it, and nothing is done: %(reason)s", who=who, reason=reason)
            _tell(one, words, now)
    return outcome.incident


def _open_reports(incident_id: int) -> list[Report]:
    rows = Report.objects.select_for_update(of=("self",)).filter(incident=incident_id, became__in=_WATCHED)
    found = list(rows.select_related("user", "incident"))
    if not found:
        raise not_found("open report about incident", incident_id)
    return found


# -- telling reporters -------------------------------------------------------------------------------------------------

_WATCHED = (Became.OPEN, Became.LINKED)


def tell_reporters(now: datetime, limit: int = TELL_MAX) -> int:
    """Tell those whose report has moved on; returns how many were looked at."""
    with transaction.atomic():
        moved = Report.objects.filter(became__in=_WATCHED).exclude(told=F("incident__state"))
        # Nobody is told that nothing has happened yet.
        moved = moved.exclude(told="", incident__state=State.TRIGGERED)
        rows = moved.select_for_update(skip_locked=True, of=("self",)).order_by("pk")
        found = list(rows.select_related("incident", "incident__assigned", "user")[:limit])
        for one in found:
            _follow(one, now)
    return len(found)


def _follow(one: Report, now: datetime) -> None:
    incident = one.incident
    holder = incident.assigned.name if incident.assigned else ""
    if not holder and incident.acknowledged_by:
        holder = by_word(incident.acknowledged_by)
    update = update_of(one.told, State(incident.state), holder, _ending(incident))
    one.told = incident.state
    if update is not None:
        one.became = Became.ENDED if update.last else one.became
        if not _is_own(one, _who_did(incident)):
            _tell(one, update.text, now)
    one.save(update_fields=["told", "became"])


_BRINGS = {
    State.TRIGGERED: ("incident.reopened",),
    State.ACKNOWLEDGED: ("incident.acknowledged", "incident.snoozed"),
    State.RESOLVED: ("incident.resolved",),
    State.CLOSED: ("incident.resolved", "incident.closed"),
}
_MOVES = tuple(kind for kinds in _BRINGS.values() for kind in kinds)


def _who_did(incident: Incident) -> str:
    """Whose act brought it to the state that it is in; "" when nobody's did, as when an acknowledgement expires."""
    last = Entry.objects.filter(chain=incident.chain, kind__in=_MOVES).order_by("-seq").first()
    return last.who if last is not None and last.kind in _BRINGS[State(incident.state)] else ""


def _is_own(one: Report, who: str) -> bool:
    """Whether who did it is the reporter, who knows."""
    return one.user_id is not None and who == by_user(one.user_id, "").who


def _ending(incident: Incident) -> str:
    """What whoever ended it wrote about it; of what is restricted nothing leaves in messages."""
    if incident.restricted:
        return ""
    entry = Entry.objects.filter(chain=incident.chain, kind="incident.resolved").order_by("-seq").first()
    return str(entry.data.get("note", "")) if entry is not None else ""


def _tell(one: Report, words: str, now: datetime) -> None:
    """One quiet message to the reporter, where they said it; in the caller's transaction. At most UPDATES_MAX."""
    address = one.address or _address_of(one.user)
    if not address or address.startswith(FORM) or one.updates >= UPDATES_MAX:
        return
    path = f"/incidents/{one.incident_id}" if one.user is not None else None
    with override(one.user.language if one.user is not None else house_language()):
        shut = one.incident.restricted
        title = name_of(one.incident) if shut else title_of(one.title, one.text)
        subject = gettext("Your report: %(title)s") % {"title": title}
        line = speaking.told(words)
    page = Page.objects.create(
        user=one.user,
        place="" if one.user is not None else REPORTER,
        urgency="low",
        kind=Kind.NOTICE,
        reason="something that they reported",
        subject=subject,
        lines=[line],
        details={"to": one.reporter, "path": path},
        created_at=now,
    )
    Delivery.objects.create(
        page=page, contact="report", address=address, urgent=False, due_at=now, next_at=now
    )
    one.updates += 1
    one.save(update_fields=["updates"])
    wake("deliveries")


def _address_of(user: User | None) -> str:
    """Where a person who reported on a page is told: their mailbox."""
    return f"mailto:{user.email}" if user is not None and user.is_active and user.email else ""
