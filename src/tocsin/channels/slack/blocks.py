"""A message in Slack's own form. Pure.

Everything that came from outside stands in `plain_text`, which Slack does not search for mentions, links or markup,
with emoji codes switched off. The one text that Slack may read as markup, for lock screens, is escaped.
"""

from __future__ import annotations

from typing import Any

from tocsin.channels import chatting
from tocsin.channels.chatting import pieces, shorten
from tocsin.channels.wording import clean, rendering_failed
from tocsin.notification.rules import ActVerb, Message

TEXT_MAX = 3_000  # of a section
HEADER_MAX = 150
BUTTON_MAX = 75
URL_MAX = 3_000
SECTIONS_MAX = 2  # of facts; nobody reads more at night
FALLBACK_MAX = 400  # what lock screens show is shorter
ANSWER_SECTIONS_MAX = 4

Block = dict[str, Any]

# Of a new message alone: a changed one keeps these.
QUIETLY = {"mrkdwn": False, "unfurl_links": False, "unfurl_media": False}
ACTIONS = "tocsin_actions"
LINK = "tocsin_link"  # a button that only opens a page


def body(message: Message) -> dict[str, Any]:
    """The part of a message that is the same for a new one and for a changed one."""
    return {
        "text": fallback(chatting.headline(message)),
        "blocks": blocks(message),
        "parse": "none",
        "link_names": False,
    }


def plainest(message: Message) -> dict[str, Any]:
    """The message in letters that nothing can stumble over; its buttons stay."""
    subject = "".join(c if " " <= c <= "~" else "?" for c in chatting.headline(message, HEADER_MAX))
    return body(message) | {
        "text": fallback(subject),
        "blocks": [_section(subject), _section(rendering_failed(message.language)), *_buttons(message)],
    }


def fallback(text: str) -> str:
    """`text` as Slack's markup shows it literally, for lock screens and screen readers."""
    short = chatting.defuse(shorten(clean(text, FALLBACK_MAX), FALLBACK_MAX))
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def blocks(message: Message) -> list[Block]:
    """What, how bad, what to know first, the facts, the buttons."""
    out: list[Block] = [
        {"type": "header", "text": _plain(chatting.headline(message, HEADER_MAX))},
    ]
    if badge := chatting.badge(message):
        out.append({"type": "context", "elements": [_plain(badge)]})
    if note := chatting.note(message):
        out.append(_section(shorten(note, TEXT_MAX)))
    out += [_section(piece) for piece in pieces(chatting.facts(message), TEXT_MAX, SECTIONS_MAX)]
    return out + _buttons(message)


def said(text: str) -> list[Block]:
    """Words to one person, as blocks: a listing may be long."""
    lines = clean(text, ANSWER_SECTIONS_MAX * TEXT_MAX, lines=True).split("\n")
    return [_section(piece) for piece in pieces(lines, TEXT_MAX, ANSWER_SECTIONS_MAX) if piece.strip()]


def answer(text: str) -> dict[str, Any]:
    """Words that only the one who asked sees."""
    return {"response_type": "ephemeral", "text": fallback(text), "blocks": said(text)}


def _buttons(message: Message) -> list[Block]:
    elements: list[dict[str, Any]] = []
    for act in chatting.acts_of(message):
        button: dict[str, Any] = {
            "type": "button",
            "action_id": f"tocsin_{act.verb}",
            "text": _plain(chatting.label_of(act, BUTTON_MAX)),
            "value": f"{act.verb} {message.id}",
        }
        if act.verb is ActVerb.ACKNOWLEDGE:
            button["style"] = "primary"
        elements.append(button)
    if chatting.may_snooze(message):
        elements.append(_snooze(message))
    if (link := chatting.web_link(message.link)) and len(link) <= URL_MAX:
        elements.append(
            {"type": "button", "action_id": LINK, "text": _plain(chatting.open_word(message)), "url": link}
        )
    return [{"type": "actions", "block_id": ACTIONS, "elements": elements}] if elements else []


def _snooze(message: Message) -> dict[str, Any]:
    return {
        "type": "static_select",
        "action_id": f"tocsin_{ActVerb.SNOOZE}",
        "placeholder": _plain(chatting.snooze_word(message)),
        "options": [
            {"text": _plain(words), "value": f"{ActVerb.SNOOZE} {message.id} {span}"}
            for span, words in chatting.snooze_spans(message)
        ],
    }


def _section(text: str) -> Block:
    return {"type": "section", "text": _plain(text)}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}
