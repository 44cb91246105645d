"""The buttons in messages: what each allows, and the message that carries them."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext, gettext_noop, override

from tocsin.notification.contact_actions import code_message
from tocsin.notification.macs import mac
from tocsin.notification.models import ActUse, Page
from tocsin.notification.places import language_of
from tocsin.notification.rules import (
    ACT_LINK_LIFE,
    BUTTONS,
    Act,
    ActVerb,
    Kind,
    Message,
)
from tocsin.notification.self_test import message_of_test
from tocsin.people.models import User

_LABELS = {
    ActVerb.ACKNOWLEDGE: gettext_noop("Acknowledge"),
    ActVerb.RESOLVE: gettext_noop("Resolve"),
    ActVerb.ESCALATE: gettext_noop("Escalate"),
}
_VERBS = tuple(ActVerb)
_ACT_LINK, _REPLY_CODE, _REPLY_TO = b"tocsin act link", b"tocsin reply code", b"tocsin reply to"
REPLY_PREFIX = "reply+"  # of the mailbox that takes answers to one message
CODE_DIGITS = 6


@dataclass(frozen=True)
class ActLink:
    """What a link in a message allows: this person, this incident, this verb, until then, once."""

    page: Page
    verb: ActVerb
    used_at: datetime | None

    @property
    def incident_id(self) -> int:
        assert self.page.incident_id is not None  # tests of rules carry no links
        return self.page.incident_id

    @property
    def user(self) -> User:
        assert self.page.user is not None  # a place's page has no links
        return self.page.user

    @property
    def expires_at(self) -> datetime:
        return self.page.created_at + ACT_LINK_LIFE


def act_token(page_id: UUID, verb: ActVerb) -> str:
    """The token of a link: the page, the verb, and a 128-bit MAC under the instance's secret. Stored nowhere."""
    body = page_id.bytes + bytes([_VERBS.index(verb)])
    return base64.urlsafe_b64encode(body + mac(_ACT_LINK, body)).decode().rstrip("=")


def reply_code(page_id: UUID) -> str:
    """The six digits that name a page in an answer by SMS: bound to person, incident and level. Stored nowhere.

    They are no secret key: who answers is known by their address, and wrong ones are counted.
    """
    return f"{int.from_bytes(mac(_REPLY_CODE, page_id.bytes)) % 10**CODE_DIGITS:0{CODE_DIGITS}}"


def reply_token(page_id: UUID) -> str:
    """What names a page in the mailbox that an answer by mail goes to: the page and a 128-bit MAC, in small letters and
    digits, because mailboxes lose their case. Whoever has it may act for the page's person. Stored nowhere."""
    body = page_id.bytes
    return base64.b32encode(body + mac(_REPLY_TO, body)).decode().rstrip("=").lower()


def read_reply_token(token: str) -> UUID | None:
    """The page that `token` names; None when nobody made it. Asks no table."""
    try:
        raw = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
    except ValueError:
        return None
    body, proof = raw[:16], raw[16:]
    if len(body) != 16 or not hmac.compare_digest(proof, mac(_REPLY_TO, body)):
        return None
    return UUID(bytes=body)


def find_act_link(token: str) -> ActLink | None:
    """The link that `token` opens, used and expired ones too; None when nobody made it."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return None
    body, proof = raw[:17], raw[17:]
    if len(body) != 17 or not hmac.compare_digest(proof, mac(_ACT_LINK, body)) or body[16] >= len(_VERBS):
        return None
    page = (
        Page.objects.select_related("user")
        .filter(pk=UUID(bytes=body[:16]), incident_id__isnull=False, user__isnull=False)
        .first()
    )
    if page is None:
        return None
    verb = _VERBS[body[16]]
    used = ActUse.objects.filter(page=page, verb=verb).values_list("used_at", flat=True).first()
    return ActLink(page, verb, used)


def use_act_link(link: ActLink, now: datetime) -> bool:
    """Mark the link used; False when it was used before. In the transaction of what it does."""
    _, created = ActUse.objects.get_or_create(page=link.page, verb=link.verb, defaults={"used_at": now})
    return created


def message_of(claimed_page: Page, delivery_id: UUID) -> Message:
    """What is said, in the reader's language: the page's text with the buttons that belong to its person; who only
    learns has none.

    A place's buttons open nothing: many read them, and only a chat that says who pressed can make one of them act.
    """
    page = claimed_page
    if page.kind == Kind.CODE:
        return code_message(page, str(delivery_id))
    if page.kind == Kind.TEST:
        return message_of_test(page, delivery_id)
    language = language_of(page)
    acts: tuple[Act, ...] = ()
    code = reply_to = ""
    if page.incident_id is not None and page.kind not in (Kind.SHADOW, Kind.OVER):
        with override(language):
            acts = tuple(Act(verb, gettext(_LABELS[verb]), _act_url(page, verb)) for verb in BUTTONS)
        code = reply_code(page.pk) if page.user_id is not None else ""
        if page.user_id is not None and (domain := settings.CONFIG.mail_domain):
            reply_to = f"{REPLY_PREFIX}{reply_token(page.pk)}@{domain}"
    return Message(
        id=str(delivery_id),
        subject=page.subject,
        lines=tuple(page.lines),
        acts=acts,
        link=_link(page),
        thread=f"incident-{page.incident_id}" if page.incident_id is not None else "",
        kind=page.kind,
        urgent=page.urgency == "high",
        details=page.details,
        note=page.note,
        code=code,
        reply_to=reply_to,
        language=language,
    )


def _act_url(page: Page, verb: ActVerb) -> str:
    """The address that a button of the page opens for its person; "" when it is a place's."""
    return f"{settings.CONFIG.url}/a/{act_token(page.pk, verb)}" if page.user_id is not None else ""


def _link(page: Page) -> str:
    """Where the reader sees more: the incident, or the page of the program that the message is about, which may be the
    first; "" for who has no account."""
    if page.incident_id is not None:
        return f"{settings.CONFIG.url}/incidents/{page.incident_id}"
    path = page.details.get("path", "")
    return "" if path is None else f"{settings.CONFIG.url}{path}"
