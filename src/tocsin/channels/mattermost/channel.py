"""One bot on one server: messages out, and what people do with them back.

Mattermost does not sign what it calls us with: what a button carries is sealed instead, and never leaves the server; a
command proves itself by its token.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, quote

from tocsin.channels import chatting
from tocsin.channels.calling import Errand, Patience, Said, busy, out_of_order
from tocsin.channels.mattermost import posts
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.wording import clean
from tocsin.kernel.errors import Refused
from tocsin.notification.hearing import Callback, Commanded, Hearing, Pressed, Told
from tocsin.notification.rules import Blame, Failed, Kind, Limits, Message, Sent
from tocsin.notification.rules.throttling import ROOM_STORM, STORM
from tocsin.notification.vendors import Account
from tocsin.people.speaking import house_language

FIELDS_MAX = 100  # of a form
CONVERSATIONS_MAX = 10_000  # with people, remembered by their names

_ID = re.compile(r"[a-z0-9]{26}\Z")


def check(address: str) -> str:
    """The address in its plain form. Raises Refused."""
    place = address.partition(":")[2].strip()
    if not _ID.match(place.removeprefix("~")):
        raise Refused(
            f"{address[:80]!r} is not an address in Mattermost",
            "mattermost: and the ID of a person, or mattermost:~ and the ID of a channel; 26 characters",
            "The channel's ID is in its details. `/tocsin connect` says your own.",
            "address",
        )
    return f"mattermost:{place}"


class Conversations:
    """The channel in which a bot talks to a person, by account and person. Safe to share; forgets when it is full."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}
        self._lock = Lock()

    def get(self, account: str, person: str) -> str:
        """The channel's id; "" when it is not known."""
        return self._known.get((account, person), "")

    def keep(self, account: str, person: str, channel: str) -> None:
        """Remember it."""
        with self._lock:
            if len(self._known) >= CONVERSATIONS_MAX:
                self._known.clear()
            self._known[account, person] = channel


class MattermostChannel:
    """Posts as a bot; a message's reference is the post's id."""

    name = "Mattermost"
    schemes: Sequence[str] = ("mattermost",)
    # A server whose administrator switched its limit on takes ten requests a second from one address, in all
    # (RateLimitSettings of docs.mattermost.com); a post is one, or two to somebody new.
    limits = Limits(text_max=posts.TEXT_MAX, at_once=8, storm=STORM, room=ROOM_STORM, updates=True)

    def __init__(
        self,
        account: Account,
        url: str,
        token: str,
        command_token: str,
        outgoing: Outgoing,
        patience: Patience,
        conversations: Conversations,
    ) -> None:
        self._account = account
        self._api = f"{url}/api/v4"
        self._token = token
        self._command_token = command_token
        self._outgoing = outgoing
        self._patience = patience
        self._conversations = conversations
        self._whom = f"{account.id} {url}"

    def check(self, address: str) -> str:
        """The address in its plain form. Raises Refused."""
        return check(address)

    # -- out -----------------------------------------------------------------------------------------------------

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Sent | Failed:
        """Post the message, or change the one it replaces. The post stands in the conversation when it is answered."""
        if (held := self._patience.objection(self._whom, now)) is not None:
            return held
        errand = Errand(self._outgoing)
        if _ID.match(message.replaces):
            outcome = self._change(errand, message, now)
        else:
            outcome = self._post(errand, address.partition(":")[2], message, now)
        self._patience.heed(self._whom, outcome, now)
        return outcome

    def _post(self, errand: Errand, place: str, message: Message, now: datetime) -> Sent | Failed:
        channel = self._channel_of(errand, place, now)
        if isinstance(channel, Failed):
            return channel
        post = {"channel_id": channel, **self._body(message)}
        # As in any chat: a phone rings for a message of its own, so people get each page as one.
        threaded = place.startswith("~") and _ID.match(message.parent) and message.kind != Kind.CODE
        outcome = self._stand(
            errand, "POST", "/posts", post | ({"root_id": message.parent} if threaded else {}), now
        )
        if threaded and isinstance(outcome, Failed) and "root_id" in outcome.why:
            outcome = self._stand(errand, "POST", "/posts", post, now)  # the thread is gone
        return outcome

    def _change(self, errand: Errand, message: Message, now: datetime) -> Sent | Failed:
        return self._stand(errand, "PUT", f"/posts/{message.replaces}/patch", self._body(message), now)

    def _stand(
        self, errand: Errand, method: str, path: str, post: Mapping[str, Any], now: datetime
    ) -> Sent | Failed:
        said = self._call(errand, method, path, post, now)
        if isinstance(said, Failed):
            return said
        id_ = said.at("id")
        return Sent(id_ if _ID.match(id_) else "", confirmed=True)

    def _body(self, message: Message) -> dict[str, Any]:
        return posts.body(message, self._account, self._token)

    def _channel_of(self, errand: Errand, place: str, now: datetime) -> str | Failed:
        """The id of the channel to post in: the room's own, or the conversation with a person."""
        if place.startswith("~"):
            return place[1:]
        if known := self._conversations.get(self._whom, place):
            return known
        me = self._call(errand, "GET", "/users/me", None, now)
        if isinstance(me, Failed):
            return me
        made = self._call(errand, "POST", "/channels/direct", [me.at("id"), place], now)
        if isinstance(made, Failed):
            return made
        if not _ID.match(channel := made.at("id")):
            return out_of_order(made)
        self._conversations.keep(self._whom, place, channel)
        return channel

    def find(self, email: str) -> str:
        """The address of whoever has `email` there. Raises Refused when nobody has, or it cannot be asked."""
        said = self._call(Errand(self._outgoing), "GET", f"/users/email/{quote(email, safe='@')}", None, None)
        if isinstance(said, Failed):
            raise Refused(f"Mattermost does not say who that is: {said.why}", where="email")
        return check(f"mattermost:{said.at('id')}")

    def _call(
        self, errand: Errand, method: str, path: str, payload: Any, now: datetime | None
    ) -> Said | Failed:
        headers = {"Authorization": f"Bearer {self._token}"}
        said = errand.call(method, f"{self._api}{path}", payload, headers)
        if isinstance(said, Failed) or (200 <= said.status < 300 and said.data):
            return said
        return _failure(said, now)

    # -- back ----------------------------------------------------------------------------------------------------

    def hear(self, callback: Callback, now: datetime) -> Hearing:
        """What a button or a command says. Raises Refused: 403 for what proves itself by nothing, else 400."""
        try:
            if "json" in callback.headers.get("content-type", ""):
                return self._pressed(json.loads(callback.body))
            form = parse_qs(callback.body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)
            return self._command(form)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            raise Refused("The request cannot be read", "one of Mattermost's forms", status=400) from error

    def _pressed(self, request: Mapping[str, Any]) -> Hearing:
        context = request["context"]
        delivery, verb = chatting.delivery_of(context["delivery"]), chatting.verb_of(context["verb"])
        sealed = chatting.is_sealed(context["seal"], self._token, self._account.id, delivery, str(verb))
        if verb is None or not delivery or not sealed:
            raise Refused("The button is none of ours", status=403)
        address = check(f"mattermost:{request['user_id']}")
        span = clean(context.get("selected_option") or "", 20)
        id_ = clean(request.get("trigger_id") or "", 300)
        return Hearing((Pressed(address, delivery, verb, span, id_),), answer=posts.beside_the_post)

    def _command(self, form: Mapping[str, Sequence[str]]) -> Hearing:
        given = form["token"][0]
        if not self._command_token or not hmac.compare_digest(given.encode(), self._command_token.encode()):
            raise Refused("The command does not carry this account's token", status=403)
        address, room = check(f"mattermost:{form['user_id'][0]}"), form.get("channel_id", [""])[0]
        text = form.get("text", [""])[0]
        mentioned = zip(form.get("user_mentions", []), form.get("user_mentions_ids", []), strict=False)
        for name, id_ in mentioned:
            if _ID.match(id_):
                text = re.sub(rf"@{re.escape(name.lstrip('@'))}(?![\w.-])", f"mattermost:{id_}", text)
        verb, _, rest = clean(text, 4_000, lines=True).strip().partition(" ")
        if verb.lower() == "connect":
            words = chatting.address_words(address, house_language())
            return Hearing(answer=lambda told: posts.privately([Told(words)]))
        heard = Commanded(
            address,
            verb.lower()[:40] or "help",
            rest.strip(),
            f"mattermost:~{room}" if _ID.match(room) else "",
            clean(form.get("user_name", [""])[0], 80),
            clean(form.get("trigger_id", [""])[0], 300),
        )
        return Hearing((heard,), answer=posts.privately)


def _failure(said: Said, now: datetime | None) -> Failed:
    """What went wrong, in words; Mattermost's own are kept when they are for people to read."""
    reset = said.headers.get("x-ratelimit-reset", "")
    if said.status == 429:
        after = (
            timedelta(seconds=int(reset)) if reset.isascii() and reset.isdigit() and len(reset) < 6 else None
        )
        return busy(said, now, after) if now is not None else Failed("it is asked too often for now")
    if not said.data or said.status >= 500:
        return out_of_order(said)
    name = clean(said.at("id"), 80)  # "api.post.create_post.root_id.app_error"
    why = f"Mattermost: {clean(said.at('message') or name, 150)} (HTTP {said.status}, {name})"
    if said.status == 401:
        return Failed("Mattermost: the bot token is not valid", again=False, blame=Blame.PROVIDER)
    return Failed(why, again=False)  # another server's account may know the address
