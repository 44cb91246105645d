"""What Slack's requests to us say: proved to be Slack's, then turned into values."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from html import unescape
from typing import Any, Protocol
from urllib.parse import parse_qs

from django.utils.translation import override

from tocsin.channels.chatting import address_words, delivery_of, verb_of
from tocsin.channels.slack import blocks, modal
from tocsin.channels.slack.addresses import person, room
from tocsin.channels.slack.app import REPORT
from tocsin.channels.wording import clean
from tocsin.kernel.errors import Refused
from tocsin.notification.hearing import (
    Callback,
    Commanded,
    Heard,
    Hearing,
    Pressed,
    Reply,
    Told,
    Tone,
    Written,
)
from tocsin.notification.rules import Failed
from tocsin.people.speaking import house_language

WINDOW = 300  # seconds that a request may be old, or early
FIELDS_MAX = 100  # of a form
ACTIONS_MAX = 10  # buttons in one request; people press one
TEXT_MAX = 4_000  # characters that somebody wrote
NAME_MAX = 80

_CHANNEL = re.compile(r"[CGD][A-Z0-9]{7,30}\Z")
_TS = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}\Z")
_MARKED = re.compile(r"<([^<>]*)>")
_NOTHING = Hearing()

# Slack repeats an event that it thinks we missed; after this reason we have most likely heard it already.
_RETRY_OF_HEARD = "http_timeout"


class Calls(Protocol):
    """What we may call in Slack besides answering."""

    def open_window(self, trigger: str, view: Mapping[str, Any]) -> Failed | None:
        """Show a window to whoever has just done what `trigger` stands for."""

    def whisper(self, response_url: str, text: str) -> Failed | None:
        """Say something to the one person who pressed."""

    def reply(self, channel: str, thread: str, text: str) -> Failed | None:
        """Say something in a conversation."""


def verify(secret: str, callback: Callback, now: datetime) -> str:
    """The signature of `callback`, when it is Slack's and fresh. Raises Refused (403) else."""
    sent_at = callback.headers.get("x-slack-request-timestamp", "")
    given = callback.headers.get("x-slack-signature", "")
    if not (sent_at.isascii() and sent_at.isdigit() and len(sent_at) <= 12):
        raise Refused("The request does not say when it was made", status=403)
    if abs(now.timestamp() - int(sent_at)) > WINDOW:
        raise Refused("The request is too old, or a clock is wrong", f"at most {WINDOW} s", status=403)
    signed = b"v0:" + sent_at.encode() + b":" + callback.body
    expected = "v0=" + hmac.new(secret.encode(), signed, sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
        raise Refused("The request is not signed by this app", status=403)
    return expected


def hear(callback: Callback, calls: Calls) -> Hearing:
    """What a request that was proved to be Slack's says. Raises Refused (400) for one that cannot be read."""
    try:
        if "json" in callback.headers.get("content-type", ""):
            return _event(_object(json.loads(callback.body)), callback.headers, calls)
        form = parse_qs(callback.body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)
        if "payload" in form:
            return _interaction(_object(json.loads(form["payload"][0])), calls)
        if "command" in form:
            return _command({name: values[0] for name, values in form.items()}, calls)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise Refused("The request cannot be read", "one of Slack's forms", status=400) from error
    return _NOTHING  # a check of the connection, or something newer than this


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError
    return value


# -- what people write -------------------------------------------------------------------------------------------


def _event(event: Mapping[str, Any], headers: Mapping[str, str], calls: Calls) -> Hearing:
    if event.get("type") == "url_verification":
        challenge = str(event["challenge"])[:500]
        return Hearing(answer=lambda told: Reply(body=challenge.encode("utf-8", "replace")))
    if headers.get("x-slack-retry-reason") == _RETRY_OF_HEARD:
        return _NOTHING
    said = _object(event.get("event") or {})
    ours = "bot_id" in said or "subtype" in said  # our own words come back, and so do changes of old ones
    if said.get("type") != "message" or said.get("channel_type") != "im" or ours:
        return _NOTHING
    address, channel = person(said.get("user")), str(said["channel"])
    text = plain(said.get("text"))
    if not address or not text or not _CHANNEL.match(channel):
        return _NOTHING
    thread = str(said.get("thread_ts") or "")
    reference = f"{channel}/{thread}" if _TS.match(thread) else ""
    heard = Written(address, text, reference=reference, id=_id(event.get("event_id")))
    return Hearing(
        (heard,), then=_words(lambda told: calls.reply(channel, thread if reference else "", told))
    )


def _command(form: Mapping[str, str], calls: Calls) -> Hearing:
    """`/tocsin VERB …`: answered at once, to whoever typed it."""
    if form.get("ssl_check"):
        return _NOTHING
    address, place = person(form["user_id"]), room(form.get("channel_id"))
    if not address:
        raise Refused("The command does not say who typed it", status=400)
    verb, _, rest = plain(form.get("text")).partition(" ")
    verb, rest = verb.lower()[:40] or "help", rest.strip()
    if verb == "connect":
        return Hearing(answer=lambda told: _as_json(blocks.answer(address_words(address, house_language()))))
    if verb == "open" and not rest:
        return _window(form.get("trigger_id"), place, "", calls)
    name = clean(form.get("user_name", ""), NAME_MAX)
    heard = Commanded(address, verb, rest, place, name, _id(form.get("trigger_id")))
    return Hearing((heard,), answer=_privately)


def _privately(told: Sequence[Told]) -> Reply:
    text = _text_of(told)
    return _as_json(blocks.answer(text)) if text else Reply()


# -- what people press -------------------------------------------------------------------------------------------


def _interaction(payload: Mapping[str, Any], calls: Calls) -> Hearing:
    kind, user = payload.get("type"), _object(payload["user"])
    address = person(user.get("id"))
    if not address:
        raise Refused("The request does not say who pressed", status=400)
    name = clean(user.get("name") or user.get("username") or "", NAME_MAX)
    if kind == "block_actions":
        return _pressed(payload, address, calls)
    if payload.get("callback_id") == REPORT and kind in ("shortcut", "message_action"):
        return _window(
            payload.get("trigger_id"),
            room(_object(payload.get("channel") or {}).get("id")),
            plain(_object(payload.get("message") or {}).get("text")),
            calls,
        )
    if kind == "view_submission" and _object(payload["view"]).get("callback_id") == REPORT:
        return Hearing((modal.report(payload, address, name),), answer=_closing)
    return _NOTHING


def _pressed(payload: Mapping[str, Any], address: str, calls: Calls) -> Hearing:
    heard: list[Heard] = []
    press = _id(payload.get("trigger_id"))
    for action in payload["actions"][:ACTIONS_MAX]:
        chosen = _object(action.get("selected_option") or {}).get("value") or action.get("value") or ""
        word, _, rest = str(chosen).partition(" ")
        id_, _, span = rest.partition(" ")
        verb, delivery = verb_of(word), delivery_of(id_)
        if verb is not None and delivery:
            heard.append(Pressed(address, delivery, verb, clean(span, 20), press))
    if not heard:
        return _NOTHING  # the button that opens a page
    url = str(payload.get("response_url") or "")
    return Hearing(tuple(heard), then=_words(lambda told: calls.whisper(url, told)))


def _window(trigger: object, place: str, text: str, calls: Calls) -> Hearing:
    if not isinstance(trigger, str) or not trigger:
        raise Refused("The request does not say what to show the window on", status=400)
    with override(house_language()):  # Slack does not say who it is for
        view = modal.view(place, text)
    return Hearing(then=lambda told: calls.open_window(trigger, view))


def _closing(told: Sequence[Told]) -> Reply:
    if any(one.tone in (Tone.NOT_DONE, Tone.ASKED) for one in told):
        return _as_json(modal.mistake(_text_of(told), next((one.about for one in told if one.about), "")))
    with override(house_language()):
        return _as_json(modal.closing(_text_of(told)))


# -- words -------------------------------------------------------------------------------------------------------


def plain(text: object) -> str:
    """What somebody wrote, without Slack's marks: `<@U1|bo>` becomes `slack:U1`, a link its address."""
    if not isinstance(text, str):
        return ""
    return clean(unescape(_MARKED.sub(_unmarked, text[: 4 * TEXT_MAX])), TEXT_MAX, lines=True).strip()


def _unmarked(match: re.Match[str]) -> str:
    target, _, label = match[1].partition("|")
    if target.startswith("@") and (address := person(target[1:])):
        return address
    if target.startswith("#"):
        return f"#{label or target[1:]}"
    if target.startswith("!"):
        return f"@{label.lstrip('@') or target[1:]}"
    return label if target.startswith(("mailto:", "tel:")) and label else target


def _id(name: object) -> str:
    """Slack's own name for what happened, by which a repetition is known."""
    return clean(name, 100) if isinstance(name, str) else ""


def _text_of(told: Sequence[Told]) -> str:
    return "\n".join(one.text for one in told if one.text and one.tone is not Tone.SILENT)


def _words(say: Callable[[str], Failed | None]) -> Callable[[Sequence[Told]], Failed | None]:
    """Say what was told with `say`, when there is anything to be said."""

    def then(told: Sequence[Told]) -> Failed | None:
        text = _text_of(told)
        return say(text) if text else None

    return then


def _as_json(value: Mapping[str, Any]) -> Reply:
    return Reply(content_type="application/json; charset=utf-8", body=json.dumps(value).encode())
