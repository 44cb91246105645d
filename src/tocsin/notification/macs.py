"""What only this instance can make, and stores nowhere: the proof in a link, a code or a mailbox of ours."""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import sha256

from django.conf import settings

MAC_BYTES = 16


def mac(purpose: bytes, body: bytes) -> bytes:
    """The first 128 bits of an HMAC of `body`, under a key that the instance's secret gives for this `purpose`."""
    return hmac.digest(_key(purpose, settings.SECRET_KEY), body, "sha256")[:MAC_BYTES]


@lru_cache(maxsize=16)
def _key(purpose: bytes, secret: str) -> bytes:
    return sha256(purpose + b"\0" + secret.encode()).digest()
