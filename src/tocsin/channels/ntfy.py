"""ntfy: one notification per message, on a phone within a second or two. One way.

Its buttons are links of ours. Acknowledging is done by the app itself when it is touched; the others open pages that
ask. Whoever knows a topic that needs no token can read it, and press.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from tocsin.channels import chatting
from tocsin.channels.calling import Errand, Patience, Said, busy, out_of_order
from tocsin.channels.chatting import pieces, shorten
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.reach import Target, read_target
from tocsin.channels.wording import clean
from tocsin.kernel.errors import Refused
from tocsin.kernel.text import cut
from tocsin.notification.rules import Act, ActVerb, Blame, Failed, Kind, Limits, Message, Rate, Sent
from tocsin.notification.rules.throttling import STORM
from tocsin.notification.vendors import Account, Field

SERVER = "https://ntfy.sh"
TITLE_MAX = 200
BYTES_MAX = 4_000  # of a message; from 4 096 on it becomes an attached file
BUTTON_MAX = 40
SEQUENCE_MAX = 64
BUTTONS_MAX = 3
ROOM = (Rate(12, timedelta(minutes=1)),)  # to a topic that is a place's

_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_TOKEN = re.compile(r"tk_[A-Za-z0-9]{10,100}\Z")


class Ntfy:
    """Accounts with ntfy: one server each, with a token where its topics need one."""

    kind = "ntfy"
    title = "ntfy"
    schemes: Sequence[str] = ("ntfy",)
    hears = False
    fields: Sequence[Field] = (
        Field("server", "Server", "Where the token counts.", required=False, default=SERVER),
        Field(
            "token",
            "Access token",
            "Begins with tk_; made under Account. Left out: only topics that anybody may write to.",
            secret=True,
            required=False,
        ),
    )

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._patience = Patience()

    def check(self, address: str) -> str:
        """`ntfy:https://ntfy.sh/TOPIC` in its plain form. Raises Refused."""
        return f"ntfy:{_read(address)}"

    def open(self, account: Account) -> NtfyChannel:
        """The channel of this account. Raises Refused for settings that cannot be right."""
        token = account.settings.get("token", "").strip()
        if token and not _TOKEN.match(token):
            raise Refused("The token cannot be one", "text that begins with tk_", where="token")
        try:
            server = read_target((account.settings.get("server", "").strip() or SERVER).rstrip("/") + "/")
        except Refused as refused:
            raise Refused(refused.what, refused.expected, refused.mend, "server") from refused
        return NtfyChannel(account.id, str(server), token, self._outgoing, self._patience)


def _read(address: str) -> Target:
    """The topic's web address. Raises Refused."""
    try:
        target = read_target(address.partition(":")[2].strip())
        if not _TOPIC.match(target.path.rpartition("/")[2]):
            raise Refused("It names no topic")
    except Refused as refused:
        raise Refused(
            f"{address[:80]!r} is not an address of ntfy: {refused.what}",
            f"ntfy: and the topic's web address, such as ntfy:{SERVER}/my-secret-topic",
            "A topic has letters, digits, - and _. Without a token it is the password: make it hard to guess.",
            "address",
        ) from refused
    return target


class NtfyChannel:
    """Publishes to any topic; the token goes to the account's own server alone."""

    name = "ntfy"
    schemes: Sequence[str] = ("ntfy",)
    # The public server lets sixty messages pass at once, and then one every five seconds, from one address of ours
    # (https://docs.ntfy.sh/publish/#limitations).
    limits = Limits(text_max=BYTES_MAX, at_once=8, storm=STORM, room=ROOM, gathers=True)

    def __init__(self, account: str, server: str, token: str, outgoing: Outgoing, patience: Patience) -> None:
        self._account = account
        self._server = server
        self._token = token
        self._outgoing = outgoing
        self._patience = patience

    def check(self, address: str) -> str:
        """The address in its plain form. Raises Refused."""
        return f"ntfy:{_read(address)}"

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Sent | Failed:
        """Publish the message. Taken is not yet shown: the phone may be off."""
        try:
            target = _read(address)
        except Refused as refused:  # stored before a rule became stricter
            return Failed(str(refused), again=False, blame=Blame.ADDRESS)
        server, topic = _parts(target)
        whom = f"{self._account} {server}"
        if (held := self._patience.objection(whom, now)) is not None:
            return held
        own = {"Authorization": f"Bearer {self._token}"} if self._token and server == self._server else {}
        said = Errand(self._outgoing).call("POST", server, body(topic, message), own)
        outcome = said if isinstance(said, Failed) else _outcome(said, server == self._server, bool(own), now)
        self._patience.heed(whom, outcome, now)
        return outcome


def _parts(target: Target) -> tuple[str, str]:
    """The server's address, to which JSON is posted, and the topic."""
    folder, _, topic = target.path.rpartition("/")
    return f"{target.scheme}://{target.netloc}{folder}/", topic


def _outcome(said: Said, ours: bool, signed: bool, now: datetime) -> Sent | Failed:
    """What the answer means. Only the account's own server is quoted: who may write an address must not be able to
    read with it what an inner server says."""
    words = clean(said.at("error"), 100) if ours else ""
    if said.status == 200 and said.at("id"):
        return Sent(clean(said.at("id"), 40))
    if said.status == 429:
        return busy(said, now)
    if said.status == 401 and signed:
        return Failed(f"ntfy: the token is not valid ({words})", again=False, blame=Blame.PROVIDER)
    if said.status in (401, 403):
        return Failed("ntfy: the topic is reserved for others", again=False, blame=Blame.ADDRESS)
    if 400 <= said.status < 500 and said.at("error"):
        return Failed(f"ntfy: {words or 'it was refused'} (HTTP {said.status})", again=False)
    return out_of_order(said)


# -- the notification --------------------------------------------------------------------------------------------


def body(topic: str, message: Message) -> dict[str, Any]:
    """What is published. ntfy reads no markup unless it is told to, and it is not."""
    parts = [chatting.badge(message), chatting.note(message), *pieces(chatting.facts(message), 3_000, 1)]
    text = "\n\n".join(part for part in parts if part)
    link = chatting.web_link(message.link)
    acts = [act for act in chatting.acts_of(message) if chatting.web_link(act.url)][:BUTTONS_MAX]
    return {
        "topic": topic,
        "title": shorten(chatting.headline(message), TITLE_MAX),
        "message": _fit(chatting.defuse(text) or chatting.look_there(message)),
        "priority": _priority(message),
        "actions": [_button(act) for act in acts],
        **({"click": link} if link else {}),
        **({"sequence_id": sequence} if (sequence := _sequence(message)) else {}),
    }


def _sequence(message: Message) -> str:
    """What the messages of one incident that come after its pages have in common: on the phone the last of them takes
    the place of the one before (from ntfy 2.16 on; older servers show each). A page keeps its own place, and rings on.
    """
    later = message.thread and message.kind in (Kind.UPDATE, Kind.OVER)
    return re.sub(r"[^A-Za-z0-9_-]", "-", f"{message.thread}-later")[:SEQUENCE_MAX] if later else ""


def _priority(message: Message) -> int:
    """5 rings until it is seen, 3 as any message, 2 makes no sound."""
    if message.kind == Kind.PAGE:
        return 5 if message.urgent else 3
    return 4 if message.urgent else 2


def _button(act: Act) -> dict[str, Any]:
    button = {"label": chatting.label_of(act, BUTTON_MAX), "url": chatting.web_link(act.url)}
    if act.verb is not ActVerb.ACKNOWLEDGE:
        return {"action": "view", **button}
    headers = {"Accept": "application/json"}
    return {"action": "http", "method": "POST", "headers": headers, "clear": True, **button}


def _fit(text: str) -> str:
    """`text` in at most BYTES_MAX bytes of UTF-8, cut between what a reader sees as characters."""
    while (over := len(text.encode("utf-8", "replace")) - BYTES_MAX) > 0:
        text = cut(text, max(1, len(text) - max(1, over // 4)))
    return text
