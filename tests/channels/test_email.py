"""E-mail through a real SMTP server on loopback, and letters as mail programs read them."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.channels.faults import make_certificate
from tests.ports import own_port
from tocsin.channels import email as letters
from tocsin.channels.email import Email, write
from tocsin.channels.mailserver import MailServer, read_mail_server
from tocsin.kernel.errors import Refused
from tocsin.notification.deadline import within
from tocsin.notification.rules import Act, ActVerb, Blame, Failed, Message, Sent
from tocsin.people.rules import Language

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SENDER = Address("Tocsin", addr_spec="tocsin@example.com")
MESSAGE = Message(
    id="6f6ddc0c-6a24-4b0e-bc5f-6d6a2f1a7a11",
    subject="[P1] Checkout fails for all customers · Web shop #412",
    lines=("Web shop: Checkout fails for all customers", "Since 09:00 UTC; major impact, high urgency."),
    acts=(
        Act(ActVerb.ACKNOWLEDGE, "Acknowledge", "https://tocsin.example/a/one"),
        Act(ActVerb.RESOLVE, "Resolve", "https://tocsin.example/a/two"),
    ),
    link="https://tocsin.example/incidents/412",
    thread="incident-412",
)


class PostOffice:
    """What a mail server took, and what it answers instead when a test wants it to refuse."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.refuse_recipient = ""
        self.refuse_letter = ""

    async def handle_RCPT(
        self, server: object, session: object, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuse_recipient:
            return self.refuse_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:
        if self.refuse_letter:
            return self.refuse_letter
        assert isinstance(envelope.content, bytes)
        self.envelopes.append(envelope)
        self.taken.append(read(envelope.content))
        return "250 2.0.0 queued as 4711"


def read(letter: bytes) -> EmailMessage:
    message = message_from_bytes(letter, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def parts(letter: EmailMessage) -> tuple[str, str]:
    """The text and the HTML, in the order in which they stand."""
    first, second = letter.iter_parts()
    assert (first.get_content_type(), second.get_content_type()) == ("text/plain", "text/html")
    assert isinstance(first, EmailMessage)
    assert isinstance(second, EmailMessage)
    return first.get_content().replace("\r\n", "\n"), second.get_content().replace("\r\n", "\n")


@pytest.fixture
def post_office() -> PostOffice:
    return PostOffice()


Opener = Callable[..., MailServer]


@pytest.fixture
def opened(post_office: PostOffice) -> Iterator[Opener]:
    """Opens the post office; the arguments are aiosmtpd's."""
    running, ports = list[Controller](), ExitStack()

    def open_(url: str = "smtp://127.0.0.1:{port}?from=tocsin@example.com", **more: Any) -> MailServer:
        port = ports.enter_context(own_port())
        controller = Controller(post_office, hostname="127.0.0.1", port=port, **more)
        controller.start()
        running.append(controller)
        server = read_mail_server(url.format(port=port))
        assert server is not None
        return server

    yield open_
    for controller in running:
        controller.stop()
    ports.close()


def test_a_letter_says_what_to_do_first_and_carries_the_same_in_html(
    post_office: PostOffice, opened: Opener
) -> None:
    outcome = Email(opened()).send("mailto:bo@example.com", "Bo Lind", MESSAGE, NOW)

    assert outcome == Sent("2.0.0 queued as 4711")
    (letter,) = post_office.taken
    assert letter["Subject"] == MESSAGE.subject
    assert letter["To"] == "Bo Lind <bo@example.com>"
    assert letter["From"] == "Tocsin <tocsin@example.com>"
    assert letter["Message-ID"] == f"<{MESSAGE.id}@example.com>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["X-Auto-Response-Suppress"] == "All"
    assert letter["Date"].datetime == NOW
    assert "List-Unsubscribe" not in letter
    assert letter.get_content_type() == "multipart/alternative"
    text, html = parts(letter)
    assert text.splitlines()[0] == "Acknowledge: https://tocsin.example/a/one"
    for wanted in (*MESSAGE.lines, "https://tocsin.example/a/two", MESSAGE.link):
        assert wanted in text
        assert wanted in html
    assert html.index("/a/one") < html.index("Checkout fails") < html.index("/a/two")
    (envelope,) = post_office.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("tocsin@example.com", ["bo@example.com"])


def test_letters_about_one_incident_form_a_thread_and_a_retry_is_the_same_letter() -> None:
    def write_one(message: Message) -> EmailMessage:
        return read(write(SENDER, "bo@example.com", "Bo", message, NOW))

    first, retry = write_one(MESSAGE), write_one(MESSAGE)
    second, other = write_one(replace(MESSAGE, id="two")), write_one(replace(MESSAGE, thread="incident-9"))
    assert first["Message-ID"] == retry["Message-ID"] != second["Message-ID"]
    assert first["References"] == second["References"] == first["In-Reply-To"] != other["References"]
    assert "References" not in write_one(replace(MESSAGE, thread=""))


@pytest.mark.parametrize(
    ("details", "list_id"),
    [
        ({"service": "shop"}, "<shop.incidents.example.com>"),
        ({}, "<notices.example.com>"),
        ({"service": "shop>\r\nBcc: eve@example.com"}, "<incidents.example.com>"),
        ({"service": ["shop"]}, "<incidents.example.com>"),
        ({"service": "s" * 65}, "<incidents.example.com>"),
    ],
)
def test_letters_can_be_sorted_by_their_service_and_offer_no_way_to_leave(
    details: dict[str, object], list_id: str
) -> None:
    letter = read(write(SENDER, "ada@example.com", "Ada", replace(MESSAGE, details=details), NOW))
    assert letter.get_all("List-Id") == [list_id]
    assert letter["List-Unsubscribe"] is None and letter["Bcc"] is None


@pytest.mark.parametrize("language", [*Language, "tlh", "de\r\nBcc: eve@example.com"])
def test_a_letter_says_in_which_language_it_is(language: str) -> None:
    letter = read(write(SENDER, "ada@example.com", "Ada", replace(MESSAGE, language=language), NOW))
    said = language if language in tuple(Language) else "en"
    assert letter.get_all("Content-Language") == [said]
    assert letter["Bcc"] is None
    assert f"<html lang={said}>" in parts(letter)[1]


def test_the_handover_note_stands_before_the_facts() -> None:
    note = "Payments are stuck.\nTried: restart of the edge."
    text, html = parts(read(write(SENDER, "bo@example.com", "Bo", replace(MESSAGE, note=note), NOW)))

    assert text.index("/a/one") < text.index("Payments are stuck.") < text.index("Since 09:00")
    assert "Payments are stuck.<br>\nTried" in html


def test_what_an_alert_says_is_data_in_html() -> None:
    evil = "<script>alert(1)</script><img src=x onerror=y>\" style='x"
    message = replace(MESSAGE, lines=(evil,), note=evil, subject=evil)
    _, html = parts(read(write(SENDER, "bo@example.com", evil, message, NOW)))

    class Tags(HTMLParser):
        found: set[str] = set()

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found.add(tag)
            assert not any(name.startswith("on") for name, _ in attrs)

    Tags().feed(html)
    assert Tags.found <= {"html", "head", "meta", "body", "p", "a", "br"}


HEADERS_EXPECTED = {
    "from", "to", "subject", "date", "message-id", "in-reply-to", "references", "list-id", "content-language",
    "auto-submitted", "x-auto-response-suppress", "tocsin-delivery", "importance", "mime-version", "content-type",
}  # fmt: skip
# What somebody would try: line breaks of every kind, header-like text, encoded words, and any character at all.
HOSTILE = st.text(max_size=120) | st.lists(
    st.sampled_from(
        ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\x00", "\t", "\ud800", "Bcc: eve@example.com",
         ": ", "=?utf-8?q?", "=0D=0A", "?=",
         "=?utf-8?b?DQpCY2M6IGV2ZUBleGFtcGxlLmNvbQ==?=", "<", ">", "\"", "\\", "(", ")", ",", ";", "@",
         "ü", "日本", "\u202e", "👩‍👩‍👧", "x" * 300, " " * 90, ".", "\r\n.\r\n", "\n.\n"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_no_text_can_add_a_header_or_a_recipient(subject: str, name: str, line: str, ident: str) -> None:
    message = replace(MESSAGE, subject=subject, lines=(line,), note=line, id=ident, thread=ident)

    raw = write(SENDER, "bo@example.com", name, message, NOW)

    head, _, _ = raw.partition(b"\r\n\r\n")
    names = [match.decode().lower() for match in re.findall(rb"^([^\s:]+):", head, re.MULTILINE)]
    assert len(names) == len(set(names))
    assert set(names) <= HEADERS_EXPECTED
    assert raw.isascii()
    assert max(len(row) for row in raw.split(b"\r\n")) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"") and b"\r" not in raw.replace(b"\r\n", b"")
    letter = read(raw)
    assert [one.addr_spec for one in letter["To"].addresses] == ["bo@example.com"]
    parts(letter)


def test_a_line_of_ten_thousand_characters_is_folded_and_bounded() -> None:
    raw = write(
        SENDER,
        "bo@example.com",
        "n" * 10_000,
        replace(MESSAGE, subject="s" * 10_000, lines=("l" * 10_000,)),
        NOW,
    )

    assert max(len(row) for row in raw.split(b"\r\n")) <= 998
    letter = read(raw)
    assert len(letter["Subject"]) == letters.SUBJECT_LENGTH_MAX
    assert "l" * (letters.LINE_LENGTH_MAX - 1) + "…" in parts(letter)[0]


def test_a_text_that_breaks_the_library_still_goes_out_in_plain_letters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = letters.as_html

    def breaks(message: Message) -> str:
        if "é" in message.subject:
            raise RuntimeError("a bug")
        return honest(message)

    monkeypatch.setattr(letters, "as_html", breaks)
    letter = read(write(SENDER, "bo@example.com", "Bo", replace(MESSAGE, subject="café"), NOW))
    assert letter["Subject"] == "caf?"
    text, _ = parts(letter)
    assert text.splitlines()[0] == "Acknowledge: https://tocsin.example/a/one"
    assert "could not be rendered" in text


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("mailto:Ada.Ortiz+pager@Example.COM", "mailto:Ada.Ortiz+pager@example.com"),
        ("mailto: ada@example.com ", "mailto:ada@example.com"),
        ("mailto:ada@bücher.example", "mailto:ada@xn--bcher-kva.example"),
        ("mailto:root@localhost", "mailto:root@localhost"),
    ],
)
def test_an_address_is_kept_in_its_plain_form(address: str, plain: str) -> None:
    assert Email(None).check(address) == plain


@pytest.mark.parametrize(
    "mailbox",
    ["", "ada", "@example.com", "ada@", "ada@exa mple.com", "a@b@c", "ada@example.com,eve@example.com",
     "a da@example.com", "ada@example.com?subject=x", "ada@example.com\r\nBcc: eve@example.com",
     "<ada@example.com>", "Ada <ada@example.com>", ".ada@example.com", "ada@-example.com",
     "ada@example..com", "ä@example.com", "x" * 65 + "@example.com",
     "ada@" + "x." * 130 + "com", "ada@[127.0.0.1]", "\"ada\"@example.com"],
)  # fmt: skip
def test_what_is_not_one_plain_address_is_refused_in_words(mailbox: str) -> None:
    with pytest.raises(Refused, match="is not an e-mail address"):
        Email(None).check(f"mailto:{mailbox}")


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        ("451 4.7.1 Greylisted, come back later", True),
        ("452 4.3.1 queue full", True),
        ("550 5.1.1 no such user", False),
    ],
)
def test_a_refused_recipient_is_tried_again_only_when_that_can_help(
    post_office: PostOffice, opened: Opener, answer: str, again: bool
) -> None:
    post_office.refuse_recipient = answer
    assert Email(opened()).send("mailto:bo@example.com", "Bo", MESSAGE, NOW) == Failed(
        f"the mail server says {answer}", again=again, blame=Blame.ADDRESS
    )
    assert post_office.taken == []


@pytest.mark.parametrize(("answer", "again"), [("451 try later", True), ("554 5.7.1 looks like spam", False)])
def test_a_refused_letter_is_tried_again_only_when_that_can_help(
    post_office: PostOffice, opened: Opener, answer: str, again: bool
) -> None:
    post_office.refuse_letter = answer
    outcome = Email(opened()).send("mailto:bo@example.com", "Bo", MESSAGE, NOW)
    assert outcome == Failed(f"the mail server says {answer}", again=again)


def test_without_a_mail_server_the_failure_says_which_setting_is_missing() -> None:
    outcome = Email(None).send("mailto:bo@example.com", "Bo", MESSAGE, NOW)
    assert outcome == Failed("no mail server is set up (TOCSIN_SMTP_URL)", again=False, blame=Blame.PROVIDER)


def test_a_mail_server_that_is_down_is_tried_again() -> None:
    with own_port() as port:
        outcome = Email(read_mail_server(f"smtp://127.0.0.1:{port}?from=t@example.com")).send(
            "mailto:bo@example.com", "Bo", MESSAGE, NOW
        )
    assert isinstance(outcome, Failed)
    assert outcome.again
    assert "cannot be reached: Connection refused" in outcome.why


@pytest.fixture
def stalling() -> Iterator[Callable[[bytes], MailServer]]:
    """A server that says something, a byte at a time from the tenth on, and never ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()
    threads: list[threading.Thread] = []

    def open_(says: bytes) -> MailServer:
        def serve() -> None:
            with suppress(OSError), listening.accept()[0] as connection:
                connection.sendall(says)
                while says and not ended.wait(0.02):
                    connection.sendall(b"x")
                ended.wait()

        threads.append(threading.Thread(target=serve, daemon=True))
        threads[-1].start()
        server = read_mail_server(f"smtp://127.0.0.1:{listening.getsockname()[1]}?from=t@example.com")
        assert server is not None
        return server

    yield open_
    ended.set()
    for thread in threads:
        thread.join()
    listening.close()


@pytest.mark.parametrize("says", [b"", b"220 ", b"220 hello\r\n250-"])
def test_a_mail_server_that_hangs_or_trickles_is_left_at_the_deadline(
    stalling: Callable[[bytes], MailServer], says: bytes
) -> None:
    outcome = Email(stalling(says), deadline=0.4).send("mailto:bo@example.com", "Bo", MESSAGE, NOW)
    assert outcome == Failed(
        "the mail server did not answer within 0.4 s", blame=Blame.PROVIDER, perhaps=True
    )


def test_a_letter_keeps_to_the_time_that_its_message_has(stalling: Callable[[bytes], MailServer]) -> None:
    with within(0.4):
        outcome = Email(stalling(b"")).send("mailto:bo@example.com", "Bo", MESSAGE, NOW)
    assert isinstance(outcome, Failed) and outcome.perhaps
    assert outcome.why.startswith("the mail server did not answer within 0.")  # and not ten seconds


def test_starttls_is_used_when_it_is_required_and_the_certificate_is_checked(
    post_office: PostOffice, opened: Opener, tmp_path: Path
) -> None:
    serving, trusting = make_certificate(tmp_path, "localhost")
    server = opened("smtp://localhost:{port}?from=t@example.com&tls=required", tls_context=serving)

    assert isinstance(Email(server, trust=trusting).send("mailto:bo@example.com", "Bo", MESSAGE, NOW), Sent)
    refused = Email(server).send("mailto:bo@example.com", "Bo", MESSAGE, NOW)
    assert isinstance(refused, Failed)
    assert "certificate is not trusted" in refused.why
    unchecked = Email(replace(server, tls="unchecked"))
    assert isinstance(unchecked.send("mailto:bo@example.com", "Bo", MESSAGE, NOW), Sent)
    assert len(post_office.taken) == 2


def test_a_server_that_does_not_offer_required_tls_gets_nothing(
    post_office: PostOffice, opened: Opener
) -> None:
    server = opened("smtp://127.0.0.1:{port}?from=t@example.com&tls=required")
    outcome = Email(server).send("mailto:bo@example.com", "Bo", MESSAGE, NOW)
    assert outcome == Failed("the mail server does not offer TLS", again=False, blame=Blame.PROVIDER)
    assert post_office.taken == []


@pytest.mark.filterwarnings(
    "ignore:Requiring AUTH while not requiring TLS"
)  # aiosmtpd does not see the outer TLS
def test_tls_from_the_start_and_a_password(post_office: PostOffice, opened: Opener, tmp_path: Path) -> None:
    serving, trusting = make_certificate(tmp_path, "localhost")
    known: list[tuple[bytes, bytes]] = []

    def authenticate(
        _server: object, _session: object, _envelope: object, _way: str, data: Any
    ) -> AuthResult:
        known.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss:word", handled=False)

    # aiosmtpd's `ssl_context` of the controller is TLS from the start, which smtps:// means.
    server = opened(
        "smtps://pager:p%40ss%3Aword@localhost:{port}?from=t@example.com",
        ssl_context=serving,
        authenticator=authenticate,
        auth_require_tls=False,
        auth_required=True,
    )
    assert isinstance(Email(server, trust=trusting).send("mailto:bo@example.com", "Bo", MESSAGE, NOW), Sent)
    wrong = Email(replace(server, password="wrong"), trust=trusting)
    outcome = wrong.send("mailto:bo@example.com", "Bo", MESSAGE, NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.again
    assert "535" in outcome.why
    assert "wrong" not in outcome.why
    assert known[0] == (b"pager", b"p@ss:word")
    assert len(post_office.taken) == 1


@pytest.mark.parametrize(
    "url",
    ["http://example.com", "smtp://", "smtp://host:99999", "smtp://host?from=nobody", "smtp://host?tls=maybe",
     "smtp://host?form=a@example.com", "smtp://host?from=a@b.c%0d%0aBcc:%20x@y.z", "example.com:25"],
)  # fmt: skip
def test_a_setting_that_cannot_be_read_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(Refused) as refused:
        read_mail_server(url.replace("//", "//me:hunter2@"))
    assert refused.value.where == "TOCSIN_SMTP_URL"
    assert "hunter2" not in str(refused.value)


def test_the_setting_has_sensible_rests() -> None:
    assert read_mail_server("") is None
    assert read_mail_server("smtp://mail.example.com?from=a@example.com") == MailServer(
        "mail.example.com", 25, Address("Tocsin", addr_spec="a@example.com")
    )
    named = read_mail_server("smtps://u:p@mail.example.com?from=On-call%20%3Ca@example.com%3E")
    assert named == MailServer(
        "mail.example.com", 465, Address("On-call", addr_spec="a@example.com"), "u", "p", tls_at_once=True
    )


def test_the_default_context_checks_certificates() -> None:
    server = read_mail_server("smtp://mail.example.com?from=a@example.com")
    assert server is not None
    assert server.tls == "offered"
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED
