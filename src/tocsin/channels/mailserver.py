"""Speaking SMTP within a deadline: who the mail server is, and one conversation with it.

The standard library's client starts its timeout anew at each read, so a server that sends a byte now and
then could hold it for ever; here every read and write gets what is left of one deadline (monotonic clock).
"""

from __future__ import annotations

import io
import smtplib
import socket
import ssl
import time
from dataclasses import dataclass
from email.headerregistry import Address
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tocsin.channels.connecting import ADDRESSES_TRIED_MAX, Unreachable, resolve
from tocsin.kernel.errors import Refused

DEADLINE = 10.0  # seconds for everything: look-up, connection, TLS, sign-in, message
_PIECE = 16_384  # bytes written at once, so that the deadline is looked at between them
_PORTS = {"smtp": 25, "smtps": 465}
DEFAULT_SENDER = "tocsin@localhost"
TLS_WAYS = ("offered", "required", "unchecked", "never")
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed in, and from whom."""

    host: str
    port: int
    sender: Address
    user: str = ""
    password: str = ""
    tls_at_once: bool = False
    tls: str = "offered"  # one of TLS_WAYS; what to do about STARTTLS


def read_mail_server(url: str) -> MailServer | None:
    """Read TOCSIN_SMTP_URL: `smtp://user:password@host:587?from=tocsin@example.com`, or `smtps://…` for TLS
    from the start. None when it is empty. Raises Refused.

    `&tls=` says what to do about STARTTLS: `offered` (the default: used when the server offers it, its
    certificate checked), `required`, `unchecked` (any certificate) or `never`.
    """
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port, query = parts.port, parse_qs(parts.query, strict_parsing=bool(parts.query))
        host = parts.hostname or ""
        if parts.scheme not in _PORTS or not host or query.keys() - {"from", "tls"}:
            raise ValueError
        tls = query.get("tls", ["offered"])[0]
        if tls not in TLS_WAYS:
            raise ValueError
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if not (user + password).isascii():  # SMTP's ways of signing in carry nothing else
            raise ValueError
        sender = _read_sender(query.get("from", [DEFAULT_SENDER])[0])
    except (ValueError, IndexError) as error:
        raise Refused(
            "The address of the mail server cannot be read",  # never repeated: it holds a password
            "smtp://user:password@host:587?from=tocsin@example.com, smtps:// for TLS from the start",
            f"?from= is an address, &tls= is one of {', '.join(TLS_WAYS)}; user and password are ASCII.",
            "TOCSIN_SMTP_URL",
        ) from error
    return MailServer(
        host,
        port or _PORTS[parts.scheme],
        sender,
        user,
        password,
        parts.scheme == "smtps",
        tls,
    )


def _read_sender(text: str) -> Address:
    """`tocsin@example.com` or `Tocsin <tocsin@example.com>`. Raises ValueError."""
    name, bracket, rest = text.rpartition("<")
    address = Address(name.strip(' "') or "Tocsin", addr_spec=rest.rstrip(" >") if bracket else text.strip())
    if not address.domain or not address.username or not str(address).isprintable():
        raise ValueError
    return address


class AddressRefused(smtplib.SMTPResponseException):
    """The server does not take mail for this recipient."""


class Conversation(smtplib.SMTP):
    """One connection to a mail server that ends, one way or another, within `seconds`."""

    def __init__(self, server: MailServer, seconds: float, trust: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._until = time.monotonic() + seconds
        self._trust = trust
        # Named, because the library would otherwise ask DNS who we are, for as long as that takes.
        super().__init__(local_hostname=server.sender.domain, timeout=seconds)
        self._host = server.host  # the library's name for whom a certificate must be made out to
        try:
            code, answer = self.connect(server.host, server.port)
            if code != 220:
                raise smtplib.SMTPConnectError(code, answer)
            self.ehlo_or_helo_if_needed()
            self._secure()
            if server.user:
                self.login(server.user, server.password)
        except BaseException:
            self.close()
            raise

    def hand_in(self, sender: str, recipient: str, message: bytes) -> str:
        """The server's words when it has taken `message`. Raises SMTPResponseException when it refuses, and of these
        AddressRefused when it is about the recipient."""
        code, answer = self.mail(sender)
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, answer, sender)
        code, answer = self.rcpt(recipient)
        if code not in (250, 251):
            raise AddressRefused(code, answer)
        code, answer = self.data(message)
        if code != 250:
            raise smtplib.SMTPDataError(code, answer)
        return answer.decode("utf-8", "replace")

    def bow_out(self) -> None:
        """End politely; what goes wrong now changes nothing."""
        try:
            self._until = min(self._until, time.monotonic() + 0.5)
            self.quit()
        except (OSError, smtplib.SMTPException):
            self.close()

    def _secure(self) -> None:
        """STARTTLS, as the administrator wants it; no password goes out in the clear. Raises Unreachable."""
        server = self._server
        if server.tls_at_once or server.tls == "never":
            return
        local = server.host in _LOCAL
        if self.has_extn("starttls") and (server.tls != "offered" or not local):
            # Between two programs of one machine nobody listens, and its certificate is seldom a real one.
            self.starttls(context=self._context())
            self.ehlo_or_helo_if_needed()
        elif server.tls == "required" or (server.user and not local):
            raise Unreachable("the mail server does not offer TLS", forbidden=True)

    def _context(self) -> ssl.SSLContext:
        if self._trust is not None:
            return self._trust
        context = ssl.create_default_context()
        if self._server.tls == "unchecked":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    # -- below: the library's own steps, each under the one deadline ------------------------------------

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        addresses = resolve(host, port, self._left())[:ADDRESSES_TRIED_MAX]
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            try:
                found = socket.create_connection((str(address), port), self._left() / left)
            except OSError:
                if left == 1:
                    raise
                continue
            found.settimeout(self._left())
            if not self._server.tls_at_once:
                return found
            try:
                return self._context().wrap_socket(found, server_hostname=host)
            except BaseException:
                found.close()
                raise
        raise Unreachable(f"the name {host} has no address")

    def getreply(self) -> tuple[int, bytes]:
        """The server's next reply, within the deadline."""
        if self.file is None:
            self.file = io.BufferedReader(_Reading(self))
        try:
            return super().getreply()
        except smtplib.SMTPServerDisconnected as error:
            if isinstance(error.__context__, TimeoutError):  # the library takes silence for hanging up
                raise TimeoutError from error
            raise

    def send(self, s: Any) -> None:
        """Write in pieces, looking at the deadline between them."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("please run connect() first")
        data = s.encode(self.command_encoding) if isinstance(s, str) else bytes(s)
        try:
            for start in range(0, len(data), _PIECE):
                self.sock.settimeout(self._left())
                self.sock.sendall(data[start : start + _PIECE])
        except OSError:
            self.close()
            raise

    def read_into(self, buffer: Any) -> int:
        """Read what is there, within the deadline."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("connection is closed")
        self.sock.settimeout(self._left())
        return self.sock.recv_into(buffer)


class _Reading(io.RawIOBase):
    """The server's side of a conversation as a file."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._conversation.read_into(buffer)
