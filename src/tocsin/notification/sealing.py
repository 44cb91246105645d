"""Secrets of accounts, sealed under the instance's secret key: a copy of the database opens none of them."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from tocsin.kernel.errors import Refused


def seal(plain: str) -> str:
    """`plain` as it may be stored."""
    return _box(settings.SECRET_KEY).encrypt(plain.encode()).decode()


def unseal(sealed: str) -> str:
    """What was sealed. Raises Refused when it was under another secret key."""
    try:
        return _box(settings.SECRET_KEY).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Refused(
            "It was sealed under another secret key",
            "the TOCSIN_SECRET_KEY of then",
            "Set the key as it was, or write the secret again.",
            status=409,
        ) from None


@lru_cache(maxsize=2)
def _box(secret: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"tocsin secrets of providers").derive(
        secret.encode()
    )
    return Fernet(urlsafe_b64encode(derived))
