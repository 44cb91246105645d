"""Microsoft Teams: one card per message, posted to a workflow's address. One way.

A card of a workflow cannot be changed and its buttons cannot call back: they open pages of ours. What came from
outside stands in text runs, which Teams does not read as Markdown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext, override

from tocsin.channels import chatting
from tocsin.channels.calling import Errand, Patience, Said, busy, out_of_order
from tocsin.channels.chatting import pieces, shorten
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.reach import Target, read_target
from tocsin.kernel.errors import Refused
from tocsin.notification.rules import Blame, Failed, Limits, Message, Sent
from tocsin.notification.rules.throttling import ROOM_STORM, STORM

TEXT_MAX = 2_000  # a card may have 28 KB, and a character six bytes
NOTE_MAX = 1_000
LINES_MAX = 30
BUTTON_MAX = 40
_THROTTLED = "returned HTTP error 429"  # older addresses answer 200 and say so in words
_REFUSED = "delivery failed"


class Teams:
    """Posts to the address of a workflow, `teams:https://…`, which is a secret of whoever made it."""

    name = "Microsoft Teams"
    schemes: Sequence[str] = ("teams",)
    # Teams takes four requests a second at one address ("Create incoming webhooks" of learn.microsoft.com). Its cards
    # cannot be changed and stand in no thread, so nothing gathers.
    limits = Limits(text_max=TEXT_MAX, at_once=4, storm=STORM, room=ROOM_STORM)

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._patience = Patience()

    def check(self, address: str) -> str:
        """The address in its plain form. Raises Refused for one that may not be called."""
        try:
            target = read_target(address.partition(":")[2].strip())
        except Refused as refused:
            raise Refused(
                refused.what,
                "teams: and the https address of a workflow",
                "In Teams: the channel's ⋯, Workflows, Post to a channel when a webhook request is received.",
                "address",
            ) from refused
        if (why := self._objection(target)) is not None:
            raise Refused(why, "a public https address", where="address")
        return f"teams:{target}"

    def shown(self, address: str) -> str:
        """The address without what lets somebody post there."""
        try:
            return f"teams:https://{read_target(address.partition(':')[2]).host}/…"
        except Refused:
            return "teams:…"

    def _objection(self, target: Target) -> str | None:
        if target.literal is not None and (why := self._outgoing.reach.objection(target.literal)):
            return f"{target.host} may not be called: {why}"
        # The address itself is the secret; only what the administrator allowed may hear it in the clear.
        allowed = target.literal is not None and self._outgoing.reach.allows(target.literal)
        return None if target.scheme == "https" or allowed else "the address must be an https one"

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Sent | Failed:
        """Post the card. Taken is not yet shown: the workflow runs after it has answered."""
        if (held := self._patience.objection(address, now)) is not None:
            return held
        outcome = self._post(address, message, now)
        self._patience.heed(address, outcome, now)
        return outcome

    def _post(self, address: str, message: Message, now: datetime) -> Sent | Failed:
        said = Errand(self._outgoing).call("POST", address.partition(":")[2], body(message))
        if isinstance(said, Failed):
            return said
        if said.status == 429 or _THROTTLED in said.text:
            return busy(said, now)
        if said.status >= 500 or 300 <= said.status < 400:
            return out_of_order(said)
        if said.status >= 400:
            return Failed(_why(said), again=False, blame=Blame.ADDRESS)
        if _REFUSED in said.text:
            return Failed("Teams took it, and could not show it", blame=Blame.PROVIDER)
        return Sent(f"HTTP {said.status}")


def _why(said: Said) -> str:
    if said.status in (401, 403, 404, 410):
        return f"the workflow is gone, switched off or not for everybody (HTTP {said.status})"
    return f"the workflow does not take it (HTTP {said.status})"


def body(message: Message) -> dict[str, Any]:
    """The request: one Adaptive Card."""
    shown = [_text(chatting.headline(message), size="large", weight="bolder")]
    if badge := chatting.badge(message):
        shown.append(_text(badge, weight="bolder", color="attention" if message.urgent else "default"))
    if note := chatting.note(message):
        shown.append(_text(shorten(note, NOTE_MAX), italic=True))
    for piece in pieces(chatting.facts(message), TEXT_MAX, 1):
        shown += [_text(line) for line in piece.split("\n")[:LINES_MAX] if line.strip()]
    acts = [_open(chatting.label_of(act, BUTTON_MAX), act.url) for act in chatting.acts_of(message)]
    acts += [_open(chatting.open_word(message), message.link)] if message.link else []
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "fallbackText": _unshown(message),
        "body": shown,
        "actions": [act for act in acts if act["url"]],
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _unshown(message: Message) -> str:
    with override(message.language):
        return gettext("A page from Tocsin, which this version of Teams cannot show.")


def _text(text: str, **style: object) -> dict[str, Any]:
    """A paragraph of plain text. A text run is the one element in which Teams reads no Markdown."""
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}


def _open(title: str, url: str) -> dict[str, Any]:
    return {"type": "Action.OpenUrl", "title": chatting.defuse(title), "url": chatting.web_link(url)}
