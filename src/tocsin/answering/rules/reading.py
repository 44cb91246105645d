"""What somebody wrote, as a wish: a verb, a code, and the rest. Never a guess: what is not clear is asked. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tocsin.kernel.phrases import phrase
from tocsin.notification.rules import ActVerb

TEXT_READ_MAX = 20_000  # characters; what follows is not looked at
LINE_READ_MAX = 1_000  # of a line that might begin a quotation
WORDS_READ_MAX = 20  # of what has to be understood word by word
CODE_DIGITS = 6


class Missing(StrEnum):
    """Why it is not clear what is wished."""

    NOTHING = phrase("nothing was written")
    CODE = phrase("the code is missing")
    CODES = phrase("there are two codes")
    VERBS = phrase("two things are asked at once")
    WORDS = "not all of it is understood"
    NOTE = phrase("the note is empty")
    TIME = "for how long is missing"


@dataclass(frozen=True)
class Wish:
    """One thing asked for. `code` is "" where it was not written; `text` is the note, or until when it rests."""

    verb: ActVerb
    code: str = ""
    text: str = ""


@dataclass(frozen=True)
class Status:
    """What is on?"""


@dataclass(frozen=True)
class Help:
    """What can be said?"""


@dataclass(frozen=True)
class Unclear:
    """Nothing is done; `about` is the word that was not understood, where it was one."""

    why: Missing
    about: str = ""


Read = Wish | Status | Help | Unclear

_VERBS: Mapping[str, ActVerb | Status | Help] = {
    word: verb
    for verb, words in (
        (ActVerb.ACKNOWLEDGE, "ack acked acknowledge acknowledged quittieren quittiere quittiert übernehme übernommen"),
        (ActVerb.ACKNOWLEDGE, "aceptar acepto aceptado confirmo prends acquitter acquitte acquitté j'acquitte"),
        (ActVerb.RESOLVE, "resolve resolved behoben gelöst erledigt resolver resuelto solucionado"),
        (ActVerb.RESOLVE, "résoudre résolu resolu"),
        (ActVerb.ESCALATE, "escalate eskalieren eskaliere escalar escalo escalader escalade"),
        (ActVerb.SNOOZE, "snooze zurückstellen posponer aplazar reporter"),
        (ActVerb.NOTE, "note notiz nota"),
        (Status(), "status stand estado état etat"),
        (Help(), "help hilfe ayuda aide ?"),
    )
    for word in words.split()
}  # fmt: skip
_COURTESIES = frozenset(
    ("please", "thanks", "thank", "you", "thx", "it", "ok", "okay", "yes", "bitte", "danke", "ja", "gracias", "sí",
     "si", "merci", "oui")
)  # fmt: skip
_STATUS_LINES = frozenset(("what is on", "what's on", "was ist los", "qué hay", "que hay"))
_TAKE_TEXT = (ActVerb.NOTE, ActVerb.SNOOZE)
_TOKEN = re.compile(r"[^\s,;:#()\[\]<>]+")
_EDGES = ".!\"'*_-–—"
_HALF = re.compile(r"\d{3}\Z", re.ASCII)
_HALVES = re.compile(r"(\d{3})[-.](\d{3})\Z", re.ASCII)
_GREETINGS = frozenset(
    ("hi", "hello", "hey", "dear", "good", "hallo", "moin", "guten", "servus", "hola", "buenas", "buenos", "bonjour",
     "bonsoir", "salut")
)  # fmt: skip
# What an answer is about, in the mail programs and languages there are; the answer may stand above it or below.
_QUOTED = re.compile(
    r">|(?:on|am|el|le)\b.{5,300}\b(?:wrote|schrieb|escribió|a écrit)\b.{0,100}:\Z",
    re.IGNORECASE,
)
# What nothing new stands below, even where nothing stood above.
_END = re.compile(
    r"-- ?\Z|_{5,}\Z"
    r"|-{3,} ?(?:original message|forwarded message|ursprüngliche nachricht|mensaje original|message d'origine)"
    r"|\*{0,2}(?:from|von|de) ?: ?\*{0,2} .{0,300}@"
    r"|(?:sent from|get outlook for|gesendet von|enviado desde|envoyé de)\b",
    re.IGNORECASE,
)


# The same of an answer whose sender has no address in it: two lines of a letter's head.
_HEADED = re.compile(
    r"\*{0,2}(?:from|von|de) ?: ?\*{0,2} [^:]{1,300} \*{0,2}(?:sent|date|gesendet|datum|enviado|fecha|envoyé) ?:",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """`text` with the digits and letters of every script's variants as the usual ones, and nothing invisible."""
    kept = []
    for sign in unicodedata.normalize("NFKC", text):
        kind = unicodedata.category(sign)
        if kind == "Nd":
            kept.append(str(unicodedata.decimal(sign)))
        elif sign in "\n\t" or kind[0] != "C":
            kept.append(sign)
    return "".join(kept)


def answered_part(text: str) -> str:
    """What was written anew, without the quoted message beside it and without a signature; lines kept."""
    lines = text[:TEXT_READ_MAX].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept: list[str] = []
    skipped = -1  # the line that belongs to one before it
    for place, line in enumerate(lines):
        begins, following = (
            each.strip()[:LINE_READ_MAX].replace("\u2019", "'")
            for each in (line, (lines[place + 1 :] or [""])[0])
        )
        both = f"{begins} {following}"  # mail programs break "On … wrote:" into two lines
        broken = both.endswith(":") and begins != "" and _QUOTED.match(both) is not None
        if place == skipped:
            continue
        if _END.match(begins) or _HEADED.match(both):
            break
        if not broken and not _QUOTED.match(begins):
            kept.append(line.rstrip())
        elif any(kept):
            break
        elif broken:  # what is quoted stands above, and the answer below it
            skipped = place + 1
    return "\n".join(kept).strip()


@dataclass(frozen=True)
class _Word:
    bare: str
    start: int
    end: int

    @property
    def is_code(self) -> bool:
        return len(self.bare) == CODE_DIGITS and self.bare.isdecimal()


def read_words(text: str, known: bool = False) -> Read:
    """What `text` asks for.

    With `known` the message that it answers says which page is meant: the first line alone has to be a verb, what
    stands under it is said with it, and whatever begins otherwise is a note. Without, a code is needed, and all that
    was written has to be understood.
    """
    said = answered_part(text)
    head, _, rest = _without_greeting(said).partition("\n") if known else (said, "", "")
    words = _words(head)
    if not words:
        return Unclear(Missing.NOTHING)
    read = _read(said, words, known)
    if not known:
        return read
    if isinstance(read, Unclear) and read.why not in (Missing.NOTE, Missing.TIME):
        return Wish(ActVerb.NOTE, text=said)
    if isinstance(read, Wish) and read.verb not in _TAKE_TEXT:
        return Wish(read.verb, read.code, rest.strip())
    return read


def _without_greeting(said: str) -> str:
    """`said` from the line on that follows a greeting, such as "Hi Tocsin,"; all of it where it begins otherwise."""
    first, _, rest = said.partition("\n")
    words = _words(first)
    return rest.lstrip() if 0 < len(words) <= 3 and words[0].bare in _GREETINGS else said


def _words(text: str) -> list[_Word]:
    found = []
    for match in _TOKEN.finditer(text):
        bare = plain(match.group()).casefold().replace("\u2019", "'").strip(_EDGES)
        bare = _HALVES.sub(r"\1\2", bare)
        if bare:
            found.append(_Word(bare, match.start(), match.end()))
    return _whole_codes(found)


def _whole_codes(words: Sequence[_Word]) -> list[_Word]:
    """`words` with a code that was written in two halves, "123 456", as one."""
    whole: list[_Word] = []
    for word in words:
        half = whole[-1] if whole else None
        if half is not None and _HALF.match(half.bare) and _HALF.match(word.bare):
            whole[-1] = _Word(half.bare + word.bare, half.start, word.end)
        else:
            whole.append(word)
    return whole


def _read(said: str, words: Sequence[_Word], known: bool) -> Read:
    alone = _VERBS.get(words[0].bare) if len(words) == 1 else None
    if isinstance(alone, Status | Help):
        return alone
    if len(words) <= 3 and " ".join(word.bare for word in words) in _STATUS_LINES:
        return Status()
    verbs: set[ActVerb] = set()
    codes: set[str] = set()
    for place, word in enumerate(words):
        verb = _VERBS.get(word.bare)
        if place >= WORDS_READ_MAX:
            return Unclear(Missing.WORDS)
        if word.is_code:
            codes.add(word.bare)
        elif isinstance(verb, ActVerb):
            verbs.add(verb)
            if len(verbs) > 1:
                return Unclear(Missing.VERBS)
            if verb in _TAKE_TEXT:
                return _with_text(verb, said, words, place, codes, known)
        elif word.bare not in _COURTESIES:
            return Unclear(Missing.WORDS, word.bare[:40])
    if len(codes) > 1:
        return Unclear(Missing.CODES)
    if not codes and not known:
        return Unclear(Missing.CODE)
    if not codes and not verbs:
        return Unclear(Missing.WORDS)
    return Wish(next(iter(verbs), ActVerb.ACKNOWLEDGE), next(iter(codes), ""))


def _with_text(
    verb: ActVerb, said: str, words: Sequence[_Word], place: int, before: set[str], known: bool
) -> Read:
    """A note or a rest: the code stands before or right after the verb (of a rest also last), what follows is taken
    as it was written, whatever numbers are in it."""
    after = list(words[place + 1 :])
    begin, end, codes = words[place].end, len(said), set(before)
    if after and after[0].is_code and (not known or verb is ActVerb.SNOOZE):
        codes.add(after[0].bare)
        begin = after.pop(0).end
    if verb is ActVerb.SNOOZE and after and after[-1].is_code:
        codes.add(after[-1].bare)
        end = after.pop().start
    if len(codes) > 1:
        return Unclear(Missing.CODES)
    if not codes and not known:
        return Unclear(Missing.CODE)
    text = said[begin:end].strip().lstrip(":,;#-–—").strip()
    if verb is ActVerb.SNOOZE:
        text = " ".join(plain(text).split()).rstrip(" ,;.!-")
    if not text:
        return Unclear(Missing.NOTE if verb is ActVerb.NOTE else Missing.TIME)
    return Wish(verb, next(iter(codes), ""), text)
