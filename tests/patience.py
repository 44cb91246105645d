"""How tests wait for what happens in another thread, program or page: until it is so, and never for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 60.0  # seconds against hanging, on a machine that does much else; no measure of speed

T = TypeVar("T")


def eventually(look: Callable[[], T], seconds: float = PATIENCE, rest: float = 0.05) -> T:
    """What `look` gives once it gives something true, asked again after `rest` seconds; fails when it never does."""
    last = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < last, "it never came"
        time.sleep(rest)
    return found
