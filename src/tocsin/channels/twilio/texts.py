"""What an SMS says in two parts, and what a call says in half a minute. Pure, but for the reader's language.

An SMS of letters that telephones have in 7 bits holds 153 in each part, any other 67 UTF-16 units; so what can be
written in the small alphabet is, with marks and typographic signs replaced, and what cannot is cut shorter.
(3GPP TS 23.038; 23.040 for the parts.)
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from django.utils.translation import gettext, override

from tocsin.channels.chatting import acts_of, headline, units, web_link
from tocsin.channels.wording import clean
from tocsin.kernel.text import cut
from tocsin.notification.rules import ActVerb, Kind, Message

PARTS_MAX = 2
SMALL_PART, SMALL_WHOLE = 153, 160
WIDE_PART, WIDE_WHOLE = 67, 70
ROOM_LEAST = 40  # for what it is about; with less the link is left out, and the code stays
BODY_LENGTH_MAX = 1_000
SPEECH_MAX = 440  # characters of all that a call says: half a minute
SPOKEN_SUBJECT_MAX = 160  # characters: about eleven seconds
SPOKEN_FACT_MAX = 80
REPEATED_MAX = 100  # characters of a title that are looked for in the subject, which may cut the rest
AGAIN = "9"  # the key that says everything once more
KEYS = {"4": ActVerb.ACKNOWLEDGE, "6": ActVerb.ESCALATE, "8": ActVerb.RESOLVE}

_SMALL = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_SMALL_TWICE = frozenset("^{}\\[~]|€")  # these take two places
_PLAINER = str.maketrans(
    {
        "…": "...", "·": "-", "–": "-", "—": "-", "‑": "-", "−": "-", "•": "-", "‘": "'", "’": "'", "‚": "'",
        "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‹": "'", "›": "'", "→": "->", "←": "<-", "≥": ">=",
        "≤": "<=", "×": "x", "°": " deg", "µ": "u", "μ": "u", "\u00a0": " ", "\u202f": " ", "\u2009": " ",
        "\t": " ", "`": "'", "´": "'", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L", "đ": "d", "ı": "i",
    }
)  # fmt: skip


def small(text: str) -> str | None:
    """`text` in the small alphabet, with what it lacks replaced; None where that would lose letters."""
    out = []
    for character in text.translate(_PLAINER):
        if character in _SMALL or character in _SMALL_TWICE:
            out.append(character)
            continue
        plain = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
        if unicodedata.category(character) in ("So", "Mn", "Me", "Cf", "Sk"):
            continue  # pictures, marks and what is not seen
        if not plain or any(c not in _SMALL for c in plain):
            return None
        out.append(plain)
    return "".join(out)


def places(text: str) -> int:
    """How many places `text`, in the small alphabet, takes."""
    return len(text) + sum(character in _SMALL_TWICE for character in text)


def parts(text: str) -> int:
    """In how many parts a telephone gets `text`."""
    is_small = all(character in _SMALL or character in _SMALL_TWICE for character in text)
    length, whole, part = (
        (places(text), SMALL_WHOLE, SMALL_PART) if is_small else (units(text), WIDE_WHOLE, WIDE_PART)
    )
    return 1 if length <= whole else -(-length // part)


def sms_of(message: Message) -> str:
    """The text of an SMS: what it is about, how to answer, the link; at most PARTS_MAX parts."""
    with override(message.language):
        about = "\n".join(filter(None, (headline(message), *_more(message))))
        act = next((act.url for act in acts_of(message) if act.verb is ActVerb.ACKNOWLEDGE), "")
        link = web_link(act or message.link)
        answer = ""
        if message.code and act:
            answer = gettext("Reply %(code)s to acknowledge.") % {"code": message.code}
    for end in ("\n".join(filter(None, (answer, link))), answer or link):
        if (text := _fitted(about, end)) is not None:
            return text
    return _fitted(about, "", least=0) or ""


def _more(message: Message) -> list[str]:
    """What follows the subject: the note of who handed it over, then the facts."""
    note = clean(message.note, 200)
    return [f'"{note}"' if note else "", *_facts(message, 300)[:3]]


def _facts(message: Message, most: int) -> list[str]:
    """The lines, each at most so long, without the first where it only says again what the subject does: "Web shop:
    Checkout fails"."""
    lines, title = list(message.lines), message.details.get("title")
    if lines and isinstance(title, str) and title and title[:REPEATED_MAX] in message.subject:
        lines = lines[1:] if lines[0].endswith(f": {title}") else lines
    return [said for said in (clean(line, most) for line in lines) if said]


def _fitted(about: str, end: str, least: int = ROOM_LEAST) -> str | None:
    """`about` cut so that `end` follows it whole; None when there is too little room for that."""
    about = about[:BODY_LENGTH_MAX]
    plain, plain_end = small(about), small(end)
    if plain is not None and plain_end is not None:
        room = PARTS_MAX * SMALL_PART - places(plain_end) - 1
        return _joined(_cut_small(plain, room), plain_end) if room >= least else None
    room = PARTS_MAX * WIDE_PART - units(end) - 1
    return _joined(_cut_wide(about, room), end) if room >= min(least, len(about)) else None


def _joined(about: str, end: str) -> str:
    return f"{about}\n{end}" if about and end else about or end


def _cut_small(text: str, room: int) -> str:
    if places(text) <= room:
        return text
    length = min(len(text), max(0, room - 3))
    while length and places(text[:length]) > room - 3:
        length -= 1
    return text[:length].rstrip() + "..."


def _cut_wide(text: str, room: int) -> str:
    length = room
    while units(shorter := cut(text, max(1, length))) > room and length > 1:
        length -= 1
    return shorter


# -- spoken ------------------------------------------------------------------------------------------------------

_BADGE = re.compile(r"\[(P[1-5])\]")
_NUMBER = re.compile(r"#(?=\d)")
_LONG_DIGITS = re.compile(r"\d(?: ?\d){4,}")
_UNSPOKEN = re.compile(r"[^\w\s.,:;!?%+\-'&/]+")


def spoken(message: Message) -> str:
    """What the call says: what it is about, in words that can be read out; so much that all of the call, with what it
    says of keys and the end, takes half a minute."""
    with override(message.language):
        begin = gettext("This is Tocsin.")
        if message.kind == Kind.SHADOW:
            begin = f"{begin} {gettext('You only listen: do not act.')}"
    facts = [read_out(line) for line in _facts(message, SPOKEN_FACT_MAX)[:1]]
    keys = keys_words(message)
    besides = 2 * len(keys) + len(hear_again(message.language)) + len(goodbye(message.language))
    room = SPEECH_MAX - besides if keys else SPEECH_MAX // 2
    return _in(room, " ".join(filter(None, (begin, read_out(headline(message, SPOKEN_SUBJECT_MAX)), *facts))))


def _in(room: int, text: str) -> str:
    """`text` in at most `room` characters, ending with a whole word."""
    if len(text) <= room:
        return text
    begun = cut(text, room - 1, "")
    whole, parted, _ = begun.rpartition(" ")
    return (whole if parted and len(whole) > room // 2 else begun).rstrip(" ,;:-") + "."


def keys_words(message: Message) -> str:
    """Which key does what; "" for a message without acts."""
    known = {act.verb for act in acts_of(message)}
    return menu(message.language, [verb for verb in KEYS.values() if verb in known])


def menu(language: str, verbs: Iterable[ActVerb] = tuple(KEYS.values())) -> str:
    """Which key does which of `verbs`."""
    with override(language):
        words = {
            ActVerb.ACKNOWLEDGE: gettext("Press 4 to acknowledge."),
            ActVerb.ESCALATE: gettext("Press 6 to pass it on."),
            ActVerb.RESOLVE: gettext("Press 8 if it is over."),
        }
    return " ".join(words[verb] for verb in verbs)


def hear_again(language: str) -> str:
    """Which key says everything once more."""
    with override(language):
        return gettext("Press 9 to hear it again.")


def goodbye(language: str) -> str:
    """The end of a call in which no key was pressed."""
    with override(language):
        return gettext("No key was pressed. Goodbye.")


def read_out(text: str) -> str:
    """`text` as a voice should read it: no signs, digits of codes one by one; ends as a sentence does."""
    text = unicodedata.normalize("NFC", text)  # an accent by itself would be no letter
    text = _NUMBER.sub("", _BADGE.sub(r"\1.", text))
    text = _UNSPOKEN.sub(", ", text.replace("_", " "))
    text = _LONG_DIGITS.sub(lambda found: " ".join(found.group().replace(" ", "")), text)
    text = re.sub(r"\s*(?:,\s*)+([,.!?;:]?)", r", \1", re.sub(r"\s+", " ", text)).strip(" ,")
    text = re.sub(r", ([.!?;:])", r"\1", text)
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."
