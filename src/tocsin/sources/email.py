"""Alerts that come as letters, to the key of an integration as their mailbox: whatever can only send mail."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime

import msgspec

from tocsin.intake.hot_request import Accepted, lane_of
from tocsin.intake.rules import TEXT_LENGTH_MAX, TITLE_LENGTH_MAX, Action, Event, Severity
from tocsin.sources.letters import Letter

NAME = "email"

_OVER = (
    "resolved", "resolve", "recovery", "recovered", "ok", "okay", "closed", "cleared", "up",
    "behoben", "gelöst", "entwarnung", "resuelto", "recuperado", "résolu", "rétabli",
)  # fmt: skip
_WORSE = {
    Severity.CRITICAL: (
        "critical", "down", "fatal", "emergency", "disaster", "p1", "kritisch", "crítico", "critique"
    ),
    Severity.WARNING: ("warning", "warn", "p3", "warnung", "advertencia", "avertissement"),
    Severity.INFO: ("info", "information", "notice", "p5"),
}  # fmt: skip
_NOISE = ("problem", "trouble", "firing", "alert", "alarm", "triggered", "host", "service", "state", "status")
_STATES = frozenset(
    (*_OVER, *_NOISE, *(word for said in _WORSE.values() for word in said), "error", "is", "are")
)
# What mail programs and tools put before or into a subject, and what differs between trouble and its end.
_PREFIX = re.compile(r"\s*(?:re|aw|rv|fw|fwd|wg|tr)\s*:\s*", re.IGNORECASE)
_LENGTH = r" in \d{1,4} ?[smhd](?: \d{1,2} ?[smhd])?"
_LABEL = re.compile(rf"[\[(*]+\s*([\w ]{{1,30}}?)\s*[\])*]+|\b(\w+)\b(?:{_LENGTH})?\s*:", re.IGNORECASE)
_BRACKETS = re.compile(r"\[[^\[\]]{1,40}\]")
_TIMES = re.compile(
    rf"\b\d{{4}}-\d\d-\d\d(?:T\S+)?|\b\d{{1,2}}/\d{{1,2}}/\d{{2,4}}\b|\b\d{{1,2}}:\d\d(?::\d\d)?\b|{_LENGTH}\b",
    re.IGNORECASE,
)
_WORDS = re.compile(r"\bp[1-5]\b|[^\W\d_]+", re.IGNORECASE)


class _Stored(msgspec.Struct):
    """What is kept of a letter in the inbox."""

    subject: str
    text: str
    sender: str = ""


_stored = msgspec.json.Decoder(_Stored)


def accept(letter: Letter) -> Accepted:
    """A letter, as the inbox keeps it. What has neither subject nor text is an alert too: somebody meant something."""
    body = msgspec.json.encode(_Stored(letter.subject, letter.text[:TEXT_LENGTH_MAX], letter.address))
    urgent = severity_of(letter.subject) in (Severity.CRITICAL, Severity.ERROR)
    return Accepted(NAME, 250, b"", body, "", 1, lane_of(body, 1, urgent))


def events(body: bytes, meta: str, received_at: datetime) -> Sequence[Event]:
    """The one event of a stored letter: its subject says what, and whether it is over."""
    stored = _stored.decode(body)
    title = stored.subject or stored.text.strip().partition("\n")[0] or "A letter without words"
    return [
        Event(
            action=Action.RESOLVE if is_over(title) else Action.TRIGGER,
            key=key_of(title),
            title=title[:TITLE_LENGTH_MAX],
            severity=severity_of(title),
            description=stored.text[:TEXT_LENGTH_MAX],
            fields={"sender": stored.sender} if stored.sender else {},
            raw={"subject": stored.subject, "text": stored.text, "from": stored.sender},
        )
    ]


def is_over(subject: str) -> bool:
    """Whether the subject says so with a word of its own at its beginning, in brackets, before a colon, or at its end:
    "[RESOLVED] Disk full", "Recovery: disk", "Disk is OK"; not "Could not be resolved by host"."""
    plain = _without_prefix(subject)
    marks = {word.casefold() for pair in _LABEL.findall(plain) for part in pair for word in part.split()}
    words = [word.casefold() for word in _WORDS.findall(plain)]
    if marks & set(_OVER):
        return True
    if not words:
        return False
    denied = len(words) > 1 and words[-2] in ("not", "no", "nicht", "never", "un")
    return words[0] in _OVER or (words[-1] in _OVER and not denied)


def severity_of(subject: str) -> Severity:
    """How bad the subject says it is; an error when it does not."""
    words = {word.casefold() for word in _WORDS.findall(subject)}
    return next((each for each, said in _WORSE.items() if words & set(said)), Severity.ERROR)


def key_of(subject: str) -> str:
    """The same for the trouble and for its end: the subject without prefixes, states, severities, dates and times."""
    plain = _TIMES.sub(" ", _BRACKETS.sub(_unless_a_state, _without_prefix(subject)))
    words = [word for word in re.findall(r"[\w.-]+", plain.casefold()) if word.strip("._-") not in _STATES]
    key = " ".join(words) or plain.strip().casefold() or "a letter"
    return key if len(key) <= 200 else f"{key[:150]} {hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _unless_a_state(brackets: re.Match[str]) -> str:
    """Nothing for "[FIRING:1]"; "[db-3]" as it is."""
    words = {word.casefold() for word in _WORDS.findall(brackets[0])}
    return " " if words & _STATES else brackets[0]


def _without_prefix(subject: str) -> str:
    plain = subject[:TITLE_LENGTH_MAX]
    while (prefix := _PREFIX.match(plain)) is not None:
        plain = plain[prefix.end() :]
    return plain
