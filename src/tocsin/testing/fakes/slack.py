"""A Slack of one workspace: posts, changes, threads, windows, and people by their e-mail address."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode, urlsplit

from tocsin.notification.hearing import Callback
from tocsin.testing.fakes import Answer, Fake, Request

TOKEN = "xoxb-000000000000-fake-workspace"
SECRET = "0123456789abcdef0123456789abcdef"
TEXT_MAX = 40_000
BLOCKS_MAX = 50


class FakeSlack(Fake):
    """Its API is at `url + "/api/"`; `people` maps e-mail addresses to members, `errors` words to answer with next."""

    def __init__(self) -> None:
        super().__init__()
        self.people: dict[str, str] = {}
        self.errors: list[str] = []
        self.windows: list[Mapping[str, Any]] = []
        self.whispers: list[Mapping[str, Any]] = []

    def busy(self) -> Answer:
        """Its refusal of who asks too often."""
        return Answer({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": str(self.wait)})

    def respond(self, request: Request) -> Answer:
        """Answer as the Web API does: post, change, look up and open; its errors stand in `errors`."""
        path = urlsplit(request.path).path
        if path.startswith("/answers/"):  # where the real one has hooks.slack.com
            self.whispers.append(request.data)
            return Answer(b"ok")
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _no("invalid_auth")
        if self.errors:
            return _no(self.errors.pop(0))
        methods = {
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "views.open": self._open,
            "users.lookupByEmail": self._find,
        }
        method = methods.get(path.removeprefix("/api/"))
        return method(request.data) if method is not None else _no("unknown_method")

    def _post(self, data: Mapping[str, Any]) -> Answer:
        if (why := _wrong(data)) is not None:
            return _no(why)
        channel = str(data.get("channel", ""))
        if channel.startswith(("U", "W")):
            channel = f"D{channel[1:]}"  # a conversation with one person has a name of its own
        if not channel.startswith(("C", "D", "G")):
            return _no("channel_not_found")
        thread = data.get("thread_ts")
        if thread is not None and f"{channel}/{thread}" not in self.messages:
            return _no("thread_not_found")
        ts = f"1772442000.{self._next():06d}"
        self.messages[f"{channel}/{ts}"] = dict(data)
        return Answer({"ok": True, "channel": channel, "ts": ts, "message": dict(data)})

    def _update(self, data: Mapping[str, Any]) -> Answer:
        reference = f"{data.get('channel')}/{data.get('ts')}"
        if reference not in self.messages:
            return _no("message_not_found")
        if (why := _wrong(data)) is not None:
            return _no(why)
        self.messages[reference] |= {"text": data["text"], "blocks": data.get("blocks", [])}
        return Answer({"ok": True, "channel": data["channel"], "ts": data["ts"], "text": data["text"]})

    def _open(self, data: Mapping[str, Any]) -> Answer:
        if not data.get("trigger_id"):
            return _no("invalid_trigger_id")
        self.windows.append(data)
        return Answer({"ok": True, "view": data["view"]})

    def _find(self, data: Mapping[str, Any]) -> Answer:
        member = self.people.get(str(data.get("email")))
        return Answer({"ok": True, "user": {"id": member}}) if member else _no("users_not_found")

    # -- what people do in it ------------------------------------------------------------------------------------

    def press(self, reference: str, action_id: str, user: str, now: datetime, option: int = 0) -> Callback:
        """The request that Slack makes when `user` presses a button of a message, or chooses from its list."""
        message = self.messages[reference]
        elements = [e for block in message["blocks"] for e in block.get("elements", ())]
        element = next(e for e in elements if e.get("action_id") == action_id)
        action = {"type": element["type"], "action_id": action_id, "action_ts": "1772442001.000001"}
        if "options" in element:
            action["selected_option"] = element["options"][option]
        else:
            action["value"] = element.get("value")
        channel, _, ts = reference.partition("/")
        payload = {
            "type": "block_actions",
            "user": {"id": user, "username": user.lower(), "name": user.lower(), "team_id": "T1"},
            "api_app_id": "A1",
            "trigger_id": f"trigger-{self._next()}",
            "container": {"type": "message", "message_ts": ts, "channel_id": channel},
            "channel": {"id": channel},
            "message": {"ts": ts, **message},
            "response_url": f"{self.url}/answers/T1/{self._next()}",
            "actions": [action],
        }
        return self.interaction(payload, now)

    def interaction(self, payload: Mapping[str, Any], now: datetime) -> Callback:
        """The request that carries `payload`, as Slack signs it."""
        return self.form({"payload": json.dumps(payload)}, now)

    def form(self, fields: Mapping[str, str], now: datetime) -> Callback:
        """A form as Slack signs it."""
        return signed(urlencode(fields).encode(), "application/x-www-form-urlencoded", now)

    def event(self, event: Mapping[str, Any], now: datetime, **headers: str) -> Callback:
        """An event as Slack signs it."""
        return signed(json.dumps(event).encode(), "application/json", now, headers)


def signed(body: bytes, kind: str, now: datetime, headers: Mapping[str, str] | None = None) -> Callback:
    """A request with the signature that the app's secret makes."""
    at = str(int(now.timestamp()))
    mac = hmac.new(SECRET.encode(), f"v0:{at}:".encode() + body, sha256).hexdigest()
    signature = {"x-slack-request-timestamp": at, "x-slack-signature": f"v0={mac}", "content-type": kind}
    return Callback(
        "POST", "https://tocsin.example/channels/chat", headers={**(headers or {}), **signature}, body=body
    )


def _wrong(data: Mapping[str, Any]) -> str | None:
    blocks = data.get("blocks", [])
    if not data.get("text") and not blocks:
        return "no_text"
    if len(str(data.get("text", ""))) > TEXT_MAX:
        return "msg_too_long"
    if len(blocks) > BLOCKS_MAX or any(not _texts_fit(block) for block in blocks):
        return "invalid_blocks"
    return None


def _texts_fit(block: Mapping[str, Any]) -> bool:
    """Whether a header's and a section's text are of a length that Slack takes."""
    most = {"header": 150, "section": 3_000}.get(str(block.get("type")))
    if most is None:
        return True
    text = block.get("text", {}).get("text", "")
    return 0 < len(text.encode("utf-16-le", "surrogatepass")) // 2 <= most


def _no(word: str) -> Answer:
    return Answer({"ok": False, "error": word})
