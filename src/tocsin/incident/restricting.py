"""Make an incident restricted or open again, and let people read it: each is a fact of its timeline."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.incident.messages import details_of
from tocsin.incident.models import Incident, Reader
from tocsin.incident.readers import name_readers, refuse_unless_leads
from tocsin.incident.rules.restricting import READERS_MAX
from tocsin.incident.transitions import Outcome, locked, save
from tocsin.incident.worded import Telling, words_of, words_of_the_end
from tocsin.journal.actions import Fact, write
from tocsin.journal.models import Entry
from tocsin.journal.waking import wake
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, conflict, not_found
from tocsin.notification.models import Page
from tocsin.notification.places import language_of
from tocsin.notification.rules import Kind
from tocsin.people.models import User

KEPT = ("priority", "urgency", "alerts", "place")  # what a message said for machines and says on
PAGES_AT_ONCE = 200


def restrict(incident_id: int, by: By, now: datetime) -> Outcome:
    """Only whom it concerns reads it from now on: who opened it, who has it, and whoever restricts it. Messages that
    wait say its number alone, and cards change; what was sent before is with those who got it."""
    with transaction.atomic():
        incident = locked(incident_id, by)
        if incident.restricted:
            return Outcome(incident, False, "it is restricted already")
        save(incident, {"restricted": True}, "incident.restricted", {}, by, now)
        holder = By(incident.acknowledged_by, "").user_id
        named = [by.user_id, incident.assigned_id, holder, _opener(incident)]
        name_readers(incident, named, "restricted", by, now)
        _hush(incident, now)
    return Outcome(incident, True)


def unrestrict(incident_id: int, by: By, now: datetime) -> Outcome:
    """Everybody who sees incidents reads it again. Raises Refused unless whoever acts decides that."""
    with transaction.atomic():
        incident = locked(incident_id, by)
        if not incident.restricted:
            return Outcome(incident, False, "it is not restricted")
        refuse_unless_leads(incident, by)
        save(incident, {"restricted": False}, "incident.unrestricted", {}, by, now)
    return Outcome(incident, True)


def let_read(incident_id: int, user_id: str, by: By, now: datetime) -> Outcome:
    """Let somebody read a restricted incident. Raises Refused unless whoever acts decides that."""
    with transaction.atomic():
        incident = _led(incident_id, by)
        if not User.objects.people().filter(pk=user_id, is_active=True).exists():
            raise not_found("active person", user_id)
        if Reader.objects.filter(incident=incident).count() >= READERS_MAX:
            raise conflict(f"#{incident_id} has {READERS_MAX} readers", "Withdraw somebody first.")
        if not name_readers(incident, [user_id], "named", by, now):
            return Outcome(incident, False, "they may read it already")
        wake(f"incident:{incident_id}")
    return Outcome(incident, True)


def withdraw(incident_id: int, user_id: str, by: By, now: datetime) -> Outcome:
    """Let somebody read a restricted incident no more; who has it stays its reader. Raises Refused unless whoever acts
    decides that."""
    with transaction.atomic():
        incident = _led(incident_id, by)
        if user_id in (incident.assigned_id, By(incident.acknowledged_by, "").user_id):
            raise conflict(f"#{incident_id} is theirs", "Hand it over first.")
        gone, _ = Reader.objects.filter(incident=incident, user=user_id).delete()
        if not gone:
            return Outcome(incident, False, "they are not among its readers")
        write([Fact(incident.chain, "incident.reader_withdrawn", {"user": user_id})], by, now)
        wake("now", f"incident:{incident_id}")
    return Outcome(incident, True)


def _led(incident_id: int, by: By) -> Incident:
    """The locked incident, which is restricted, and whose readers are for whoever acts to choose."""
    incident = locked(incident_id, by)
    refuse_unless_leads(incident, by)
    if not incident.restricted:
        raise Refused(
            f"#{incident_id} is not restricted", "a restricted incident", "Restrict it first.", status=409
        )
    return incident


def _opener(incident: Incident) -> str | None:
    who = Entry.objects.filter(chain=incident.chain, kind="incident.opened").values_list("who", flat=True)
    return By(who[0], "").user_id if who else None


def _hush(incident: Incident, now: datetime) -> None:
    """Take out of its stored messages what they are about: those that wait say it no more, nor does any page that
    shows what was sent."""
    pages = list(Page.objects.filter(incident_id=incident.pk).select_related("user"))
    for page in pages:
        told = Telling(incident, now, language=language_of(page))
        over = page.kind == Kind.OVER
        said = words_of_the_end(told, ()) if over else words_of(told)
        page.subject, page.lines, page.note = said.subject, list(said.lines), ""
        page.details = details_of(incident) | {key: page.details[key] for key in KEPT if key in page.details}
    Page.objects.bulk_update(pages, ["subject", "lines", "note", "details"], batch_size=PAGES_AT_ONCE)
