"""Messages out: one file per vendor, and what they share."""

from __future__ import annotations

from typing import Protocol

from tocsin.channels import signing
from tocsin.channels.apprise import Apprise
from tocsin.channels.break_glass import BreakGlass, read_list
from tocsin.channels.console import Console
from tocsin.channels.email import Email
from tocsin.channels.mailserver import read_mail_server
from tocsin.channels.mattermost import Mattermost
from tocsin.channels.ntfy import Ntfy
from tocsin.channels.outgoing import DEADLINE, Outgoing
from tocsin.channels.reach import Reach
from tocsin.channels.slack import Slack
from tocsin.channels.teams import Teams
from tocsin.channels.telegram import Telegram
from tocsin.channels.twilio import Twilio
from tocsin.channels.webhook import Webhook
from tocsin.channels.webpush import WebPush
from tocsin.hooks.addresses import nonces_of
from tocsin.notification.channels import register
from tocsin.notification.vendors import register_vendor


class Surroundings(Protocol):
    """What the administrator says about the world outside; `site.config.Config` is one."""

    @property
    def url(self) -> str:
        """The public address, without a slash at its end."""

    @property
    def smtp_url(self) -> str:
        """Where the mail server is; "" for none."""

    @property
    def allowed_networks(self) -> tuple[str, ...]:
        """Inner networks that messages may reach, as "127.0.0.0/8"."""


def wire(around: Surroundings, key: str, deadline: float = DEADLINE) -> None:
    """Register every channel and vendor; `key` is the instance's secret, from which the secrets of webhooks are made;
    `deadline` is how many seconds whoever is called gets.

    Raises Refused when a setting cannot be read: better at the start than at three in the morning.
    """
    signing.use(key)
    reach = Reach.of(around.allowed_networks)
    outgoing = Outgoing(reach, deadline=deadline)
    for channel in (
        Console(),
        Email(read_mail_server(around.smtp_url), deadline),
        Webhook(outgoing, nonces_of),
        Teams(outgoing),
        WebPush(outgoing, around.url),
    ):
        register(channel)
    for vendor in (
        Slack(outgoing),
        Mattermost(outgoing),
        Telegram(outgoing),
        Ntfy(outgoing),
        Twilio(outgoing),
        Apprise(reach),
    ):
        register_vendor(vendor)


def break_glass_list(around: Surroundings, path: str) -> BreakGlass | None:
    """The break-glass list in the file at `path`; None for "". After `wire`. Raises Refused for one that could not be
    used."""
    return read_list(path, Outgoing(Reach.of(around.allowed_networks)), around.url)
