"""A Telegram with one bot: messages, changes, the address it calls, and what people press and write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tocsin.notification.hearing import Callback
from tocsin.testing.fakes import Answer, Fake, Request

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
SECRET = "a-secret-of-sixteen-letters"
TEXT_MAX = 4_096


class FakeTelegram(Fake):
    """Its API is at `url`; `errors` are (status, description, parameters) to answer with next."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[tuple[int, str, dict[str, Any]]] = []
        self.webhook: Mapping[str, Any] = {}

    def busy(self) -> Answer:
        """Its refusal of who asks too often."""
        return _no(429, f"Too Many Requests: retry after {self.wait}", {"retry_after": self.wait})

    def respond(self, request: Request) -> Answer:
        """Answer as the Bot API does: send, edit, name the webhook; its errors stand in `errors`."""
        bot, _, method = request.path.removeprefix("/bot").partition("/")
        if bot != TOKEN:
            return _no(401, "Unauthorized")
        if self.errors:
            return _no(*self.errors.pop(0))
        data = request.data
        if method == "setWebhook":
            self.webhook = data
            return Answer({"ok": True, "result": True})
        if method == "sendMessage":
            return self._send(data)
        if method == "editMessageText":
            return self._edit(data)
        return Answer({"ok": True, "result": True}) if method == "setMyCommands" else _no(404, "Not Found")

    def _send(self, data: Mapping[str, Any]) -> Answer:
        if (why := _wrong(data)) is not None:
            return _no(400, f"Bad Request: {why}")
        return self._stands(int(data["chat_id"]), self._next(), data)

    def _edit(self, data: Mapping[str, Any]) -> Answer:
        chat, number = int(data["chat_id"]), int(data["message_id"])
        old = self.messages.get(f"{chat}/{number}")
        if old is None:
            return _no(400, "Bad Request: message to edit not found")
        if (why := _wrong(data)) is not None:
            return _no(400, f"Bad Request: {why}")
        if all(old.get(name) == data.get(name) for name in ("text", "reply_markup")):
            return _no(400, "Bad Request: message is not modified: specified new message content is the same")
        return self._stands(chat, number, data)

    def _stands(self, chat: int, number: int, data: Mapping[str, Any]) -> Answer:
        self.messages[f"{chat}/{number}"] = dict(data)
        result = {"message_id": number, "chat": {"id": chat, "type": "private"}, "text": data["text"]}
        return Answer({"ok": True, "result": result})

    # -- what people do in it ------------------------------------------------------------------------------------

    def press(self, reference: str, label: str, person: int) -> Callback:
        """The update that Telegram sends when `person` presses the button called `label`."""
        rows = self.messages[reference]["reply_markup"]["inline_keyboard"]
        button = next(one for row in rows for one in row if one["text"] == label)
        chat, _, number = reference.partition("/")
        query = {
            "id": f"43823982{self._next()}",
            "from": {"id": person, "is_bot": False, "first_name": "Bo"},
            "message": {"message_id": int(number), "chat": {"id": int(chat)}},
            "chat_instance": "1",
            "data": button["callback_data"],
        }
        return update({"update_id": self._next(), "callback_query": query})

    def write(self, person: int, text: str, chat: int | None = None, answers: int | None = None) -> Callback:
        """The update that Telegram sends when `person` writes, in a group or as an answer to a message."""
        message: dict[str, Any] = {
            "message_id": self._next(),
            "from": {"id": person, "is_bot": False, "first_name": "Bo", "username": "bo"},
            "chat": {"id": chat or person, "type": "supergroup" if chat else "private"},
            "date": 1772442000,
            "text": text,
        }
        if answers is not None:
            ours = {"id": int(TOKEN.partition(":")[0]), "is_bot": True}
            message["reply_to_message"] = {"message_id": answers, "from": ours}
        return update({"update_id": self._next(), "message": message})


def update(value: Any, secret: str = SECRET) -> Callback:
    """An update as Telegram delivers it."""
    headers = {"content-type": "application/json", "x-telegram-bot-api-secret-token": secret}
    return Callback("POST", "https://tocsin.example/channels/chat", "", headers, json.dumps(value).encode())


def _wrong(data: Mapping[str, Any]) -> str | None:
    text = str(data.get("text", ""))
    length = len(text.encode("utf-16-le", "surrogatepass")) // 2
    if not text.strip():
        return "message text is empty"
    if length > TEXT_MAX:
        return "message is too long"
    for entity in data.get("entities", ()):
        if entity["offset"] < 0 or entity["length"] < 1 or entity["offset"] + entity["length"] > length:
            return "ENTITY_BOUNDS_INVALID"
    rows = data.get("reply_markup", {}).get("inline_keyboard", ())
    if any(not 1 <= len(one["callback_data"].encode()) <= 64 for row in rows for one in row):
        return "BUTTON_DATA_INVALID"
    return None


def _no(status: int, description: str, parameters: Mapping[str, Any] | None = None) -> Answer:
    more = {"parameters": parameters} if parameters else {}
    return Answer({"ok": False, "error_code": status, "description": description, **more}, status)
