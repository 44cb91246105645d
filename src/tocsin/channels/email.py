"""E-mail: plain text first, a small calm HTML part, one thread per incident."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Sequence
from datetime import datetime
from email import policy
from email.charset import QP, Charset
from email.header import Header
from email.headerregistry import Address
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.utils import format_datetime, quote
from html import escape

import idna
from django.utils.translation import gettext, gettext_noop, override

from tocsin.channels.connecting import Unreachable
from tocsin.channels.mailserver import DEADLINE, AddressRefused, Conversation, MailServer
from tocsin.channels.wording import clean, rendering_failed
from tocsin.kernel.errors import Refused
from tocsin.notification.deadline import seconds_left
from tocsin.notification.rules import Act, Blame, Failed, Limits, Message, Sent
from tocsin.notification.rules.throttling import ROOM_STORM, STORM
from tocsin.people.rules import Language

SUBJECT_LENGTH_MAX = 200
NAME_LENGTH_MAX = 120
LINE_LENGTH_MAX = 1_000
LINES_MAX = 50
NOTE_LENGTH_MAX = 4_000
ADDRESS_LENGTH_MAX = 254
HINT = gettext_noop(
    'Or reply: "ack", "resolve", "snooze 2h" or "escalate" as the first line; anything else is a note. Code: %(code)s.'
)

_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_LIST_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
_POLICY = policy.compat32.clone(linesep="\r\n", max_line_length=0)
_UTF_8 = Charset("utf-8")
_UTF_8.body_encoding = QP


class Email:
    """Hands messages to one mail server; without one it says so."""

    name = "e-mail"
    schemes: Sequence[str] = ("mailto",)
    # A mail server has limits of its own: it refuses for a while (4xx, RFC 5321 4.2.1), and is asked again.
    limits = Limits(storm=STORM, room=ROOM_STORM, gathers=True)

    def __init__(
        self, server: MailServer | None, deadline: float = DEADLINE, trust: ssl.SSLContext | None = None
    ) -> None:
        self._server = server
        self._deadline = deadline
        self._trust = trust

    def check(self, address: str) -> str:
        """The address in its plain form. Raises Refused."""
        return f"mailto:{_check_mailbox(address.partition(':')[2])}"

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Sent | Failed:
        """Hand the message to the mail server, within the deadline. What it refuses for good is not tried again."""
        server = self._server
        if server is None:
            return _trouble("no mail server is set up (TOCSIN_SMTP_URL)", again=False)
        mailbox = address.partition(":")[2]
        try:
            letter = write(server.sender, _check_mailbox(mailbox), to_name, message, now)
        except Refused as refused:  # stored before a rule became stricter
            return Failed(str(refused), again=False, blame=Blame.ADDRESS)
        seconds = seconds_left(self._deadline)
        try:
            conversation = Conversation(server, seconds, self._trust)
            try:
                said = conversation.hand_in(server.sender.addr_spec, mailbox, letter)
            finally:
                conversation.bow_out()
        except smtplib.SMTPResponseException as error:
            return _refusal(error)
        except TimeoutError:
            return _trouble(f"the mail server did not answer within {seconds:.3g} s", perhaps=True)
        except ssl.SSLCertVerificationError as error:
            return _trouble(f"the mail server's certificate is not trusted: {error.verify_message}")
        except Unreachable as error:
            return _trouble(str(error), again=not error.forbidden)
        except smtplib.SMTPNotSupportedError:
            return _trouble("the mail server does not offer a way to sign in", again=False)
        except smtplib.SMTPException:
            return _trouble("the mail server ended the conversation", perhaps=True)
        except OSError as error:
            why = clean(error.strerror or type(error).__name__, 100)
            return _trouble(f"the mail server cannot be reached: {why}")
        return Sent(reference=clean(said, 200))


def _refusal(error: smtplib.SMTPResponseException) -> Failed:
    """What the server's own words mean: a refusal that begins with 4 passes (grey-listing, a full queue), one
    that begins with 5 stays."""
    words = error.smtp_error
    said = clean(words.decode("utf-8", "replace") if isinstance(words, bytes) else words, 200)
    blame = Blame.ADDRESS if isinstance(error, AddressRefused) else Blame.PROVIDER
    if isinstance(error, smtplib.SMTPDataError):  # of the letter itself: a filter, a size, a full disk
        blame = Blame.UNKNOWN
    again = not 500 <= error.smtp_code < 600
    return Failed(f"the mail server says {error.smtp_code} {said}", again=again, blame=blame)


def _trouble(why: str, again: bool = True, perhaps: bool = False) -> Failed:
    """A failure of the mail server, whoever the letter was for."""
    return Failed(why, again=again, blame=Blame.PROVIDER, perhaps=perhaps)


def _check_mailbox(mailbox: str) -> str:
    """`ada@example.com` with its domain in ASCII. Raises Refused for anything but one plain address."""
    local, _, domain = mailbox.strip().rpartition("@")
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except idna.IDNAError:
            domain = ""
    domain = domain.lower()
    if (
        len(mailbox) > ADDRESS_LENGTH_MAX
        or len(local) > 64
        or not _LOCAL_PART.match(local)
        or not all(_LABEL.match(label) for label in domain.split("."))
    ):
        raise Refused(
            f"{mailbox[:80]!r} is not an e-mail address",
            "one address such as mailto:ada@example.com",
            "Names with spaces, quotes or letters beyond ASCII before the @ are not supported.",
            "address",
        )
    return f"{local}@{domain}"


# -- the letter ---------------------------------------------------------------------------------------------


def write(sender: Address, mailbox: str, to_name: str, message: Message, now: datetime) -> bytes:
    """The letter as it goes over the wire; in its plainest form, with a note, when the text breaks it."""
    try:
        return _letter(sender, mailbox, to_name, message, now).as_bytes(policy=_POLICY)
    except Exception:  # whatever an alert's text made the library do: the page goes out
        plain = Message(
            id=message.id,
            subject=_ascii(message.subject),
            lines=[_ascii(line) for line in message.lines],
            acts=message.acts,
            link=message.link,
            kind=message.kind,
            urgent=message.urgent,
            language=message.language,
            note=f"{_ascii(message.note)}\n{rendering_failed(message.language)}".strip(),
        )
        return _letter(sender, mailbox, "", plain, now).as_bytes(policy=_POLICY)


def _ascii(text: object) -> str:
    return re.sub(r"[^\x20-\x7e\n]", "?", str(text))


def _letter(sender: Address, mailbox: str, to_name: str, message: Message, now: datetime) -> MIMEMultipart:
    # The older of the library's two writers: the newer one decodes encoded words that it finds in a text,
    # line breaks in them included.
    letter = MIMEMultipart("alternative")
    letter["From"] = _named(sender.display_name, sender.addr_spec)
    letter["To"] = _named(str(message.details.get("to") or to_name), mailbox)
    letter["Subject"] = _header(clean(message.subject, SUBJECT_LENGTH_MAX))
    letter["Date"] = format_datetime(now)
    letter["Message-ID"] = f"<{_atom(message.id)}@{sender.domain}>"
    if message.reply_to:
        letter["Reply-To"] = message.reply_to
    if message.thread:
        # Nobody ever gets the letter named here; mail programs thread what refers to it all the same.
        letter["In-Reply-To"] = letter["References"] = f"<{_atom(message.thread)}@{sender.domain}>"
    letter["List-Id"] = f"<{_list_of(message)}.{sender.domain}>"
    letter["Content-Language"] = _language(message)
    letter["Auto-Submitted"] = "auto-generated"
    letter["X-Auto-Response-Suppress"] = "All"
    letter["Tocsin-Delivery"] = _atom(message.id)
    if message.urgent:
        letter["Importance"] = "high"
    for kind, text in (("plain", as_text(message)), ("html", as_html(message))):
        part = MIMENonMultipart("text", kind)
        part.set_payload(text, _UTF_8)
        letter.attach(part)
    return letter


def _header(text: str) -> str:
    """`text`, one clean line, as it may stand in a header: as it is, or in encoded words."""
    if text.isascii() and "=?" not in text:
        return text
    return Header(text, "utf-8", maxlinelen=75, header_name="Subject").encode(linesep="\r\n")


def _named(name: str, mailbox: str) -> str:
    name = clean(name, NAME_LENGTH_MAX)
    if not name:
        return mailbox
    shown = _header(name)
    return f'"{quote(name)}" <{mailbox}>' if shown == name else f"{shown} <{mailbox}>"


def _atom(text: str) -> str:
    """`text` as it may stand in a Message-ID."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", text)[:100] or "-"


def _list_of(message: Message) -> str:
    """What a mail program can sort letters by: `shop.incidents` for those about a service, else `notices`. No way to
    leave goes with it: people are taken off call by whoever plans it. (RFC 2919)"""
    service = message.details.get("service")
    if isinstance(service, str) and _LIST_LABEL.match(service):
        return f"{service}.incidents"
    return "incidents" if service else "notices"


def _language(message: Message) -> str:
    return message.language if message.language in tuple(Language) else Language.ENGLISH


def _facts(message: Message) -> list[str]:
    return [clean(line, LINE_LENGTH_MAX, lines=True) for line in message.lines[:LINES_MAX]]


def _doors(message: Message) -> list[Act]:
    """The buttons that open something; those of a place's message open nothing."""
    return [act for act in message.acts if act.url]


def _everything(message: Message) -> str:
    with override(message.language):
        return gettext("Everything about it")


def _hint(message: Message) -> str:
    with override(message.language):
        return gettext(HINT) % {"code": message.code}


def as_text(message: Message) -> str:
    """What to do, then what happened: the act comes first, because a lock screen shows only the beginning."""
    note = clean(message.note, NOTE_LENGTH_MAX, lines=True)
    first = [f"{act.label}: {act.url}" for act in _doors(message)[:1]]
    others = [f"{act.label}: {act.url}" for act in _doors(message)[1:]]
    others += [f"{_everything(message)}: {message.link}"] if message.link else []
    others += [_hint(message)] if message.reply_to else []
    parts = ("\n".join(first), note, "\n".join(_facts(message)), "\n".join(others))
    return "\n\n".join(part for part in parts if part) + "\n"


_FONT = "font:15px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif"
_BUTTON = (
    "display:inline-block;padding:12px 20px;border-radius:6px;background:#1b4f9c;color:#ffffff;"
    "font-weight:600;text-decoration:none"
)
_QUIET = "color:inherit;margin-right:16px"  # legible on a light ground and on a dark one


def as_html(message: Message) -> str:
    """The same as the text, in the same order. Everything that came from outside is escaped."""
    note = clean(message.note, NOTE_LENGTH_MAX, lines=True)
    out = [
        f"<!doctype html><html lang={_language(message)}><head><meta charset=utf-8>"
        "<meta name=color-scheme content='light dark'></head>"
        f'<body style="{_FONT};margin:16px;max-width:36rem">'
    ]
    for act in _doors(message)[:1]:
        out.append(f'<p><a href="{escape(act.url)}" style="{_BUTTON}">{escape(act.label)}</a></p>')
    if note:
        out.append(f'<p style="border-left:3px solid #8a8780;padding-left:12px">{_breaks(note)}</p>')
    facts = _facts(message)
    out += [f'<p style="font-weight:600;margin:16px 0 4px">{_breaks(fact)}</p>' for fact in facts[:1]]
    out += [f'<p style="margin:4px 0">{_breaks(fact)}</p>' for fact in facts[1:]]
    doors = [(act.label, act.url) for act in _doors(message)[1:]]
    doors += [(_everything(message), message.link)] if message.link else []
    if doors:
        links = [f'<a href="{escape(url)}" style="{_QUIET}">{escape(label)}</a>' for label, url in doors]
        out.append(f'<p style="margin-top:24px">{"".join(links)}</p>')
    if message.reply_to:
        out.append(f'<p style="margin-top:24px;color:#5c5a55">{escape(_hint(message))}</p>')
    out.append("</body></html>")
    return "\n".join(out) + "\n"


def _breaks(text: str) -> str:
    return escape(text).replace("\n", "<br>\n")
