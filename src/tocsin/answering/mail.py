"""Answers and reports that come as letters. What a letter says of its writer proves nothing: the mailbox that it was
sent to does."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import override

from tocsin.answering.once import first_time
from tocsin.answering.reports import Said, report
from tocsin.answering.words import nothing_was_done
from tocsin.answering.writing import answered
from tocsin.journal.waking import wake
from tocsin.kernel.errors import Refused
from tocsin.notification.hearing import Told, Tone
from tocsin.notification.models import Delivery, Page
from tocsin.notification.rules import ACT_LINK_LIFE, Kind

MAIL = "mail"  # the provider's name, for what is heard once
BY_MAIL = "mailto"
ANSWERS_MAX = 20  # letters that one page gets back: two programs that answer each other come to an end


def answer_letter(page_id: UUID, text: str, letter_id: str, now: datetime) -> Told:
    """Do what the answer to the message of this page asks for, as the person who got it, and write back what became
    of it; a note about what somebody has is taken silently."""
    page = Page.objects.select_related("user").filter(pk=page_id, incident_id__isnull=False).first()
    if page is None or page.user is None or not page.user.is_active:
        return Told(tone=Tone.SILENT)
    with override(page.user.language):
        try:
            with transaction.atomic():
                if not first_time(MAIL, letter_id and f"{page_id} {letter_id}", now):
                    return Told(tone=Tone.SILENT)
                told = answered(page, page.user, text, BY_MAIL, now)
        except Refused as refused:
            told = Told(nothing_was_done(refused), Tone.NOT_DONE)
    if told.tone is not Tone.SILENT and not told.minor:
        _write_back(page, told, now)
    return told


def _write_back(page: Page, told: Told, now: datetime) -> None:
    """One letter to where the message went, never to where the answer says that it came from."""
    went = Delivery.objects.filter(page=page, address__startswith=f"{BY_MAIL}:").order_by("due_at").first()
    if went is None or now >= page.created_at + 2 * ACT_LINK_LIFE:
        return
    reason = f"answer to page {page.pk}"
    with transaction.atomic():
        if Page.objects.filter(user=page.user, reason=reason).count() >= ANSWERS_MAX:
            return
        back = Page.objects.create(
            user=page.user,
            urgency="low",
            kind=Kind.NOTICE,
            reason=reason,
            subject=f"Re: {page.subject}"[:300],
            lines=[told.text],
            details={"path": f"/incidents/{page.incident_id}"},
            created_at=now,
        )
        Delivery.objects.create(
            page=back, contact=went.contact, address=went.address, urgent=False, due_at=now, next_at=now
        )
        wake("deliveries")


def report_letter(subject: str, text: str, address: str, name: str, letter_id: str, now: datetime) -> None:
    """Open an incident with the words of a letter; its writer is told, at the address the letter names, how it goes
    on. Raises Refused, also when too many came of late."""
    with transaction.atomic():
        if not first_time(MAIL, letter_id and f"report {letter_id}", now):
            return
        to = f"{BY_MAIL}:{address}" if address else ""
        report(Said(title=subject, text=text[:9_000], through=BY_MAIL, address=to, name=name), now)
