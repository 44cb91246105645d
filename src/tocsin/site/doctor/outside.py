"""What this instance needs of the world: a mail server, an address that leads here, a program that runs, and what is
left when nobody can be reached."""

from __future__ import annotations

import json
import smtplib
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlsplit

from tocsin.channels import break_glass_list
from tocsin.channels.connecting import Unreachable
from tocsin.channels.mailserver import Conversation, read_mail_server
from tocsin.kernel.errors import Refused
from tocsin.notification.channels import scheme_of
from tocsin.people.models import Contact
from tocsin.site.config import Config
from tocsin.site.doctor.findings import Finding, fail, ok, warn

NET_SECONDS = 5.0


def mail(config: Config) -> Iterator[Finding]:
    """Whether the mail server takes our sign-in; connects for at most NET_SECONDS and sends no letter."""
    wanted = Contact.objects.filter(address__startswith="mailto:", user__is_active=True).count()
    if not config.smtp_url:
        if wanted:
            yield fail(
                "mail",
                f"{wanted} contacts are mail addresses, and no mail server is set",
                "Set TOCSIN_SMTP_URL.",
            )
        else:
            yield warn("mail", "no mail server is set", "Set TOCSIN_SMTP_URL to page people by mail.")
        return
    server = read_mail_server(config.smtp_url)
    assert server is not None
    try:
        Conversation(
            server, NET_SECONDS
        ).bow_out()  # the same way as messages go: TLS, sign-in, and no letter
    except (OSError, smtplib.SMTPException, Unreachable) as error:
        yield fail("mail", f"{server.host}:{server.port} does not take us: {error}", "Check TOCSIN_SMTP_URL.")
    else:
        yield ok("mail", f"{server.host}:{server.port} answers")


def public_address(config: Config, running: str | None) -> Iterator[Finding]:
    """Whether the address that messages carry opens elsewhere and leads here; the latter only while the program is
    `running`, by asking over the network for at most NET_SECONDS."""
    if config.host in ("127.0.0.1", "localhost", "::1"):
        yield warn(
            "address",
            f"messages say {config.url}, which opens on this machine only",
            "Set TOCSIN_URL to the address that phones can open.",
        )
        return
    if urlsplit(config.url).scheme == "http":
        yield warn(
            "address", f"{config.url} is without TLS", "Put a proxy with a certificate in front; https://…"
        )
    if running is None:
        return
    try:
        with urllib.request.urlopen(f"{config.url}/healthz", timeout=NET_SECONDS) as answer:
            answer.read(64)
    except OSError as error:
        yield fail("address", f"{config.url} does not lead here: {error}", "Correct TOCSIN_URL or the proxy.")
    else:
        yield ok("address", f"{config.url} leads here")


def program(running: str | None) -> Iterator[Finding]:
    """Whether the program runs, at its local address `running` (None: it does not), and is ready."""
    if running is None:
        yield warn("program", "it is not running: nobody is paged", "Start it with: tocsin run")
        return
    try:
        with urllib.request.urlopen(f"{running}/readyz", timeout=NET_SECONDS) as answer:
            said = json.load(answer)
    except (OSError, ValueError) as error:
        yield fail("program", f"it does not say that it is ready: {error}", "Look at its log.")
    else:
        yield ok("program", f"it runs, and its engine is {said['engine_lag_seconds']} s late")


def last_resort(config: Config) -> Iterator[Finding]:
    """What is left when every message to everybody fails. Connects to nothing: the test does (`--break-glass`)."""
    try:
        listed = break_glass_list(config, config.break_glass)
    except Refused as refused:
        yield fail("last resort", refused.what, refused.mend)
        return
    ways = []
    if listed is not None:
        ways.append(
            f"{', '.join(f'{each.name} by {scheme_of(each.address)}' for each in listed.contacts)} are told"
        )
    if config.last_resort:
        ways.append(f"{config.last_resort} is run")
    if ways:
        yield ok("last resort", f"when nobody can be reached, {' and '.join(ways)}")
    else:
        yield warn(
            "last resort",
            "when nobody can be reached, nothing else is tried",
            "Set TOCSIN_BREAK_GLASS or TOCSIN_LAST_RESORT.",
        )
