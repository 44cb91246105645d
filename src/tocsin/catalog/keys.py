"""The keys of integrations: looked up by digest, kept sealed, shown to those who may see them."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from tocsin.catalog.models import Integration
from tocsin.kernel.errors import Refused, conflict
from tocsin.kernel.ids import digest

KEY_LENGTH_MIN = 16
KEY_LENGTH_MAX = 128
_KEY = re.compile(r"[A-Za-z0-9_.~-]+\Z")  # what stands in an address without escaping


def check_key(key: object, where: str = "key") -> str:
    """Return `key` when it may open an integration. Raises Refused, without repeating it."""
    if not isinstance(key, str) or not KEY_LENGTH_MIN <= len(key) <= KEY_LENGTH_MAX or not _KEY.match(key):
        raise Refused(
            "This key cannot be used",
            f"{KEY_LENGTH_MIN} to {KEY_LENGTH_MAX} letters, digits, dashes, nothing that can be guessed",
            "Leave it out to have one made.",
            where,
        )
    return key


def reveal_key(row: Integration) -> str:
    """The key in plain text, for those who may see it. Raises Refused when another secret key sealed it."""
    try:
        return _seal(settings.SECRET_KEY).decrypt(row.key_sealed.encode()).decode()
    except InvalidToken:
        raise Refused(
            f"The key of integration {row.id} cannot be shown",
            "the secret key of this installation it was sealed with",
            "Set TOCSIN_SECRET_KEY as it was, or make a new key. Senders are still let in with the old one.",
            status=409,
        ) from None


def set_key(row: Integration, plain: str, owner: Integration | None) -> None:
    """Let `plain` open the integration; `owner` is the one that it opens now. Raises Refused."""
    check_key(plain)
    if owner is not None and owner.pk != row.pk:
        raise conflict(
            f"Integration {owner.pk} has the same key", "Every integration needs a key of its own."
        )
    if row.key_digest != digest(plain):
        row.key_digest = digest(plain)
        row.key_sealed = _seal(settings.SECRET_KEY).encrypt(plain.encode()).decode()


@lru_cache(maxsize=2)
def _seal(secret: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"tocsin integration keys").derive(secret.encode())
    return Fernet(urlsafe_b64encode(derived))
