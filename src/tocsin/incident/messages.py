"""What a page about an incident says, before any channel puts it into its own form.

Messages lie on lock screens and in rooms that many read. Of a restricted incident they say its number and how much it
presses, and nothing of what it is about: not its title, its service, its alerts, nor why somebody is paged.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext, gettext_noop, ngettext, override

from tocsin.incident.models import Incident
from tocsin.kernel.text import cut
from tocsin.people.rules import Language
from tocsin.people.speaking import clock_words, since_words

SUBJECT_LENGTH_MAX = 200
DESCRIPTION_LENGTH_MAX = 500
IMPACTS = {
    "major": gettext_noop("major impact"),
    "moderate": gettext_noop("moderate impact"),
    "minor": gettext_noop("minor impact"),
}
URGENCIES = {"high": gettext_noop("high urgency"), "low": gettext_noop("low urgency")}


def name_of(incident: Incident) -> str:
    """A restricted incident as everybody may call it, in the language that is set: "Restricted incident #412"."""
    return gettext("Restricted incident #%(number)s") % {"number": incident.pk}


def subject_of(incident: Incident) -> str:
    """One line: how bad, what, where: "[P1] Checkout fails · Web shop #412"."""
    if incident.restricted:
        return f"[{incident.priority}] {name_of(incident)}"
    tail = f" · {incident.service.name} #{incident.pk}"
    room = SUBJECT_LENGTH_MAX - len(tail) - 5
    return f"[{incident.priority}] {cut(incident.title, room)}{tail}"


def lines_of(
    incident: Incident, zone: str, now: datetime, language: str = Language.ENGLISH, stays: bool = False
) -> list[str]:
    """What, since when, how much: short facts in the order of use, in the reader's language and zone. What `stays` on
    show says no "4 min ago"."""
    with override(language):
        if incident.restricted:
            return [
                gettext("Restricted incident #%(number)s. Sign in to read it.") % {"number": incident.pk},
                f"{incident.priority}, {gettext(URGENCIES[incident.urgency])}.",
            ]
        return [f"{incident.service.name}: {incident.title}", *_facts(incident, zone, now, stays)]


def _facts(incident: Incident, zone: str, now: datetime, stays: bool) -> list[str]:
    since = (
        gettext("Since %(time)s %(zone)s; %(impact)s, %(urgency)s.")
        if stays
        else gettext("Since %(time)s %(zone)s (%(ago)s); %(impact)s, %(urgency)s.")
    )
    lines = [
        since
        % {
            "time": clock_words(incident.opened_at, ZoneInfo(zone), now),
            "zone": zone,
            "ago": since_words(incident.opened_at, now),
            "impact": gettext(IMPACTS[incident.impact]),
            "urgency": gettext(URGENCIES[incident.urgency]),
        }
    ]
    if incident.alerts_firing > 1:
        firing = ngettext(
            "%(firing)s alert is firing, %(total)s came in all.",
            "%(firing)s alerts are firing, %(total)s came in all.",
            incident.alerts_firing,
        )
        lines.append(firing % {"firing": incident.alerts_firing, "total": incident.alerts_total})
    if workaround := incident.service.workaround:
        lines.append(gettext("Known workaround: %(text)s") % {"text": " ".join(workaround.split())})
    if incident.description:
        lines.append(cut(incident.description, DESCRIPTION_LENGTH_MAX))
    return lines


def details_of(incident: Incident, reason: str = "") -> dict[str, Any]:
    """The same facts for machines, as webhooks carry them; `reason` is why somebody is told, such as a level."""
    if incident.restricted:
        with override(Language.ENGLISH):
            shown = {"incident": incident.pk, "restricted": True, "title": name_of(incident), "service": ""}
        return shown | _measures(incident)
    told = {"incident": incident.pk, "title": incident.title, "service": incident.service_id}
    return told | _measures(incident) | ({"reason": reason} if reason else {})


def _measures(incident: Incident) -> dict[str, Any]:
    """How much it presses, and how far it is: nothing that says what it is about."""
    return {
        "priority": incident.priority,
        "urgency": incident.urgency,
        "impact": incident.impact,
        "state": incident.state,
        "alerts": incident.alerts_firing,
        "opened_at": incident.opened_at.isoformat(),
    }
