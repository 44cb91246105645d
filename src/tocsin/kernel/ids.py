"""Slugs that people choose, and secrets that machines make."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tocsin.kernel.errors import Refused

PART_MAX = 400  # ids in one statement
T = TypeVar("T")
SLUG_LENGTH_MAX = 64
SECRET_BYTES = 20  # 160 bits; the catalogue asks for at least 128
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\Z")


def check_slug(text: object, where: str = "") -> str:
    """Return `text` when it may name something. Raises Refused."""
    if not isinstance(text, str) or len(text) > SLUG_LENGTH_MAX or not _SLUG.match(text):
        raise Refused(
            f"{text!r} cannot be an id",
            f"lower-case letters, digits and dashes, at most {SLUG_LENGTH_MAX}",
            "Use something like web-primary.",
            where,
        )
    return text


def slug_of(name: str) -> str:
    """A slug made from a human name, or "" when nothing in it can be used: "Ada Ortiz" -> "ada-ortiz"."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:SLUG_LENGTH_MAX].strip("-")


def in_parts(ids: Iterable[T], size: int = PART_MAX) -> Iterator[list[T]]:
    """`ids` in lists short enough for one statement each."""
    listed = list(ids)
    return (listed[start : start + size] for start in range(0, len(listed), size))


def new_secret(prefix: str = "") -> str:
    """A fresh unguessable text; the prefix says what it opens ("tok_", "key_")."""
    return prefix + secrets.token_hex(SECRET_BYTES)


def new_key() -> str:
    """A fresh integration key: 32 characters, because PagerDuty's clients insist on that length."""
    return secrets.token_hex(16)


def digest(secret: str) -> str:
    """What is stored instead of `secret`, and looked up by. Plain SHA-256: the secret is random, not chosen."""
    return hashlib.sha256(secret.encode()).hexdigest()
