"""A message as Telegram shows it, and what its buttons carry. Pure.

No markup is asked for: what is bold is said by position. Telegram still looks for mentions and commands in any text;
those of an alert are taken apart.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tocsin.channels import chatting
from tocsin.channels.chatting import is_sealed, pieces, seal, shorten, units
from tocsin.channels.wording import clean, rendering_failed
from tocsin.notification.rules import Act, ActVerb, Message

TEXT_MAX = 4_096
FACTS_MAX = 2_200
NOTE_MAX = 900
BADGE_MAX = 100
LINK_MAX = 600
BUTTON_MAX = 40
ALERT_MAX = 200  # of the words that come up over a conversation
SNOOZES = ("1h", "4h")  # two beside each other; the command takes any

_LETTERS = {
    ActVerb.ACKNOWLEDGE: "a",
    ActVerb.RESOLVE: "r",
    ActVerb.ESCALATE: "e",
    ActVerb.SNOOZE: "s",
    ActVerb.NOTE: "n",
}
_VERBS = {letter: verb for verb, letter in _LETTERS.items()}
_DATA = re.compile(r"([a-z])([0-9]{0,3}[mh]?)\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{16})\Z")
# "/ack" is a command that one touch sends; "/var/log" is none.
_COMMAND = re.compile(r"(?<![\w/])/(?=\w{1,64}(?![\w/]))")
_JOINER = "\u2060"  # shows nothing


def body(message: Message, account: str, key: str) -> dict[str, Any]:
    """The part of a message that is the same for a new one and for a changed one."""
    headline = shorten(defuse(chatting.headline(message)), chatting.SUBJECT_LENGTH_MAX)
    parts = [shorten(defuse(chatting.badge(message)), BADGE_MAX)]
    parts.append(shorten(defuse(chatting.note(message)), NOTE_MAX))
    parts += pieces([defuse(fact) for fact in chatting.facts(message)], FACTS_MAX, 1)
    if (link := chatting.web_link(message.link)) and len(link) <= LINK_MAX:
        parts.append(link)
    return {
        "text": "\n\n".join(part for part in (headline, *parts) if part),
        "entities": [{"type": "bold", "offset": 0, "length": units(headline)}],
        "link_preview_options": {"is_disabled": True},
        "reply_markup": {"inline_keyboard": keyboard(message, account, key)},
    }


def plainest(message: Message, account: str, key: str) -> dict[str, Any]:
    """The message in letters that nothing can stumble over; its buttons stay."""
    subject = "".join(c if " " <= c <= "~" else "?" for c in defuse(chatting.headline(message)))
    return body(message, account, key) | {
        "text": f"{subject}\n\n{rendering_failed(message.language)}",
        "entities": [],
    }


def words(text: str, most: int = TEXT_MAX) -> str:
    """Words of ours to somebody, which may hold an alert's."""
    return shorten(defuse(clean(text, most, lines=True)), most)


def defuse(text: str) -> str:
    """`text` with nothing in it that Telegram would mention or that one touch would send."""
    return _COMMAND.sub(f"/{_JOINER}", chatting.defuse(text))


# -- buttons ---------------------------------------------------------------------------------------------------


def keyboard(message: Message, account: str, key: str) -> list[list[dict[str, str]]]:
    """The buttons, the first of them alone in its row: a thumb shall find it."""

    def button(label: str, verb: ActVerb, span: str = "") -> dict[str, str]:
        return {"text": label, "callback_data": data_of(verb, span, message.id, account, key)}

    def labelled(act: Act) -> dict[str, str]:
        return button(chatting.label_of(act, BUTTON_MAX), act.verb)

    acts = chatting.acts_of(message)
    rows = [[labelled(act)] for act in acts[:1]] + [[labelled(act) for act in acts[1:]]]
    if chatting.may_snooze(message):
        rows.append(
            [button(f"{chatting.snooze_word(message)} {span}", ActVerb.SNOOZE, span) for span in SNOOZES]
        )
    return [row for row in rows if row]


@dataclass(frozen=True)
class Button:
    """What a button of ours says."""

    verb: ActVerb
    delivery: str
    span: str = ""


def data_of(verb: ActVerb, span: str, delivery: str, account: str, key: str) -> str:
    """What a button carries, at most 64 bytes: verb, time, delivery, and a seal, as programs of others could send
    anything in its place."""
    id_ = urlsafe_b64encode(UUID(delivery).bytes).decode().rstrip("=")
    return f"{_LETTERS[verb]}{span}.{id_}.{seal(key, account, delivery, str(verb), span)}"


def read_data(data: object, account: str, key: str) -> Button | None:
    """The button that carries `data`; None when we never made it."""
    match = _DATA.match(data) if isinstance(data, str) else None
    verb = _VERBS.get(match[1]) if match else None
    if match is None or verb is None:
        return None
    delivery = str(UUID(bytes=urlsafe_b64decode(f"{match[3]}==")))
    if not is_sealed(match[4], key, account, delivery, str(verb), match[2]):
        return None
    return Button(verb, delivery, match[2])


def pressed_answer(query: str, text: str, loud: bool) -> Mapping[str, Any]:
    """The call that answers a press; without words the button just stops turning."""
    shown = {"text": words(text, ALERT_MAX), "show_alert": loud} if text else {}
    return {"method": "answerCallbackQuery", "callback_query_id": query, **shown}


def said_answer(chat: int, to: int, text: str) -> Mapping[str, Any]:
    """The call that says something in a conversation, as a reply to what was written."""
    return {
        "method": "sendMessage",
        "chat_id": chat,
        "text": words(text),
        "link_preview_options": {"is_disabled": True},
        "reply_parameters": {"message_id": to, "allow_sending_without_reply": True},
    }
