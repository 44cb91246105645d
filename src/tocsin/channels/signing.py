"""How a receiver can tell that a webhook came from this instance, unchanged and just now.

    Tocsin-Signature: t=<unix seconds>,v1=<hex HMAC-SHA-256 of "<t>.<body>" under the address's secret>

Each contact's address has a secret of its own, derived from the instance's key, so nothing has to be stored and one
receiver cannot sign for another. A secret can be changed: for a while the header then has two signatures.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

HEADER = "Tocsin-Signature"
_PURPOSE = b"tocsin webhook signature v1\0"
_HOOK = b"tocsin webhook of the organisation v1\0"

_key = b""


def use(key: str) -> None:
    """Derive secrets from `key`, the instance's secret, from now on."""
    global _key  # noqa: PLW0603 - set once, where the program is wired
    _key = key.encode()


def secret_for(address: str, nonce: str = "") -> str:
    """The secret (64 hex digits) of one address in its plain form; shown to its owner, who gives it to the receiver.
    It changes when the instance's key does, and another `nonce` makes another."""
    return derived(_PURPOSE + (f"{address}\0{nonce}" if nonce else address).encode()).hex()


def secret_of_hook(hook: str, nonce: str) -> str:
    """The secret (64 hex digits) of one webhook of the organisation; another `nonce` makes another."""
    return derived(_HOOK + f"{hook}\0{nonce}".encode()).hex()


def derived(purpose: bytes) -> bytes:
    """32 bytes for one purpose, which change when the instance's key does."""
    if not _key:
        raise RuntimeError("channels.wire() has not run: there is no key to derive secrets from")
    # HKDF (RFC 5869) with SHA-256 and an empty salt; one block is all that is needed.
    extracted = hmac.digest(bytes(sha256().digest_size), _key, sha256)
    return hmac.digest(extracted, purpose + b"\x01", sha256)


def signature(secret: str, body: bytes, now: datetime) -> str:
    """The header's value for `body` sent at `now`."""
    return signatures([secret], body, now)


def signatures(secrets: Sequence[str], body: bytes, now: datetime) -> str:
    """The header's value with one signature for each secret, so that a receiver with any of them can tell."""
    at = int(now.timestamp())
    macs = (hmac.digest(secret.encode(), b"%d." % at + body, sha256).hex() for secret in secrets)
    return ",".join((f"t={at}", *(f"v1={mac}" for mac in macs)))
