"""Messages that leave with the transaction that makes them: they are kept at hand for whoever sends them, who then need
not read them from the tables again."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tocsin.notification.models import Delivery

_here = threading.local()  # `made`: what this thread has made, where somebody waits for it


@contextmanager
def at_hand() -> Iterator[list[Delivery]]:
    """What is made in this thread inside is put into the list, also what is rolled back later."""
    _here.made = made = list[Delivery]()
    try:
        yield made
    finally:
        _here.made = None


def keep_at_hand(deliveries: Sequence[Delivery]) -> None:
    """These have just been stored."""
    if (made := getattr(_here, "made", None)) is not None:
        made.extend(deliveries)
