"""A message as a post with an attachment, and words as answers. Pure.

Posts are Markdown throughout, and mentions count wherever they stand; so all that came from outside is escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tocsin.channels import chatting
from tocsin.channels.chatting import pieces, seal, shorten
from tocsin.channels.wording import clean, rendering_failed
from tocsin.notification.hearing import Reply, Told, Tone
from tocsin.notification.rules import ActVerb, Message
from tocsin.notification.vendors import Account

TEXT_MAX = 3_000
BUTTON_MAX = 40
ANSWER_MAX = 12_000

_STYLES = {ActVerb.ACKNOWLEDGE: "primary", ActVerb.RESOLVE: "success", ActVerb.ESCALATE: "warning"}
_COLOURS = {"P1": "#c0392b", "P2": "#d9822b", "P3": "#c9a227"}
_CALM = "#5b6770"


def body(message: Message, account: Account, key: str) -> dict[str, Any]:
    """The part of a post that is the same for a new one and for a changed one."""
    headline = escape(chatting.headline(message))
    parts = [chatting.badge(message), chatting.note(message), *pieces(chatting.facts(message), TEXT_MAX, 1)]
    text = "\n\n".join(escape(shorten(part, TEXT_MAX)) for part in parts if part)
    if link := chatting.web_link(message.link):
        bare = link.replace("(", "%28").replace(")", "%29")
        text += f"\n\n[{escape(chatting.open_word(message))}]({bare})"
    attachment = {
        "fallback": headline,
        "color": _COLOURS.get(str(message.details.get("priority")), _CALM),
        "text": text.strip() or escape(rendering_failed(message.language)),
        "actions": _actions(message, account, key),
    }
    return {"message": headline, "props": {"attachments": [attachment]}}


def _actions(message: Message, account: Account, key: str) -> list[dict[str, Any]]:
    if not account.callback_url:
        return []  # nobody would hear them

    def integration(verb: ActVerb) -> dict[str, Any]:
        sealed = seal(key, account.id, message.id, str(verb))
        context = {"delivery": message.id, "verb": str(verb), "seal": sealed}
        return {"url": account.callback_url, "context": context}

    actions: list[dict[str, Any]] = [
        {
            "id": str(act.verb),
            "type": "button",
            "name": chatting.defuse(chatting.label_of(act, BUTTON_MAX)),
            "style": _STYLES.get(act.verb, "default"),
            "integration": integration(act.verb),
        }
        for act in chatting.acts_of(message)
    ]
    if chatting.may_snooze(message):
        actions.append(
            {
                "id": str(ActVerb.SNOOZE),
                "type": "select",
                "name": chatting.snooze_word(message),
                "options": [{"text": words, "value": span} for span, words in chatting.snooze_spans(message)],
                "integration": integration(ActVerb.SNOOZE),
            }
        )
    return actions


_SPECIAL = re.compile(r"([\\`*_\[\]~|#])")
_URL = re.compile(r"(https?://[^\s<>\"'`\[\]\\|^]+)")
_LINE_START = re.compile(
    r"^(?=\s|[-+=>0-9:])", re.MULTILINE
)  # what would begin a list, a heading, a quotation
_IN_URLS = {"_": "%5F", "*": "%2A", "~": "%7E"}  # mean the same, and nothing to Markdown
_JOINER = "\u2060"  # shows nothing


def escape(text: str) -> str:
    """`text` as Markdown that shows it literally: no mention, link with another name, picture, list or emphasis."""
    out = []
    for part in _URL.split(chatting.defuse(text)):
        if _URL.fullmatch(part):
            out.append("".join(_IN_URLS.get(c, c) for c in part).replace("&", "&amp;"))
        else:
            plain = part.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            out.append(_SPECIAL.sub(r"\\\1", plain))
    return _LINE_START.sub(_JOINER, "".join(out))


# -- answers ---------------------------------------------------------------------------------------------------


def _text_of(told: Sequence[Told]) -> str:
    text = "\n".join(one.text for one in told if one.text and one.tone is not Tone.SILENT)
    return escape(shorten(clean(text, ANSWER_MAX, lines=True), ANSWER_MAX))


def beside_the_post(told: Sequence[Told]) -> Reply:
    """Words that only the one who pressed sees; the post itself is changed by the card that follows."""
    text = _text_of(told)
    return _as_json({"ephemeral_text": text, "skip_slack_parsing": True} if text else {})


def privately(told: Sequence[Told]) -> Reply:
    text = _text_of(told)
    answer = {"response_type": "ephemeral", "text": text, "skip_slack_parsing": True}
    return _as_json(answer) if text else Reply()


def _as_json(value: Mapping[str, Any]) -> Reply:
    return Reply(content_type="application/json; charset=utf-8", body=json.dumps(value).encode())
