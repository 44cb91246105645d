"""Web push: to a browser that its person let us wake, sealed for that browser alone, with proof that it was shown.

RFC 8030 (the way there), 8291 and 8188 (sealing), 8292 (who we are). Our key pair follows from the instance's secret,
so there is nothing to set up and nothing to store; with another secret, browsers have to be connected anew.
"""

from __future__ import annotations

import hmac
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any
from uuid import UUID

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from tocsin.channels import signing
from tocsin.channels.calling import Errand, Patience, Said, busy, out_of_order
from tocsin.channels.chatting import acts_of, facts, headline, label_of, note
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.reach import Target, read_target
from tocsin.channels.wording import clean
from tocsin.kernel.errors import Refused
from tocsin.notification.rules import ActVerb, Blame, Failed, Kind, Limits, Message, Sent
from tocsin.notification.rules.throttling import STORM

PLAIN_BYTES_MAX = 3_000  # a push service takes 4 096 when it is sealed
BODY_LENGTH_MAX = 700
LIFE = timedelta(minutes=10)  # a page that a phone gets later is no use any more
IDENTITY_LIFE = timedelta(hours=12)  # RFC 8292 allows 24
RECEIPT_WITHIN = timedelta(seconds=30)
UPDATE_TAG = "-update"  # behind the incident's
BUTTONS = (ActVerb.ACKNOWLEDGE, ActVerb.ESCALATE)  # browsers show two

_ADDRESS = re.compile(r"push:([A-Za-z0-9_-]{87})\.([A-Za-z0-9_-]{22}),(https?://\S+)\Z")
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256: SEC 2
_MAC_BYTES = 16
_GONE = (404, 410)


class WebPush:
    """Sends to `push:KEY.SECRET,ENDPOINT`: what a browser gives when its person says yes."""

    name = "web push"
    schemes: Sequence[str] = ("push",)
    limits = Limits(
        text_max=BODY_LENGTH_MAX, storm=STORM, receipt_within=RECEIPT_WITHIN, rings=True, gathers=True
    )

    def __init__(self, outgoing: Outgoing, url: str) -> None:
        self._outgoing = outgoing
        self._patience = Patience()
        # Who answers for what is sent: push services write there before they stop taking it.
        self._contact = url if url.startswith("https://") else "mailto:tocsin@localhost"

    def check(self, address: str) -> str:
        """The address, when it is one that a browser can have given. Raises Refused."""
        _, _, target = _parts(address)
        if target.literal is not None and (why := self._outgoing.reach.objection(target.literal)):
            raise _refused(f"{target.host} may not be called: {why}")
        if target.scheme != "https" and (
            target.literal is None or not self._outgoing.reach.allows(target.literal)
        ):
            raise _refused("its push service is not called over https")
        return address

    def shown(self, address: str) -> str:
        """The address for people: whose push service it is; the rest is a secret between it and us."""
        try:
            return f"push through {_parts(address)[2].host}"
        except Refused:
            return "push"

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Sent | Failed:
        """Hand the sealed message to the browser's push service; the browser says itself when it was shown."""
        try:
            key, secret, target = _parts(self.check(address))
        except Refused as refused:  # stored before a rule became stricter
            return Failed(str(refused), again=False, blame=Blame.ADDRESS)
        if (objection := self._patience.objection(target.netloc, now)) is not None:
            return objection
        body = http_ece.encrypt(
            payload_of(message),
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=key,
            auth_secret=secret,
            version="aes128gcm",
        )
        said = Errand(self._outgoing).call_with(
            "POST", str(target), body, self._headers(target, message, now)
        )
        outcome = said if isinstance(said, Failed) else _judged(said, now)
        self._patience.heed(target.netloc, outcome, now)
        return outcome

    def _headers(self, target: Target, message: Message, now: datetime) -> dict[str, str]:
        origin = f"{target.scheme}://{target.netloc}"
        half_a_life = int(IDENTITY_LIFE.total_seconds()) // 2
        begun = int(now.timestamp()) // half_a_life * half_a_life  # so that most messages share one
        token = _identity(origin, self._contact, begun + 2 * half_a_life, keys())
        headers = {
            "Authorization": f"vapid t={token}, k={keys().public}",
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(int(LIFE.total_seconds())),
            "Urgency": "high" if message.urgent else "normal",
        }
        if (
            message.thread
        ):  # of one incident's messages that wait at the service only the last of each tag goes on
            headers["Topic"] = _text(sha256(_tag(message).encode()).digest()[:24])
        return headers


def _judged(said: Said, now: datetime) -> Sent | Failed:
    if said.status in (200, 201, 202, 204):
        return Sent(reference=clean(said.headers.get("location", "").rpartition("/")[2], 200))
    if said.status in _GONE:
        return Failed(
            f"the browser took its permission back, or was removed (HTTP {said.status})",
            again=False,
            blame=Blame.ADDRESS,
        )
    if said.status == 429:
        return busy(said, now)
    if said.status in (401, 403):
        return Failed(
            "its push service does not know us; after a change of TOCSIN_SECRET_KEY browsers are connected anew"
            f" (HTTP {said.status})",
            again=False,
            blame=Blame.ADDRESS,
        )
    if 400 <= said.status < 500:
        return Failed(f"its push service refused it (HTTP {said.status})", again=False)
    return out_of_order(said)


# -- addresses -----------------------------------------------------------------------------------------------------


def address_of(endpoint: str, key: str, secret: str) -> str:
    """The contact address of what a browser gave: where to send, its public key and its secret, in base64url."""
    return f"push:{key.rstrip('=')}.{secret.rstrip('=')},{endpoint}"


def _parts(address: str) -> tuple[ec.EllipticCurvePublicKey | bytes, bytes, Target]:
    found = _ADDRESS.match(address)
    if found is None:
        raise _refused("it is not written as one")
    try:
        key, secret = _bytes(found[1]), _bytes(found[2])
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
    except ValueError as error:
        raise _refused("its key is none") from error
    return key, secret, read_target(found[3])


def _refused(why: str) -> Refused:
    return Refused(
        f"This is not what a browser gives: {why}",
        "an address made on the page of my devices",
        "Open that page on the device, and let it wake you.",
        "address",
    )


# -- what is in it -------------------------------------------------------------------------------------------------


def payload_of(message: Message) -> bytes:
    """What the browser is told, as JSON of at most PLAIN_BYTES_MAX; `static/worker.js` shows it."""
    lines = [*filter(None, [note(message)]), *facts(message)]
    acts = {act.verb: act for act in acts_of(message)}
    said = {
        "id": message.id,
        "title": headline(message, 180),
        "body": clean("\n".join(lines), BODY_LENGTH_MAX, lines=True),
        "tag": _tag(message),
        "urgent": message.urgent and message.kind == Kind.PAGE,
        "link": _path(message.link),
        "acts": [
            {"verb": str(verb), "title": label_of(acts[verb], 30), "url": _path(acts[verb].url)}
            for verb in BUTTONS
            if verb in acts
        ],
        "seen": receipt_token(message.id),
        **({"quiet": True} if message.kind == Kind.UPDATE else {}),
        **({"clears": f"{message.thread}{UPDATE_TAG}"} if message.kind == Kind.OVER else {}),
    }
    body = _as_json(said)
    while len(body) > PLAIN_BYTES_MAX:  # each character may have become six
        said["body"] = clean(str(said["body"]), max(1, len(str(said["body"])) * 2 // 3), lines=True)
        said["title"] = clean(str(said["title"]), max(60, len(str(said["title"])) * 2 // 3))
        body = _as_json(said)
        if len(str(said["body"])) <= 1:
            break
    return body


def _tag(message: Message) -> str:
    """What stands in one place on the device. An update has its own: it must not take that of a page which rings."""
    tag = message.thread or message.id
    return f"{tag}{UPDATE_TAG}" if message.kind == Kind.UPDATE else tag


def _as_json(said: Mapping[str, Any]) -> bytes:
    # ASCII only: a lone surrogate in an alert's text then stays an escape and breaks nothing.
    return json.dumps(said, separators=(",", ":")).encode()


def _path(url: str) -> str:
    """What follows the host: the worker stands on our own ground, under whatever name its person knows it."""
    return "/" + url.partition("://")[2].partition("/")[2] if url else ""


# -- receipts ------------------------------------------------------------------------------------------------------


def receipt_token(delivery: str) -> str:
    """What the browser says to prove that it showed the message: nobody else knows it."""
    try:
        id_ = UUID(delivery).bytes
    except ValueError:
        return ""
    return _text(id_ + _mac(id_))


def shown_delivery(token: str) -> str:
    """The delivery whose receipt `token` is; "" when nobody gave it."""
    try:
        raw = _bytes(token)
    except ValueError:
        return ""
    id_, mac = raw[:16], raw[16:]
    return str(UUID(bytes=id_)) if len(id_) == 16 and hmac.compare_digest(mac, _mac(id_)) else ""


def _mac(id_: bytes) -> bytes:
    return hmac.digest(signing.derived(b"tocsin push receipt v1"), id_, sha256)[:_MAC_BYTES]


# -- our keys ------------------------------------------------------------------------------------------------------


class Keys:
    """The pair by which push services know this instance, as its secret makes it."""

    def __init__(self, seed: bytes) -> None:
        # Two blocks, so that the remainder is as good as even (FIPS 186-5, A.2.1).
        wide = hmac.digest(seed, b"\x01", sha256) + hmac.digest(seed, b"\x02", sha256)
        number = int.from_bytes(wide) % (_ORDER - 1) + 1
        self._key = ec.derive_private_key(number, ec.SECP256R1())

    @cached_property
    def public(self) -> str:
        """For browsers (applicationServerKey) and push services: 65 bytes in base64url."""
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return _text(point)

    @cached_property
    def private(self) -> ECKey:
        """For signing."""
        return ECKey.import_key(self._key)


def keys() -> Keys:
    """Those of this instance."""
    return _keys(signing.derived(b"tocsin web push v1"))


@lru_cache(maxsize=2)
def _keys(seed: bytes) -> Keys:
    return Keys(seed)


@lru_cache(maxsize=32)
def _identity(origin: str, contact: str, until: int, pair: Keys) -> str:
    """Who we are, for one push service, until then."""
    return jwt.encode(
        {"alg": "ES256", "typ": "JWT"}, {"aud": origin, "exp": until, "sub": contact}, pair.private
    )


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
