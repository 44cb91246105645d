"""The mailboxes of an instance, and what becomes of a letter to each: an alert, an answer, a report.

`KEY@domain` and `alert+KEY@domain` take alerts for the integration of that key, `reply+TOKEN@domain` answers to one
message, `report@domain` what people report, where the administrator allows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.conf import settings

from tocsin.answering.mail import answer_letter, report_letter
from tocsin.catalog.rules import IntegrationValue
from tocsin.catalog.snapshot import as_it_stands, configuration
from tocsin.intake.hot_request import Request
from tocsin.intake.hot_store import Item, store
from tocsin.intake.models import Alert, Inbox
from tocsin.intake.rules import QUEUE_ROWS_MAX
from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import digest
from tocsin.notification.links import REPLY_PREFIX, read_reply_token
from tocsin.sources import email, generic
from tocsin.sources.letters import Letter

REPORT = "report"
ALERT_PREFIX = "alert+"
REPORTS_BY_MAIL = "mail"  # in TOCSIN_REPORTS
OWN_LINKS_MAX = 20  # of ours in one letter that are looked at
LOCAL_PART = re.compile(r"[A-Za-z0-9+._=-]{1,64}\Z")


class Became(StrEnum):
    """What became of a letter: the reason that is logged."""

    ALERT = "alert"
    ANSWER = "answer"
    REPORT = "report"
    OWN = "written by a Tocsin"
    MACHINE = "written by a machine that answers"
    GONE = "its mailbox is gone"
    ROUND = "written about an incident that its own integration opened"


@dataclass(frozen=True)
class Mailbox:
    """One that there is: exactly one of these is set."""

    integration: IntegrationValue | None = None
    page: UUID | None = None
    report: bool = False


def find_mailbox(address: str) -> Mailbox | None:
    """The mailbox of `address`; None when there is none. Guessing one is guessing 128 bits."""
    local, _, domain = address.rpartition("@")
    if domain.lower().rstrip(".") != settings.CONFIG.mail_domain or not LOCAL_PART.match(local):
        return None
    name = local.lower()
    if name.startswith(REPLY_PREFIX):
        page = read_reply_token(name.removeprefix(REPLY_PREFIX))
        return Mailbox(page=page) if page is not None else None
    if name == REPORT:
        return Mailbox(report=True) if REPORTS_BY_MAIL in settings.CONFIG.reports else None
    key = local[len(ALERT_PREFIX) :] if name.startswith(ALERT_PREFIX) else local
    for written in dict.fromkeys((key, key.lower())):
        print_ = digest(written)
        found = configuration().by_key.get(print_) or as_it_stands().by_key.get(print_)
        if found is not None:
            return Mailbox(integration=found) if found.enabled else None
    return None


def deliver(mailbox: Mailbox, letter: Letter, now: datetime) -> Became:
    """Do what a letter to this mailbox is for; when this returns, it is on the disk. Raises Refused for one that
    cannot be taken, and the database's errors with nothing done."""
    if letter.ours:
        return Became.OWN
    if letter.answers_itself or (letter.automatic and mailbox.integration is None):
        return Became.MACHINE  # an absence note, a bounce; tools may write alerts of themselves
    if mailbox.integration is not None:
        return _alert(mailbox.integration, letter, now)
    if mailbox.page is not None:
        answer_letter(mailbox.page, letter.text, letter.id, now)
        return Became.ANSWER
    report_letter(letter.subject, letter.text, letter.address, letter.name, letter.id, now)
    return Became.REPORT


def _goes_round(integration: IntegrationValue, letter: Letter) -> bool:
    """Whether the letter quotes a page about an incident that this very integration opened: a ticket system that gets
    our pages, and sends us its tickets, would never end."""
    own = re.compile(re.escape(settings.CONFIG.url) + r"/incidents/([0-9]{1,18})\b")
    numbers = {int(number) for number in own.findall(letter.text)[:OWN_LINKS_MAX]}
    return (
        bool(numbers) and Alert.objects.filter(integration_id=integration.id, incident__in=numbers).exists()
    )


def _alert(integration: IntegrationValue, letter: Letter, now: datetime) -> Became:
    if not email.is_over(letter.subject) and _goes_round(integration, letter):
        return Became.ROUND
    if Inbox.objects.filter(quarantined_at=None).count() >= QUEUE_ROWS_MAX:
        raise Refused("Too much waits to be looked at", mend="Send it again in a minute.", status=503)
    asked = Request("POST", "/", "", {}, b"")
    store([Item(integration.id, email.accept(letter), generic, asked, lambda answer: None)], now)
    return Became.ALERT
