"""Mattermost: posts by a bot with buttons, changed as the incident moves on, and a slash command."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tocsin.channels.calling import Patience
from tocsin.channels.mattermost.channel import Conversations, MattermostChannel, check
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.reach import read_target
from tocsin.kernel.errors import Refused
from tocsin.notification.vendors import Account, Field

_TOKEN = re.compile(r"[A-Za-z0-9]{10,200}\Z")


class Mattermost:
    """Accounts with Mattermost: one bot on one server each."""

    kind = "mattermost"
    title = "Mattermost"
    schemes: Sequence[str] = ("mattermost",)
    hears = True
    fields: Sequence[Field] = (
        Field("url", "Server", "The address people open Mattermost at: https://chat.example.com."),
        Field(
            "bot_token",
            "Bot token",
            "Shown once, when the bot is made under Integrations, Bot Accounts.",
            secret=True,
        ),
        Field(
            "command_token",
            "Command token",
            "Shown when the slash command is made; without it /tocsin is not answered.",
            secret=True,
            required=False,
        ),
    )

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._patience = Patience()
        self._conversations = Conversations()

    def check(self, address: str) -> str:
        """`mattermost:ID` (a person) or `mattermost:~ID` (a room) in its plain form. Raises Refused."""
        return check(address)

    def open(self, account: Account) -> MattermostChannel:
        """The channel of this account. Raises Refused for settings that cannot be right."""
        url = account.settings.get("url", "").strip().rstrip("/")
        try:
            read_target(url)
        except Refused as refused:
            raise Refused(refused.what, refused.expected, refused.mend, "url") from refused
        tokens = [account.settings.get(name, "").strip() for name in ("bot_token", "command_token")]
        for name, token in zip(("bot_token", "command_token"), tokens, strict=True):
            if not _TOKEN.match(token) and (token or name == "bot_token"):
                raise Refused("The token cannot be one", "26 letters and digits", where=name)
        return MattermostChannel(
            account, url, tokens[0], tokens[1], self._outgoing, self._patience, self._conversations
        )
