"""Ports that are a test's own: nobody on this machine gets one, and nobody listens there unless the test lets them.

A free port that is asked for and let go again is anybody's: the suite's processes open hundreds of sockets a second.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_port() -> Iterator[int]:
    """A port that stays the block's. A server may listen there if it sets SO_REUSEADDR, as all do; until one does, who
    connects is refused."""
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]
