"""Who was only sent copies of an incident's pages is learning, and does not act on it."""

from __future__ import annotations

from tocsin.incident.models import Incident
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused
from tocsin.kernel.phrases import phrase
from tocsin.notification.models import Page
from tocsin.notification.rules import Kind


def refuse_shadow(incident: Incident, by: By) -> None:
    """Raises Refused when whoever acts was sent copies of this incident's pages and never a page, and it is not
    theirs."""
    if by.user_id is None or incident.assigned_id == by.user_id:
        return
    kinds = set(Page.objects.filter(incident_id=incident.pk, user=by.user_id).values_list("kind", flat=True))
    if Kind.SHADOW in kinds and Kind.PAGE not in kinds:
        raise Refused(
            phrase(
                "You are a shadow on #%(number)s: you were sent a copy, to learn from", number=incident.pk
            ),
            phrase("somebody who was paged"),
            phrase("Tell them what you see. If it is to be yours, have it assigned to you."),
            status=403,
        )
