"""One bot: messages out, and what people do with them back."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext, gettext_noop, override

from tocsin.channels import chatting
from tocsin.channels.calling import Errand, Patience, Said, busy, out_of_order
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.telegram import texts
from tocsin.channels.wording import clean
from tocsin.kernel.errors import Refused
from tocsin.notification.hearing import Callback, Commanded, Hearing, Pressed, Reply, Told, Tone, Written
from tocsin.notification.rules import Blame, Failed, Limits, Message, Sent
from tocsin.notification.rules.throttling import ROOM_STORM, STORM
from tocsin.notification.vendors import Account
from tocsin.people.rules import Language
from tocsin.people.speaking import language_of

SECRET_HEADER = "x-telegram-bot-api-secret-token"
HEARS = ("message", "callback_query")
COMMANDS = (
    ("who", gettext_noop("Who is on call")),
    ("status", gettext_noop("What is on")),
    ("ack", gettext_noop("Acknowledge")),
    ("resolve", gettext_noop("Resolve")),
    ("escalate", gettext_noop("Escalate")),
    ("page", gettext_noop("Page somebody")),
    ("open", gettext_noop("Open an incident")),
    ("note", gettext_noop("Write a note")),
    ("snooze", gettext_noop("Snooze")),
    ("help", gettext_noop("What I understand")),
)

_CHAT = re.compile(r"-?[1-9][0-9]{0,18}\Z")
_REFERENCE = re.compile(r"(-?[1-9][0-9]{0,18})/([1-9][0-9]{0,18})\Z")
# What Telegram says of where a message goes; whatever else it refuses is about the message.
_ABOUT_THE_PLACE = (
    "message to edit not found",
    "message can't be edited",
    "chat not found",
    "PEER_ID_INVALID",
    "group chat was upgraded",
    "have no rights",
    "not enough rights",
)
_SAME = "message is not modified"
_NOTHING = Hearing()


def check(address: str) -> str:
    """`telegram:ID` in its plain form. Raises Refused."""
    chat = address.partition(":")[2].strip()
    if not _CHAT.match(chat):
        raise Refused(
            f"{address[:80]!r} is not an address in Telegram",
            "telegram: and the number of a person or a group",
            "Write /start to the bot: it answers with your number, in a group with the group's.",
            "address",
        )
    return f"telegram:{chat}"


class TelegramChannel:
    """Sends as a bot; a message's reference is `CHAT/MESSAGE`, under which it is changed."""

    name = "Telegram"
    schemes: Sequence[str] = ("telegram",)
    # A bot may send one message a second to a person, with short bursts, twenty a minute to a group, and about thirty a
    # second in all (https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this).
    limits = Limits(text_max=texts.FACTS_MAX, at_once=8, storm=STORM, room=ROOM_STORM, updates=True)

    def __init__(
        self, account: Account, token: str, secret: str, api_url: str, outgoing: Outgoing, patience: Patience
    ) -> None:
        self._account = account
        self._token = token
        self._secret = secret
        self._api = f"{api_url}/bot{token}"
        self._outgoing = outgoing
        self._patience = patience

    def check(self, address: str) -> str:
        """The address in its plain form. Raises Refused."""
        return check(address)

    # -- out -----------------------------------------------------------------------------------------------------

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Sent | Failed:
        """Send the message, or change the one it replaces. It stands in the conversation when it is answered."""
        chat = address.partition(":")[2]
        if not _CHAT.match(chat):
            return Failed("this is no address in Telegram", again=False, blame=Blame.ADDRESS)
        whom = f"{self._account.id} {chat}"  # Telegram counts each conversation by itself
        if (held := self._patience.objection(whom, now)) is not None:
            return held
        outcome = self._post(Errand(self._outgoing), int(chat), message, now)
        self._patience.heed(whom, outcome, now)
        return outcome

    def _post(self, errand: Errand, chat: int, message: Message, now: datetime) -> Sent | Failed:
        changed, parent = _REFERENCE.match(message.replaces), _REFERENCE.match(message.parent)
        where: dict[str, Any] = {"chat_id": chat}
        if changed is not None:
            method, where = "editMessageText", {"chat_id": int(changed[1]), "message_id": int(changed[2])}
        else:
            method, where = "sendMessage", {"chat_id": chat, "disable_notification": not message.urgent}
            if parent is not None and int(parent[1]) == chat:
                where["reply_parameters"] = {
                    "message_id": int(parent[2]),
                    "allow_sending_without_reply": True,
                }
        account, key = self._account.id, self._token
        said = self._call(errand, method, {**where, **texts.body(message, account, key)})
        if isinstance(said, Said) and said.status == 400:
            if changed is not None and _SAME in said.at("description"):
                return Sent(message.replaces, confirmed=True)
            if not any(word in said.at("description") for word in _ABOUT_THE_PLACE):
                said = self._call(errand, method, {**where, **texts.plainest(message, account, key)})
        if isinstance(said, Failed):
            return said
        if said.data.get("ok") is not True:
            return _failure(said, now)
        return Sent(_reference_of(said), confirmed=True)

    def introduce(self) -> Failed | None:
        """Tell Telegram where to call us, by which secret, and which commands there are; None when it agreed."""
        if not self._account.callback_url.startswith("https://"):
            return Failed("Telegram calls https addresses only: TOCSIN_URL must be one", again=False)
        errand = Errand(self._outgoing)
        webhook = {
            "url": self._account.callback_url,
            "secret_token": self._secret,
            "allowed_updates": list(HEARS),
            "max_connections": 10,
        }
        calls = [("setWebhook", webhook), *(("setMyCommands", _commands(language)) for language in Language)]
        for method, payload in calls:
            said = self._call(errand, method, payload)
            if isinstance(said, Failed):
                return said
            if said.data.get("ok") is not True:
                return _failure(said, None)
        return None

    def _call(self, errand: Errand, method: str, payload: Mapping[str, Any]) -> Said | Failed:
        return errand.call("POST", f"{self._api}/{method}", payload)

    # -- back ----------------------------------------------------------------------------------------------------

    def hear(self, callback: Callback, now: datetime) -> Hearing:
        """What an update says. Raises Refused (403) for one without our secret.

        What cannot be read says nothing and is no error: Telegram would send it again, and nothing else before.
        """
        given = callback.headers.get(SECRET_HEADER, "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._secret.encode()):
            raise Refused("The request does not carry this account's secret", status=403)
        try:
            update = json.loads(callback.body)
            if "callback_query" in update:
                return self._pressed(update["callback_query"])
            if "message" in update:
                return self._written(update["message"], str(int(update["update_id"])))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            pass
        return _NOTHING

    def _pressed(self, query: Mapping[str, Any]) -> Hearing:
        id_, person = clean(query["id"], 100), query["from"]
        button = texts.read_data(query.get("data"), self._account.id, self._token)
        if button is None or person.get("is_bot"):
            with override(language_of(person.get("language_code"))):
                words = gettext("This button is none of ours.")
            return Hearing(answer=lambda told: _as_json(texts.pressed_answer(id_, words, True)))
        heard = Pressed(
            check(f"telegram:{int(person['id'])}"), button.delivery, button.verb, button.span, id_
        )

        def answer(told: Sequence[Told]) -> Reply:
            loud = any(one.tone is not Tone.DONE for one in told)
            return _as_json(texts.pressed_answer(id_, _text_of(told), loud))

        return Hearing((heard,), answer=answer)

    def _written(self, said: Mapping[str, Any], id_: str) -> Hearing:
        person, chat, number = said["from"], said["chat"], int(said["message_id"])
        if person.get("is_bot"):
            return _NOTHING
        address, here = check(f"telegram:{int(person['id'])}"), int(chat["id"])
        private, text = (
            chat.get("type") == "private",
            clean(said.get("text") or "", 4_000, lines=True).strip(),
        )
        name = clean(person.get("username") or person.get("first_name") or "", 80)
        answer = _saying(here, number)
        if text.startswith("/"):
            place = "" if private else f"telegram:{here}"
            verb, rest = _command(text)
            if verb in ("start", "connect") and not rest:
                words = chatting.address_words(address, language_of(person.get("language_code")), place)
                return Hearing(answer=lambda told: answer([Told(words)]))
            return Hearing((Commanded(address, verb, rest, place, name, id_),), answer=answer)
        replied = said.get("reply_to_message") or {}
        to_us = str(replied.get("from", {}).get("id", "")) == self._token.partition(":")[0]
        if not text or not (private or to_us):
            return _NOTHING
        reference = f"{here}/{int(replied['message_id'])}" if to_us else ""
        return Hearing((Written(address, text, reference=reference, id=id_),), answer=answer)


def _commands(language: Language) -> dict[str, Any]:
    """The commands as people of that language see them; the English ones are everybody's whose language is no other."""
    with override(language):
        named = [{"command": name, "description": gettext(words)} for name, words in COMMANDS]
    return {"commands": named} | ({} if language is Language.ENGLISH else {"language_code": str(language)})


def _command(text: str) -> tuple[str, str]:
    """The verb and the rest of "/ack@tocsin_bot 412" or "/tocsin ack 412"."""
    word, _, rest = text[1:].partition(" ")
    verb, rest = word.partition("@")[0].lower(), rest.strip()
    if verb == "tocsin":
        verb, _, rest = rest.partition(" ")
    return verb.lower()[:40] or "help", rest.strip()


def _reference_of(said: Said) -> str:
    result = said.data.get("result")
    if not isinstance(result, Mapping) or not isinstance(result.get("chat"), Mapping):
        return ""
    reference = f"{result['chat'].get('id')}/{result.get('message_id')}"
    return reference if _REFERENCE.match(reference) else ""


def _failure(said: Said, now: datetime | None) -> Failed:
    """What Telegram's refusal means, in its own words; whose fault it is, and whether another try can help."""
    words = clean(said.at("description"), 200)
    more = said.data.get("parameters")
    more = more if isinstance(more, Mapping) else {}
    if said.status == 429:
        seconds = more.get("retry_after")
        after = timedelta(seconds=min(seconds, 86_400)) if isinstance(seconds, int) and seconds > 0 else None
        # It counts each conversation by itself, and the others go on.
        asked = busy(said, now, after) if now is not None else Failed("it is asked too often for now")
        return replace(asked, blame=Blame.ADDRESS)
    if not words or said.status >= 500:
        return out_of_order(said)
    if said.status in (401, 404):
        return Failed(f"Telegram: the bot token is not valid ({words})", again=False, blame=Blame.PROVIDER)
    if isinstance(moved := more.get("migrate_to_chat_id"), int):
        why = f"Telegram: the group has a new number; write telegram:{moved}"
        return Failed(why, again=False, blame=Blame.ADDRESS)
    return Failed(f"Telegram: {words}", again=False)  # another bot may be let in there


def _text_of(told: Sequence[Told]) -> str:
    return "\n".join(one.text for one in told if one.text and one.tone is not Tone.SILENT)


def _saying(chat: int, to: int) -> Callable[[Sequence[Told]], Reply]:
    """Put what was told into the call that says it, which Telegram takes as our answer."""

    def answer(told: Sequence[Told]) -> Reply:
        text = _text_of(told)
        return _as_json(texts.said_answer(chat, to, text)) if text else Reply()

    return answer


def _as_json(value: Mapping[str, Any]) -> Reply:
    return Reply(content_type="application/json; charset=utf-8", body=json.dumps(value).encode())
