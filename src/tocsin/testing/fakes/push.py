"""A push service, and the browsers that it would wake: they open what was sealed for them."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from tocsin.channels.webpush import address_of
from tocsin.testing.fakes import Answer, Fake, Request

SEALED_BYTES_MAX = 4_096


@dataclass
class FakeBrowser:
    """One browser that said yes; `got` is what it was told, opened."""

    endpoint: str
    server_key: str  # whom it lets wake it
    secret: bytes = field(default_factory=lambda: uuid4().bytes)
    got: list[dict[str, Any]] = field(default_factory=list)
    gone: bool = False

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def key(self) -> str:
        """Its public key, as it gives it away."""
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return _text(point)

    @property
    def address(self) -> str:
        """The contact address that is made of it."""
        return address_of(self.endpoint, self.key, _text(self.secret))

    def open(self, sealed: bytes) -> dict[str, Any]:
        """What was sealed for it. Raises http_ece.ECEException for what was not."""
        plain = http_ece.decrypt(sealed, private_key=self._key, auth_secret=self.secret, version="aes128gcm")
        opened: dict[str, Any] = json.loads(plain)
        return opened


class FakePush(Fake):
    """Takes what is sealed and signed as the RFCs say, for browsers it knows."""

    def __init__(self) -> None:
        super().__init__()
        self.browsers: dict[str, FakeBrowser] = {}

    def browser(self, server_key: str) -> FakeBrowser:
        """A browser whose person has just said yes to `server_key`."""
        path = f"/wpush/{uuid4().hex}"
        self.browsers[path] = FakeBrowser(self.url + path, server_key)
        return self.browsers[path]

    def respond(self, request: Request) -> Answer:
        """Take a sealed message for a browser; 410 for one that is gone, 403 for a wrong signature, 413 for too
        much."""
        browser = self.browsers.get(request.path)
        if browser is None or browser.gone:
            return Answer(status=410)
        if not self._is_signed(request, browser):
            return Answer(status=403)
        if request.headers.get("content-encoding") != "aes128gcm" or "ttl" not in request.headers:
            return Answer(status=400)
        if len(request.body) > SEALED_BYTES_MAX:
            return Answer(status=413)
        browser.got.append(browser.open(request.body))
        return Answer(b"", 201, {"Location": f"{self.url}/m/{self._next()}"})

    def _is_signed(self, request: Request, browser: FakeBrowser) -> bool:
        """RFC 8292: by the key that the browser was given, for this service, and not for long."""
        kind, _, rest = request.headers.get("authorization", "").partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
        if kind != "vapid" or parts.get("k") != browser.server_key:
            return False
        token = jwt.decode(parts["t"], _public(browser.server_key), algorithms=["ES256"])
        return bool(token.claims["aud"] == self.url and token.claims["sub"])


def _public(point: str) -> ECKey:
    raw = _bytes(point)
    return ECKey.import_key({"kty": "EC", "crv": "P-256", "x": _text(raw[1:33]), "y": _text(raw[33:])})


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
