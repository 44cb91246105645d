"""A Mattermost of one server: conversations, posts, changes, and what people press and type."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlencode

from tocsin.notification.hearing import Callback
from tocsin.testing.fakes import Answer, Fake, Request

TOKEN = "bottokenbottokenbottoken26"
COMMAND_TOKEN = "commandtokencommandtoken26"
BOT = "botbotbotbotbotbotbotbot26"
MESSAGE_MAX = 16_383


class FakeMattermost(Fake):
    """`people` maps e-mail addresses to ids, `errors` are (status, id, message) to answer with next."""

    def __init__(self) -> None:
        super().__init__()
        self.people: dict[str, str] = {}
        self.errors: list[tuple[int, str, str]] = []

    def busy(self) -> Answer:
        """Its refusal of who asks too often."""
        return Answer({}, 429, {"X-RateLimit-Reset": str(self.wait)})

    def respond(self, request: Request) -> Answer:
        """Answer as the API of version 4 does: users, direct channels, posts; its errors stand in `errors`."""
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _no(401, "api.context.session_expired.app_error", "Invalid or expired session")
        if self.errors:
            return _no(*self.errors.pop(0))
        path, data = request.path.removeprefix("/api/v4"), request.data
        if (request.method, path) == ("GET", "/users/me"):
            return Answer({"id": BOT, "username": "tocsin"})
        if request.method == "GET" and path.startswith("/users/email/"):
            person = self.people.get(unquote(path.rpartition("/")[2]))
            return (
                Answer({"id": person})
                if person
                else _no(404, "app.user.missing_account.const", "Unable to find")
            )
        if (request.method, path) == ("POST", "/channels/direct"):
            return self._direct(data.get("", []))
        if (request.method, path) == ("POST", "/posts"):
            return self._post(data)
        changed = re.fullmatch(r"/posts/([a-z0-9]{26})/patch", path)
        if request.method == "PUT" and changed:
            return self._patch(changed[1], data)
        return _no(404, "api.context.404.app_error", "Sorry, we could not find the page.")

    def _direct(self, members: Sequence[str]) -> Answer:
        if len(members) != 2 or members[0] != BOT or not all(len(one) == 26 for one in members):
            return _no(400, "api.context.invalid_body_param.app_error", "Invalid user ids")
        return Answer({"id": f"d{members[1][1:]}", "type": "D"}, 201)

    def _post(self, data: Mapping[str, Any]) -> Answer:
        root = data.get("root_id")
        if root and root not in self.messages:
            return _no(400, "api.post.create_post.root_id.app_error", "Invalid RootId parameter.")
        if len(str(data.get("message", ""))) > MESSAGE_MAX:
            return _no(400, "model.post.is_valid.msg.app_error", "Invalid message.")
        id_ = f"{self._next():026d}"
        self.messages[id_] = dict(data)
        return Answer({"id": id_, **data}, 201)

    def _patch(self, id_: str, data: Mapping[str, Any]) -> Answer:
        if id_ not in self.messages:
            return _no(404, "app.post.get.app_error", "Unable to get the post.")
        self.messages[id_] |= data
        return Answer({"id": id_, **self.messages[id_]})

    # -- what people do in it ------------------------------------------------------------------------------------

    def press(self, post: str, action: str, person: str, option: int | None = None) -> Callback:
        """The request that Mattermost makes when `person` presses a button, or chooses from a list."""
        (attachment,) = self.messages[post]["props"]["attachments"]
        pressed = next(one for one in attachment["actions"] if one["id"] == action)
        context = dict(pressed["integration"]["context"])
        if option is not None:
            context["selected_option"] = pressed["options"][option]["value"]
        request = {
            "user_id": person,
            "user_name": "bo",
            "channel_id": self.messages[post]["channel_id"],
            "post_id": post,
            "trigger_id": f"trigger{self._next()}",
            "type": "button" if option is None else "select",
            "data_source": "",
            "context": context,
        }
        return Callback(
            "POST",
            pressed["integration"]["url"],
            headers={"content-type": "application/json"},
            body=json.dumps(request).encode(),
        )

    def command(self, person: str, text: str, token: str = COMMAND_TOKEN, **more: Any) -> Callback:
        """The request that Mattermost makes when `person` types `/tocsin TEXT`."""
        fields = {
            "token": token,
            "command": "/tocsin",
            "text": text,
            "user_id": person,
            "user_name": "bo",
            "channel_id": "c" * 26,
            "trigger_id": f"trigger{self._next()}",
            **more,
        }
        headers = {"content-type": "application/x-www-form-urlencoded", "authorization": f"Token {token}"}
        body = urlencode(fields, doseq=True).encode()
        return Callback("POST", "https://tocsin.example/channels/chat", headers=headers, body=body)


def _no(status: int, id_: str, message: str) -> Answer:
    return Answer({"id": id_, "message": message, "status_code": status, "request_id": "r"}, status)
