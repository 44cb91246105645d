"""One message that tells of several incidents: its own, and those that had to wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.utils.translation import gettext, ngettext, override

from tocsin.notification.rules import Message

SHOWN_MAX = 10  # other incidents by their titles


def together(message: Message, others: Sequence[tuple[int, str]]) -> Message:
    """`message` with what else it tells: the number and the subject of each other incident, once, the worst first."""
    subjects: dict[int, str] = {}
    for number, subject in others:
        if number != message.details.get("incident"):
            subjects.setdefault(number, subject)
    if not subjects:
        return message
    with override(message.language):
        more = ngettext("%(count)s more incident", "%(count)s more incidents", len(subjects))
        count = more % {"count": len(subjects)}
        subject = gettext("%(subject)s and %(others)s") % {"subject": message.subject, "others": count}
        lines = [f"{count}:", *tuple(subjects.values())[:SHOWN_MAX]]
        if len(subjects) > SHOWN_MAX:
            lines.append(gettext("and %(count)s besides.") % {"count": len(subjects) - SHOWN_MAX})
    return replace(
        message,
        subject=subject,
        lines=(*message.lines, *lines),
        details={**message.details, "also": list(subjects)},
    )
