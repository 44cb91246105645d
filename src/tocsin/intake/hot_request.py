"""What comes in and what goes out of the hot path, in words that no server and no vendor owns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol
from urllib.parse import parse_qs, unquote

import msgspec

from tocsin.catalog.rules import IntegrationValue
from tocsin.kernel.errors import Refused

SMALL_BODY_BYTES = 8 * 1024  # a larger one goes through the bulk lane
FEW_EVENTS = 16
QUERY_LENGTH_MAX = 8 * 1024
FAST_LANE, BULK_LANE = 0, 1

Headers = tuple[tuple[bytes, bytes], ...]


class Request(msgspec.Struct, frozen=True, gc=False):
    """One HTTP request. `path` and `query` are as they were sent, still percent-encoded; header names are lower
    case, and of a repeated header the last one counts."""

    method: str
    path: str
    query: str
    headers: dict[bytes, bytes]
    body: bytes

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1").strip()

    def parameters(self) -> dict[str, list[str]]:
        """The query's names and values. Raises Refused for one too long to be meant."""
        if len(self.query) > QUERY_LENGTH_MAX:
            raise Refused("The query is too long", f"at most {QUERY_LENGTH_MAX} bytes", status=414)
        return parse_qs(self.query, keep_blank_values=True, max_num_fields=200)

    def parameter(self, name: str) -> str:
        """The last value of a parameter, "" when it is not there."""
        return self.parameters().get(name, [""])[-1] if self.query else ""

    def segments(self) -> list[str]:
        """The parts of the path, decoded one by one, so that an encoded slash stays inside its part."""
        return [unquote(part) for part in self.path.split("/")[1:]]


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What the sender is told. An empty body has no content type."""

    status: int
    body: bytes = b""
    headers: Headers = ()


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """A request found whole and right, and what to say once it is stored.

    `source` is the file under sources/ that reads `body` again; `meta` is JSON of what stood outside the body,
    or "". `events` says how many there are, for the sender's share.
    """

    source: str
    status: int
    answer: bytes
    body: bytes
    meta: str = ""
    events: int = 1
    lane: int = FAST_LANE


def lane_of(body: bytes, events: int, urgent: bool) -> int:
    """Small posts overtake bulk: a page must not wait behind fifty thousand warnings.

    The events of one key mostly come in posts of one size, so they mostly stay in one lane; where they do not, their
    numbers still tell which is newer.
    """
    if len(body) > SMALL_BODY_BYTES:
        return BULK_LANE
    return FAST_LANE if events <= FEW_EVENTS or urgent else BULK_LANE


class Source(Protocol):
    """One vendor's way of speaking: a module under sources/."""

    @property
    def forms(self) -> bool:
        """Whether JSON that calls itself a form is taken: `curl --data` says so unless told otherwise."""

    def key_of(self, request: Request) -> str:
        """The integration key that the request shows, "" when it shows none."""

    def accept(self, request: Request, integration: IntegrationValue, now: datetime) -> Accepted:
        """Check everything, store nothing. Raises Refused."""

    def read(self, request: Request, integration: IntegrationValue, now: datetime) -> Answer:
        """Answer a GET; may query. Raises Refused."""

    def refusal(self, refused: Refused, request_id: str, request: Request) -> bytes:
        """The body of an error, in the vendor's own shape."""


Choose = Callable[[str], Source | None]
"""Which source answers a path; None for a path that is not intake's."""
Done = Callable[[Answer], None]
"""Called once, in the event loop."""
