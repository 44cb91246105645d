"""Letters as they come: what is read of them, what is not, and how much that may cost."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from email.message import EmailMessage
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.intake.rules import Action, Severity
from tocsin.sources import email
from tocsin.sources.letters import TEXT_LENGTH_MAX, Letter, read_letter

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PLAIN = b"From: Ada <Ada@Example.com>\r\nSubject: Disk full\r\nMessage-ID: <1@x>\r\n\r\nIt is full.\r\n"


def read(raw: bytes) -> Letter:
    return read_letter(raw, "ada@example.com")


def test_a_plain_letter() -> None:
    assert read(PLAIN) == Letter("Disk full", "It is full.", "ada@example.com", "Ada", "<1@x>")


def test_the_text_is_taken_and_attachments_stay_closed() -> None:
    bomb = BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("zeros", b"\0" * 5_000_000)
    letter = EmailMessage()
    letter["Subject"], letter["From"] = "Größe: 日本", "ada@example.com"
    letter.set_content("Grüße")
    letter.add_alternative("<p>Grüße als Seite</p>", subtype="html")
    letter.add_attachment(bomb.getvalue(), maintype="application", subtype="zip", filename="a.zip")
    letter.add_attachment("not this", filename="b.txt")
    found = read(letter.as_bytes())
    assert (found.subject, found.text) == ("Größe: 日本", "Grüße")


def test_a_page_alone_becomes_text() -> None:
    page = (
        b"<html><head><style>p{}</style><title>t</title></head><body><p>Disk&nbsp;full</p>"
        b"<script>x()</script>on db-3<br>now</body>"
    )
    found = read(b"Subject: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + page)
    assert found.text == "Disk\u00a0full\non db-3\nnow"


@pytest.mark.parametrize("charset", [b"utf-9", b"'", b"ascii", b"utf-16", b"idna", b""])
def test_a_broken_charset_leaves_what_can_be_read(charset: bytes) -> None:
    found = read(
        b"Subject: x\r\nContent-Type: text/plain; charset=" + charset + b"\r\n\r\nDisk \xff\xfe full"
    )
    assert found.text


def test_a_thousand_levels_and_ten_thousand_attachments_cost_little() -> None:
    nested = b"Subject: deep\r\n" + b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(5_000)
    )
    assert read(nested + b"Content-Type: text/plain\r\n\r\nhere").subject == "deep"
    many = b'Subject: many\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nthe text\r\n'
    many += b"--b\r\nContent-Disposition: attachment\r\n\r\nx\r\n" * 10_000
    assert read(many).text == "the text"
    assert len(read(b"Subject: long\r\n\r\n" + b"x" * 1_000_000).text) == TEXT_LENGTH_MAX


@pytest.mark.parametrize(
    ("headers", "answers", "alone"),
    [
        (b"", False, False),
        (b"Auto-Submitted: no\r\n", False, False),
        (b"Auto-Submitted: auto-generated\r\n", False, True),
        (b"Auto-Submitted: auto-replied; x=y\r\n", True, True),
        (b"Precedence: bulk\r\n", False, True),
        (b"Precedence: auto_reply\r\n", True, True),
        (b"X-Autoreply: yes\r\n", True, True),
        (b"List-Id: <x>\r\n", False, True),
        (b"Content-Type: multipart/report; boundary=b\r\n", True, True),
        (b"Received: x\r\n" * 40, True, True),
    ],
)
def test_machines_are_told_from_people(headers: bytes, answers: bool, alone: bool) -> None:
    found = read(headers + PLAIN)
    assert (found.answers_itself, found.automatic) == (answers, alone)
    assert read_letter(PLAIN, "").answers_itself  # a bounce has no sender
    assert read(b"Tocsin-Delivery: x\r\n" + PLAIN).ours


@given(st.binary(max_size=3_000))
def test_whatever_comes_is_read(raw: bytes) -> None:
    found = read(raw)
    assert "\n" not in found.subject and "\0" not in found.text
    (event,) = email.events(email.accept(found).body, "", NOW)
    assert event.title and event.key and len(event.key) <= 200


@given(st.text(max_size=300))
def test_headers_with_whatever_in_them_are_one_line(text: str) -> None:
    raw = "Subject: {0}\r\nFrom: {0}\r\n\r\n".format(text.replace("\n", " ")).encode("utf-8", "replace")
    found = read(raw)
    assert found.subject.isprintable() and found.name.isprintable()


# -- alerts ------------------------------------------------------------------------------------------------------------


def one(subject: str, text: str = "") -> email.Event:
    (event,) = email.events(email.accept(Letter(subject, text, "a@b.example")).body, "", NOW)
    return event


@pytest.mark.parametrize(
    ("trouble", "end"),
    [
        ("Disk full on db-3", "[RESOLVED] Disk full on db-3"),
        ("[FIRING:2] DiskFull (db-3 shop)", "[RESOLVED] DiskFull (db-3 shop)"),
        (
            "** PROBLEM Service Alert: db-3/Disk is CRITICAL **",
            "** RECOVERY Service Alert: db-3/Disk is OK **",
        ),
        ("Problem: High CPU on 10.0.0.1", "Resolved in 5m 3s: High CPU on 10.0.0.1"),
        ("PROBLEM: disk at 2026-03-02 09:00", "Re: OK: disk at 2026-03-02 09:05"),
    ],
)
def test_the_end_of_a_trouble_has_its_key(trouble: str, end: str) -> None:
    began, ended = one(trouble), one(end)
    assert (began.action, ended.action) == (Action.TRIGGER, Action.RESOLVE)
    assert began.key == ended.key


@pytest.mark.parametrize(
    "subject",
    [
        "Issue not resolved",
        "DNS could not be resolved by host",
        "Backup not OK",
        "Is it OK to deploy?x",
        "Upload fails",
    ],
)
def test_what_only_mentions_an_end_is_trouble(subject: str) -> None:
    assert one(subject).action is Action.TRIGGER


def test_different_hosts_are_different_alerts() -> None:
    keys = {one(f"Disk full on {host}").key for host in ("10.0.0.1", "10.0.0.2", "db-3", "db-4")}
    assert len(keys) == 4


def test_how_bad_it_is_stands_in_the_subject() -> None:
    found = [one(s).severity for s in ("db is CRITICAL", "db warning", "[P1] db", "Info: db", "db fails", "")]
    assert found == [
        Severity.CRITICAL,
        Severity.WARNING,
        Severity.CRITICAL,
        Severity.INFO,
        Severity.ERROR,
        Severity.ERROR,
    ]


def test_an_alert_carries_the_text_as_data() -> None:
    event = one("<b>{{7*7}}</b>", "Bcc: x\n${jndi:x}")
    assert (event.title, event.description) == ("<b>{{7*7}}</b>", "Bcc: x\n${jndi:x}")
    assert event.fields == {"sender": "a@b.example"}
