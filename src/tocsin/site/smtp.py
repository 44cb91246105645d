"""Django's outgoing mail, from TOCSIN_SMTP_URL."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from tocsin.kernel.errors import Refused

DEFAULT_SENDER = "tocsin@localhost"
NO_MAIL = "django.core.mail.backends.dummy.EmailBackend"


@dataclass(frozen=True)
class Smtp:
    """What Django needs to send mail; without an address, the backend that sends nothing."""

    backend: str = NO_MAIL
    host: str = ""
    port: int = 25
    user: str = ""
    password: str = ""
    sender: str = DEFAULT_SENDER
    tls_at_once: bool = False
    starttls: bool = False


def smtp_settings(url: str) -> Smtp:
    """Read `smtp://user:password@host:587?from=tocsin@example.com` or `smtps://…`. Raises Refused.

    A plain address with a password uses STARTTLS: a password never goes out in the clear.
    """
    if not url:
        return Smtp()
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise Refused(
            "The mail server's address cannot be read",
            "smtp://user:password@host:587?from=tocsin@example.com",
            where="TOCSIN_SMTP_URL",
        )
    query = parse_qs(parts.query)
    tls_at_once = parts.scheme == "smtps"
    return Smtp(
        backend="django.core.mail.backends.smtp.EmailBackend",
        host=parts.hostname,
        port=parts.port or (465 if tls_at_once else 25),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        sender=query.get("from", [DEFAULT_SENDER])[0],
        tls_at_once=tls_at_once,
        starttls=not tls_at_once and bool(parts.password),
    )
