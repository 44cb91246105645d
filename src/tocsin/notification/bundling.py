"""One message that tells of several incidents: its own, and those that had to wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext, ngettext, override

from tocsin.notification.rules import Message

SHOWN_MAX = 10  # other incidents by their titles


@dataclass(frozen=True)
class Other:
    """What a message tells besides: the number of the incident, one line, and whether that only says that it is
    over."""

    incident: int
    subject: str
    over: bool = False


def together(message: Message, others: Sequence[Other]) -> Message:
    """`message` with what else it tells: each other incident, once, the worst first. What is over is named, but is no
    more trouble."""
    told: dict[int, Other] = {}
    for other in others:
        if other.incident != message.details.get("incident"):
            told.setdefault(other.incident, other)
    if not told:
        return message
    on = [other.subject for other in told.values() if not other.over]
    over = [other.subject for other in told.values() if other.over]
    subject = message.subject
    with override(message.language):
        lines: list[str] = []
        if on:
            more = ngettext("%(count)s more incident", "%(count)s more incidents", len(on))
            count = more % {"count": len(on)}
            subject = gettext("%(subject)s and %(others)s") % {"subject": subject, "others": count}
            lines = [f"{count}:"]
        lines += [*on, *over][:SHOWN_MAX]
        if len(told) > SHOWN_MAX:
            lines.append(gettext("and %(count)s besides.") % {"count": len(told) - SHOWN_MAX})
    return replace(
        message,
        subject=subject,
        lines=(*message.lines, *lines),
        details={**message.details, "also": list(told)},
    )
