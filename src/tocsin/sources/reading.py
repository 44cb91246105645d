"""How every source reads untrusted text: checked once, cleaned, cut with a visible mark. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from tocsin.intake.rules import (
    CLOCK_SKEW_MAX,
    DEPTH_MAX,
    FIELD_LENGTH_MAX,
    FIELDS_MAX,
    TEXT_LENGTH_MAX,
    TITLE_LENGTH_MAX,
    Severity,
)
from tocsin.kernel.errors import Refused
from tocsin.kernel.text import cut

T = TypeVar("T")

CUT = " … (truncated)"
FIELD_NAME_LENGTH_MAX = 128
LINK_LENGTH_MAX = 2_048
LINKS_MAX = 20
NUMBER_AS_EPOCH_MIN = 1e8  # smaller numbers are no instants anybody means

_BRACES = bytes.maketrans(b"[]", b"{}")
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'[]{}"'))
_PLACE = re.compile(r"^(.*?)(?: - at (?:key in )?`(.*)`)?$", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


def key_in_header(authorization: str, schemes: Collection[str]) -> str | None:
    """The key given as one of `schemes` (small letters), or as Basic: its password, else its name. None when the
    header says neither, "" when it cannot be read."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() in schemes:
        return given.strip()
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return password or name


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """What `body` says. Raises Refused with the place and the reason.

    Of a key that stands twice in one object the last one counts, here and when the body is read again.
    """
    try:
        value = decoder.decode(body)
    except RecursionError:
        raise _too_deep() from None
    except msgspec.ValidationError as error:
        shape = _PLACE.match(str(error))
        what, where = shape.groups() if shape else (str(error), None)
        raise Refused(
            _told(what), where=where or "$", mend="Compare with the format in the manual."
        ) from None
    except msgspec.DecodeError as error:
        what = "The body is empty" if not body.strip() else f"The body is not JSON: {error}"
        raise Refused(what, "one JSON document", "Check what the sender puts together.", "body") from None
    except UnicodeDecodeError as error:
        raise Refused(f"Byte {error.start} of a text is not UTF-8", "JSON in UTF-8", where="body") from None
    if too_deep(body):
        raise _too_deep()
    return value


def _told(what: str) -> str:
    return what.replace("`", "").replace("Object missing required field", "There is no field")


def _too_deep() -> Refused:
    return Refused("The JSON is nested too deeply", f"at most {DEPTH_MAX} levels", "Flatten it.", "body", 400)


def too_deep(body: bytes) -> bool:
    """Whether valid JSON has objects and arrays inside one another beyond the bound, without walking it.

    Everything but brackets and quotes is dropped; then each round takes the innermost pair of every nest away.
    """
    if body.count(b"{") + body.count(b"[") <= DEPTH_MAX:
        return False
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    rest = body.translate(_BRACES, _NOT_STRUCTURE).replace(b'""', b"")
    if b'"' in rest:  # some text holds a bracket; what is left alternates outside, inside, outside …
        rest = b"".join(body.translate(_BRACES, _NOT_STRUCTURE).split(b'"')[::2])
    for _ in range(DEPTH_MAX):
        if not rest:
            return False
        rest = rest.replace(b"{}", b"")
    return bool(rest)


_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def raw_of(piece: bytes) -> Any:
    """The payload as data, or as text where a number in it is beyond all bounds."""
    try:
        return _ANY.decode(piece)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return bytes(piece).decode("utf-8", "replace").replace("\x00", "\ufffd")


# --- texts ------------------------------------------------------------------------------------------------------------


def title(text: str) -> str:
    """One line without control characters."""
    return cut(_SPACE.sub(" ", text).strip(), TITLE_LENGTH_MAX, CUT)


def prose(text: str, length: int = TEXT_LENGTH_MAX) -> str:
    """Lines and tabs stay, other control characters go."""
    return cut(_CONTROL.sub("", text.replace("\r\n", "\n")).strip(), length, CUT)


def as_text(value: Any) -> str:
    """A value as people read it: texts as they are, everything else as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return msgspec.json.encode(value).decode()
    except (msgspec.MsgspecError, OverflowError, ValueError):
        return str(value)


def put(fields: dict[str, str], name: str, value: Any, clash: str = "") -> None:
    """Add `value` under `name`, objects flattened with dots; on a clash under `clash` and the name.

    Texts beyond the bounds are cut, and what no longer fits is counted in the last field.
    """
    if isinstance(value, Mapping):
        for inner, item in value.items():
            put(fields, f"{name}.{inner}" if name else str(inner), item, clash)
        return
    name = _SPACE.sub(" ", name)[:FIELD_NAME_LENGTH_MAX]
    if name in fields and clash:
        name = f"{clash}.{name}"[:FIELD_NAME_LENGTH_MAX]
    if len(fields) >= FIELDS_MAX - 1 and name not in fields:
        left_out = int(fields.get("(left out)", "0 ").split()[0]) + 1
        fields["(left out)"] = f"{left_out} more fields"
        return
    fields[name] = prose(as_text(value), FIELD_LENGTH_MAX)


def add_link(links: list[tuple[str, str]], text: str, address: Any) -> None:
    """Add a link when it is one that may be followed: http or https, with a host, without a login inside."""
    if (
        not isinstance(address, str)
        or not address
        or len(address) > LINK_LENGTH_MAX
        or len(links) >= LINKS_MAX
    ):
        return
    if _SPACE.search(address) or "\\" in address:
        return
    try:
        parts = urlsplit(address)
    except ValueError:
        return
    if parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc:
        links.append((title(text) or parts.hostname, address))


# --- times ------------------------------------------------------------------------------------------------------------


def instant(value: Any) -> datetime | None:
    """The instant that a sender wrote, in any of the ways they do; None when it is none.

    A time without a zone is taken for UTC. "+0000" and even "+00:00Z" occur in the field.
    """
    try:
        if isinstance(value, bool) or value is None:
            return None
        if isinstance(value, int | float):
            seconds = value / 1000 if value > 1e11 else value
            return datetime.fromtimestamp(seconds, UTC) if seconds >= NUMBER_AS_EPOCH_MIN else None
        text = str(value).strip()
        if text.endswith(("Z", "z")) and re.search(r"[+-]\d\d:?\d\dz$", text, re.IGNORECASE):
            text = text[:-1]
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def believable(value: Any, now: datetime) -> datetime | None:
    """The sender's instant when it lies near `now`; else None, and the text stays among the fields."""
    at = instant(value)
    return at if at is not None and abs(at - now) <= CLOCK_SKEW_MAX else None


def put_time(fields: dict[str, str], name: str, value: Any, now: datetime) -> datetime | None:
    """The sender's instant when it can be believed; one that cannot is kept as text."""
    at = believable(value, now)
    if at is None and value not in (None, ""):
        put(fields, name, value)
    return at


# --- severities -------------------------------------------------------------------------------------------------------

_SEVERITIES = {
    Severity.CRITICAL: "critical crit fatal emergency emerg alert page panic disaster blocker p1 sev1 s1",
    Severity.ERROR: "error err high major severe average p2 sev2 s2",
    Severity.WARNING: "warning warn minor medium moderate p3 sev3 s3",
    Severity.INFO: "info information informational ok okay none low notice debug normal clear p4 p5 sev4 sev5 s4 s5",
}
_SEVERITY_OF = {word: severity for severity, words in _SEVERITIES.items() for word in words.split()}


def severity_of(text: Any, unknown: Severity = Severity.ERROR) -> Severity:
    """What a sender's word means. One nobody knows pages like an error: rather once too often."""
    return _SEVERITY_OF.get(str(text).strip().lower(), unknown) if text else unknown


def pages_high(text: Any) -> bool:
    """Whether a severity, in a vendor's words, is one that wakes people."""
    return severity_of(text) in (Severity.CRITICAL, Severity.ERROR)
