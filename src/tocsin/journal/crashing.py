"""Named points at which tests make the program die, to show that nothing is lost there.

`TOCSIN_CRASH_AT=name:3` ends the process like kill -9 when it comes to the point `name` for the third time; the
simulator installs a handler of its own. Without either, a point costs one comparison.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

handler: Callable[[str], None] | None = None


def point(name: str) -> None:
    """Say that the program has come to `name`."""
    if handler is not None:
        handler(name)


def arm(wanted: str) -> None:
    """Install the handler that `wanted` ("name:count") describes; nothing for an empty text."""
    global handler  # noqa: PLW0603 - one per process, and read at every point
    if not wanted:
        return
    name, _, count = wanted.rpartition(":")
    left = int(count)

    def die(at: str) -> None:
        nonlocal left
        if at == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    handler = die


arm(os.environ.get("TOCSIN_CRASH_AT", ""))
