"""Slack: a message with buttons that is changed as the incident moves on, a thread per incident, a command."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from tocsin.channels.calling import Once, Patience
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.reach import read_target
from tocsin.channels.slack.addresses import check
from tocsin.channels.slack.app import manifest
from tocsin.channels.slack.channel import SlackChannel
from tocsin.channels.slack.hearing import WINDOW
from tocsin.kernel.errors import Refused
from tocsin.notification.vendors import Account, Field

API_URL = "https://slack.com/api/"

_TOKEN = re.compile(r"xox[a-z]-[A-Za-z0-9-]{10,300}\Z")
_SECRET = re.compile(r"[!-~]{8,200}\Z")


class Slack:
    """Accounts with Slack: one app in one workspace each."""

    kind = "slack"
    title = "Slack"
    schemes: Sequence[str] = ("slack",)
    hears = True
    fields: Sequence[Field] = (
        Field(
            "bot_token",
            "Bot token",
            "Begins with xoxb-; on the app's page under OAuth & Permissions, once it is installed.",
            secret=True,
        ),
        Field(
            "signing_secret",
            "Signing secret",
            "On the app's page under Basic Information; proves that a button was pressed in Slack.",
            secret=True,
        ),
        Field(
            "api_url",
            "API address",
            "Another one than Slack's own only for GovSlack or a proxy of yours.",
            required=False,
            default=API_URL,
        ),
    )

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        # Of the vendor and not of a channel: an account that is opened anew still remembers.
        self._patience = Patience()
        self._once = Once(timedelta(seconds=2 * WINDOW))

    def check(self, address: str) -> str:
        """`slack:U…` (a person) or `slack:C…` (a room) in its plain form. Raises Refused."""
        return check(address)

    def open(self, account: Account) -> SlackChannel:
        """The channel of this account. Raises Refused for a token or a secret that cannot be one."""
        token = account.settings.get("bot_token", "").strip()
        if not _TOKEN.match(token):
            raise Refused("The bot token cannot be one", "text that begins with xoxb-", where="bot_token")
        secret = account.settings.get("signing_secret", "").strip()
        if not _SECRET.match(secret):
            raise Refused(
                "The signing secret cannot be one",
                "32 letters and digits from the app's Basic Information",
                where="signing_secret",
            )
        api = (account.settings.get("api_url", "").strip() or API_URL).rstrip("/") + "/"
        try:
            read_target(api)
        except Refused as refused:
            raise Refused(refused.what, refused.expected, refused.mend, "api_url") from refused
        return SlackChannel(account.id, token, secret, api, self._outgoing, self._patience, self._once)

    def manifest(self, callback_url: str) -> Mapping[str, Any]:
        """The app to paste under "Create New App, From a manifest"."""
        return manifest(callback_url)
