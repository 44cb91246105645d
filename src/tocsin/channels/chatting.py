"""What chat channels have in common: which parts of a message are shown, in which order, how long. Pure, but for the
reader's language.

An alert's text is data in all of them. Where a chat offers text without markup it goes there; where it does not, the
channel escapes it in its own way and `defuse` takes the rest of its power.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from uuid import UUID

from django.utils.translation import gettext, gettext_noop, override

from tocsin.channels.reach import read_target
from tocsin.channels.wording import clean
from tocsin.kernel.errors import Refused
from tocsin.kernel.text import cut
from tocsin.notification.rules import Act, ActVerb, Message

SUBJECT_LENGTH_MAX = 200
LINE_LENGTH_MAX = 1_000
LINES_MAX = 50
NOTE_LENGTH_MAX = 2_000
SNOOZES = (
    ("30m", gettext_noop("30 minutes")),
    ("1h", gettext_noop("1 hour")),
    ("4h", gettext_noop("4 hours")),
    ("8h", gettext_noop("8 hours")),
)

_SIGNS = {"P1": "🔴", "P2": "🟠", "P3": "🟡", "P4": "🔵", "P5": "⚪"}
_OVER = ("resolved", "closed")
_STATES = {
    "triggered": gettext_noop("triggered"),
    "acknowledged": gettext_noop("acknowledged"),
    "snoozed": gettext_noop("snoozed"),
    "resolved": gettext_noop("resolved"),
    "closed": gettext_noop("closed"),
}
_IMPACTS = {
    "major": gettext_noop("major impact"),
    "moderate": gettext_noop("moderate impact"),
    "minor": gettext_noop("minor impact"),
}
_JOINER = "\u2060"  # word joiner: shows nothing, and parts what would be read as one word


# -- the parts of a message ------------------------------------------------------------------------------------


def headline(message: Message, most: int = SUBJECT_LENGTH_MAX) -> str:
    """The one line that a lock screen shows; never empty, nor of what shows nothing."""
    subject = clean(message.subject, SUBJECT_LENGTH_MAX)
    if not _shows(subject):
        with override(message.language):
            subject = gettext("A message without a subject")
    return shorten(subject, most)


def _shows(text: str) -> bool:
    """Whether there is anything to see in `text`: letters, digits, signs."""
    return any(unicodedata.category(character)[0] in "LNPS" for character in text)


def facts(message: Message) -> list[str]:
    """The lines, without the one that says only what the subject says already."""
    lines = [clean(line, LINE_LENGTH_MAX, lines=True) for line in message.lines[:LINES_MAX]]
    return [line for line in lines if _shows(line) and not _is_said_in(message, line)]


def _is_said_in(message: Message, line: str) -> bool:
    """Whether the subject holds service and title, which are all that `line` says: "Web shop: Checkout fails"."""
    title = message.details.get("title")
    if not isinstance(title, str) or not title or f" {title} " not in message.subject:
        return False
    service, parted, rest = line.partition(f": {title}")
    return bool(parted) and not rest and f" {service} " in message.subject


def note(message: Message) -> str:
    """The handover note, or "" """
    text = clean(message.note, NOTE_LENGTH_MAX, lines=True)
    return text if _shows(text) else ""


def badge(message: Message) -> str:
    """How bad and how far, in one line: "🔴 P1 · major impact · triggered"; "" when nothing is known of it."""
    priority, impact, state = message.details.get("priority"), message.details.get("impact"), message.state
    words = [f"{_SIGNS[priority]} {priority}"] if isinstance(priority, str) and priority in _SIGNS else []
    with override(message.language):
        if isinstance(impact, str) and impact in _IMPACTS:
            words.append(gettext(_IMPACTS[impact]))
        if state in _STATES:
            words.append(f"{'✅ ' if state in _OVER else ''}{gettext(_STATES[state])}")
    return " · ".join(words)


def address_words(address: str, language: str, place: str = "") -> str:
    """What somebody is told who asks which contact they are here; `place` is the address of the group they ask in."""
    with override(language):
        words = gettext("Your address here is %(address)s. Add it in Tocsin, under My profile, as a contact.")
        group = gettext("This group's is %(address)s.") % {"address": place} if place else ""
    return f"{words % {'address': address}} {group}".strip()


def look_there(message: Message) -> str:
    """What is said where there is nothing else to say."""
    with override(message.language):
        return gettext("Open it in Tocsin for more.")


def open_word(message: Message) -> str:
    """The word on what opens the incident's page, in the reader's language."""
    with override(message.language):
        return gettext("Open in Tocsin")


def snooze_word(message: Message) -> str:
    """The word on what puts an incident off, in the reader's language."""
    with override(message.language):
        return gettext("Snooze")


def snooze_spans(message: Message) -> list[tuple[str, str]]:
    """For how long: as it goes back to us, and in the reader's words."""
    with override(message.language):
        return [(span, gettext(words)) for span, words in SNOOZES]


def acts_of(message: Message) -> tuple[Act, ...]:
    """The buttons: none when the incident is over. Which of them make sense before, for whom, was decided with it."""
    return () if message.state in _OVER else tuple(message.acts)


def label_of(act: Act, most: int) -> str:
    """The word on a button; never empty."""
    label = clean(act.label, most)
    return shorten(label if _shows(label) else str(act.verb).title(), most)


def may_snooze(message: Message) -> bool:
    """Whether a choice of times to snooze belongs to the message: it has buttons, and none of them says so yet."""
    acts = acts_of(message)
    return bool(acts) and all(act.verb is not ActVerb.SNOOZE for act in acts)


def web_link(url: str) -> str:
    """`url` in its plain form when it is an http or https address that all readers understand alike, else ""."""
    try:
        return str(read_target(url))
    except Refused:
        return ""


# -- lengths ---------------------------------------------------------------------------------------------------


def units(text: str) -> int:
    """The length of `text` as most chats count it: characters beyond the first 65 536 count twice."""
    return len(text) + sum(1 for character in text if character > "\uffff")


def shorten(text: str, most: int) -> str:
    """`text` in at most `most` units, cut between what a reader sees as characters."""
    if units(text) <= most:
        return text
    room = most - 1  # for the ellipsis
    for count, character in enumerate(text):
        room -= 2 if character > "\uffff" else 1
        if room < 0:
            return cut(text, count + 1)
    return text


def pieces(lines: Sequence[str], most: int, count: int) -> list[str]:
    """`lines` joined into at most `count` texts of at most `most` units; what does not fit is left out, and an
    ellipsis says so."""
    out: list[str] = []
    for line in (shorten(one, most) for one in lines):
        if out and units(out[-1]) + 1 + units(line) <= most:
            out[-1] += f"\n{line}"
        elif len(out) < count:
            out.append(line)
        else:
            out[-1] = shorten(f"{out[-1]}\n{line}", most)
            break
    return out


# -- defusing --------------------------------------------------------------------------------------------------

_EMOJI = re.compile(r":(?!(?<=[0-9]:)[0-9]+:[0-9]+(?![\w:+'-]))(?=[\w+'-]+:)")  # but not 12:30:45
_MENTION = re.compile(r"(?<![^\W_])([@＠])(?=\w)")  # but not bo@example.com


def defuse(text: str) -> str:
    """`text` without emoji codes and mentions: it looks the same, and says nothing to a machine."""
    return _MENTION.sub(rf"\1{_JOINER}", _EMOJI.sub(f":{_JOINER}", text))


# -- buttons that come back ------------------------------------------------------------------------------------


def delivery_of(text: object) -> str:
    """`text` as a delivery's id in its plain form; "" when it is none."""
    try:
        return str(UUID(text)) if isinstance(text, str) and len(text) <= 36 else ""
    except ValueError:
        return ""


def verb_of(text: object) -> ActVerb | None:
    """The verb that `text` names, or None."""
    try:
        return ActVerb(text) if isinstance(text, str) else None
    except ValueError:
        return None


def seal(key: str, *parts: str) -> str:
    """Sixteen characters that only who has `key` can make for these parts: 96 bits of an HMAC."""
    mac = hmac.digest(sha256(b"tocsin button\0" + key.encode()).digest(), "\0".join(parts).encode(), sha256)
    return urlsafe_b64encode(mac[:12]).decode()


def is_sealed(given: object, key: str, *parts: str) -> bool:
    """Whether `given` is the seal of these parts; takes the same time whatever differs."""
    return isinstance(given, str) and given.isascii() and hmac.compare_digest(given, seal(key, *parts))
