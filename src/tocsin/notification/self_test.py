"""The test of how somebody is reached: what its messages say, and what became of each.

1. A message goes through every contact that is paged, with a link and a code of its own (`actions.test_rules`).
2. Who gets it opens the link and presses, or enters the code on the page of the test: it reached them.
3. After TEST_LASTS it is over, and what came of it is written into the journal.

Links and codes are derived from the delivery and stored nowhere.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext, override

from tocsin.journal.changes import changing, did, record
from tocsin.journal.waking import wake
from tocsin.kernel.acting import ENGINE, By, by_user
from tocsin.kernel.errors import Refused, conflict, not_found
from tocsin.notification.actions import silence
from tocsin.notification.macs import mac
from tocsin.notification.models import Delivery, Page, SelfTestReply
from tocsin.notification.receipts import confirm
from tocsin.notification.rules import ACT_LINK_LIFE, DeliveryState, Kind, Message
from tocsin.notification.rules import self_test as rules
from tocsin.notification.rules.self_test import GOOD, OPEN, TEST_LASTS, Came, Word
from tocsin.notification.throttling import limits_of
from tocsin.people.rules import Language, in_groups
from tocsin.people.rules.contacts import digits_of

LINKS = "/t"  # below our public address
CODE_DIGITS = 6
ENDED_MAX = 20  # in one look
_LINK, _CODE = b"tocsin test link", b"tocsin test code"
_OVER = "the test is over"


@dataclass(frozen=True)
class Tested:
    """One contact in a test. `rings`: whether one may ask if it rang; `at`: when the last was known of it."""

    delivery: UUID
    contact: str
    address: str
    came: Came
    said: str
    mend: str
    rings: bool
    rang: bool | None
    at: datetime | None


@dataclass(frozen=True)
class SelfTest:
    """A test: who asked for it and when, whether it is over, and each contact with what became of it."""

    page: UUID
    user_id: str
    at: datetime
    asked_by: str
    over: bool
    ways: Sequence[Tested]

    @property
    def verdict(self) -> str:
        return rules.verdict([way.came for way in self.ways], self.over)

    @property
    def passed(self) -> bool:
        """Whether every contact is known to have been reached."""
        return bool(self.ways) and all(way.came in GOOD for way in self.ways)

    @property
    def settled(self) -> bool:
        """Whether nothing more is waited for."""
        return self.over or not any(way.came in OPEN for way in self.ways)


# -- what is sent ----------------------------------------------------------------------------------------------------


def token_of(delivery: UUID) -> str:
    """The token of the link in one test message."""
    return base64.urlsafe_b64encode(delivery.bytes + mac(_LINK, delivery.bytes)).decode().rstrip("=")


def code_of(delivery: UUID) -> str:
    """The digits in one test message. They open nothing: who enters them says only that they have read them."""
    return f"{int.from_bytes(mac(_CODE, delivery.bytes)) % 10**CODE_DIGITS:0{CODE_DIGITS}}"


def message_of_test(page: Page, delivery: UUID) -> Message:
    """What is said in a test. The code comes first, so that a call of half a minute says it."""
    language = page.user.language if page.user is not None else Language.ENGLISH
    with override(language):
        code = gettext("The code of this test is %(code)s.") % {"code": in_groups(code_of(delivery))}
        how = gettext("Open the link and press, or enter the code where you test your contacts.")
    return Message(
        id=str(delivery),
        subject=page.subject,
        lines=(code, how, *page.lines),
        link=f"{settings.CONFIG.url}{LINKS}/{token_of(delivery)}",
        kind=Kind.TEST,
        urgent=True,
        language=language,
    )


# -- what became of it -----------------------------------------------------------------------------------------------


def latest(user_id: str, now: datetime) -> SelfTest | None:
    """The person's last test; None when there was none."""
    page = Page.objects.filter(user=user_id, kind=Kind.TEST).order_by("-created_at").first()
    return _read(page, now) if page is not None else None


def _read(page: Page, now: datetime) -> SelfTest:
    over = page.quieted_at is not None or now >= page.created_at + TEST_LASTS
    rows = list(page.deliveries.order_by("contact"))
    words = {
        row.delivery_id: Word(row.at, row.rang) for row in SelfTestReply.objects.filter(delivery__in=rows)
    }
    ways = [_tested(row, words.get(row.pk), over) for row in rows]
    asked_by = str(page.details.get("by", ""))
    return SelfTest(page.pk, str(page.user_id), page.created_at, asked_by, over, ways)


def _tested(row: Delivery, word: Word | None, over: bool) -> Tested:
    how = rules.came(
        DeliveryState(row.state), row.told_with is not None, row.unconfirmed_at is not None, word
    )
    limits = limits_of(row.address)
    at = word.at if word is not None else row.confirmed_at or row.sent_at
    return Tested(
        row.pk, row.contact, row.address, how, rules.said(how, row.error, over), rules.mend(how, over),
        limits.rings or limits.loud, word.rang if word is not None else None, at,
    )  # fmt: skip


# -- what its person says --------------------------------------------------------------------------------------------


def find_by_token(token: str) -> Delivery | None:
    """The test message whose link has `token`; None when nobody made it."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return None
    body, proof = raw[:16], raw[16:]
    if len(body) != 16 or not hmac.compare_digest(proof, mac(_LINK, body)):
        return None
    rows = Delivery.objects.select_related("page__user")
    return rows.filter(pk=UUID(bytes=body), page__kind=Kind.TEST, page__user__isnull=False).first()


def find_by_code(user_ids: Sequence[str], typed: str, now: datetime) -> Delivery | None:
    """The message of a test of these people, of the last day, that says these digits; None when none does."""
    code = digits_of(typed)
    if len(code) != CODE_DIGITS:
        return None
    rows = Delivery.objects.select_related("page__user").filter(
        page__user__in=user_ids, page__kind=Kind.TEST, page__created_at__gt=now - ACT_LINK_LIFE
    )
    return next((row for row in rows.order_by("-due_at", "pk") if code_of(row.pk) == code), None)


def say_reached(
    delivery: Delivery, through: str, now: datetime, rang: bool | None = None, by: By | None = None
) -> SelfTestReply:
    """Note that the message reached its person, by their own word; and whether it `rang`, where that was asked.
    Raises Refused when it is too old to tell."""
    page = delivery.page
    if now >= page.created_at + ACT_LINK_LIFE:
        raise Refused("This test is too old", mend="Begin another one.", status=410)
    with changing():
        row, new = SelfTestReply.objects.select_for_update().get_or_create(
            delivery=delivery, defaults={"at": now, "rang": rang}
        )
        if not new and (rang is None or row.rang is rang):
            return row
        if not new:
            row.rang = rang
            row.save(update_fields=["rang"])
        if rang is not False:
            confirm(delivery.pk, now)
        kind = "contact.silent" if rang is False else "contact.reached"
        fact = did(kind, user=page.user_id, contact=delivery.contact, through=through)
        record([fact], by or by_user(str(page.user_id), through), now)
        wake("console")
    return row


def say_by_code(user_id: str, typed: str, by: By, now: datetime) -> Delivery:
    """Note that the message with these digits reached the person who enters them. Raises Refused."""
    delivery = find_by_code([user_id], typed, now)
    if delivery is None:
        raise Refused(
            "No message of your test has this code",
            f"the {CODE_DIGITS} digits that it says",
            "It may be that of an older test: begin another one.",
            "code",
        )
    say_reached(delivery, "code", now, by=by)
    return delivery


def say_whether_it_rang(user_id: str, delivery_id: UUID, rang: bool, by: By, now: datetime) -> Delivery:
    """Note what the person answers to "did it ring?". Raises Refused."""
    rows = Delivery.objects.select_related("page__user")
    delivery = rows.filter(pk=delivery_id, page__user=user_id, page__kind=Kind.TEST).first()
    if delivery is None:
        raise not_found("message of a test", str(delivery_id))
    limits = limits_of(delivery.address)
    if not (limits.rings or limits.loud):
        raise conflict(f"What goes to '{delivery.contact}' does not ring")
    if delivery.state not in (DeliveryState.SENT, DeliveryState.CONFIRMED):
        raise conflict(f"The message to '{delivery.contact}' has not gone yet")
    say_reached(delivery, by.through, now, rang, by)
    return delivery


# -- the end ---------------------------------------------------------------------------------------------------------


def end_tests(now: datetime, limit: int = ENDED_MAX) -> int:
    """Tests whose time is over end: what waits is not sent, and what came of each is written down. Returns how many."""
    due = Page.objects.filter(kind=Kind.TEST, quieted_at=None, created_at__lte=now - TEST_LASTS)
    if not due.exists():  # which is nearly always so, and then nobody waits for the chain
        return 0
    with changing():
        pages = list(due.select_for_update().order_by("created_at")[:limit])
        facts = []
        for page in pages:
            silence(Page.objects.filter(pk=page.pk), _OVER, now)
            page.quieted_at = now
            ways = _read(page, now).ways
            by_word = {
                str(how): [way.contact for way in ways if way.came is how]
                for how in Came
                if any(way.came is how for way in ways)
            }
            facts.append(did("contacts.test_ended", user=page.user_id, **by_word))
        record(facts, ENGINE, now)
        wake("console")
    return len(pages)
