"""A web server on loopback that misbehaves as its path says, and keeps what it received."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Request:
    """One request as it came in."""

    line: str
    headers: Mapping[str, str]
    body: bytes
    connection: int  # counts connections from 1


class FaultServer:
    """Serves each connection in a thread of its own until `stop`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Request] = []
        self.ended = threading.Event()
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port: int = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def url(self, path: str = "/ok", host: str = "127.0.0.1") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def stop(self) -> None:
        self.ended.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in [self._accepting, *self._threads]:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection, len(self._open)), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with suppress(OSError, ValueError):
            if self._tls is not None:
                connection.settimeout(5)
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            connection.settimeout(None)
            with connection.makefile("rb") as incoming:
                while (request := _read(incoming, number)) is not None:
                    self.received.append(request)
                    self._behave(connection, request)
        connection.close()

    def _behave(self, connection: socket.socket, request: Request) -> None:
        target = urlsplit(request.line.split(" ")[1])
        options = {name: values[0] for name, values in parse_qs(target.query).items()}
        behaviour: Callable[[socket.socket, Mapping[str, str]], None] = getattr(self, f"_{target.path[1:]}")
        behaviour(connection, options)

    def _ok(self, connection: socket.socket, options: Mapping[str, str]) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def _status(self, connection: socket.socket, options: Mapping[str, str]) -> None:
        extra = f"Retry-After: {options['after']}\r\n" if "after" in options else ""
        extra += f"Location: {options['to']}\r\n" if "to" in options else ""
        head = f"HTTP/1.1 {options['code']} So\r\n{extra}Content-Length: 6\r\n\r\nsecret"
        connection.sendall(head.encode())

    def _hang(self, connection: socket.socket, options: Mapping[str, str]) -> None:
        self.ended.wait()

    def _drop(self, connection: socket.socket, options: Mapping[str, str]) -> None:
        connection.shutdown(socket.SHUT_RDWR)
        raise OSError

    def _trickle(self, connection: socket.socket, options: Mapping[str, str]) -> None:
        """A byte now and then, for ever: each read succeeds, the answer never ends."""
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not self.ended.wait(0.02):
            connection.sendall(b"x")

    def _informed(self, connection: socket.socket, options: Mapping[str, str]) -> None:
        while not self.ended.wait(0.005):
            connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")

    def _heads(self, connection: socket.socket, options: Mapping[str, str]) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X-More: " + b"y" * 1000 + b"\r\n")

    def _endless(self, connection: socket.socket, options: Mapping[str, str]) -> None:
        code = options.get("code", "200")
        connection.sendall(f"HTTP/1.1 {code} OK\r\nContent-Length: 10000000000\r\n\r\n".encode())
        while True:
            connection.sendall(b"z" * 65536)

    def _stalled(self, connection: socket.socket, options: Mapping[str, str]) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe rest never comes")
        self.ended.wait()

    def _bomb(self, connection: socket.socket, options: Mapping[str, str]) -> None:
        packed = gzip.compress(bytes(20_000_000))
        head = f"HTTP/1.1 400 No\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
        connection.sendall(head.encode() + packed)

    def _garbage(self, connection: socket.socket, options: Mapping[str, str]) -> None:
        connection.sendall(b"220 this is a mail server\r\n")
        connection.shutdown(socket.SHUT_WR)


def _read(incoming: object, number: int) -> Request | None:
    line = incoming.readline().decode("latin-1").strip()  # type: ignore[attr-defined]
    if not line:
        return None
    headers: dict[str, str] = {}
    while field := incoming.readline().decode("latin-1").strip():  # type: ignore[attr-defined]
        name, _, value = field.partition(":")
        headers[name.lower()] = value.strip()
    body = incoming.read(int(headers.get("content-length", "0")))  # type: ignore[attr-defined]
    return Request(line, headers, body, number)


@contextmanager
def fault_server(tls: ssl.SSLContext | None = None) -> Iterator[FaultServer]:
    server = FaultServer(tls)
    try:
        yield server
    finally:
        server.stop()


def make_certificate(folder: Path, *names: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a fresh certificate for `names`, and a client's that trusts nothing else."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(public, private)
    return serving, ssl.create_default_context(cafile=str(public))
