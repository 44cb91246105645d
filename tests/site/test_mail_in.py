"""Letters over SMTP: what the door lets in, and what is on the disk when it says 250."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from django.conf import settings
from django.db import OperationalError

from tests.patience import PATIENCE
from tests.stories.road import READERS as STORIES
from tests.stories.road import Road
from tests.world import KEY, Clock, Outbox, World
from tocsin.answering.models import Report
from tocsin.catalog.actions import refresh
from tocsin.catalog.models import Integration
from tocsin.catalog.rules import IntegrationType
from tocsin.channels.email import as_text
from tocsin.engine.duties import duties
from tocsin.incident.actions import acknowledge
from tocsin.incident.models import Incident
from tocsin.intake.models import Alert, Inbox
from tocsin.journal.models import Entry
from tocsin.kernel.acting import by_user
from tocsin.notification import channels
from tocsin.notification.links import read_reply_token, reply_token
from tocsin.notification.models import Delivery, Page
from tocsin.notification.rules import Kind
from tocsin.people.models import Contact
from tocsin.site import mail
from tocsin.site.mail import Postbox
from tocsin.sources import READERS
from tocsin.sources.letters import LETTER_BYTES_MAX
from tocsin.sources.mailboxes import find_mailbox
from tocsin.web.setup_lines import lines_for

DOMAIN = "tocsin.example.com"
Post = Callable[..., None]


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    known = replace(settings.CONFIG, mail_domain=DOMAIN, reports=("mail",))
    monkeypatch.setattr(settings, "CONFIG", known)
    yield


@pytest.fixture
def road(transactional_db: None, domain: None, world: World, clock: Clock, outbox: Outbox) -> Road:
    road = Road(world, clock)
    readers = {**READERS, **STORIES}
    road.duties = [duty for duty in duties(readers, b"key", "story") if not duty.every]
    return road


@pytest.fixture
def door(road: Road, clock: Clock) -> Iterator[Postbox]:
    postbox = Postbox("127.0.0.1", 0, lambda: clock.now)
    postbox.start()
    yield postbox
    postbox.stop(5)


@pytest.fixture
def client(door: Postbox) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP(*door.place, timeout=PATIENCE) as smtp:
        smtp.ehlo("test")
        yield smtp


@pytest.fixture
def post(client: smtplib.SMTP) -> Post:
    """`post("report", "It fails")`: a letter to a mailbox of the instance."""

    def send(
        local: str, text: str, subject: str = "Subject", sender: str = "someone@example.com", more: str = ""
    ) -> None:
        raw = f"From: Some One <{sender}>\r\nSubject: {subject}\r\n{more}\r\n{text}\r\n"
        client.sendmail(sender, [f"{local}@{DOMAIN}"], raw.encode())

    return send


def mailbox(road: Road) -> str:
    """Where an answer to Bo's message goes."""
    page = Page.objects.get(user="bo", kind="page")
    return f"reply+{reply_token(page.pk)}"


def paged(road: Road) -> None:
    Contact.objects.filter(user="bo").update(address="fake:bo")
    road.event("one", title="Checkout fails")
    road.look()


# -- alerts ------------------------------------------------------------------------------------------------------------


def test_a_letter_to_a_key_is_in_the_inbox_when_250_is_said(road: Road, post: Post) -> None:
    post(KEY, "It is full.", subject="Disk full on db-3")
    assert Inbox.objects.get().source == "email"
    road.look()
    assert Alert.objects.get().title == "Disk full on db-3"
    assert Incident.objects.get().title == "Disk full on db-3"
    post(f"alert+{KEY.upper()}", "It is fine.", subject="[RESOLVED] Disk full on db-3")
    road.look()
    assert Alert.objects.get().state == "resolved"


def test_the_same_subject_joins_the_alert_that_fires(road: Road, post: Post) -> None:
    for _ in range(3):
        post(KEY, "x", subject="Disk full on db-3")
    road.look()
    assert (Alert.objects.get().count, Incident.objects.count()) == (3, 1)


def test_tools_that_say_they_are_machines_are_heard(road: Road, post: Post) -> None:
    post(KEY, "x", subject="cron failed", more="Auto-Submitted: auto-generated\r\n")
    assert Inbox.objects.count() == 1


@pytest.mark.parametrize(
    "local", ["nobody", "0" * 32, f"reply+{'a' * 52}", "reply+", "postmaster", f"{KEY}x", "a b"]
)
def test_what_is_no_mailbox_is_refused_while_it_is_offered(client: smtplib.SMTP, local: str) -> None:
    client.mail("x@example.com")
    code, _ = client.docmd(f"RCPT TO:<{local}@{DOMAIN}>")
    assert 500 <= code < 600
    assert not Inbox.objects.exists()


def test_the_line_to_copy_into_a_sender_is_a_mailbox(road: Road) -> None:
    (line,) = lines_for(IntegrationType.EMAIL, "https://tocsin.example.com", KEY, DOMAIN)
    found = find_mailbox(line.text.strip())
    assert found is not None and found.integration is not None and found.integration.id == "shop-events"
    (how,) = lines_for(IntegrationType.EMAIL, "https://tocsin.example.com", KEY)
    assert "TOCSIN_MAIL_LISTEN" in how.text


def test_a_key_that_is_switched_off_is_no_mailbox(road: Road) -> None:
    Integration.objects.update(enabled=False)
    refresh()
    assert find_mailbox(f"{KEY}@{DOMAIN}") is None


def test_nothing_is_relayed(client: smtplib.SMTP) -> None:
    client.mail("x@example.com")
    assert client.rcpt(f"{KEY}@elsewhere.example")[0] == 550


# -- answers -----------------------------------------------------------------------------------------------------------


def test_an_answer_acts_as_who_was_paged_whatever_it_says_of_its_sender(
    road: Road, post: Post, outbox: Outbox
) -> None:
    paged(road)
    post(mailbox(road), "ack\r\n\r\nOn Monday Tocsin wrote:\r\n> resolve", sender="forged@elsewhere.example")
    entry = Entry.objects.get(kind="incident.acknowledged")
    assert (entry.who, entry.through) == ("user:bo", "mailto")


def test_an_answer_that_is_no_verb_is_a_note(road: Road, post: Post) -> None:
    paged(road)
    post(mailbox(road), "The disk again, I think.")
    assert Entry.objects.get(kind="incident.noted").data["text"] == "The disk again, I think."
    assert road.incident().state == "triggered"


def test_a_note_is_answered_only_while_nobody_has_the_incident(
    road: Road, post: Post, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(channels._by_scheme, "mailto", outbox)
    Contact.objects.filter(user="bo").update(address="mailto:bo@example.com")
    refresh()
    road.event("one", title="Checkout fails")
    road.look()
    post(mailbox(road), "I think I will look at it")
    (back,) = Page.objects.filter(kind=Kind.NOTICE)
    assert back.lines[0].endswith("your note stands on its timeline. Nobody has it yet.")
    acknowledge(road.incident().pk, by_user("bo", "web"), road.now)
    post(mailbox(road), "still looking")
    assert Page.objects.filter(kind=Kind.NOTICE).count() == 1


def test_what_became_of_it_is_written_to_where_the_message_went(
    road: Road, post: Post, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(channels._by_scheme, "mailto", outbox)
    Contact.objects.filter(user="bo").update(address="mailto:bo@example.com")
    refresh()
    road.event("one", title="Checkout fails")
    road.look()
    post(mailbox(road), "ack", sender="forged@elsewhere.example")
    back = Delivery.objects.exclude(page__kind="page").get()
    assert back.address == "mailto:bo@example.com"
    assert back.page.lines[0].endswith("it is yours. Nobody else is paged.")


@pytest.mark.parametrize(
    "more",
    [
        "Auto-Submitted: auto-replied\r\n",
        "Tocsin-Delivery: x\r\n",
        "Precedence: bulk\r\n",
        "X-Autoreply: 1\r\n",
    ],
)
def test_absence_notes_and_own_letters_do_nothing(road: Road, post: Post, more: str) -> None:
    paged(road)
    for local in (mailbox(road), "report"):
        post(local, "ack", more=more)
    assert road.incident().state == "triggered"
    assert not Report.objects.exists()


def test_own_letters_and_bounces_open_nothing(road: Road, client: smtplib.SMTP) -> None:
    raw = b"Subject: x\r\n\r\nx\r\n"
    client.sendmail("", [f"{KEY}@{DOMAIN}"], raw)
    client.sendmail("x@example.com", [f"{KEY}@{DOMAIN}"], b"Tocsin-Delivery: 1\r\n" + raw)
    assert not Inbox.objects.exists()


def test_a_letter_that_comes_twice_acts_once(road: Road, post: Post) -> None:
    paged(road)
    for _ in range(2):
        post(mailbox(road), "it is the disk", more="Message-ID: <one@example.com>\r\n")
    assert Entry.objects.filter(kind="incident.noted").count() == 1


def test_every_changed_token_is_nobodys(road: Road) -> None:
    paged(road)
    token = reply_token(Page.objects.get().pk)
    assert len(f"reply+{token}") <= 64 and token == token.lower()
    assert read_reply_token(token) == read_reply_token(token.upper())
    for place in range(len(token) - 1):
        other = token[:place] + ("a" if token[place] != "a" else "b") + token[place + 1 :]
        assert read_reply_token(other) is None


# -- reports -----------------------------------------------------------------------------------------------------------


def test_a_report_opens_an_incident_with_its_words(road: Road, post: Post) -> None:
    post(
        "report",
        "All tills show an error.\r\n  Since lunch.",
        subject="The till fails",
        sender="gil@shop.example",
    )
    said = Report.objects.get()
    assert (said.title, said.text, said.address, said.name) == (
        "The till fails",
        "All tills show an error.\n  Since lunch.",
        "mailto:gil@shop.example",
        "Some One",
    )
    assert Entry.objects.filter(chain=road.incident().chain).earliest("seq").kind == "incident.reported"


def test_reports_by_mail_are_off_unless_they_are_switched_on(
    road: Road, client: smtplib.SMTP, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, reports=()))
    client.mail("x@example.com")
    assert client.rcpt(f"report@{DOMAIN}")[0] == 550


def test_too_many_reports_are_refused_for_a_while(road: Road, post: Post) -> None:
    for turn in range(10):
        post("report", f"it fails {turn}")
    with pytest.raises(smtplib.SMTPDataError) as refused:
        post("report", "it fails again")
    assert refused.value.smtp_code == 452
    assert Incident.objects.count() == 10


# -- the door ----------------------------------------------------------------------------------------------------------


def test_without_the_database_it_says_later_and_takes_the_letter_then(
    road: Road, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("no answer from the canary database")

    with monkeypatch.context() as patched, pytest.raises(smtplib.SMTPDataError) as refused:
        patched.setattr("tocsin.sources.mailboxes.store", away)
        post(KEY, "x")
    assert refused.value.smtp_code == 451
    assert b"canary" not in refused.value.smtp_error
    post(KEY, "x")
    assert Inbox.objects.count() == 1


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n\x00.\r\n"])
def test_only_the_whole_line_ending_ends_a_letter(road: Road, client: smtplib.SMTP, end: bytes) -> None:
    """What is smuggled behind another ending stays text of the first letter."""
    client.mail("x@example.com")
    client.rcpt(f"{KEY}@{DOMAIN}")
    client.docmd("DATA")
    hidden = f"MAIL FROM:<a@b>\r\nRCPT TO:<report@{DOMAIN}>\r\nDATA\r\nSubject: smuggled\r\n\r\nx".encode()
    client.send(b"Subject: one\r\n\r\ntext" + end + hidden + b"\r\n.\r\n")
    assert client.getreply()[0] in (250, 500)
    assert not Report.objects.exists()
    assert Inbox.objects.count() <= 1


def test_what_is_too_large_is_refused(road: Road, client: smtplib.SMTP) -> None:
    assert client.esmtp_features["size"] == str(LETTER_BYTES_MAX)
    client.mail("x@example.com")
    client.rcpt(f"{KEY}@{DOMAIN}")
    assert client.data((b"x" * 76 + b"\r\n") * (LETTER_BYTES_MAX // 77))[0] == 552
    assert not Inbox.objects.exists()


def test_no_more_than_so_many_talk_at_once(
    road: Road, door: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "CONVERSATIONS_MAX", 2)
    held = [socket.create_connection(door.place, PATIENCE) for _ in range(2)]
    for one in held:
        assert one.recv(100).startswith(b"220")
    with socket.create_connection(door.place, PATIENCE) as more:
        assert more.recv(100).startswith(b"421")
    for one in held:
        one.close()


def test_a_message_says_where_to_answer_only_while_letters_are_taken_in(
    road: Road, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    paged(road)
    (message,) = outbox.to("bo")
    assert message.reply_to == f"{mailbox(road)}@{DOMAIN}"
    assert 'Or reply: "ack"' in as_text(message)
    assert "Or reply" not in as_text(replace(message, reply_to=""))
