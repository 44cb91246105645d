"""One app in one workspace: messages out, and what people do with them back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

from tocsin.channels.calling import Errand, Once, Patience, Said, busy, out_of_order
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.reach import read_target
from tocsin.channels.slack import blocks, hearing
from tocsin.channels.slack.addresses import check, room
from tocsin.channels.slack.words import PLAINER, THREADLESS, failure
from tocsin.kernel.errors import Refused
from tocsin.notification.hearing import Callback, Hearing
from tocsin.notification.rules import Blame, Failed, Kind, Limits, Message, Sent
from tocsin.notification.rules.throttling import ROOM_STORM, STORM

_REFERENCE = re.compile(r"([CGD][A-Z0-9]{7,30})/([0-9]{1,12}\.[0-9]{1,9})\Z")


class SlackChannel:
    """Sends as a bot; a message's reference is `CHANNEL/TS`, under which Slack changes it."""

    name = "Slack"
    schemes: Sequence[str] = ("slack",)
    # Slack takes about one message a second for a conversation, and lets short bursts pass; who sends more is told to
    # wait, with every conversation of the app (https://docs.slack.dev/apis/web-api/rate-limits).
    limits = Limits(text_max=blocks.TEXT_MAX, at_once=8, storm=STORM, room=ROOM_STORM, updates=True)

    def __init__(
        self,
        account: str,
        token: str,
        secret: str,
        api_url: str,
        outgoing: Outgoing,
        patience: Patience,
        once: Once,
    ) -> None:
        self._account = account
        self._token = token
        self._secret = secret
        self._api_url = api_url
        self._outgoing = outgoing
        self._patience = patience
        self._once = once

    def check(self, address: str) -> str:
        """The address in its plain form. Raises Refused."""
        return check(address)

    # -- out -----------------------------------------------------------------------------------------------------

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Sent | Failed:
        """Post the message, or change the one it replaces. Slack's answer says that it stands in the conversation."""
        changed, parent = _REFERENCE.match(message.replaces), _REFERENCE.match(message.parent)
        place = address.partition(":")[2]
        if changed is not None:
            method, where = "chat.update", {"channel": changed[1], "ts": changed[2]}
        else:
            method, where = "chat.postMessage", {"channel": place, **blocks.QUIETLY}
        whom = f"{self._account} {method}"  # Slack counts each method by itself
        outcome: Sent | Failed | None = self._patience.objection(whom, now)
        if outcome is None:
            thread = _thread(place, parent, message) if changed is None else {}
            outcome = self._post(method, where, thread, message, now)
            self._patience.heed(whom, outcome, now)
        if changed is not None and isinstance(outcome, Failed) and outcome.after is not None:
            # Fewer changes than messages are allowed. The account is well, and pages still go.
            return replace(outcome, blame=Blame.ADDRESS)
        return outcome

    def _post(
        self,
        method: str,
        where: Mapping[str, Any],
        thread: Mapping[str, Any],
        message: Message,
        now: datetime,
    ) -> Sent | Failed:
        errand = Errand(self._outgoing)
        said = self._call(errand, method, {**where, **thread, **blocks.body(message)})
        if isinstance(said, Said) and said.at("error") in PLAINER | THREADLESS:
            # Better without its thread or in its plainest form than not at all.
            plainer = blocks.plainest(message) if said.at("error") in PLAINER else blocks.body(message)
            rest = thread if said.at("error") in PLAINER else {}
            said = self._call(errand, method, {**where, **rest, **plainer})
        if isinstance(said, Failed):
            return said
        if (failed := _judge(said, now)) is not None:
            return failed
        reference = f"{said.at('channel')}/{said.at('ts')}"
        return Sent(reference if _REFERENCE.match(reference) else "", confirmed=True)

    def find(self, email: str) -> str:
        """The address of the member with `email`. Raises Refused when there is none, or Slack cannot be asked."""
        headers = self._headers() | {"Content-Type": "application/x-www-form-urlencoded"}
        body = f"email={quote_plus(email)}".encode()
        said = Errand(self._outgoing).call_with("POST", f"{self._api_url}users.lookupByEmail", body, headers)
        failed = said if isinstance(said, Failed) else _judge(said, None)
        if failed is not None or isinstance(said, Failed):
            raise Refused(f"Slack does not say who that is: {failed.why if failed else ''}", where="email")
        return check(f"slack:{said.at('user', 'id')}")

    # -- back ----------------------------------------------------------------------------------------------------

    def hear(self, callback: Callback, now: datetime) -> Hearing:
        """What Slack's request says. Raises Refused: 403 for what is not Slack's or was heard before, else 400."""
        signature = hearing.verify(self._secret, callback, now)
        request = f"{self._account} {signature}"
        if self._once.knows(request, now):
            raise Refused("This request was heard before, and nothing is done twice", status=403)
        heard = hearing.hear(callback, self)
        if heard.heard or heard.then is not None:
            self._once.remember(request, now)
        return heard

    def open_window(self, trigger: str, view: Mapping[str, Any]) -> Failed | None:
        """Show a window to whoever has just done what `trigger` stands for; Slack waits three seconds for it."""
        return self._tell("views.open", {"trigger_id": trigger, "view": view})

    def reply(self, channel: str, thread: str, text: str) -> Failed | None:
        """Say something in a conversation, in the thread where there is one."""
        answer = {"channel": channel, **blocks.answer(text)}
        del answer["response_type"]
        return self._tell("chat.postMessage", answer | ({"thread_ts": thread} if thread else {}))

    def whisper(self, response_url: str, text: str) -> Failed | None:
        """Say something to the one person who pressed, at the address that came with the press; only at Slack's."""
        if not self._is_slacks(response_url):
            return Failed("the request names an address to answer at that is not Slack's", again=False)
        payload = blocks.answer(text) | {"replace_original": False}
        said = Errand(self._outgoing).call("POST", response_url, payload)
        if isinstance(said, Failed):
            return said
        return None if said.status == 200 else out_of_order(said)

    def _is_slacks(self, url: str) -> bool:
        """Whether `url` is at the host of the API, or at its neighbour for answers: slack.com, hooks.slack.com."""
        try:
            target, api = read_target(url), read_target(self._api_url)
        except Refused:
            return False
        hosts = (api.host, f"hooks.{api.host}")
        return target.scheme == api.scheme and target.port == api.port and target.host in hosts

    def _tell(self, method: str, payload: Mapping[str, Any]) -> Failed | None:
        said = self._call(Errand(self._outgoing), method, payload)
        return said if isinstance(said, Failed) else _judge(said, None)

    def _call(self, errand: Errand, method: str, payload: Mapping[str, Any]) -> Said | Failed:
        return errand.call("POST", f"{self._api_url}{method}", payload, self._headers())

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}


def _thread(place: str, parent: re.Match[str] | None, message: Message) -> dict[str, Any]:
    """Where a message about an incident goes whose first message is known: into its thread, in rooms only.

    Who is paged gets each page as a message of its own: a phone rings for those. In a room a new page is shown beside
    the thread as well.
    """
    if parent is None or not room(place) or parent[1] != place:
        return {}
    new = message.urgent and message.kind in (Kind.PAGE, Kind.PLACE)
    return {"thread_ts": parent[2], "reply_broadcast": new}


def _judge(said: Said, now: datetime | None) -> Failed | None:
    """Why Slack did not do it; None when it did."""
    if said.data.get("ok") is True:
        return None
    asked = busy(said, now) if now is not None and "retry-after" in said.headers else None
    if said.status == 429:
        return asked or failure("ratelimited")
    if word := said.at("error"):
        failed = failure(word)
        return replace(failed, after=asked.after) if asked is not None and failed.again else failed
    return out_of_order(said)
