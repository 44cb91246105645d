"""Letters that are larger than the door takes, from senders who did not say so (TRUST C29)."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.intake_hot.serving import memory
from tests.site.test_mail_in import DOMAIN, Postbox
from tests.site.test_mail_in import domain as domain  # noqa: PLC0414 - a fixture
from tests.site.test_mail_in import door as door  # noqa: PLC0414 - a fixture
from tests.site.test_mail_in import road as road  # noqa: PLC0414 - a fixture
from tests.world import KEY
from tocsin.intake.models import Inbox
from tocsin.sources.letters import LETTER_BYTES_MAX

LETTER = 50 * 2**20
GROWTH_MAX = 32 * LETTER_BYTES_MAX  # short lines cost the library most; far below what was sent all the same
SHAPES = {
    "lines": (b"x" * 76 + b"\r\n") * 1_000,
    "one line": b"x" * 65_536,
    "line feeds": (b"x" * 76 + b"\n") * 1_000,
    "dots": b"..\r\n" * 16_384,
}


@pytest.fixture
def speaking(door: Postbox) -> Iterator[socket.socket]:
    """A conversation that has come to its letter, and has announced no size."""
    with socket.create_connection(door.place, 30) as one:
        one.recv(1_024)
        for line in ("HELO test", "MAIL FROM:<x@example.com>", f"RCPT TO:<{KEY}@{DOMAIN}>", "DATA"):
            one.sendall(f"{line}\r\n".encode())
            assert one.recv(1_024)[:1] in b"23"
        yield one


@pytest.mark.parametrize("shape", SHAPES)
def test_c29_fifty_megabytes_that_nobody_announced_are_cut_off_and_fill_no_memory(
    door: Postbox, speaking: socket.socket, shape: str
) -> None:
    before, most, sent = memory(), 0, 0
    with suppress(ConnectionError):
        while sent < LETTER:
            speaking.sendall(SHAPES[shape])
            sent += len(SHAPES[shape])
            most = max(most, memory() - before)
    assert sent < LETTER, "the conversation is ended long before"
    assert most < GROWTH_MAX
    assert not Inbox.objects.exists()
    with smtplib.SMTP(*door.place, timeout=30) as next_one:
        next_one.sendmail("x@example.com", [f"{KEY}@{DOMAIN}"], b"Subject: Disk full\r\n\r\nx\r\n")
    assert Inbox.objects.count() == 1, "and the next letter is taken"


def test_c29_who_is_cut_off_is_told_why(speaking: socket.socket) -> None:
    """As far as they listen: what they are told may be lost with what they were still sending."""
    with suppress(ConnectionError):
        for _ in range(2 * LETTER_BYTES_MAX // 65_536 + 1):
            speaking.sendall(SHAPES["one line"])
    said = b""
    with suppress(ConnectionError):
        while more := speaking.recv(1_024):
            said += more
    assert said in (b"", b"552 5.3.4 The letter is too large\r\n")
