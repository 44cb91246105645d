"""Telegram: messages by a bot with buttons, changed as the incident moves on; commands and replies."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tocsin.channels.calling import Patience
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.reach import read_target
from tocsin.channels.telegram.channel import TelegramChannel, check
from tocsin.kernel.errors import Refused
from tocsin.notification.vendors import Account, Field

API_URL = "https://api.telegram.org"

_TOKEN = re.compile(r"[0-9]{3,20}:[A-Za-z0-9_-]{10,100}\Z")
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}\Z")


class Telegram:
    """Accounts with Telegram: one bot each."""

    kind = "telegram"
    title = "Telegram"
    schemes: Sequence[str] = ("telegram",)
    hears = True
    fields: Sequence[Field] = (
        Field("bot_token", "Bot token", "From @BotFather: digits, a colon, letters.", secret=True),
        Field(
            "webhook_secret",
            "Webhook secret",
            "Make one up, 16 letters and digits or more: by it we know that Telegram is calling.",
            secret=True,
        ),
        Field(
            "api_url",
            "API address",
            "Another one than Telegram's own only for a Bot API server of yours.",
            required=False,
            default=API_URL,
        ),
    )

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._patience = Patience()

    def check(self, address: str) -> str:
        """`telegram:ID` of a person or a group in its plain form. Raises Refused."""
        return check(address)

    def open(self, account: Account) -> TelegramChannel:
        """The channel of this account. Raises Refused for settings that cannot be right."""
        token, secret, api = (
            account.settings.get(name, "").strip() for name in ("bot_token", "webhook_secret", "api_url")
        )
        if not _TOKEN.match(token):
            raise Refused(
                "The bot token cannot be one",
                "digits, a colon and letters, as @BotFather gives it",
                where="bot_token",
            )
        if not _SECRET.match(secret):
            raise Refused(
                "The webhook secret cannot be one",
                "16 to 256 letters, digits, - and _",
                where="webhook_secret",
            )
        api = (api or API_URL).rstrip("/")
        try:
            read_target(api)
        except Refused as refused:
            raise Refused(refused.what, refused.expected, refused.mend, "api_url") from refused
        return TelegramChannel(account, token, secret, api, self._outgoing, self._patience)
