"""A letter as it came by SMTP: who wrote, what it says, whether a machine wrote it. Bounded in all that costs. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr
from html.parser import HTMLParser

LETTER_BYTES_MAX = 1024 * 1024  # of one letter; the door says so, and refuses more
READ_BYTES_MAX = 256 * 1024  # of a letter that are looked at: attachments stand behind the text
MULTIPARTS_MAX = 20  # boundaries in a letter; of one with more the text is taken as it stands
PARTS_MAX = 50
SUBJECT_LENGTH_MAX = 500
TEXT_LENGTH_MAX = 20_000
NAME_LENGTH_MAX = 100
ADDRESS_LENGTH_MAX = 254
HOPS_MAX = 30  # "Received" lines, after which it goes round in circles

OURS = "Tocsin-Delivery"  # stands in every message that a Tocsin sends
_MAILBOX = re.compile(r"[^\s@<>\"]{1,64}@[A-Za-z0-9.-]{1,190}\Z")
_SPACE = re.compile(r"[ \t\x0b\f\r]+")
_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True)
class Letter:
    """`address` is what the letter says of its writer: it proves nothing. `id` is "" when it has none."""

    subject: str
    text: str
    address: str = ""
    name: str = ""
    id: str = ""
    ours: bool = False  # a Tocsin wrote it
    answers_itself: bool = False  # a machine answers, or says that a letter did not arrive
    automatic: bool = False  # a machine wrote it, of itself or in answer; or it went to a list


def read_letter(raw: bytes, envelope_from: str | None) -> Letter:
    """Take a letter apart. Never raises: what cannot be read is text."""
    if raw.count(b"boundary", 0, READ_BYTES_MAX) > MULTIPARTS_MAX:
        return _as_it_stands(raw, envelope_from)
    try:
        parsed = message_from_bytes(raw[:READ_BYTES_MAX])
        return _letter(parsed, _text_of(parsed), envelope_from)
    except (
        ValueError,
        LookupError,
        RecursionError,
        TypeError,
        AttributeError,
        AssertionError,
        HeaderParseError,
    ):
        return _as_it_stands(raw, envelope_from)


def _as_it_stands(raw: bytes, envelope_from: str | None) -> Letter:
    """The letter without its parts: the headers, and whatever follows them as text."""
    head, _, body = raw[:READ_BYTES_MAX].replace(b"\r\n", b"\n").partition(b"\n\n")
    headers = Message()
    for line in head.split(b"\n")[:200]:
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        if colon and re.fullmatch(r"[A-Za-z-]{1,60}", name):
            headers[name] = value.strip()[:1_000]
    return _letter(headers, _tidy(body[: 4 * TEXT_LENGTH_MAX].decode("utf-8", "replace")), envelope_from)


def _letter(headers: Message, text: str, envelope_from: str | None) -> Letter:
    name, address = parseaddr(_header(headers, "From"))
    submitted = _header(headers, "Auto-Submitted").casefold().partition(";")[0].strip()
    precedence = _header(headers, "Precedence").casefold().strip()
    report = headers.get_content_type() == "multipart/report"
    circles = len(headers.get_all("Received") or ()) > HOPS_MAX
    replies = submitted == "auto-replied" or precedence == "auto_reply"
    replies = replies or any(headers[each] for each in ("X-Autoreply", "X-Autorespond", "X-Auto-Reply"))
    answers = replies or report or circles or not envelope_from
    alone = submitted not in ("", "no") or precedence in ("bulk", "junk", "list") or bool(headers["List-Id"])
    return Letter(
        subject=_line(_header(headers, "Subject"), SUBJECT_LENGTH_MAX),
        text=text,
        address=address.lower() if len(address) <= ADDRESS_LENGTH_MAX and _MAILBOX.match(address) else "",
        name=_line(name, NAME_LENGTH_MAX),
        id=_line(str(headers["Message-ID"] or ""), 300),
        ours=OURS in headers,
        answers_itself=answers,
        automatic=answers or alone,
    )


def _header(headers: Message, name: str) -> str:
    """A header's text, decoded as far as it can be."""
    value = str(headers.get(name, ""))[:2_000]
    try:
        return str(make_header(decode_header(value)))
    except (ValueError, LookupError, HeaderParseError):
        return value


def _line(text: str, most: int) -> str:
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(shown.split())[:most]


def _text_of(letter: Message) -> str:
    """The first part that people read: as plain text, else as a page without its marks; attachments stay closed."""
    page = ""
    for number, part in enumerate(letter.walk()):
        if number >= PARTS_MAX:
            break
        if part.is_multipart() or part.get_content_disposition() == "attachment":
            continue
        kind = part.get_content_type()
        if kind == "text/plain" and (text := _tidy(_decoded(part))):
            return text
        if kind == "text/html" and not page:
            page = _decoded(part)
    return _tidy(_without_marks(page))


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    charset = part.get_content_charset() or "utf-8"
    try:
        return raw.decode(charset, "replace")
    except (LookupError, ValueError):
        return raw.decode("utf-8", "replace")


def _tidy(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    return _LINES.sub("\n\n", lines).strip()[:TEXT_LENGTH_MAX]


class _Words(HTMLParser):
    """The text of a page: blocks become lines, those of what it quotes marked as in a plain letter; scripts and
    styles nothing."""

    _BLOCKS = frozenset(("p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "blockquote", "table", "hr"))
    _SILENT = frozenset(("script", "style", "head", "title"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.silent = 0
        self.quoted = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in self._SILENT:
            self.silent += 1
        elif tag in self._BLOCKS:
            self.quoted += tag == "blockquote"
            self._begin_line()

    def handle_endtag(self, tag: str) -> None:
        if tag in self._SILENT:
            self.silent = max(0, self.silent - 1)
        elif tag in self._BLOCKS:
            self.quoted = max(0, self.quoted - (tag == "blockquote"))
            self._begin_line()

    def _begin_line(self) -> None:
        self.words.append("\n> " if self.quoted else "\n")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.words.append(" ".join(data.split("\n")))


def _without_marks(page: str) -> str:
    reader = _Words()
    reader.feed(page[: 4 * TEXT_LENGTH_MAX])
    reader.close()
    return "\n".join(_SPACE.sub(" ", line).strip() for line in "".join(reader.words).split("\n"))
