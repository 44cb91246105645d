"""Plain JSON from anything that can post it: a script, a cron job, a tool we have no file for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.catalog.rules import IntegrationValue
from tocsin.intake.hot_request import Accepted, Answer, Request, lane_of
from tocsin.intake.rules import EVENTS_PER_BODY_MAX, KEY_LENGTH_MAX, Action, Event
from tocsin.kernel.errors import Refused
from tocsin.sources import reading

NAME = "generic"
forms = True

TRIGGER = (
    "trigger firing fire fired alerting alert open opened active problem down create critical error warning"
)
RESOLVE = "resolve resolved ok okay close closed recovery recovered up clear cleared inactive normal"
_ACTIONS = {
    **dict.fromkeys(TRIGGER.split(), Action.TRIGGER),
    **dict.fromkeys(RESOLVE.split(), Action.RESOLVE),
    "acknowledge": Action.ACKNOWLEDGE,
    "acknowledged": Action.ACKNOWLEDGE,
    "ack": Action.ACKNOWLEDGE,
    "note": Action.NOTE,
    "comment": Action.NOTE,
    "change": Action.CHANGE,
}


class _Post(msgspec.Struct, gc=False):
    """The names that are understood; everything else becomes a field of the alert."""

    summary: str | None = None
    title: str | None = None
    message: str | None = None
    description: str | None = None
    severity: str | int | None = None
    priority: str | int | None = None
    key: str | int | None = None
    dedup_key: str | int | None = None
    alias: str | int | None = None
    status: str | None = None
    state: str | None = None
    action: str | None = None
    note: str | None = None
    user: str | None = None
    source: str | None = None
    timestamp: str | int | float | None = None
    link: str | None = None
    url: str | None = None
    labels: dict[str, Any] | None = None
    details: Any = None


KNOWN = frozenset(_Post.__struct_fields__)
_one = msgspec.json.Decoder(_Post)
_many = msgspec.json.Decoder(list[_Post])
_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def key_of(request: Request) -> str:
    """Nothing: the key stands in the path, which the hook has read."""
    return ""


def accept(request: Request, integration: IntegrationValue, now: datetime) -> Accepted:
    """Check one object, or a list of them."""
    if request.method != "POST":
        raise Refused(f"{request.method} does nothing here", "POST", status=405)
    body = request.body
    several = body.lstrip()[:1] == b"["
    posts = reading.decode(_many, body) if several else [reading.decode(_one, body)]
    if len(posts) > EVENTS_PER_BODY_MAX:
        raise Refused(
            f"{len(posts)} events are too many", f"at most {EVENTS_PER_BODY_MAX}", "Send them in parts."
        )
    keys = [_checked(post, f"$[{number}]" if several else "$") for number, post in enumerate(posts)]
    said = {"status": "accepted", "events": len(posts)}
    if not several:
        said["key"] = keys[0]
    urgent = any(reading.pages_high(post.severity or post.priority) for post in posts)
    return Accepted(
        NAME, 202, msgspec.json.encode(said), body, "", len(posts), lane_of(body, len(posts), urgent)
    )


def _checked(post: _Post, where: str) -> str:
    """The key the alert will have. Raises Refused."""
    action = _action(post, where)
    if action in (Action.TRIGGER, Action.CHANGE) and not _title(post).strip():
        raise Refused(
            "There is no text to show", "summary, title or message", 'Send at least {"summary": "…"}.', where
        )
    if action is Action.NOTE and not (post.note or "").strip():
        raise Refused("There is no note", "note", where=where)
    key = _given_key(post)
    if key is None and action is not Action.TRIGGER and not _title(post).strip():
        raise Refused(
            "Nothing says which alert is meant", "key, or the summary it was opened with", where=where
        )
    if key is not None and len(key) > KEY_LENGTH_MAX:
        raise Refused("The key is too long", f"at most {KEY_LENGTH_MAX} characters", where=f"{where}.key")
    return _key(post)


def _action(post: _Post, where: str = "$") -> Action:
    for word in (post.action, post.status, post.state):
        if word:
            action = _ACTIONS.get(word.strip().lower())
            if action is None:
                raise Refused(
                    f"{word[:50]!r} is no status",
                    "firing, resolved, acknowledged, note or change",
                    "Leave it out to open an alert.",
                    where,
                )
            return action
    return Action.TRIGGER


def _given_key(post: _Post) -> str | None:
    for key in (post.key, post.dedup_key, post.alias):
        if key is not None and str(key).strip():
            return str(key)
    return None


def _key(post: _Post) -> str:
    """The sender's key; without one the text stands for it, so that the same text is the same alert."""
    return _given_key(post) or "text:" + hashlib.sha256(_title(post).strip().encode()).hexdigest()[:32]


def _title(post: _Post) -> str:
    return post.summary or post.title or post.message or ""


def read(request: Request, integration: IntegrationValue, now: datetime) -> Answer:
    """Raises Refused: nothing is read here."""
    raise Refused(f"{request.method} does nothing here", "POST", status=405)


def refusal(refused: Refused, request_id: str, request: Request) -> bytes:
    """The shape of all errors that no vendor prescribes."""
    error = {"what": refused.what, "expected": refused.expected, "mend": refused.mend, "where": refused.where}
    return msgspec.json.encode({"error": error, "request_id": request_id})


# --- reading again ----------------------------------------------------------------------------------------------------


def events(body: bytes, meta: str, now: datetime) -> Sequence[Event]:
    """The events of an accepted body. `now` is when it was received."""
    if body.lstrip()[:1] == b"[":
        posts, raws = _many.decode(body), reading.raw_of(body)
    else:
        posts, raws = [_one.decode(body)], [reading.raw_of(body)]
    if not isinstance(raws, list):  # a number in it is beyond all bounds: the text stands for all
        raws = [raws] * len(posts)
    return [_event(post, raw, now) for post, raw in zip(posts, raws, strict=True)]


def _event(post: _Post, raw: Any, now: datetime) -> Event:
    fields: dict[str, str] = {}
    reading.put(fields, "", post.labels or {})
    if post.source:
        reading.put(fields, "source", post.source, "event")
    happened_at = reading.put_time(fields, "timestamp", post.timestamp, now)
    if isinstance(post.details, dict):
        reading.put(fields, "", post.details, "details")
    elif post.details is not None:
        reading.put(fields, "details", post.details)
    if isinstance(raw, dict):
        for name, value in raw.items():
            if name not in KNOWN:
                reading.put(fields, name, value, "event")
    links: list[tuple[str, str]] = []
    reading.add_link(links, "", post.link)
    reading.add_link(links, "", post.url)
    title = _title(post)
    description = post.description or (post.message if post.message and post.message != title else "")
    return Event(
        action=_action(post),
        key=_key(post),
        title=reading.title(title),
        severity=reading.severity_of(post.severity or post.priority),
        description=reading.prose(description or ""),
        fields=fields,
        links=links,
        happened_at=happened_at,
        note=reading.prose(post.note or ""),
        user=reading.title(post.user or ""),
        raw=raw,
    )
