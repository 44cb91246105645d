"""Mail in: whether the door is open, whether letters find it, and what a reply needs."""

from __future__ import annotations

import ipaddress
import smtplib
import socket
from collections.abc import Iterator

from tocsin.catalog.models import Integration
from tocsin.catalog.rules import IntegrationType
from tocsin.notification.links import REPLY_PREFIX
from tocsin.site.config import Config
from tocsin.site.doctor.findings import Finding, fail, named, ok, warn

NET_SECONDS = 5.0
ABOUT = "mail in"
EVERYWHERE = ("0.0.0.0", "::", "")
NOBODY = f"{REPLY_PREFIX}nobody"  # a mailbox that there never is: its proof is wrong


def mail_in(config: Config, running: str | None) -> Iterator[Finding]:
    """The door, the domain, the way in."""
    wants = list(
        Integration.objects.filter(type=IntegrationType.EMAIL, enabled=True).values_list("id", flat=True)
    )
    if config.mail_listen is None:
        yield from _closed(config, wants)
        return
    yield from _door(config, running)
    yield from _way(config, wants)


def _closed(config: Config, wants: list[str]) -> Iterator[Finding]:
    needed = [f"integration {each}" for each in wants]
    if "mail" in config.reports:
        needed.append("reports by mail (TOCSIN_REPORTS)")
    if needed:
        yield fail(
            ABOUT,
            f"no letters are taken in, and {named(needed)} wait for some",
            "Set TOCSIN_MAIL_LISTEN, such as 127.0.0.1:2525.",
        )
    else:
        yield ok(ABOUT, "no letters are taken in, so nobody can answer by mail (TOCSIN_MAIL_LISTEN opens it)")


def _door(config: Config, running: str | None) -> Iterator[Finding]:
    """Whether the port answers as it should: it takes letters, and none for a mailbox that there is not."""
    assert config.mail_listen is not None
    host, port = config.mail_listen
    place = f"{host}:{port}"
    if running is None:
        yield warn(ABOUT, f"{place} opens when the program runs", "Start it with: tocsin run")
        return
    try:
        with smtplib.SMTP(
            "127.0.0.1" if host in EVERYWHERE else host, port, "tocsin-doctor", NET_SECONDS
        ) as door:
            door.ehlo_or_helo_if_needed()
            door.mail("")
            code, said = door.rcpt(f"{NOBODY}@{config.mail_domain}")
    except (OSError, smtplib.SMTPException) as error:
        yield fail(ABOUT, f"{place} does not answer: {error}", "Look at the log; is the port another's?")
        return
    if code == 550:
        yield ok(ABOUT, f"{place} answers, and refuses a mailbox that there is not")
    else:
        words = said.decode("utf-8", "replace")[:100] if isinstance(said, bytes) else str(said)
        yield fail(
            ABOUT,
            f"at {place} answers something else than Tocsin, or an older one ({code} {words})",
            "Is the port another program's?",
        )


def _way(config: Config, wants: list[str]) -> Iterator[Finding]:
    """How a letter from elsewhere finds the door. What DNS says of mail is not asked here; what is needed is said."""
    assert config.mail_listen is not None
    host, port = config.mail_listen
    domain = config.mail_domain
    reply = f"a reply to a page goes to {REPLY_PREFIX}…@{domain}"
    if _is_address(domain) or domain == "localhost" or "." not in domain:
        yield warn(
            ABOUT,
            f"{reply}, which no mail server elsewhere can find",
            "Set TOCSIN_MAIL_DOMAIN to a domain of yours, such as tocsin.example.com.",
        )
        return
    if _is_loopback(host):
        before = f"the mail server of {domain} passes it on to {host}:{port} here, with all of its name before the @"
    else:
        led = "" if port == 25 else f", and port 25 is led to {port}"
        before = f"{domain} has an MX record that names this machine{led}"
    said = f"{reply}; it arrives when {before}"
    try:
        socket.getaddrinfo(domain, None)
    except OSError:
        yield warn(ABOUT, f"{said}. No address is known for {domain} here", f"Try: dig MX {domain}")
    else:
        yield ok(ABOUT, said)
    if wants:
        yield ok(ABOUT, f"alerts for {named(wants)} go to KEY@{domain}")


def _is_address(domain: str) -> bool:
    try:
        ipaddress.ip_address(domain.strip("[]"))
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
