"""How entries are chained and how a chain is checked. Pure.

An entry's hash covers its chain, its number, all it says, and the hash before it; so an edit, a deletion in the
middle or a change of order shows at the first entry that no longer fits. A tail that was cut off shows against
the seals: signed rows, chained among themselves, that name the heads of all chains as they stood.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

GENESIS = "0" * 64
DATA_BYTES_MAX = 16_384


@dataclass(frozen=True)
class Link:
    """One entry as the chain sees it."""

    chain: str
    seq: int
    kind: str
    happened_at: datetime
    written_at: datetime
    who: str
    through: str
    data: Mapping[str, Any]
    hash: str = ""


@dataclass(frozen=True)
class Broken:
    """The first entry of a chain that does not fit, and why, in words."""

    chain: str
    seq: int
    why: str


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def hash_of(previous: str, link: Link) -> str:
    """The SHA-256 (hex) of `link` standing after an entry with the hash `previous`."""
    body = [
        previous,
        link.chain,
        link.seq,
        link.kind,
        _instant(link.happened_at),
        _instant(link.written_at),
        link.who,
        link.through,
        link.data,
    ]
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def seal_of(key: bytes, previous: str, heads: Mapping[str, tuple[int, str]], made_at: datetime) -> str:
    """The HMAC-SHA-256 (hex) over `heads` (chain -> number and hash of its last entry) after the seal `previous`."""
    body = json.dumps([previous, _instant(made_at), {c: list(h) for c, h in heads.items()}], sort_keys=True)
    return hmac.new(key, body.encode(), hashlib.sha256).hexdigest()


def check_chain(links: Iterable[Link]) -> Broken | None:
    """The first entry of one chain, given in its order, that does not fit; None when all do."""
    previous, expected = GENESIS, 1
    for link in links:
        if link.seq != expected:
            return Broken(link.chain, expected, f"entry {expected} is missing; entry {link.seq} follows")
        if hash_of(previous, link) != link.hash:
            return Broken(link.chain, link.seq, "its contents do not match its hash")
        previous, expected = link.hash, expected + 1
    return None
