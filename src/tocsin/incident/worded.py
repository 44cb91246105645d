"""What a message about an incident says: in the organisation's own words where it has some, else in Tocsin's.

The one place where templates are filled in. Whatever goes wrong with one, the message goes out in Tocsin's words, and
says so.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.utils.translation import gettext, override

from tocsin.catalog.actions import per_configuration
from tocsin.catalog.models import Organisation
from tocsin.incident.messages import DESCRIPTION_LENGTH_MAX, IMPACTS, URGENCIES, lines_of, name_of, subject_of
from tocsin.incident.models import Incident
from tocsin.incident.rules import State
from tocsin.kernel.text import cut
from tocsin.notification.rules.pieces import LABELS_MAX, LINES_MAX, Broken, Piece, Wordings, find
from tocsin.notification.rules.templates import Item, fill
from tocsin.notification.templates import wordings
from tocsin.people.models import User
from tocsin.people.reasons import reason_words
from tocsin.people.rules import Language
from tocsin.people.speaking import since_words, span_words

TROUBLE_LENGTH_MAX = 500
_log = structlog.get_logger("tocsin.incident.worded")


@dataclass(frozen=True)
class Telling:
    """What is told: of which incident, to whom, when. `why` is why it is over, in the reader's language.

    What `stays` on show says no "4 min ago", which would soon be wrong. `labels` stand in for those of the newest
    alert, and `own` for the words that are stored: for previews.
    """

    incident: Incident
    now: datetime
    name: str = ""
    zone: str = "UTC"
    language: str = Language.ENGLISH
    reason: str = ""
    note: str = ""
    why: str = ""
    labels: Mapping[str, str] | None = None
    own: Wordings | None = None
    stays: bool = False


@dataclass(frozen=True)
class Words:
    """What is said. `trouble` names the organisation's words that could not be used, and why; "" when all is well.
    `note` is the handover note, with word of such trouble."""

    subject: str
    lines: Sequence[str]
    note: str = ""
    trouble: str = ""


def telling(
    incident: Incident, user: User, now: datetime, reason: str = "", note: str = "", why: str = ""
) -> Telling:
    """What is told to a person, by their clock and in their language."""
    return Telling(incident, now, user.name, user.timezone, user.language, reason, note, why)


def words_of(told: Telling) -> Words:
    """The words of a page. The organisation has none of its own for what is restricted, and a handover note of it
    stands on the timeline alone."""
    if (incident := told.incident).restricted:
        with override(told.language):
            return Words(subject_of(incident), lines_of(incident, told.zone, told.now, told.language))
    subject, odd = _filled(Piece.SUBJECT, told)
    lines, wrong = _filled(Piece.TEXT, told)
    return _with_note(
        told,
        Words(
            subject or subject_of(told.incident),
            _in_lines(lines) or lines_of(told.incident, told.zone, told.now, told.language, told.stays),
            trouble="; ".join(filter(None, (odd, wrong))),
        ),
    )


def words_of_the_end(told: Telling, otherwise: Sequence[str]) -> Words:
    """The words that it is over; `otherwise` are Tocsin's own lines."""
    if told.incident.restricted:
        with override(told.language):
            over = gettext("Resolved: %(subject)s") % {"subject": subject_of(told.incident)}
            return Words(over, [f"{name_of(told.incident)}.", gettext("Nothing is to be done.")])
    subject, odd = _filled(Piece.RESOLVED_SUBJECT, told)
    lines, wrong = _filled(Piece.RESOLVED_TEXT, told)
    if not subject:
        began, _ = _filled(Piece.SUBJECT, told)
        with override(told.language):
            subject = gettext("Resolved: %(subject)s") % {"subject": began or subject_of(told.incident)}
    trouble = "; ".join(filter(None, (odd, wrong)))
    return _with_note(told, Words(subject, _in_lines(lines) or list(otherwise), trouble=trouble))


def _with_note(told: Telling, words: Words) -> Words:
    if not words.trouble:
        return replace(words, note=told.note)
    with override(told.language):
        odd = gettext(
            "Rendering failed: the organisation's template could not be used, so these are Tocsin's own words."
        )
    return replace(words, note=f"{told.note}\n{odd}".strip(), trouble=words.trouble[:TROUBLE_LENGTH_MAX])


def _filled(piece: Piece, told: Telling) -> tuple[str, str]:
    """The organisation's words for the piece, filled in; "" without any. And what is wrong with them, or ""."""
    try:
        own = wordings() if told.own is None else told.own
        template = find(own, piece, told.language)
        if template is None:
            return "", ""
        if isinstance(template, Broken):
            return "", f"{piece}: {template.why}"
        values = {name: VALUES[name](told) for name in template.names if name in VALUES}
        said = cut(fill(template, values, piece.out_max + 1), piece.out_max)
        if not _shows(said):
            return "", f"{piece}: nothing came out"
        return (" ".join(said.split()) if piece.is_line else said), ""
    except Exception as problem:  # whatever an alert's text made of it: the page goes out
        _log.exception("a template could not be filled in", piece=piece, incident=told.incident.pk)
        return "", f"{piece}: {type(problem).__name__}"


def _shows(text: str) -> bool:
    """Whether there is anything to see: letters, digits, signs."""
    return any(unicodedata.category(character)[0] in "LNPS" for character in text)


def _in_lines(text: str) -> list[str]:
    """The lines of what came out, without blank ones at the ends or beside each other."""
    lines: list[str] = []
    for line in text.split("\n"):
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    while lines and not lines[-1]:
        lines.pop()
    return lines[:LINES_MAX]


# -- the values ----------------------------------------------------------------------------------------------------


def _in_their_language(say: Callable[[Telling], str]) -> Callable[[Telling], str]:
    def said(told: Telling) -> str:
        with override(told.language):
            return say(told)

    return said


def _holder(told: Telling) -> str:
    incident = told.incident
    if incident.state == State.TRIGGERED:
        return ""
    if incident.assigned is not None:
        return incident.assigned.name
    return incident.acknowledged_by.rpartition(":")[2]


def _labels(told: Telling) -> list[Item]:
    """The labels of the newest alert. Alerts are known to the room above, which hangs them on the incident."""
    labels = told.labels
    if labels is None:
        newest = told.incident.alerts.order_by("-pk").values_list("fields", flat=True).first()
        labels = newest or {}
    return [{"name": str(name), "value": str(value)} for name, value in list(labels.items())[:LABELS_MAX]]


def _lasted(told: Telling) -> str:
    return span_words((told.incident.resolved_at or told.now) - told.incident.opened_at)


def _team(told: Telling) -> str:
    team = told.incident.service.team
    return team.name if team is not None else ""


def _many(count: int) -> str:
    return str(count) if count else ""


@per_configuration
def _organisation() -> str:
    return Organisation.objects.order_by("pk").values_list("name", flat=True).first() or ""


VALUES: Mapping[str, Callable[[Telling], str | Sequence[Item]]] = {
    "title": lambda told: told.incident.title,
    "service": lambda told: told.incident.service.name,
    "number": lambda told: str(told.incident.pk),
    "priority": lambda told: str(told.incident.priority),
    "impact": _in_their_language(lambda told: gettext(IMPACTS[told.incident.impact])),
    "urgency": _in_their_language(lambda told: gettext(URGENCIES[told.incident.urgency])),
    "state": _in_their_language(lambda told: gettext(told.incident.shown_state)),
    "holder": _holder,
    "since": lambda told: f"{told.incident.opened_at.astimezone(ZoneInfo(told.zone)):%H:%M}",
    "zone": lambda told: told.zone,
    "ago": _in_their_language(lambda told: since_words(told.incident.opened_at, told.now)),
    "description": lambda told: cut(told.incident.description, DESCRIPTION_LENGTH_MAX),
    "workaround": lambda told: told.incident.service.workaround,
    "firing": lambda told: _many(told.incident.alerts_firing),
    "alerts": lambda told: _many(told.incident.alerts_total),
    "reason": _in_their_language(lambda told: reason_words(told.reason)),
    "note": lambda told: told.note,
    "about": lambda told: told.incident.service.description,
    "team": _team,
    "organisation": lambda told: _organisation(),
    "reader": lambda told: told.name,
    "link": lambda told: f"{settings.CONFIG.url}/incidents/{told.incident.pk}",
    "labels": _labels,
    "why": lambda told: told.why,
    "lasted": _in_their_language(_lasted),
}
