"""Programs that answer each other by mail come to an end; large letters are refused early (TRUST C29-C31)."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.conf import settings

from tests.patience import PATIENCE
from tests.stories.road import READERS as STORIES
from tests.stories.road import Road
from tests.world import KEY, Clock, Outbox, World
from tocsin.catalog.snapshot import configuration
from tocsin.channels.email import as_text
from tocsin.engine.duties import duties
from tocsin.incident.models import Incident
from tocsin.intake.models import Inbox
from tocsin.kernel.ids import digest
from tocsin.notification.rules import Message
from tocsin.site.mail import Postbox
from tocsin.sources import READERS
from tocsin.sources.letters import read_letter
from tocsin.sources.mailboxes import Became, Mailbox, deliver

LOOP_MAX = 3
ROUNDS = 20
LARGE = 50 * 1024 * 1024


@pytest.fixture
def road(
    transactional_db: None, world: World, clock: Clock, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> Road:
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, mail_domain="tocsin.example.com"))
    road = Road(world, clock)
    road.duties = [duty for duty in duties({**READERS, **STORIES}, b"key", "story") if not duty.every]
    return road


def ticket(message: Message, number: int) -> bytes:
    """What a ticket system makes of a page: a letter of its own, without any of our headers, that quotes it."""
    quoted = "".join(f"> {line}\r\n" for line in as_text(message).split("\n"))
    return (
        f"From: Tickets <tickets@example.com>\r\nMessage-ID: <{number}@tickets>\r\n"
        f"Subject: [Ticket {number}] {message.subject}\r\n\r\nA ticket was opened.\r\n\r\n{quoted}"
    ).encode()


def arrives(road: Road, raw: bytes) -> Became:
    mailbox = Mailbox(integration=configuration().by_key[digest(KEY)])
    became = deliver(mailbox, read_letter(raw, "tickets@example.com"), road.now)
    road.look()
    return became


def test_c31_two_programs_that_answer_each_other_come_to_an_end(road: Road, outbox: Outbox) -> None:
    """Every page goes to a ticket system, and it opens a ticket by mail for each."""
    road.event("one", title="Checkout fails")
    road.look()
    answered = 0
    while answered < min(len(outbox.to("bo")), ROUNDS):
        arrives(road, ticket(outbox.to("bo")[answered], answered))
        answered += 1
    assert len(outbox.to("bo")) <= LOOP_MAX
    assert Incident.objects.count() <= LOOP_MAX
    # What the same sender says that is new is still an alert, and what it says is over is over.
    assert arrives(road, b"From: a@example.com\r\nSubject: Disk full\r\n\r\nx\r\n") is Became.ALERT
    over = ticket(outbox.to("bo")[0], 0).replace(b"Subject: [Ticket 0]", b"Subject: [RESOLVED] [Ticket 0]")
    assert arrives(road, over) is Became.ALERT


@pytest.fixture
def client(road: Road, clock: Clock) -> Iterator[smtplib.SMTP]:
    postbox = Postbox("127.0.0.1", 0, lambda: clock.now)
    postbox.start()
    with smtplib.SMTP(*postbox.place, timeout=PATIENCE) as smtp:
        smtp.ehlo("test")
        yield smtp
    postbox.stop(5)


def test_c29_fifty_megabytes_are_refused_before_they_are_sent(client: smtplib.SMTP) -> None:
    assert client.mail("x@example.com", [f"SIZE={LARGE}"])[0] == 552


def test_c29_a_letter_of_a_thousand_levels_and_one_of_ten_thousand_parts_still_page(
    client: smtplib.SMTP, road: Road
) -> None:
    to = f"{KEY}@tocsin.example.com"
    deep = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}\r\n' for n in range(1_000))
    client.sendmail(
        "x@example.com", [to], f"Subject: Deep\r\n{deep}Content-Type: text/plain\r\n\r\nhere\r\n".encode()
    )
    many = 'Subject: Many\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nthe text\r\n'
    many += "--b\r\nContent-Disposition: attachment\r\n\r\nx\r\n" * 10_000
    client.sendmail("x@example.com", [to], many.encode())
    broken = b"Subject: Broken\r\nContent-Type: text/plain; charset=no-such\r\n\r\n\xff\xfe full\r\n"
    client.sendmail("x@example.com", [to], broken)
    client.sendmail(
        "x@example.com", [to], b"Subject: Page\r\nContent-Type: text/html\r\n\r\n<p>It is full</p>\r\n"
    )
    assert Inbox.objects.count() == 4
    road.look()
    assert {"Deep", "Many", "Broken", "Page"} <= set(Incident.objects.values_list("title", flat=True))


def test_c30_commands_behind_the_end_of_a_letter_are_commands_and_nothing_else(
    client: smtplib.SMTP, road: Road
) -> None:
    """Pipelined commands of a second letter to a stranger's mailbox are refused like any others."""
    client.mail("x@example.com")
    client.rcpt(f"{KEY}@tocsin.example.com")
    client.docmd("DATA")
    client.send(
        b"Subject: one\r\n\r\ntext\r\n.\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<x@elsewhere.example>\r\nDATA\r\n"
    )
    assert [client.getreply()[0] for _ in range(4)] == [250, 250, 550, 503]
    assert Inbox.objects.count() == 1
